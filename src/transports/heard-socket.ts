/** Who hears a socket is found through the socket: one set of listeners serves all of them, and a connection has none of its own. */
import type { Socket } from 'node:net';

export interface SocketHearer {
  /** `buffer[0..size)`, which is borrowed until this returns. */
  take(buffer: Uint8Array, size: number): void;
  onError(error: NodeJS.ErrnoException): void;
  onEnd(): void;
  onClose(): void;
}

const HEARER = Symbol('hearer');

interface HeardSocket extends Socket {
  [HEARER]?: SocketHearer;
}

/** For bytes that are read by `intoHearer`; everything else is heard from `hear` on. */
export function setHearer(socket: Socket, hearer: SocketHearer): void {
  (socket as HeardSocket)[HEARER] = hearer;
}

/** Its end, its errors and its close. */
export function hear(socket: Socket, hearer: SocketHearer): void {
  setHearer(socket, hearer);
  socket.on('error', onError);
  socket.on('end', onEnd);
  socket.on('close', onClose);
}

/** Its bytes, where they come as the events of a stream. */
export function hearData(socket: Socket): void {
  socket.on('data', onData);
}

/** The callback of the runtime's `onread`, which is a method of the socket to it. */
export function intoHearer(this: unknown, size: number, buffer: Uint8Array): boolean {
  (this as HeardSocket)[HEARER]?.take(buffer, size);
  return true;
}

function onError(this: HeardSocket, error: NodeJS.ErrnoException): void {
  this[HEARER]?.onError(error);
}

function onEnd(this: HeardSocket): void {
  this[HEARER]?.onEnd();
}

function onClose(this: HeardSocket): void {
  this[HEARER]?.onClose();
}

function onData(this: HeardSocket, chunk: Buffer): void {
  this[HEARER]?.take(chunk, chunk.length);
}
