/** Bytes gathered for one write: encoders reserve room and write in place, and the socket takes the whole. */

/** Unlike `set` it needs no view of the part to be copied; it takes any Uint8Array as its source. */
const copy: (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number =
  Buffer.prototype.copy;

const START_BYTES = 512;
/** Content above this borrows its room from the pool, and hands it back when it is cleared. */
const POOLED_FROM_BYTES = 16_384;
/** Twice what the runtime reads at once, so that a chunk's worth of packets and what they add fit. */
const POOLED_BYTES = 131_072;
const POOL_MAX = 32;

/** Before the first byte, and after room was given away: a batch that is not written to holds nothing. */
const NONE = Buffer.alloc(0);

/** Rooms that wait for the next burst: fresh memory of this size costs more than the bytes that go through it. */
const pool: Buffer[] = [];

export class ByteBatch {
  /** Room; only `bytes[0..length)` is content. Replaced when it grows, so read it anew after each `reserve`. */
  bytes: Buffer;
  length = 0;

  constructor(capacityBytes = 0) {
    this.bytes = capacityBytes === 0 ? NONE : Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** Makes `size` bytes of content and returns the offset of the first; the caller writes all of them. */
  reserve(size: number): number {
    const at = this.length;
    const needed = at + size;
    if (needed > this.bytes.length) this.#grow(needed);
    this.length = needed;
    return at;
  }

  #grow(needed: number): void {
    const old = this.bytes;
    this.bytes =
      needed > POOLED_FROM_BYTES && needed <= POOLED_BYTES
        ? (pool.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES))
        : Buffer.allocUnsafeSlow(Math.max(needed, old.length * 2, START_BYTES));
    old.copy(this.bytes, 0, 0, this.length);
    recycle(old);
  }

  /** Copies `source[start..end)` behind what is there. */
  append(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const at = this.reserve(size);
    const bytes = this.bytes;
    // A loop beats the call into native code only for the smallest of packets.
    if (size <= 24) for (let i = 0; i < size; i++) bytes[at + i] = source[start + i]!;
    else copy.call(source, bytes, at, start, end);
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
    this.clear(START_BYTES);
    return taken;
  }

  /** Starts anew and leaves the room to whoever was given a part of it. */
  abandon(): void {
    this.bytes = NONE;
    this.length = 0;
  }

  /** Forgets the content and keeps the room, up to `keepBytes` of it. */
  clear(keepBytes: number): void {
    this.length = 0;
    if (this.bytes.length <= keepBytes) return;
    recycle(this.bytes);
    this.bytes = NONE;
  }
}

/** INVARIANT: nobody else refers to `room`. */
function recycle(room: Buffer): void {
  if (room.length === POOLED_BYTES && pool.length < POOL_MAX) pool.push(room);
}
