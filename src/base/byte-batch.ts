/** Bytes gathered for one write: encoders reserve room and write in place, and the socket takes the whole. */

/** Unlike `set` it needs no view of the part to be copied; it takes any Uint8Array as its source. */
const copy: (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number =
  Buffer.prototype.copy;

/**
 * Rooms are borrowed in these sizes and handed back when a batch is cleared: fresh memory for every burst would cost more than
 * the bytes that go through it, and room that every idle connection keeps adds up. The largest is twice what sockets
 * write at once, so that the packet that fills it up fits.
 */
const SIZES = [
  { sizeBytes: 1_024, kept: 512 },
  { sizeBytes: 16_384, kept: 64 },
  { sizeBytes: 131_072, kept: 32 },
] as const;

/** Before the first byte, and after room was given away: a batch that is not written to holds nothing. */
const NONE = Buffer.alloc(0);

/** Rooms that wait for the next burst, by the index of their size. */
const pools: Buffer[][] = SIZES.map(() => []);

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
    this.bytes = roomFor(Math.max(needed, old.length === 0 ? 0 : old.length * 2), needed);
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
    this.clear(0);
    return taken;
  }

  /** Starts anew and leaves the room to whoever was given a part of it. */
  abandon(): void {
    this.bytes = NONE;
    this.length = 0;
  }

  /** Forgets the content, and hands its room back unless that has at most `keepBytes`. */
  clear(keepBytes: number): void {
    this.length = 0;
    if (this.bytes.length <= keepBytes) return;
    recycle(this.bytes);
    this.bytes = NONE;
  }
}

/** A room of `wanted` bytes or more, from the pools where they have that size; else of `wanted`, which is at least `needed`. */
function roomFor(wanted: number, needed: number): Buffer {
  for (let i = 0; i < SIZES.length; i++) {
    const { sizeBytes } = SIZES[i]!;
    if (needed <= sizeBytes) return pools[i]!.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
  }
  return Buffer.allocUnsafeSlow(wanted);
}

/** Hands the room of a batch that was abandoned back. INVARIANT: nobody else refers to it. */
export function recycle(room: Buffer): void {
  for (let i = 0; i < SIZES.length; i++) {
    const { sizeBytes, kept } = SIZES[i]!;
    if (room.length === sizeBytes && pools[i]!.length < kept) pools[i]!.push(room);
  }
}
