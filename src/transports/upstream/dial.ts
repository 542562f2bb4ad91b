/** Opens a connection to a target: TCP, the PROXY header, TLS, the WebSocket upgrade, in this order, each where it is wanted. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { fingerprintOf } from '../../policy/identity/x509/certificate-facts.ts';
import type { ByteStreamDeps } from '../byte-stream.ts';
import { intoHearer, setHearer } from '../heard-socket.ts';
import { readBuffer } from '../read-buffer.ts';
import { takeFrames } from '../websocket-frames.ts';
import type { Target } from './target.ts';
import {
  DirectSocketStream,
  UpstreamSocketStream,
  type UpstreamStream,
  UpstreamWebSocketStream,
} from './upstream-stream.ts';

/** Who waits for a connection; one of the two is called, at most once, and never within the call of `dial`. */
export interface Dialler {
  onStream(stream: UpstreamStream): void;
  onFailed(says: string): void;
}

export interface DialOptions {
  /** Goes first over the wire, unencrypted. */
  readonly proxyHeader: Buffer | undefined;
}

export class Dial {
  readonly #target: Target;
  readonly #dialler: Dialler;
  readonly #deps: ByteStreamDeps;
  readonly #options: DialOptions;
  readonly #beganMs: number;
  #socket: Socket | undefined;
  #over = false;

  constructor(target: Target, dialler: Dialler, deps: ByteStreamDeps, options: DialOptions) {
    this.#target = target;
    this.#dialler = dialler;
    this.#deps = deps;
    this.#options = options;
    this.#beganMs = deps.clock.nowMs();
    this.#begin();
  }

  /** Nobody waits any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket?.destroy();
  }

  #begin(): void {
    const { scheme, host, port } = this.#target.options;
    const isDirect = this.#options.proxyHeader === undefined;
    const place = { host, port, noDelay: true, keepAlive: true, allowHalfOpen: true } as const;
    if (scheme === 'unix') {
      const { socket, stream } = this.#readingDirectly((onread) =>
        connectTcp({ path: host, allowHalfOpen: true, onread }),
      );
      socket.once('connect', () => this.#finish(stream));
    } else if (isDirect && scheme === 'mqtt') {
      const { socket, stream } = this.#readingDirectly((onread) => connectTcp({ ...place, onread }));
      socket.once('connect', () => this.#finish(stream));
    } else if (isDirect && scheme === 'mqtts') {
      const { socket, stream } = this.#readingDirectly((onread) =>
        connectTls({ ...place, ...this.#tlsOptions(), onread } as ConnectionOptions),
      );
      socket.once('secureConnect', () => {
        if (this.#isTrusted(socket as TLSSocket)) this.#finish(stream);
      });
    } else {
      const socket = connectTcp(place);
      this.#watch(socket);
      socket.once('connect', () => this.#onConnected(socket));
    }
  }

  /** A socket that reads into the shared buffer, with the stream that it reads for. */
  #readingDirectly<Kind extends Socket>(
    make: (onread: { buffer: Buffer; callback: (size: number, buffer: Uint8Array) => boolean }) => Kind,
  ): { socket: Kind; stream: DirectSocketStream } {
    const socket = make({ buffer: readBuffer, callback: intoHearer });
    const stream = new DirectSocketStream(socket, this.#deps);
    setHearer(socket, stream);
    this.#watch(socket);
    return { socket, stream };
  }

  /** Until the stream takes over, what goes wrong with the socket is the dial's failure. */
  #watch(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => this.#fail(dialReason(error));
  readonly #onClose = (): void => this.#fail('it closed the connection before it was used');

  #onConnected(socket: Socket): void {
    const { proxyHeader } = this.#options;
    if (proxyHeader !== undefined) socket.write(proxyHeader);
    const { scheme } = this.#target.options;
    if (scheme === 'mqtt') this.#finish(new UpstreamSocketStream(socket, this.#deps));
    else if (scheme === 'ws') this.#upgrade(socket);
    else {
      const secured = connectTls({ ...this.#tlsOptions(), socket });
      this.#watch(secured);
      secured.once('secureConnect', () => {
        if (!this.#isTrusted(secured)) return;
        if (scheme === 'wss') this.#upgrade(secured);
        else this.#finish(new UpstreamSocketStream(secured, this.#deps));
      });
    }
  }

  #tlsOptions(): ConnectionOptions {
    const { host, tls } = this.#target.options;
    const name = tls?.serverName ?? host;
    return {
      secureContext: this.#target.secureContext(),
      // `host` is what the certificate is checked for; the name that is asked for must not be an address [RFC 6066].
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(this.#target.tlsSession === undefined ? {} : { session: this.#target.tlsSession }),
    };
  }

  #isTrusted(socket: TLSSocket): boolean {
    const pins = this.#target.options.tls?.pinsSha256 ?? [];
    // A resumed session shows no certificate: it was looked at when the session was made, and new pins begin new sessions.
    if (pins.length > 0 && !socket.isSessionReused()) {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || !pins.includes(fingerprintOf(certificate))) {
        this.#fail('its certificate is none of those that are pinned');
        return false;
      }
    }
    socket.on('session', (session: Buffer) => {
      this.#target.tlsSession = session;
    });
    return true;
  }

  #upgrade(socket: Socket): void {
    const { host, port, path } = this.#target.options;
    const webSocket = new WebSocket(`ws://${host.includes(':') ? `[${host}]` : host}:${port}${path}`, ['mqtt'], {
      // The socket stands, TLS included; the library's own would know neither PROXY header nor pins.
      createConnection: () => socket,
      perMessageDeflate: false,
      followRedirects: false,
    });
    webSocket.on('error', this.#onError);
    webSocket.once('unexpected-response', (_request, response) => {
      this.#fail(`it answers the WebSocket upgrade with HTTP status ${response.statusCode}`);
    });
    webSocket.once('open', () => {
      if (webSocket.protocol !== 'mqtt') {
        this.#fail('it does not speak MQTT over its WebSocket');
        return;
      }
      if (!takeFrames(webSocket, socket, 'server')) {
        this.#fail('its WebSocket cannot be read');
        return;
      }
      webSocket.removeListener('error', this.#onError);
      this.#finish(new UpstreamWebSocketStream(webSocket, this.#deps));
    });
  }

  #finish(stream: UpstreamStream): void {
    if (this.#over) return;
    this.#over = true;
    this.#target.dials++;
    this.#target.dialMs += this.#deps.clock.nowMs() - this.#beganMs;
    this.#dialler.onStream(stream);
    // The stream hears the socket now.
    this.#socket?.removeListener('close', this.#onClose);
    this.#socket?.removeListener('error', this.#onError);
  }

  #fail(says: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket?.destroy();
    this.#dialler.onFailed(says);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it reset the connection',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to its network',
  ENOTFOUND: 'its host name has no address',
  EAI_AGAIN: 'its host name cannot be looked up now',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an unknown authority; name its CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority; name its CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from an unknown authority; name its CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority; name its CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself; name it as CA',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate was made for another name; set serverName to the one in it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
};

function dialReason(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error;
  const inner = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined;
  return REASONS[code] ?? REASONS[inner?.code ?? ''] ?? (message === '' ? code : message);
}
