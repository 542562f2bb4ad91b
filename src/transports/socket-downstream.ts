/** A client's connection over TCP or TLS. */
import type { Socket } from 'node:net';
import { ByteBatch } from '../base/byte-batch.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { Accept, Downstream, DownstreamEnd, DownstreamFacts, DownstreamHandler } from '../pipeline/downstream.ts';
import type { Flushable, FlushQueue } from './flush-queue.ts';

/** Room that a connection keeps between writes; a burst's larger buffer is given back. */
const BATCH_KEEP_BYTES = 2048;
/** This much is worth a write of its own, while it is still in the processor's cache. */
const WRITE_AT_BYTES = 8192;
const NOTHING = Buffer.alloc(0);

export interface DownstreamDeps {
  clock: Clock;
  queue: FlushQueue;
  /** How long an orderly close may take. */
  closeGraceMs: number;
}

export class SocketDownstream implements Downstream, Flushable {
  readonly facts: DownstreamFacts;
  readonly batch = new ByteBatch();
  readonly #socket: Socket;
  readonly #deps: DownstreamDeps;
  #handler: DownstreamHandler | undefined;
  #grace: Timer | undefined;
  #touched = false;
  #drainAwaited = false;
  /** `end` or `destroy` was called: what the client still sends is not listened to. */
  #ended = false;
  /** INVARIANT: set before `onClosed` is called, and nothing is called after it. */
  #closed = false;
  #errorSays = '';
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(socket: Socket, facts: DownstreamFacts, deps: DownstreamDeps) {
    this.#socket = socket;
    this.facts = facts;
    this.#deps = deps;
  }

  /** Hands the connection over, with the bytes that were read while its first ones were looked at. */
  start(accept: Accept, first: Uint8Array): void {
    const socket = this.#socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#errorSays = error.code ?? error.message;
    });
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    this.#handler = accept(this);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    if (socket.isPaused()) socket.unshift(first);
    else this.#onData(first);
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ended || this.#closed) return;
    this.#bytesIn += chunk.length;
    this.#handler!.onBytes(chunk);
  }

  /** The client has said its last word: what is ready for it still goes out, for as long as the grace lasts. */
  #onEnd(): void {
    this.flush();
    this.#socket.end();
    this.#armGrace();
    this.#tellClosed(this.#ended ? 'us' : 'peer', '');
  }

  #onClose(): void {
    this.#grace?.cancel();
    if (this.#ended) this.#tellClosed('us', '');
    else this.#tellClosed(this.#errorSays === '' ? 'peer' : 'error', this.#errorSays);
  }

  #tellClosed(by: DownstreamEnd['by'], says: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.batch.clear(0);
    this.#handler!.onClosed({ by, says, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut });
  }

  touch(): void {
    if (this.batch.length >= WRITE_AT_BYTES) this.#write();
    else if (!this.#touched) {
      this.#touched = true;
      this.#deps.queue.add(this);
    }
  }

  flush(): void {
    this.#touched = false;
    this.#write();
  }

  #write(): void {
    const { batch } = this;
    const size = batch.length;
    if (size === 0) return;
    const socket = this.#socket;
    if (this.#closed || !socket.writable) {
      batch.clear(BATCH_KEEP_BYTES);
      return;
    }
    this.#bytesOut += size;
    if (this.facts.secure || socket.writableLength > 0) {
      this.#drainAwaited = true;
      socket.write(batch.take(), this.#onWritten);
      return;
    }
    socket.write(batch.bytes.subarray(0, size));
    if (socket.writableLength === 0) {
      // The kernel has copied all of it, so the room is free again.
      batch.clear(BATCH_KEEP_BYTES);
      return;
    }
    batch.abandon();
    if (this.#drainAwaited) return;
    this.#drainAwaited = true;
    // An empty write behind the rest calls back when the rest is gone; a callback on every write would cost each of them a tick.
    socket.write(NOTHING, this.#onWritten);
  }

  readonly #onWritten = (): void => {
    if (!this.#drainAwaited || this.#socket.writableLength > 0) return;
    this.#drainAwaited = false;
    if (!this.#closed && !this.#ended) this.#handler!.onDrain();
  };

  bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    if (!this.#ended) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.flush();
    this.#ended = true;
    // Reading goes on, unheard: a socket closed with unread input sends a reset, which can overtake our last words.
    this.#socket.resume();
    this.#socket.end();
    this.#armGrace();
  }

  destroy(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #armGrace(): void {
    this.#grace ??= this.#deps.clock.after(this.#deps.closeGraceMs, () => this.#socket.destroy());
  }
}
