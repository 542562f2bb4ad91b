/**
 * Accepted connections that read into a buffer shared by all of them, instead of a fresh one for every chunk: the runtime fills
 * it and calls the reader within the same turn, so nothing is allocated and no stream stands between.
 */
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { turnShare } from '../base/turn-share.ts';
import type { AcceptedHandle } from './early-accept.ts';
import { intoHearer } from './heard-socket.ts';
import { doorBuffer, readBuffer } from './read-buffer.ts';

export interface DirectReader {
  /** `buffer[0..size)`, which is borrowed until this returns. */
  take(buffer: Uint8Array, size: number): void;
}

export class DirectSocket extends Socket {
  /** Who takes the bytes. Without one the socket is an ordinary stream, which keeps copies. */
  #reader: DirectReader | undefined;

  /**
   * Of an accepted connection that is no socket yet: the runtime has `onread` for connections that one makes, not for those that one
   * accepts, and a second socket to take the handle from costs as much as the first. Its server does not count it. Nothing is read
   * before somebody listens.
   */
  constructor(handle: AcceptedHandle) {
    handle.setNoDelay(true);
    super({ handle, onread: ONREAD, allowHalfOpen: true, manualStart: true } as object);
  }

  /** From now on bytes go to `reader`, unless the stream still has earlier ones to give, which must not be overtaken. */
  readInto(reader: DirectReader): void {
    if (this.readableLength === 0) this.#reader = reader;
  }

  /** A stream that was paused reads ahead into its own buffer; bytes for a reader stay with the kernel. */
  override _read(size: number): void {
    if (this.#reader === undefined || !this.isPaused()) super._read(size);
  }

  /** The runtime's own begins to read from the kernel, also where the socket is paused. */
  override read(size?: number): unknown {
    return this.#reader !== undefined && this.isPaused() ? Duplex.prototype.read.call(this, size) : super.read(size);
  }

  /** Where the peer has reset the connection, as a thousand may at once, the runtime's own work for its end takes turns. */
  override destroy(error?: Error): this {
    if ((error as NodeJS.ErrnoException | undefined)?.syscall !== 'read' || this.destroyed) return super.destroy(error);
    turnShare.run(() => super.destroy(error));
    return this;
  }

  /** What was read: false where the stream wants no more of it for now. */
  hand(size: number, buffer: Uint8Array): boolean {
    if (this.#reader === undefined) return this.push(Buffer.from(buffer.subarray(0, size)));
    this.#reader.take(buffer, size);
    return true;
  }
}

/** A method of the socket to the runtime: one serves all of them. */
function onRead(this: DirectSocket, size: number, buffer: Uint8Array): boolean {
  return this.hand(size, buffer);
}

const ONREAD = { buffer: doorBuffer, callback: onRead };

/** By what name a socket keeps its `onread` option, where the runtime is as it was. */
interface OnreadNames {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let names: OnreadNames | undefined;

function onreadNames(): OnreadNames {
  if (names === undefined) {
    const symbols = Object.getOwnPropertySymbols(new Socket());
    const named = (description: string): symbol =>
      symbols.find((symbol) => symbol.description === description) ?? Symbol(description);
    names = { buffer: named('kBuffer'), callback: named('kBufferCb') };
  }
  return names;
}

interface OnreadSocket {
  [name: symbol]: unknown;
  _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null;
  _read: (size: number) => void;
  read: (size?: number) => unknown;
}

/**
 * The same for a TLS connection, whose hearer is set: the runtime's server has made it without asking for options. Where the runtime's inside is not
 * as it was, or the stream has bytes to give, which must not be overtaken, it stays a stream.
 */
export function readSecureInto(socket: Socket): void {
  const { buffer, callback } = onreadNames();
  const inner = socket as unknown as OnreadSocket;
  const handle = inner._handle;
  if (socket.readableLength > 0 || inner[buffer] !== null || typeof handle?.useUserBuffer !== 'function') return;
  inner[buffer] = doorBuffer;
  inner[callback] = intoHearer;
  inner._read = readUnlessPaused;
  inner.read = takeUnlessPaused;
  handle.useUserBuffer(doorBuffer);
}

/** From now on a connection that reads directly may read much at once: it is known who that is. */
export function readWidely(socket: Socket): void {
  const { buffer } = onreadNames();
  const inner = socket as unknown as OnreadSocket;
  const handle = inner._handle;
  if (inner[buffer] !== doorBuffer || typeof handle?.useUserBuffer !== 'function') return;
  inner[buffer] = readBuffer;
  handle.useUserBuffer(readBuffer);
}

function readUnlessPaused(this: Socket, size: number): void {
  if (!this.isPaused()) Socket.prototype._read.call(this, size);
}

function takeUnlessPaused(this: Socket, size?: number): unknown {
  return (this.isPaused() ? Duplex : Socket).prototype.read.call(this, size);
}
