/**
 * Sends messages to a syslog collector over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425), through a bounded
 * queue: a collector that is away or slow costs the oldest messages, which are counted, and nothing else.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { backoffMs } from '../../../base/backoff.ts';
import type { Chance } from '../../../base/chance.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { Fifo } from '../../../base/fifo.ts';

export interface SyslogTarget {
  readonly scheme: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions;
}

export interface SenderOptions {
  readonly target: SyslogTarget;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly queueMax: number;
  /** Told once when it goes away, and once when it is back, with what was lost in between. */
  readonly onDown: (says: string) => void;
  readonly onUp: (lost: number) => void;
}

const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * A connection that has lasted so long is one. What was written to one that has not, after a failure, as where something in between takes every
 * connection and ends it, is counted as lost.
 */
const PROVEN_MS = 3000;
/** A collector that takes nothing for so long is left, and tried anew. */
const STALL_TIMEOUT_MS = 30_000;
/** What is written before the socket has to drain. */
const WRITE_MAX_BYTES = 256 * 1024;
/** RFC 5426: receivers should take 2048 octets; most take 8 KiB. Longer ones are cut. */
const DATAGRAM_MAX_BYTES = 8192;
/** A collector says nothing; what a relay may greet with, or a proxy that stands in for one, is shorter. */
const HEARD_MAX_BYTES = 64 * 1024;
const CLOSE_TIMEOUT_MS = 1000;

export interface SyslogSender {
  /** Never throws, never waits. */
  send(message: string): void;
  /** Messages lost since the start. */
  readonly lostCount: number;
  /** Messages that wait. */
  readonly queuedCount: number;
  /** Whether it is away, as far as anybody knows. */
  readonly isDown: boolean;
  /** Resolves when what waits is out, or has had its time, with how many are lost that nobody was told of. */
  close(): Promise<number>;
}

export function openSender(options: SenderOptions): SyslogSender {
  return options.target.scheme === 'udp' ? new DatagramSender(options) : new StreamSender(options);
}

/** Nobody acknowledges a datagram: what is lost on the way nobody knows, what the system refuses is counted. */
class DatagramSender implements SyslogSender {
  readonly #options: SenderOptions;
  readonly #socket: UdpSocket;
  #pending = 0;
  #onSent: (() => void) | undefined;
  #isClosed = false;
  isDown = false;
  lostCount = 0;
  #lostTold = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#socket = createSocket(options.target.host.includes(':') ? 'udp6' : 'udp4');
    this.#socket.unref();
    this.#socket.on('error', ({ message }) => this.#fail(message));
  }

  send(message: string): void {
    const { target, queueMax } = this.#options;
    if (this.#isClosed) return;
    if (this.#pending >= queueMax) {
      this.lostCount++;
      return;
    }
    this.#pending++;
    const bytes = Buffer.from(message);
    this.#socket.send(bytes, 0, Math.min(bytes.length, DATAGRAM_MAX_BYTES), target.port, target.host, (error) => {
      if (this.#isClosed) return;
      this.#pending--;
      if (error === null) this.#recover();
      else this.#fail(error.message);
      if (this.#pending === 0) this.#onSent?.();
    });
  }

  #fail(says: string): void {
    this.lostCount++;
    if (this.isDown) return;
    this.isDown = true;
    this.#options.onDown(says);
  }

  #recover(): void {
    if (!this.isDown) return;
    this.isDown = false;
    this.#options.onUp(this.lostCount - this.#lostTold);
    this.#lostTold = this.lostCount;
  }

  get queuedCount(): number {
    return this.#pending;
  }

  async close(): Promise<number> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#onSent = resolve;
        this.#options.clock.after(CLOSE_TIMEOUT_MS, resolve);
      });
    }
    this.#isClosed = true;
    this.lostCount += this.#pending;
    this.#pending = 0;
    this.#socket.close();
    return this.lostCount - this.#lostTold;
  }
}

