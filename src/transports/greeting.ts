/** One connection from its accept to its hand-over: PROXY header, first bytes, TLS, upgrade; one deadline over all of them. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import type { Timer } from '../base/clock.ts';
import { turnShare } from '../base/turn-share.ts';
import { Reason } from '../mqtt/reason.ts';
import type { DownstreamFacts } from '../pipeline/downstream.ts';
import type { Admission } from './admission.ts';
import { resumesSession } from './client-hello.ts';
import { CONNECT_BYTE, PROTOCOL_NAMES, protocolOf, TLS_BYTE } from './first-bytes.ts';
import type { HalfOpenPlace } from './half-open.ts';
import type { HandshakePlace } from './handshake-budget.ts';
import type { ListenerSettings, ListenerType } from './listener-options.ts';
import { parseProxyHeader } from './proxy-protocol.ts';
import type { Rejection, RejectionAuthor } from './rejections.ts';
import type { Handshake, Shown, TlsGate } from './tls-gate.ts';
import type { Waiting } from './waiting-room.ts';
import type { Upgrade, WebSocketGate } from './websocket-gate.ts';

/** What a greeting asks of its listener. */
export interface Host {
  readonly type: ListenerType;
  readonly port: number;
  readonly tls: TlsGate | undefined;
  readonly webSocket: WebSocketGate | undefined;
  readonly admission: Admission;
  /** Of a client that has to speak; `times` as long where it waits for us. */
  deadline(run: () => void, times?: number): Timer;
  localAddressOf(raw: Socket): string;
  /** Whether the client that a PROXY header names may connect. */
  admit(greeting: Greeting): Rejection | undefined;
  takeSocket(greeting: Greeting, socket: Socket, facts: DownstreamFacts, first: Buffer): void;
  takeWebSocket(greeting: Greeting, socket: WebSocket, facts: DownstreamFacts): void;
  reject(greeting: Greeting, rejection: Rejection): void;
}

const NO_BYTES = Buffer.alloc(0);
/** A ClientHello is one TLS record (RFC 8446, 5.1), and until it is answered a client has nothing more to say. */
const HELLO_MAX_BYTES = 5 + 16_384;
/** A client that waits for us may do so for as many of its own deadlines, half a minute: by then nearly all clients have given up. */
const PATIENCE = 3;
/** An error before the hand-over ends in `close`, which says enough. */
const ignore = (): void => {};

export class Greeting implements Handshake, Upgrade {
  readonly connectionId: string;
  readonly listener: string;
  /** The socket's own address, until a PROXY header names another. */
  address: string;
  port: number;
  readonly raw: Socket;
  /** Among those without a CONNACK. */
  readonly place: HalfOpenPlace;
  readonly #host: Host;
  #deadline: Timer;
  /** What it waits for, in the words of the event that says it waited in vain. */
  #awaited = 'its first byte';
  /** What keeps it waiting that is ours: it is no fault of the client's then if its time runs out, or if it leaves. */
  #heldUpBy: 'limit:waitingMax' | 'limit:tlsHandshakesWaitingMax' | undefined;
  /** The client has said something. */
  #started = false;
  /** The TLS handshake is through, and nothing was said inside yet. */
  #secured = false;
  #over = false;
  #waiting: Waiting | undefined;
  #handshake: HandshakePlace | undefined;
  #shown: Shown = {};
  #tlsFacts: Pick<DownstreamFacts, 'tlsVersion' | 'tlsCipher'> | undefined;

  constructor(
    host: Host,
    raw: Socket,
    place: HalfOpenPlace,
    { connectionId, listener, address, port }: Pick<DownstreamFacts, 'connectionId' | 'listener' | 'address' | 'port'>,
  ) {
    this.#host = host;
    this.raw = raw;
    this.place = place;
    this.connectionId = connectionId;
    this.listener = listener;
    this.address = address;
    this.port = port;
    this.#deadline = host.deadline(this.#onDeadline);
  }

  readonly #onDeadline = (): void => {
    const [by, reason] =
      this.#heldUpBy === undefined
        ? (['limit:handshakeTimeout', Reason.MaximumConnectTime] as const)
        : ([this.#heldUpBy, Reason.ServerBusy] as const);
    this.#reject(by, reason, `the deadline passed before ${this.#awaited}`);
  };

  /** From here on it waits for us. */
  #holdUp(by: 'limit:waitingMax' | 'limit:tlsHandshakesWaitingMax', awaited: string): void {
    this.#heldUpBy = by;
    this.#awaited = awaited;
    this.#deadline.cancel();
    this.#deadline = this.#host.deadline(this.#onDeadline, PATIENCE);
  }

