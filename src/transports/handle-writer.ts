/**
 * Writes by the handle beneath a socket, past its stream: a write that the kernel takes at once, as it does nearly always, allocates
 * nothing and calls nobody back, and the room of one that has to wait comes back when it has gone.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import type { ByteBatch } from '../base/byte-batch.ts';
import { borrowRoom, returnRoom } from '../base/rooms.ts';
import { type SocketWriter, WRITE_AT_BYTES, type WriterOwner } from './socket-writer.ts';

/** What is used of the runtime's handles, of TCP as of TLS. */
interface Handle {
  /** 0 when all of it was written, an error's number below 0, or the request of a write that waits. */
  writeBuffer(request: null, bytes: Uint8Array): number | WriteRequest | undefined;
}

interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  /** Of a write that was complete before anybody could be told. */
  writeStatus: number | null;
  /** What is being written is kept alive by it. */
  room: Buffer;
  writer: HandleWriter;
}

/** Up to this size a write over TCP goes by way of `small`; over TLS each write waits, and would take it along. */
const SMALL_BYTES = 512;
/**
 * Where small writes stand while the kernel copies them, with a view for each of their sizes: a view is all that the handle takes, and
 * making one for every write would be most of the garbage that a message leaves.
 */
let small = borrowRoom(SMALL_BYTES);
let smallViews: (Buffer | undefined)[] = [];

function smallView(room: Buffer, size: number): Buffer {
  room.copy(small, 0, 0, size);
  smallViews[size] ??= small.subarray(0, size);
  return smallViews[size];
}

/** A write that waits keeps what stands there now, and gets it. */
function abandonSmall(): Buffer {
  const room = small;
  small = borrowRoom(SMALL_BYTES);
  smallViews = [];
  return room;
}

export class HandleWriter implements SocketWriter {
  readonly #socket: Socket;
  readonly #handle: Handle;
  readonly #owner: WriterOwner;
  readonly #smallBytes: number;
  /** Of the one write that waits, if any: TLS has no place for a second. */
  #underWayBytes = 0;
  /** What comes behind it, in pieces worth a write. */
  #behind: { readonly room: Buffer; readonly size: number }[] | undefined;
  #behindBytes = 0;
  #ended = false;

  private constructor(socket: Socket, handle: Handle, owner: WriterOwner) {
    this.#socket = socket;
    this.#handle = handle;
    this.#owner = owner;
    this.#smallBytes = socket instanceof TLSSocket ? 0 : SMALL_BYTES;
  }

  /**
   * For a socket that is connected, and secured if it is to be. Undefined where the runtime's inside is not as it was, or where
   * the stream still has something to write, which must not be overtaken.
   */
  static of(socket: Socket, owner: WriterOwner): HandleWriter | undefined {
    const handle = (socket as unknown as { _handle?: Partial<Handle> | null })._handle;
    if (typeof handle?.writeBuffer !== 'function' || socket.writableLength > 0 || !writesWithoutRequest()) return;
    return new HandleWriter(socket, handle as Handle, owner);
  }

  get pendingBytes(): number {
    return this.#underWayBytes + this.#behindBytes;
  }

  write(batch: ByteBatch): number {
    const size = batch.length;
    if (this.#ended) {
      batch.clear(0);
      return 0;
    }
    if (this.#underWayBytes > 0) return size < WRITE_AT_BYTES ? 0 : this.#keep(batch);
    if (this.#dispatch(batch.bytes, size)) batch.clear(0);
    else batch.abandon();
    return size;
  }

  end(batch: ByteBatch): number {
    if (this.#ended) return 0;
    const size = batch.length === 0 ? 0 : this.#underWayBytes > 0 ? this.#keep(batch) : this.write(batch);
    this.#ended = true;
    if (this.#underWayBytes === 0) this.#socket.end();
    return size;
  }

  #keep(batch: ByteBatch): number {
    const size = batch.length;
    this.#behind ??= [];
    this.#behind.push({ room: batch.bytes, size });
    batch.abandon();
    this.#behindBytes += size;
    return size;
  }

  /** True when the room is free again, false when it is lent until the write is complete. */
  #dispatch(room: Buffer, size: number): boolean {
    const isSmall = size <= this.#smallBytes;
    const outcome = this.#handle.writeBuffer(null, isSmall ? smallView(room, size) : room.subarray(0, size));
    if (outcome === 0) return true;
    if (typeof outcome !== 'object') {
      this.#fail(outcome);
      return true;
    }
    const status = outcome.writeStatus;
    if (typeof status === 'number') {
      if (status < 0) this.#fail(status);
      return true;
    }
    this.#underWayBytes = size;
    outcome.room = isSmall ? abandonSmall() : room;
    outcome.writer = this;
    outcome.oncomplete = onComplete;
    return isSmall;
  }

  /** Called for each request, also when the socket is destroyed: its writes are cancelled. */
  onComplete(room: Buffer, status: number): void {
    returnRoom(room);
    this.#underWayBytes = 0;
    if (status < 0) {
      this.#behind = undefined;
      this.#behindBytes = 0;
      this.#fail(status);
      return;
    }
    while (this.#behind !== undefined && this.#behind.length > 0) {
      const { room: next, size } = this.#behind.shift()!;
      this.#behindBytes -= size;
      if (this.#dispatch(next, size)) returnRoom(next);
      if (this.#underWayBytes > 0) return;
    }
    this.#behind = undefined;
    if (this.#ended) this.#socket.end();
    else this.#owner.onWritten();
  }

  /** A handle that closes says so by a number, one that has gone by nothing; the socket has told of it by itself then. */
  #fail(status: number | undefined): void {
    const code = status === undefined ? 'ECANCELED' : getSystemErrorName(status);
    this.#socket.destroy(Object.assign(new Error(`write ${code}`), { code }));
  }
}

function onComplete(this: WriteRequest, status: number): void {
  this.writer.onComplete(this.room, status);
}

let answer: boolean | undefined;

/**
 * Whether the runtime makes the request of a write by itself, and only for one that waits; before Node 26 a handle that was given
 * none ended the process. A socket is asked whose handle is ours.
 */
function writesWithoutRequest(): boolean {
  if (answer !== undefined) return answer;
  let request: unknown;
  const writeBuffer = (given: unknown): number => {
    request = given;
    return 0;
  };
  try {
    const handle: unknown = { writeBuffer, close: () => {} };
    const socket = new Socket({ handle, manualStart: true } as SocketConstructorOpts);
    socket.write(Buffer.of(0));
    socket.destroy();
  } catch {
    // Not as it was; `request` tells.
  }
  answer = request === null;
  return answer;
}
