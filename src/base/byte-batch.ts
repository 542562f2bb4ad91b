/** Bytes gathered for one write: encoders reserve room and write in place, and the socket takes the whole. */
import { copyBytes } from './copy-bytes.ts';
import { borrowRoom, returnRoom } from './rooms.ts';

/**
 * Rooms grow in these steps and are handed back when a batch is cleared: room that every idle connection keeps adds up. The largest is
 * twice what sockets write at once, so that the packet that fills it up fits.
 */
const STEPS_BYTES = [1_024, 16_384, 131_072] as const;

/** Before the first byte, and after room was given away: a batch that is not written to holds nothing. */
const NONE = Buffer.alloc(0);

/** The chunk that batches need not copy before `reclaim`. */
let lent: Uint8Array | undefined;
/** The one batch whose content is a part of the lent chunk. */
let borrower: ByteBatch | undefined;
/** Where that content is. */
let borrowed: Uint8Array = NONE;

/**
 * From now until `reclaim` the chunk stays as it is: packets that stand in it one behind another, and go on in that order, are
 * copied in one piece. What was lent before is reclaimed first.
 */
export function lend(chunk: Uint8Array): void {
  reclaim();
  lent = chunk;
}

/** The chunk goes back to its owner: what a batch still has there is copied. */
export function reclaim(): void {
  lent = undefined;
  borrower?.settle();
}

export class ByteBatch {
  #room: Buffer;
  length = 0;
  /** Where content that is still in the lent chunk begins; it ends `length` bytes behind. Only while this is the borrower. */
  #runStart = 0;
  /** How often it has started anew. */
  emptied = 0;

  constructor(capacityBytes = 0) {
    this.#room = capacityBytes === 0 ? NONE : Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** Room; only `bytes[0..length)` is content. Replaced when it grows, so read it anew after each `reserve`. */
  get bytes(): Buffer {
    if (borrower === this) this.settle();
    return this.#room;
  }

  /** Makes `size` bytes of content and returns the offset of the first; the caller writes all of them. */
  reserve(size: number): number {
    if (borrower === this) this.settle();
    const at = this.length;
    const needed = at + size;
    if (needed > this.#room.length) this.#grow(needed);
    this.length = needed;
    return at;
  }

  #grow(needed: number): void {
    const old = this.#room;
    this.#room = borrowRoom(STEPS_BYTES.find((bytes) => needed <= bytes) ?? Math.max(needed, old.length * 2));
    old.copy(this.#room, 0, 0, this.length);
    returnRoom(old);
  }

  /** Puts `source[start..end)` behind what is there: copied at once, or before the chunk that it stands in is reclaimed. */
  append(source: Uint8Array, start: number, end: number): void {
    if (source === lent) {
      if (borrower === this) {
        if (start === this.#runStart + this.length) {
          this.length += end - start;
          return;
        }
      } else if (borrower === undefined && this.length === 0) {
        borrower = this;
        borrowed = source;
        this.#runStart = start;
        this.length = end - start;
        return;
      }
    }
    this.#copy(source, start, end);
  }

  #copy(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const at = this.reserve(size);
    const bytes = this.#room;
    // A loop beats the call into native code only for the smallest of packets.
    if (size <= 24) for (let i = 0; i < size; i++) bytes[at + i] = source[start + i]!;
    else copyBytes(source, start, end, bytes, at);
  }

  /** Copies what stands in the lent chunk, where it is not this batch's own yet. */
  settle(): void {
    if (borrower !== this) return;
    borrower = undefined;
    const { length } = this;
    this.length = 0;
    // INVARIANT: the chunk is as it was: a borrower is settled when it is reclaimed.
    const chunk = borrowed;
    borrowed = NONE;
    this.#copy(chunk, this.#runStart, this.#runStart + length);
  }

  /**
   * Hands the content over for good, in memory of about its own size, and starts anew: for a sink that has not finished with
   * it when the call returns.
   */
  take(): Buffer {
    const { bytes, length } = this;
    if (length * 2 >= bytes.length) {
      this.abandon();
      return bytes.subarray(0, length);
    }
    const taken = Buffer.allocUnsafe(length);
    bytes.copy(taken, 0, 0, length);
    this.clear(0);
    return taken;
  }

  /** Starts anew and leaves the room to whoever was given a part of it. */
  abandon(): void {
    if (borrower === this) borrower = undefined;
    this.#room = NONE;
    this.length = 0;
    this.emptied++;
  }

  /** Forgets the content, and hands its room back unless that has at most `keepBytes`. */
  clear(keepBytes: number): void {
    if (borrower === this) borrower = undefined;
    this.length = 0;
    this.emptied++;
    if (this.#room.length <= keepBytes) return;
    returnRoom(this.#room);
    this.#room = NONE;
  }
}