  /** And now for the client, which has its whole time again. */
  #goOn(): void {
    if (this.#heldUpBy === undefined) return;
    this.#heldUpBy = undefined;
    this.#deadline.cancel();
    this.#deadline = this.#host.deadline(this.#onDeadline);
  }

  begin(settings: ListenerSettings): void {
    const { raw } = this;
    raw.on('error', ignore);
    raw.on('close', this.#onGone);
    raw.on('end', this.#onEnd);
    const { room } = this.#host.admission;
    if (!room.mustWait(this.address)) {
      this.#enter(settings);
      return;
    }
    const crowded = (): void =>
      this.#reject(
        'limit:waitingMax',
        Reason.ServerBusy,
        'the gateway is overloaded, and no more connections may wait',
      );
    this.#waiting = room.hold(this.address, { enter: () => this.#enter(settings), drop: crowded });
    if (this.#waiting === undefined) crowded();
    else this.#holdUp('limit:waitingMax', 'the gateway, which is overloaded, let it in');
  }

  #enter({ proxyMode, proxyTrusted }: ListenerSettings): void {
    this.#waiting = undefined;
    this.#goOn();
    this.#awaited = 'its first byte';
    if (proxyMode === 'off') this.#awaitFirstBytes(this.raw);
    else if (proxyTrusted.has(this.address)) this.#awaitProxyHeader(proxyMode);
    else {
      this.#reject('proxy-protocol', Reason.NotAuthorized, 'the connection does not come through a trusted proxy');
      return;
    }
    if (this.raw.isPaused()) this.raw.resume();
  }

  #awaitProxyHeader(versions: 'v1' | 'v2' | 'any'): void {
    const { raw } = this;
    this.#awaited = 'its PROXY header was complete';
    let held: Buffer = NO_BYTES;
    const onData = (chunk: Buffer): void => {
      this.#started = true;
      // A header is one chunk but for a dripping peer, which the header's bound keeps cheap.
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const header = parseProxyHeader(held, versions);
      if (header.kind === 'more') return;
      raw.removeListener('data', onData);
      if (header.kind === 'fault') {
        this.#reject('proxy-protocol', Reason.ProtocolError, header.says);
        return;
      }
      if (header.source !== undefined) {
        this.address = header.source.address;
        this.port = header.source.port;
        const rejection = this.#host.admit(this);
        if (rejection !== undefined) {
          this.#reject(rejection.by, rejection.reason, rejection.says);
          return;
        }
      }
      if (held.length > header.length) this.#onFirstBytes(raw, held.subarray(header.length));
      else this.#awaitFirstBytes(raw);
    };
    raw.on('data', onData);
  }

  #awaitFirstBytes(socket: Socket): void {
    this.#awaited = 'its first byte';
    socket.once('data', (chunk: Buffer) => {
      let isTaken = false;
      let isHeldUp = false;
      turnShare.run(() => {
        isTaken = true;
        if (this.#over) return;
        if (isHeldUp) this.#deadline = this.#host.deadline(this.#onDeadline);
        if (socket.isPaused()) socket.resume();
        this.#onFirstBytes(socket, chunk);
      });
      if (isTaken) return;
      // Hundreds may begin to speak at once; whoever has to wait for a later turn is read no further until then, and it is not its time that passes.
      isHeldUp = true;
      socket.pause();
      this.#deadline.cancel();
    });
  }

