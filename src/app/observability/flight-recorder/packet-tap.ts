/** Follows one direction of a connection packet by packet, and keeps the first bytes of each; the rest is counted, not looked at. */
import { PacketType } from '../../../mqtt/wire.ts';
import { type KeepRules, keptEnd } from './kept-part.ts';
import type { PacketRing } from './packet-ring.ts';

/** What both directions of a connection share. */
export interface TapContext {
  readonly rules: KeepRules;
  /** The CONNECT has said 5. */
  isV5: boolean;
}

/** A fixed header has at most so many bytes. */
const FIXED_HEADER_MAX_BYTES = 5;

export class PacketTap {
  readonly #ring: PacketRing;
  readonly #context: TapContext;
  /** Of a packet that is still coming: its first bytes, and how many are missing. Made with the first that is cut. */
  #partial: Uint8Array | undefined;
  #partialLength = 0;
  #partialSize = 0;
  #missing = 0;
  /** The length in a fixed header cannot be one: what comes is no MQTT, and there is nothing to follow any more. */
  #isLost = false;
  /** Where the body of the packet begins that `#sizeAt` has read last. */
  #bodyStart = 0;

  constructor(ring: PacketRing, context: TapContext) {
    this.#ring = ring;
    this.#context = context;
  }

  /** Bytes that have come, in order; borrowed until this returns. */
  take(bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    let at = start;
    if (this.#partialLength > 0) at = this.#resume(bytes, at, end, nowMs);
    while (at < end && !this.#isLost) {
      const size = this.#sizeAt(bytes, at, end);
      if (size > 0 && at + size <= end) {
        this.#keep(bytes, at, this.#bodyStart, at + size, size, nowMs);
        at += size;
      } else if (size < 0) {
        this.#lose(bytes, at, end, nowMs);
      } else {
        this.#begin(bytes, at, end, size);
        at = end;
      }
    }
  }

  #keep(bytes: Uint8Array, at: number, bodyStart: number, limit: number, size: number, nowMs: number): void {
    const { rules, isV5 } = this.#context;
    if (bytes[at]! >> 4 === PacketType.Connect) this.#context.isV5 = levelOf(bytes, bodyStart, limit) === 5;
    this.#ring.add(nowMs, size, bytes, at, keptEnd(bytes, at, bodyStart, limit, isV5, rules));
  }

  /** Whatever breaks the stream is kept, too: it is what the incident is about. */
  #lose(bytes: Uint8Array, at: number, end: number, nowMs: number): void {
    this.#isLost = true;
    this.#ring.add(nowMs, end - at, bytes, at, Math.min(end, at + FIXED_HEADER_MAX_BYTES));
  }

  /** The whole size of the packet at `at`; 0 where its header is not complete, -1 where that is none. */
  #sizeAt(bytes: Uint8Array, at: number, end: number): number {
    let remaining = 0;
    let lengthAt = at + 1;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (lengthAt >= end) return 0;
      const byte = bytes[lengthAt++]!;
      remaining |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#bodyStart = lengthAt;
        return lengthAt - at + remaining;
      }
    }
    return -1;
  }

  /** `size` is 0 where the header is not whole. */
  #begin(bytes: Uint8Array, at: number, end: number, size: number): void {
    this.#partial ??= new Uint8Array(this.#context.rules.bytesMax);
    this.#partialLength = 0;
    this.#partialSize = size;
    this.#missing = size === 0 ? 0 : size - (end - at);
    this.#gather(bytes, at, end);
  }

  #gather(bytes: Uint8Array, at: number, end: number): void {
    const partial = this.#partial!;
    const count = Math.min(end - at, partial.length - this.#partialLength);
    for (let i = 0; i < count; i++) partial[this.#partialLength + i] = bytes[at + i]!;
    this.#partialLength += count;
  }

  /** Goes on with what was cut; returns where the next packet begins. */
  #resume(bytes: Uint8Array, start: number, end: number, nowMs: number): number {
    let at = start;
    const partial = this.#partial!;
    while (this.#partialSize === 0 && at < end) {
      this.#gather(bytes, at, ++at);
      const size = this.#sizeAt(partial, 0, this.#partialLength);
      if (size < 0) {
        this.#lose(partial, 0, this.#partialLength, nowMs);
        this.#partialLength = 0;
        return end;
      }
      this.#partialSize = size;
      this.#missing = size - this.#partialLength;
    }
    if (this.#partialSize === 0) return end;
    const coming = Math.min(this.#missing, end - at);
    this.#gather(bytes, at, at + coming);
    this.#missing -= coming;
    if (this.#missing > 0) return end;
    const length = this.#partialLength;
    this.#sizeAt(partial, 0, length);
    this.#keep(partial, 0, this.#bodyStart, length, this.#partialSize, nowMs);
    this.#partialLength = 0;
    return at + coming;
  }

  /** Puts what has come of a packet that will not be finished among the others. */
  finish(nowMs: number): void {
    if (this.#partialLength === 0) return;
    const length = this.#partialLength;
    this.#partialLength = 0;
    if (this.#partialSize === 0) this.#ring.add(nowMs, length, this.#partial!, 0, length);
    else {
      this.#sizeAt(this.#partial!, 0, length);
      this.#keep(this.#partial!, 0, this.#bodyStart, length, this.#partialSize, nowMs);
    }
    this.#isLost = true;
  }
}

/** Protocol level of a CONNECT. */
function levelOf(bytes: Uint8Array, bodyStart: number, limit: number): number {
  if (bodyStart + 2 > limit) return 0;
  const nameBytes = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
  const at = bodyStart + 2 + nameBytes;
  return at < limit ? bytes[at]! & 0x7f : 0;
}
