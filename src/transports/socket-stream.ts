/** A byte stream over TCP or TLS: gathers what is written, and writes it once a turn of the event loop. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ByteBatch, lend, reclaim } from '../base/byte-batch.ts';
import type { Timer } from '../base/clock.ts';
import { turnShare } from '../base/turn-share.ts';
import type { ByteStream, ByteStreamDeps, ByteStreamEnd, ByteStreamOwner } from './byte-stream.ts';
import { DirectSocket, readSecureInto } from './direct-socket.ts';
import type { Flushable } from './flush-queue.ts';
import { HandleWriter } from './handle-writer.ts';
import { hear, hearData, type SocketHearer } from './heard-socket.ts';
import { takenByKernel } from './kernel-taken.ts';
import { type SocketWriter, WRITE_AT_BYTES, type WriterOwner } from './socket-writer.ts';
import { StreamWriter } from './stream-writer.ts';

/** The least that fills a buffer's bound by itself (`limits.outputBufferMax`): whoever was held by it hears that it has gone. */
const HOLDS_FROM_BYTES = 16_384;

export class SocketStream implements ByteStream, Flushable, SocketHearer, WriterOwner {
  readonly batch = new ByteBatch();
  readonly #socket: Socket;
  /** The one underneath, where that is TLS. */
  readonly #raw: Socket;
  readonly #deps: ByteStreamDeps;
  #owner: ByteStreamOwner | undefined;
  #writer: SocketWriter | undefined;
  #grace: Timer | undefined;
  #touched = false;
  #drainAwaited = false;
  /** The owner knows that the kernel takes no more for now. */
  #blockedTold = false;
  /** `end` or `destroy` was called: what the peer still sends is not listened to. */
  #ended = false;
  /** INVARIANT: set before `onClosed` is called, and nothing is called after it. */
  #closed = false;
  #errorSays = '';
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(socket: Socket, deps: ByteStreamDeps, raw: Socket = socket) {
    this.#socket = socket;
    this.#raw = raw;
    this.#deps = deps;
  }

  /** Makes the owner, and hears the socket for it. */
  protected begin(ownerOf: () => ByteStreamOwner): void {
    const socket = this.#socket;
    this.#writer = HandleWriter.of(socket, this) ?? new StreamWriter(socket, this);
    hear(socket, this);
    this.#owner = ownerOf();
  }

  /** Takes bytes from the socket's own events, after those that were read while its first ones were looked at. */
  protected listen(first: Uint8Array | undefined): void {
    const socket = this.#socket;
    hearData(socket);
    if (first === undefined) return;
    if (socket.isPaused()) {
      socket.unshift(first);
      return;
    }
    if (socket instanceof DirectSocket) socket.readInto(this);
    else if (socket instanceof TLSSocket) readSecureInto(socket);
    this.take(first, first.length);
  }

  /** `buffer[0..size)` as it came, borrowed until this returns. No view of that part is made: each would be garbage at once. */
  take(buffer: Uint8Array, size: number): void {
    if (this.#ended || this.#closed) return;
    this.#deps.queue.onChunk();
    this.#bytesIn += size;
    lend(buffer);
    try {
      this.#owner!.onBytes(buffer, size);
    } finally {
      reclaim();
    }
  }

  onError(error: NodeJS.ErrnoException): void {
    this.#errorSays = error.code ?? error.message;
  }

  /** Thousands may end at the same moment, and each end is work for its owner. */
  onEnd(): void {
    turnShare.run(() => this.#onEnd());
  }

  onClose(): void {
    turnShare.run(() => this.#onClose());
  }

  /** The peer has said its last word: what is ready for it still goes out, for as long as the grace lasts. */
  #onEnd(): void {
    this.#bytesOut += this.#writer!.end(this.batch);
    this.#armGrace();
    this.#tellClosed(this.#ended ? 'us' : 'peer', '');
  }

  #onClose(): void {
    this.#grace?.cancel();
    if (this.#ended) this.#tellClosed('us', '');
    else this.#tellClosed(this.#errorSays === '' ? 'peer' : 'error', this.#errorSays);
  }

  #tellClosed(by: ByteStreamEnd['by'], says: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.batch.clear(0);
    this.#owner!.onClosed({ by, says, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut });
  }

  touch(): void {
    if (this.batch.length >= WRITE_AT_BYTES) this.#write();
    else this.#enqueue();
  }

  #enqueue(): void {
    if (this.#touched) return;
    this.#touched = true;
    this.#deps.queue.add(this);
  }

  flush(): void {
    this.#touched = false;
    this.#write();
    if (this.#drainAwaited) this.#tellDrained();
  }

  #write(): void {
    const { batch } = this;
    if (batch.length === 0) return;
    if (this.#closed) {
      batch.clear(0);
      return;
    }
    const writer = this.#writer!;
    const size = writer.write(batch);
    this.#bytesOut += size;
    if (writer.pendingBytes > 0) this.#awaitDrain();
    else if (size >= HOLDS_FROM_BYTES) {
      this.#drainAwaited = true;
      this.#enqueue();
    }
  }

  #awaitDrain(): void {
    this.#drainAwaited = true;
    if (this.#blockedTold) return;
    this.#blockedTold = true;
    this.#owner!.onBlocked?.();
  }

  onWritten(): void {
    this.#write();
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (!this.#drainAwaited || this.#writer!.pendingBytes > 0) return;
    this.#drainAwaited = false;
    this.#blockedTold = false;
    if (!this.#closed && !this.#ended) this.#owner!.onDrain();
  }

  bufferedBytes(): number {
    return this.#writer!.pendingBytes;
  }

  takenBytes(): number | undefined {
    return takenByKernel(this.#raw);
  }

  pause(): void {
    if (!this.#ended) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    // Reading goes on, unheard: a socket closed with unread input sends a reset, which can overtake our last words.
    this.#socket.resume();
    this.#bytesOut += this.#writer!.end(this.batch);
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
