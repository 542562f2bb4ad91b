/** The latest packets of one direction, cut to what may be kept, in one buffer that is made once: nothing is allocated for a packet. */

/** Of each entry: its whole size, the bytes kept, the packet's size, and when it came, in milliseconds. */
const HEADER_BYTES = 2 + 2 + 4 + 8;
const SIZE_MAX_BYTES = 0xffff;
const COPIED_BY_LOOP_BYTES = 24;

/** Unlike `set` it needs no view of the part to be copied; it takes any Uint8Array as its source. */
const copy: (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number =
  Buffer.prototype.copy;

export interface KeptPacket {
  /** On the monotonic clock, in milliseconds. */
  readonly atMs: number;
  /** As it was sent, header included; of one that is still coming, what its header says. */
  readonly lengthBytes: number;
  /** Its first bytes, a copy. */
  readonly bytes: Buffer;
}

export class PacketRing {
  readonly #buffer: Buffer;
  /** Of the same memory: the runtime compiles its writes in place. */
  readonly #view: DataView;
  /** Where the oldest entry begins and where the next will. INVARIANT: between them, wrapped or not, are whole entries. */
  #oldest = 0;
  #next = 0;
  /** Behind the last entry before the end of the buffer, where entries go on at its start. */
  #wrapAt: number;
  #count = 0;
  /** Packets that made room. */
  #overwritten = 0;

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(sizeBytes, HEADER_BYTES * 2));
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
    this.#wrapAt = this.#buffer.length;
  }

  get overwritten(): number {
    return this.#overwritten;
  }

  /** Keeps `bytes[start..end)`, the first of a packet of `lengthBytes`; what does not fit at all is cut. */
  add(atMs: number, lengthBytes: number, bytes: Uint8Array, start: number, end: number): void {
    const buffer = this.#buffer;
    const room = Math.min(buffer.length, SIZE_MAX_BYTES) - HEADER_BYTES;
    const kept = Math.min(end - start, room);
    const size = HEADER_BYTES + kept;
    let at = this.#next;
    if (at + size > buffer.length) {
      // The rest of the buffer is too small: whatever is in it goes, and the entry stands at the start.
      while (this.#count > 0 && this.#oldest >= at) this.#drop();
      this.#wrapAt = at;
      at = 0;
    }
    while (this.#count > 0 && this.#oldest >= at && this.#oldest < at + size) this.#drop();
    if (this.#count === 0) this.#oldest = at;
    const view = this.#view;
    view.setUint16(at, size, true);
    view.setUint16(at + 2, kept, true);
    view.setUint32(at + 4, lengthBytes, true);
    view.setFloat64(at + 8, atMs, true);
    const target = at + HEADER_BYTES;
    // A loop beats the call into native code only for the smallest of packets.
    if (kept <= COPIED_BY_LOOP_BYTES) for (let i = 0; i < kept; i++) buffer[target + i] = bytes[start + i]!;
    else copy.call(bytes, buffer, target, start, start + kept);
    this.#next = at + size;
    this.#count++;
  }

  #drop(): void {
    this.#oldest += this.#view.getUint16(this.#oldest, true);
    this.#count--;
    this.#overwritten++;
    if (this.#oldest >= this.#wrapAt) {
      this.#oldest = 0;
      this.#wrapAt = this.#buffer.length;
    }
  }

  /** The oldest first. */
  packets(): KeptPacket[] {
    const packets: KeptPacket[] = [];
    let at = this.#oldest;
    for (let i = 0; i < this.#count; i++) {
      if (at >= this.#wrapAt) at = 0;
      const kept = this.#buffer.readUInt16LE(at + 2);
      packets.push({
        atMs: this.#buffer.readDoubleLE(at + 8),
        lengthBytes: this.#buffer.readUInt32LE(at + 4),
        bytes: Buffer.from(this.#buffer.subarray(at + HEADER_BYTES, at + HEADER_BYTES + kept)),
      });
      at += this.#buffer.readUInt16LE(at);
    }
    return packets;
  }
}
