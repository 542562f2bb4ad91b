/** Cuts a byte stream into control packets, and refuses what the fixed header alone condemns before its body is kept. */
import { Buffer } from 'node:buffer';
import { copyBytes } from '../base/copy-bytes.ts';
import { borrowRoom, returnRoom } from '../base/rooms.ts';
import type { Fault } from './fault.ts';
import { PacketTooLarge, RemainingLengthTooLong, VariableByteIntegerNotMinimal } from './faults.ts';
import { firstByteFault, type KnownVersion, lengthFault, nameStranger } from './fixed-header.ts';
import type { Frame } from './frame.ts';
import { PACKET_SIZE_MAX_BYTES, type ProtocolVersion, type Sender } from './wire.ts';

/** What `Deframer.next` found. */
export const FrameStatus = {
  /** All that was pushed has been taken in; push more. */
  NeedMore: 0,
  /** The deframer's own fields are the next packet. */
  Frame: 1,
  /** The stream is broken for good; `fault` says how. */
  Fault: 2,
} as const;
export type FrameStatus = (typeof FrameStatus)[keyof typeof FrameStatus];

export interface DeframerOptions {
  /** Whose bytes these are: which packets may come depends on it. */
  sender: Sender;
  /**
   * The connection's version. Absent for a client whose CONNECT has yet to come, and then nothing else may come first; a
   * server's stream has it set before the first `next`.
   */
  version?: ProtocolVersion;
  /** The largest packet that is taken, header included. */
  packetSizeMaxBytes?: number;
}

const NO_BYTES = Buffer.alloc(0);
/** The longer of the two protocol names with its length, and the version. */
const CONNECT_BEGINNING_BYTES = 9;

/**
 * Feed it with `push`, then call `next` until it no longer returns a frame; the frame is the deframer itself.
 * INVARIANT: a frame is valid until the next call of `next`, `push` or `hold`, and no longer than the chunk it came in.
 * INVARIANT: a partial packet holds no more memory than twice what of it has come, whatever length it announced; and nothing when
 * it is whole.
 */
export class Deframer implements Frame {
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  bodyStart = 0;
  end = 0;
  /** Why the stream is broken, once `next` has returned `Fault`. */
  fault: Fault | undefined;
  /** First byte of the packet that broke it. */
  faultFirst = 0;
  /** 0 until CONNECT has come. Whoever decodes the CONNECT sets it before the next call of `next`. */
  version: KnownVersion;
  /** The largest packet that is taken, header included; may change at any time and counts for headers not yet read. */
  packetSizeMaxBytes: number;

  readonly #sender: Sender;
  /** Unread bytes: first `held[heldAt..heldEnd)`, our own, then `chunk[at..limit)`, borrowed. */
  #held: Buffer = NO_BYTES;
  #heldAt = 0;
  #heldEnd = 0;
  #chunk: Uint8Array = NO_BYTES;
  #at = 0;
  #limit = 0;
  /** Offset behind the header that `#sizeAt` read last. */
  #bodyAt = 0;
  /** Its size. */
  #headerSize = 0;

  constructor(options: DeframerOptions) {
    this.#sender = options.sender;
    this.version = options.version ?? 0;
    this.packetSizeMaxBytes = options.packetSizeMaxBytes ?? PACKET_SIZE_MAX_BYTES;
  }

  /** Bytes of a partial packet (and of what `hold` took) in the deframer's own memory. */
  get heldBytes(): number {
    return this.#heldEnd - this.#heldAt;
  }

  /** Takes the chunk `chunk[0..size)`, borrowed until `next` has returned `NeedMore` or `hold` was called. */
  push(chunk: Uint8Array, size = chunk.length): void {
    if (this.fault !== undefined) return;
    this.hold();
    this.#chunk = chunk;
    this.#at = 0;
    this.#limit = size;
  }

