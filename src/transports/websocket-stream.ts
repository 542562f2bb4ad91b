/** A byte stream over WebSocket; secure or not is the socket's business underneath. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { ByteBatch } from '../base/byte-batch.ts';
import type { Timer } from '../base/clock.ts';
import { turnShare } from '../base/turn-share.ts';
import type { ByteStream, ByteStreamDeps, ByteStreamEnd, ByteStreamOwner } from './byte-stream.ts';
import type { Flushable } from './flush-queue.ts';
import { takenByKernel } from './kernel-taken.ts';
import { BROKEN, BYTES } from './websocket-frames.ts';

const CLOSE_NORMAL = 1000;
/** What the library calls a close without a frame, and one with a frame but no code. */
const CLOSED_WITHOUT_FRAME = 1006;

export class WebSocketStream implements ByteStream, Flushable {
  readonly batch = new ByteBatch();
  readonly #socket: WebSocket;
  /** The one underneath it all, where it is known. */
  readonly #raw: Socket | undefined;
  readonly #deps: ByteStreamDeps;
  #owner: ByteStreamOwner | undefined;
  #grace: Timer | undefined;
  #touched = false;
  /** `end` or `destroy` was called: what the peer still sends is not listened to. */
  #ended = false;
  #destroyed = false;
  /** INVARIANT: set before `onClosed` is called, and nothing is called after it. */
  #closed = false;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(socket: WebSocket, deps: ByteStreamDeps, raw?: Socket) {
    this.#socket = socket;
    this.#raw = raw;
    this.#deps = deps;
  }

  /** Makes the owner, and hears the socket for it. */
  protected begin(ownerOf: () => ByteStreamOwner): void {
    const socket = this.#socket;
    socket.binaryType = 'nodebuffer';
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? error.message));
    socket.on('close', (code) => turnShare.run(() => this.#onClose(code)));
    // Answered only while the peer takes what it is sent: pings without reading must not fill our memory with pongs.
    socket.on('ping', (data: Buffer) => {
      if (socket.readyState === socket.OPEN && socket.bufferedAmount === 0) socket.pong(data, false);
    });
    this.#owner = ownerOf();
    socket.on(BYTES, (bytes: Buffer) => this.#onBytes(bytes));
    socket.on(BROKEN, (code: number, says: string) => this.#onBroken(code, says));
  }

  #onBytes(bytes: Buffer): void {
    if (this.#ended || this.#closed) return;
    this.#bytesIn += bytes.length;
    this.#owner!.onBytes(bytes, bytes.length);
  }

  #onBroken(code: number, says: string): void {
    if (this.#ended || this.#closed) return;
    this.#socket.close(code);
    this.#fail(says);
  }

  /** The close frame with the reason is on its way; the connection has heard its last. */
  #fail(says: string): void {
    this.#armGrace();
    this.#tellClosed(this.#ended ? 'us' : 'error', this.#ended ? '' : says);
  }

  #onClose(code: number): void {
    this.#grace?.cancel();
    if (this.#ended) this.#tellClosed('us', '');
    else this.#tellClosed('peer', code === CLOSED_WITHOUT_FRAME ? 'without a close frame' : '');
  }

  #tellClosed(by: ByteStreamEnd['by'], says: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.batch.clear(0);
    this.#owner!.onClosed({ by, says, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut });
  }

  touch(): void {
    if (this.#touched) return;
    this.#touched = true;
    this.#deps.queue.add(this);
  }

  flush(): void {
    this.#touched = false;
    const { batch } = this;
    const size = batch.length;
    if (size === 0) return;
    const socket = this.#socket;
    if (this.#closed || socket.readyState !== socket.OPEN) {
      batch.clear(0);
      return;
    }
    this.#bytesOut += size;
    socket.send(batch.take(), { binary: true, compress: false }, this.#onWritten);
    if (socket.bufferedAmount > 0) this.#owner!.onBlocked?.();
  }

  readonly #onWritten = (): void => {
    if (!this.#closed && !this.#ended && this.#socket.bufferedAmount === 0) this.#owner!.onDrain();
  };

  bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  takenBytes(): number | undefined {
    return this.#raw === undefined ? undefined : takenByKernel(this.#raw);
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
    this.#socket.resume();
    this.#socket.close(CLOSE_NORMAL);
    this.#armGrace();
  }

  destroy(): void {
    this.#ended = true;
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#socket.terminate();
  }

  #armGrace(): void {
    this.#grace ??= this.#deps.clock.after(this.#deps.closeGraceMs, () => this.#socket.terminate());
  }
}
