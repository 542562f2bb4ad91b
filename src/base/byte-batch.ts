/** Bytes gathered for one write: encoders reserve room and write in place, and the socket takes the whole. */

const START_BYTES = 1024;

export class ByteBatch {
  /** Room; only `bytes[0..length)` is content. Replaced when it grows, so read it anew after each `reserve`. */
  bytes: Buffer;
  length = 0;

  constructor(capacityBytes = START_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes);
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
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Copies `source[start..end)` behind what is there. */
  append(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const at = this.reserve(size);
    const bytes = this.bytes;
    // A loop beats the call into native code for packets of the usual size.
    if (size <= 96) for (let i = 0; i < size; i++) bytes[at + i] = source[start + i]!;
    else bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
  }

  /** Hands the content over for good and starts anew: for a sink that has not finished with it when the call returns. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = Buffer.allocUnsafeSlow(START_BYTES);
    this.length = 0;
    return taken;
  }

  /** Forgets the content and keeps the room, up to `keepBytes` of it. */
  clear(keepBytes: number): void {
    this.length = 0;
    if (this.bytes.length > keepBytes) this.bytes = Buffer.allocUnsafeSlow(START_BYTES);
  }
}