  /** Copies what has not been read, so that the chunk can go back to its owner: for a caller that stops midway. */
  hold(): void {
    if (this.#at < this.#limit) this.#take(this.#limit - this.#at);
  }

  /** The frame that `next` returned last will be the next again: for a caller that cannot take it yet. */
  putBack(): void {
    if (this.bytes === this.#held) this.#heldAt = this.start;
    else this.#at = this.start;
  }

  next(): FrameStatus {
    if (this.fault !== undefined) return FrameStatus.Fault;
    if (this.#heldAt < this.#heldEnd) return this.#nextHeld();
    if (this.#heldEnd !== 0) this.#emptyHeld();
    const chunk = this.#chunk;
    const at = this.#at;
    const limit = this.#limit;
    const size = this.#sizeAt(chunk, at, limit);
    if (size < 0) return FrameStatus.Fault;
    if (size === 0 || at + size > limit) {
      this.hold();
      return this.#letGo();
    }
    this.#at = at + size;
    return this.#frame(chunk, at, size);
  }

  /** A packet whose beginning is held: it is completed there. */
  #nextHeld(): FrameStatus {
    let size: number;
    for (;;) {
      size = this.#sizeAt(this.#held, this.#heldAt, this.#heldEnd);
      if (size !== 0) break;
      if (this.#at === this.#limit) return this.#letGo();
      this.#take(1);
    }
    if (size < 0) return FrameStatus.Fault;
    const missing = this.#heldAt + size - this.#heldEnd;
    if (missing > 0) {
      const coming = Math.min(missing, this.#limit - this.#at);
      if (coming > 0) this.#take(coming);
      if (coming < missing) return this.#letGo();
    }
    // `#take` may have moved what is held, and with it the body.
    const at = this.#heldAt;
    this.#bodyAt = at + this.#headerSize;
    this.#heldAt = at + size;
    return this.#frame(this.#held, at, size);
  }

  #frame(bytes: Uint8Array, start: number, size: number): FrameStatus {
    this.bytes = bytes;
    this.start = start;
    this.bodyStart = this.#bodyAt;
    this.end = start + size;
    return FrameStatus.Frame;
  }

  /** Lets go of the last frame: an idle connection must not pin the chunk it came in. */
  #letGo(): FrameStatus {
    this.bytes = this.#chunk = NO_BYTES;
    this.start = this.bodyStart = this.end = 0;
    this.#at = this.#limit = 0;
    return FrameStatus.NeedMore;
  }

  /** The whole size of the packet at `at`; 0 when its header is not complete, -1 on a fault. */
  #sizeAt(bytes: Uint8Array, at: number, limit: number): number {
    if (at >= limit) return 0;
    const first = bytes[at]!;
    const wrong = firstByteFault(first, this.version, this.#sender);
    if (wrong !== undefined) return this.#fail(nameStranger(wrong, bytes, at, limit), first);
    let lengthAt = at + 1;
    if (lengthAt >= limit) return 0;
    let byte = bytes[lengthAt++]!;
    let remaining = byte & 0x7f;
    if (byte >= 0x80) {
      let shift = 7;
      do {
        if (shift === 28) return this.#fail(RemainingLengthTooLong, first);
        if (lengthAt >= limit) return 0;
        byte = bytes[lengthAt++]!;
        remaining |= (byte & 0x7f) << shift;
        shift += 7;
      } while (byte >= 0x80);
      // DEVIATION: 3.1 and 3.1.1 do not say that a length must be as short as can be; two spellings of one packet serve
      // nobody but those who look for a parser that disagrees with its neighbour [MQTT-1.5.5-1].
      if (byte === 0) return this.#fail(VariableByteIntegerNotMinimal, first);
    }
    const wrongLength = lengthFault(first, remaining, this.version);
    if (wrongLength !== undefined) return this.#fail(wrongLength, first);
    const size = lengthAt - at + remaining;
    if (size > this.packetSizeMaxBytes) {
      this.#fail(PacketTooLarge, first);
      if (this.version === 0) this.#showBeginning(bytes, lengthAt, limit);
      return -1;
    }
    this.#bodyAt = lengthAt;
    this.#headerSize = lengthAt - at;
    return size;
  }

  #fail(fault: Fault, first: number): -1 {
    this.fault = fault;
    this.faultFirst = first;
    this.#letGo();
    this.#held = NO_BYTES;
    this.#heldAt = this.#heldEnd = 0;
    return -1;
  }

  /** Of a CONNECT that is not taken: which version it speaks, where that has come, so that it can be answered. */
  #showBeginning(bytes: Uint8Array, bodyAt: number, limit: number): void {
    this.bytes = Uint8Array.from(bytes.subarray(bodyAt, Math.min(limit, bodyAt + CONNECT_BEGINNING_BYTES)));
    this.end = this.bytes.length;
  }

  /** Copies the next `count` bytes of the chunk behind what is held. */
  #take(count: number): void {
    this.#makeRoom(count);
    const at = this.#at;
    const until = at + count;
    copyBytes(this.#chunk, at, until, this.#held, this.#heldEnd);
    this.#heldEnd += count;
    this.#at = until;
    if (until === this.#limit) {
      this.#chunk = NO_BYTES;
      this.#at = this.#limit = 0;
    }
  }

  #makeRoom(count: number): void {
    const held = this.heldBytes;
    if (this.#heldEnd + count <= this.#held.length) return;
    if (held + count <= this.#held.length && held <= this.#heldAt) {
      this.#held.copyWithin(0, this.#heldAt, this.#heldEnd);
    } else {
      const grown = borrowRoom(held + count);
      this.#held.copy(grown, 0, this.#heldAt, this.#heldEnd);
      returnRoom(this.#held);
      this.#held = grown;
    }
    this.#heldAt = 0;
    this.#heldEnd = held;
  }

  #emptyHeld(): void {
    this.#heldAt = this.#heldEnd = 0;
    returnRoom(this.#held);
    this.#held = NO_BYTES;
  }
}
