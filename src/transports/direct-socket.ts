/**
 * An accepted connection that reads into one buffer shared by all of its kind, instead of a fresh one for every chunk: the
 * runtime fills it and calls the reader within the same turn, so nothing is allocated and no stream stands between.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { readBuffer } from './read-buffer.ts';

/** Takes bytes that are borrowed until it returns. */
export type DirectReader = (chunk: Uint8Array) => void;

export class DirectSocket extends Socket {
  /** Who takes the bytes. Without one the socket is an ordinary stream, which keeps copies. */
  #reader: DirectReader | undefined;

  private constructor(handle: object) {
    const onread = {
      buffer: readBuffer,
      callback: (size: number, buffer: Uint8Array): boolean => this.#onRead(size, buffer),
    };
    super({ handle, onread, allowHalfOpen: true, manualStart: true } as SocketConstructorOpts);
  }

  /**
   * Takes an accepted connection over. The runtime has `onread` for connections that one makes, not for those that one
   * accepts, hence the way around; where its inside is not as it was, the socket stays as it is, and only slower.
   */
  static takeOver(accepted: Socket): Socket {
    const holder = accepted as unknown as { _handle?: object | null };
    const handle = holder._handle;
    if (typeof handle !== 'object' || handle === null) return accepted;
    holder._handle = null;
    const socket = new DirectSocket(handle);
    // An empty shell by now; this takes it off its server's count.
    accepted.destroy();
    socket.read(0);
    return socket;
  }

  /** From now on bytes go to `reader`, unless the stream still has earlier ones to give, which must not be overtaken. */
  readInto(reader: DirectReader): void {
    if (this.readableLength === 0) this.#reader = reader;
  }

  /** A stream that was paused reads ahead into its own buffer; bytes for a reader stay with the kernel. */
  override _read(size: number): void {
    if (this.#reader === undefined || !this.isPaused()) super._read(size);
  }

  #onRead(size: number, buffer: Uint8Array): boolean {
    const chunk = size === buffer.length ? buffer : buffer.subarray(0, size);
    if (this.#reader === undefined) return this.push(Buffer.from(chunk));
    this.#reader(chunk);
    return true;
  }
}
