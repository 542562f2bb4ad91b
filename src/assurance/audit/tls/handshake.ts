/** Whole handshakes by the runtime's own TLS: the chain as it is sent, a stapled OCSP answer, and renegotiation. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../../../base/clock.ts';
import { type Fact, known, type Unknown, unknown } from '../model/fact.ts';
import type { Endpoint } from './endpoint.ts';

export interface HandshakeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface Handshake {
  /** DER, as sent, the server's own first. */
  readonly certificates: readonly Buffer[];
  /** Undefined where that was not seen. */
  readonly isStapled: boolean | undefined;
}

/** Of what a server sends. */
const CHAIN_MAX = 16;
const NO_RENEGOTIATION = 'ERR_SSL_NO_RENEGOTIATION';

type Settle<T> = (fact: Fact<T>) => void;

/** A connection that verifies nothing and takes whatever the server has, bounded in time. `use` settles it. */
export function withTls<T>(
  { host, port, serverName }: Endpoint,
  { clock, timeoutMs, signal, certificate, key }: HandshakeOptions,
  more: ConnectionOptions,
  use: (socket: TLSSocket, settle: Settle<T>) => void,
): Promise<Fact<T>> {
  return new Promise((resolve) => {
    let socket: TLSSocket | undefined;
    const settle: Settle<T> = (fact) => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      socket?.destroy();
      resolve(fact);
    };
    const onAbort = (): void => settle(unknown('timed-out', "The audit's time for this endpoint was up."));
    const timer = clock.after(timeoutMs, () => settle(unknown('timed-out', 'The handshake was not finished in time.')));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      socket = connect({
        host,
        port,
        ...(serverName === '' || isIP(serverName) !== 0 ? {} : { servername: serverName }),
        // It is looked at, not relied on: what is weak about it is what we are here for.
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        ciphers: 'DEFAULT:@SECLEVEL=0',
        ...(certificate === undefined ? {} : { cert: certificate, key }),
        ...more,
      });
      use(socket, settle);
      socket.on('error', (error: NodeJS.ErrnoException) => settle(failureOf(error)));
      socket.on('close', () => settle(unknown('unreachable', 'It closed the connection in the handshake.')));
    } catch (error) {
      // A certificate and a key that do not go together, or a name that cannot be sent.
      settle(unknown('malformed', `The handshake cannot be begun: ${(error as Error).message}`));
    }
    if (signal.aborted) onAbort();
  });
}

/** An alert names itself in the code of the error. */
export function failureOf(error: NodeJS.ErrnoException): Unknown {
  return unknown('unreachable', `The handshake failed (${error.code ?? error.message}).`);
}

export function handshake(endpoint: Endpoint, options: HandshakeOptions): Promise<Fact<Handshake>> {
  return withTls<Handshake>(endpoint, options, { requestOCSP: true }, (socket, settle) => {
    let isStapled = false;
    socket.on('OCSPResponse', (response: Buffer | null) => {
      isStapled = response !== null && response.length > 0;
    });
    socket.on('secureConnect', () => {
      const certificates: Buffer[] = [];
      // As sent: the runtime adds none of its own to this chain.
      let next: X509Certificate | undefined = socket.getPeerX509Certificate();
      for (; next !== undefined && certificates.length < CHAIN_MAX; next = next.issuerCertificate)
        certificates.push(next.raw);
      settle(
        known(
          { certificates, isStapled },
          `a ${socket.getProtocol()} handshake with ${endpoint.host}:${endpoint.port}`,
        ),
      );
    });
  });
}

/** So long a server has to stay on the line by itself, before its end can be taken for an answer. */
const STEADY_MS = 300;

/**
 * Whether the server begins a new handshake within the connection because the client asks for it. TLS 1.2 and before only. OpenSSL
 * refuses with an alert; others, such as nginx, close the connection.
 */
export function tryRenegotiation(endpoint: Endpoint, options: HandshakeOptions): Promise<Fact<boolean>> {
  const from = `renegotiation with ${endpoint.host}:${endpoint.port}`;
  return withTls<boolean>(endpoint, options, { maxVersion: 'TLSv1.2' }, (socket, settle) => {
    let isAsked = false;
    socket.once('secureConnect', () => {
      options.clock.after(STEADY_MS, () => {
        if (socket.destroyed) return;
        isAsked = true;
        socket.renegotiate({ rejectUnauthorized: false }, (error) => {
          if (error === null) settle(known(true, from));
        });
      });
    });
    // Before the handlers that take every error for a failure: after our question it is the answer.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isRefusal = error.code === NO_RENEGOTIATION || /ALERT/.test(error.code ?? '');
      if (isAsked && isRefusal) settle(known(false, from));
    });
    socket.on('end', () => {
      settle(isAsked ? known(false, from) : unknown('unreachable', 'It ended the connection before it was asked.'));
    });
  });
}