  /** The client has begun to speak: over `raw` it may be any protocol, inside TLS only what TLS carries. */
  #onFirstBytes(socket: Socket, chunk: Buffer): void {
    this.#started = true;
    this.#secured = false;
    const { type, tls, webSocket } = this.#host;
    const inside = socket !== this.raw;
    const protocol = protocolOf(chunk);
    if (tls !== undefined && !inside) {
      if (chunk[0] !== TLS_BYTE) {
        this.#rejectProtocol(`${PROTOCOL_NAMES[protocol]}, where TLS is spoken`);
        return;
      }
      this.#shakeHands(tls, socket, chunk);
    } else if (webSocket !== undefined) {
      if (protocol !== 'http' && chunk.length > 1) {
        this.#rejectProtocol(`${PROTOCOL_NAMES[protocol]}, where WebSocket is spoken`);
        return;
      }
      this.#awaited = 'the WebSocket upgrade was complete';
      socket.pause();
      webSocket.upgrade(socket, chunk, this);
    } else if (chunk[0] !== CONNECT_BYTE && protocol !== 'unknown') {
      this.#rejectProtocol(
        `${PROTOCOL_NAMES[protocol]}, where ${type === 'tls' ? 'MQTT over TLS' : 'plain MQTT'} is spoken`,
      );
    } else {
      this.#finish();
      socket.removeListener('end', this.#onEnd);
      this.#host.takeSocket(this, socket, this.#facts(), chunk);
      // Who has taken it hears its errors, and TLS those of the socket underneath.
      socket.removeListener('error', ignore);
      this.raw.removeListener('error', ignore);
    }
  }

  #shakeHands(tls: TlsGate, socket: Socket, chunk: Buffer): void {
    let hello = chunk;
    let isBegun = false;
    const crowded = (): void =>
      this.#reject('limit:tlsHandshakesWaitingMax', Reason.ServerBusy, 'too many TLS handshakes wait for their turn');
    // Read on while it waits: a client that has given up is seen to go, and nothing is done for it.
    const onMore = (more: Buffer): void => {
      hello = Buffer.concat([hello, more]);
      keep();
    };
    const keep = (): void => {
      if (hello.length > HELLO_MAX_BYTES) this.#rejectProtocol('more than a ClientHello, before that was answered');
      else this.place.keeps(hello.length);
    };
    const begin = (): void => {
      isBegun = true;
      socket.removeListener('data', onMore);
      socket.pause();
      this.#goOn();
      this.#awaited = 'the TLS handshake was complete';
      tls.secure(socket, hello, this);
    };
    this.#handshake = this.#host.admission.handshakes.enter(this.address, resumesSession(hello), {
      begin,
      drop: crowded,
    });
    if (this.#handshake === undefined) {
      crowded();
    } else if (!isBegun) {
      this.#holdUp('limit:tlsHandshakesWaitingMax', 'the TLS handshake had its turn');
      socket.on('data', onMore);
      socket.resume();
      keep();
    }
  }

  onSecure(socket: TLSSocket, shown: Shown): void {
    this.#handshake?.finish(socket.isSessionReused());
    if (this.#over) return;
    this.#shown = shown;
    this.#tlsFacts = { tlsVersion: socket.getProtocol() ?? '', tlsCipher: socket.getCipher().standardName };
    this.#secured = true;
    socket.on('error', ignore);
    socket.on('end', this.#onEnd);
    this.#awaitFirstBytes(socket);
  }

  onInsecure(says: string): void {
    this.#reject('tls', Reason.NotAuthorized, says);
  }

  onUpgraded(socket: WebSocket): void {
    if (this.#over) {
      socket.terminate();
      return;
    }
    this.#finish();
    this.#host.takeWebSocket(this, socket, this.#facts());
  }

  /** The refusal is on its way to the client; the deadline still sees to it that the socket goes. */
  onRefused(says: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.reject(this, { by: 'websocket', reason: Reason.ProtocolError, says });
  }

  /** Given up by the listener itself; nobody needs to hear of it. */
  destroy(): void {
    this.#finish();
    this.raw.destroy();
  }

  #rejectProtocol(says: string): void {
    this.#reject('first-bytes', Reason.ProtocolError, says);
  }

  #reject(by: RejectionAuthor, reason: Reason, says: string): void {
    if (!this.#over) {
      this.#finish();
      this.#host.reject(this, { by, reason, says });
    }
    this.raw.destroy();
  }

  /** A client that has nothing more to say before it was heard is gone, half-open or not. */
  readonly #onEnd = (): void => {
    if (!this.#over) this.raw.destroy();
  };

  /** A client that left before it said anything (a probe, a health check) is not worth an event. */
  readonly #onGone = (): void => {
    const early = !this.#over;
    this.#finish();
    if (!early || !this.#started) return;
    const { tls, webSocket } = this.#host;
    const by = this.#heldUpBy ?? (tls !== undefined ? 'tls' : webSocket !== undefined ? 'websocket' : 'proxy-protocol');
    const says = this.#secured
      ? "the client closed right after the TLS handshake; it may not trust this listener's certificate"
      : `the client closed before ${this.#awaited}`;
    this.#host.reject(this, { by, reason: Reason.UnspecifiedError, says });
  };

  /** From here on the socket is another's, or nobody's; nothing of the greeting stays with it. */
  #finish(): void {
    this.#over = true;
    this.#deadline.cancel();
    this.#waiting?.leave();
    this.#handshake?.leave();
    this.raw.removeListener('close', this.#onGone);
    this.raw.removeListener('end', this.#onEnd);
  }

  #facts(): DownstreamFacts {
    const { connectionId, listener, address, port } = this;
    const secure = this.#host.tls !== undefined;
    return {
      connectionId,
      listener,
      address,
      port,
      secure,
      localAddress: this.#host.localAddressOf(this.raw),
      localPort: this.#host.port,
      ...this.#tlsFacts,
      ...this.#shown,
    };
  }
}