class StreamSender implements SyslogSender {
  readonly #options: SenderOptions;
  readonly #queue = new Fifo<string>();
  #socket: Socket | undefined;
  #isOpen = false;
  #isDraining = false;
  #failures = 0;
  #timer: Timer | undefined;
  #stall: Timer | undefined;
  #proof: Timer | undefined;
  /** Written to a connection that is not proven, and follows one that failed. */
  #atStake = 0;
  /** Written, and not yet taken by the system. */
  #inFlight = 0;
  #isClosed = false;
  #onEmpty: (() => void) | undefined;
  lostCount = 0;
  #lostTold = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#connect();
  }

  send(message: string): void {
    if (this.#isClosed) return;
    if (this.#queue.length >= this.#options.queueMax) {
      this.#queue.shift();
      this.lostCount++;
    }
    this.#queue.push(message);
    this.#pump();
  }

  #connect(): void {
    const { target, clock } = this.#options;
    const { scheme, host, port, tls } = target;
    const socket = scheme === 'tls' ? connectTls({ host, port, ...tls }) : connect({ host, port });
    this.#socket = socket;
    socket.unref();
    this.#stall = clock.after(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('it does not answer')));
    let says = 'it closed the connection';
    socket.on('error', ({ message }) => {
      says = message;
    });
    socket.once(scheme === 'tls' ? 'secureConnect' : 'connect', () => this.#onOpen());
    socket.on('drain', () => this.#onDrain());
    let heardBytes = 0;
    socket.on('data', (chunk: Buffer) => {
      heardBytes += chunk.length;
      if (heardBytes > HEARD_MAX_BYTES)
        socket.destroy(new Error(`it has sent more than ${HEARD_MAX_BYTES} bytes, where a collector sends nothing`));
    });
    socket.on('close', () => this.#onGone(says));
  }

  #onOpen(): void {
    this.#stall?.cancel();
    this.#isOpen = true;
    this.#isDraining = false;
    this.#proof = this.#options.clock.after(PROVEN_MS, () => this.#onProven());
    this.#pump();
  }

  #onProven(): void {
    this.#proof = undefined;
    this.#atStake = 0;
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#options.onUp(this.lostCount - this.#lostTold);
    this.#lostTold = this.lostCount;
  }

  #pump(): void {
    const socket = this.#socket;
    if (!this.#isOpen || this.#isDraining || socket === undefined) return;
    while (this.#queue.length > 0) {
      let text = '';
      let count = 0;
      while (this.#queue.length > 0 && text.length < WRITE_MAX_BYTES) {
        const message = this.#queue.shift()!;
        text += `${Buffer.byteLength(message)} ${message}`;
        count++;
      }
      if (this.#proof !== undefined && this.#failures > 0) this.#atStake += count;
      this.#inFlight += count;
      const onTaken = (error?: Error | null): void => {
        if (!error && this.#socket === socket) this.#inFlight -= count;
      };
      if (!socket.write(text, onTaken)) {
        this.#isDraining = true;
        this.#stall = this.#options.clock.after(STALL_TIMEOUT_MS, () =>
          socket.destroy(new Error('it takes nothing any more')),
        );
        return;
      }
    }
    this.#onEmpty?.();
  }

  #onDrain(): void {
    this.#stall?.cancel();
    this.#isDraining = false;
    this.#pump();
  }

  #onGone(says: string): void {
    const { clock, chance, onDown } = this.#options;
    this.#stall?.cancel();
    this.#proof?.cancel();
    this.#proof = undefined;
    this.#isOpen = false;
    this.#socket = undefined;
    // What is in flight is at stake too, where anything is.
    this.lostCount += Math.max(this.#atStake, this.#inFlight);
    this.#atStake = 0;
    this.#inFlight = 0;
    if (this.#isClosed) return;
    this.#onEmpty?.();
    if (this.#failures === 0) onDown(says);
    this.#failures++;
    this.#timer = clock.after(backoffMs(BACKOFF_BASE_MS, BACKOFF_MAX_MS, this.#failures, chance), () =>
      this.#connect(),
    );
  }

  get queuedCount(): number {
    return this.#queue.length;
  }

  get isDown(): boolean {
    return this.#failures > 0;
  }

  async close(): Promise<number> {
    // The first connection of all may still come about; who was away before is not waited for.
    const isHopeful = this.#isOpen || (this.#socket !== undefined && this.#failures === 0);
    if (isHopeful && (this.#queue.length > 0 || this.#isDraining)) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
        this.#options.clock.after(CLOSE_TIMEOUT_MS, resolve);
      });
    }
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stall?.cancel();
    this.#proof?.cancel();
    this.lostCount += this.#queue.length;
    this.#queue.clear();
    const socket = this.#socket;
    if (socket !== undefined) await this.#leave(socket);
    return this.lostCount - this.#lostTold;
  }

  #leave(socket: Socket): Promise<void> {
    return new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      this.#options.clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
      if (this.#isOpen) socket.end();
      else socket.destroy();
    });
  }
}
