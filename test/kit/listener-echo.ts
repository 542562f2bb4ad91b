/** A listener on a free loopback port with an echo in place of the pipeline, and the clients that tests dial it with. */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { systemChance } from '../../src/base/chance.ts';
import type { GatewayEvent } from '../../src/base/events.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import type { Downstream, DownstreamEnd, DownstreamHandler } from '../../src/pipeline/downstream.ts';
import type { AcceptGate } from '../../src/transports/accept-gate.ts';
import type { Admission } from '../../src/transports/admission.ts';
import { type Listener, openListener } from '../../src/transports/listener.ts';
import type { ListenerOptions } from '../../src/transports/listener-options.ts';

/** Sends back what comes, and keeps note of every call. */
export class Echo implements DownstreamHandler {
  readonly downstream: Downstream;
  readonly ends: DownstreamEnd[] = [];
  readonly chunks: Buffer[] = [];
  drains = 0;
  bytes = 0;
  /** Stops reading within the call that brings the first bytes, as a CONNECT that has to be thought about does. */
  pausesAtOnce = false;
  blocks = 0;
  echoes = true;
  readonly #changed: () => void;

  constructor(downstream: Downstream, changed: () => void) {
    this.downstream = downstream;
    this.#changed = changed;
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  send(bytes: Uint8Array): void {
    this.downstream.batch.append(bytes, 0, bytes.length);
    this.downstream.touch();
  }

  onBytes(buffer: Uint8Array, size: number): void {
    const chunk = buffer.subarray(0, size);
    if (this.ends.length > 0) throw new Error('bytes after onClosed');
    if (this.pausesAtOnce && this.bytes === 0) this.downstream.pause();
    this.bytes += chunk.length;
    this.chunks.push(Buffer.from(chunk));
    if (this.echoes) this.send(chunk);
    this.#changed();
  }

  onBlocked(): void {
    this.blocks += 1;
    this.#changed();
  }

  onDrain(): void {
    if (this.ends.length > 0) throw new Error('onDrain after onClosed');
    this.drains += 1;
    this.#changed();
  }

  onClosed(end: DownstreamEnd): void {
    this.ends.push(end);
    this.#changed();
  }
}

export class EchoListener {
  readonly clock = new ManualClock(Date.now());
  readonly events: GatewayEvent[] = [];
  readonly echoes: Echo[] = [];
  readonly options: ListenerOptions;
  readonly #gate: AcceptGate | undefined;
  /** Called with each new connection before it is handed its first bytes. */
  onAccept: (echo: Echo) => void = () => {};
  listener!: Listener;
  /** Before it is opened. */
  admission: Admission | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: Partial<ListenerOptions>, gate?: AcceptGate) {
    this.#gate = gate;
    this.options = { name: 'test', type: 'tcp', host: '127.0.0.1', port: 0, ...options };
  }

  async open(): Promise<this> {
    this.listener = await openListener(
      this.options,
      (downstream) => {
        const echo = new Echo(downstream, () => this.#change());
        this.echoes.push(echo);
        this.onAccept(echo);
        this.#change();
        return echo;
      },
      {
        clock: this.clock,
        chance: systemChance,
        ...(this.admission && { admission: this.admission }),
        ...(this.#gate && { gate: this.#gate }),
        emit: (event) => {
          this.events.push(event);
          this.#change();
        },
      },
    );
    return this;
  }

  #change(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** The first value that `look` finds, now or after something has happened. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The `index`th connection that was handed over. */
  echo(index = 0): Promise<Echo> {
    return this.until(() => this.echoes[index]);
  }

  event<N extends GatewayEvent['name']>(name: N, index = 0): Promise<Extract<GatewayEvent, { name: N }>> {
    return this.until(() => this.named(name)[index]);
  }

  named<N extends GatewayEvent['name']>(name: N): Extract<GatewayEvent, { name: N }>[] {
    return this.events.filter((event) => event.name === name) as Extract<GatewayEvent, { name: N }>[];
  }

  dial(host = '127.0.0.1'): Peer {
    return new Peer(connect({ port: this.listener.port, host }));
  }

  dialTls(options: ConnectionOptions = {}): TlsPeer {
    return new TlsPeer(
      connectTls({ port: this.listener.port, host: '127.0.0.1', rejectUnauthorized: false, ...options }),
    );
  }
}

/** A client's socket that keeps what it hears. */
export class Peer<S extends Socket = Socket> {
  readonly socket: S;
  /** Code of the error that ended it, if one did. */
  errorCode = '';
  readonly closed: Promise<void>;
  #chunks: Buffer[] = [];
  #size = 0;
  #wake: () => void = () => {};

  constructor(socket: S) {
    this.socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? error.message;
    });
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#wake();
        resolve();
      });
    });
  }

  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** The first `count` bytes that come back; fails when the connection ends before. */
  async read(count: number): Promise<Buffer> {
    while (this.#size < count) {
      if (this.socket.destroyed) throw new Error(`closed after ${this.#size} of ${count} bytes`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.received.subarray(0, count);
  }
}

export class TlsPeer extends Peer<TLSSocket> {
  /** Resolves when the client's side of the handshake is through; rejects when the connection ends before. */
  readonly secured: Promise<void>;

  constructor(socket: TLSSocket) {
    super(socket);
    this.secured = new Promise((resolve, reject) => {
      socket.on('secureConnect', resolve);
      socket.on('close', () => reject(new Error(`closed before the handshake was through: ${this.errorCode}`)));
    });
    this.secured.catch(() => {});
  }
}

/** The start of a CONNECT, enough for a listener to take it for MQTT. */
export const HELLO = Buffer.from([0x10, 0x00]);
