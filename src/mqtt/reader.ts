/** Reads the fields of one packet from borrowed bytes; the first thing that is wrong sticks, so decoders stay readable. */
import type { Fault } from './fault.ts';
import {
  PacketIdZero,
  TrailingBytes,
  Truncated,
  VariableByteIntegerNotMinimal,
  VariableByteIntegerTooLong,
} from './faults.ts';
import type { Frame } from './frame.ts';
import { NO_PROPERTIES, type Properties } from './properties.ts';
import { readProperties, scanProperties } from './properties-codec.ts';
import type { DecodeRules } from './rules.ts';
import { checkText, copyOf, textOf } from './utf8.ts';

/**
 * INVARIANT: once `fault` is set every read returns a neutral value and moves nothing, so a decoder may read on and ask once
 * at the end; a loop asks `fault` each turn. Strings and binaries that are returned are copies.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly rules: DecodeRules;
  at: number;
  fault: Fault | undefined;
  /** What `span` found. */
  spanStart = 0;
  spanEnd = 0;

  constructor(frame: Frame, rules: DecodeRules) {
    this.bytes = frame.bytes;
    this.at = frame.bodyStart;
    this.end = frame.end;
    this.rules = rules;
  }

  get left(): number {
    return this.end - this.at;
  }

  fail(fault: Fault): void {
    this.fault ??= fault;
    this.at = this.end;
  }

  u8(): number {
    if (this.at >= this.end) {
      this.fail(Truncated);
      return 0;
    }
    return this.bytes[this.at++]!;
  }

  u16(): number {
    const at = this.at;
    if (at + 2 > this.end) {
      this.fail(Truncated);
      return 0;
    }
    this.at = at + 2;
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  /** A packet identifier, which is never zero [MQTT-2.2.1-3] [MQTT311-2.3.1-1]. */
  packetId(): number {
    const id = this.u16();
    if (id === 0) this.fail(PacketIdZero);
    return id;
  }

  variableByteInteger(): number {
    let value = 0;
    for (let count = 0; count < 4; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * 128 ** count;
      if (byte < 0x80) {
        if (byte === 0 && count > 0) this.fail(VariableByteIntegerNotMinimal); // [MQTT-1.5.5-1]
        return value;
      }
    }
    this.fail(VariableByteIntegerTooLong);
    return 0;
  }

  /** A two-byte length and that many bytes, of which `spanStart` and `spanEnd` tell; empty on a fault. */
  span(): void {
    const length = this.u16();
    this.spanStart = this.at;
    if (this.at + length > this.end) {
      this.fail(Truncated);
      this.spanStart = this.end;
    }
    this.at = this.fault === undefined ? this.spanStart + length : this.end;
    this.spanEnd = this.at;
  }

  /** A UTF-8 Encoded String [MQTT5 1.5.4]. */
  text(): string {
    this.span();
    const fault = checkText(this.bytes, this.spanStart, this.spanEnd, this.rules.rejectControlCharacters);
    if (fault !== undefined) this.fail(fault);
    return this.fault === undefined ? textOf(this.bytes, this.spanStart, this.spanEnd) : '';
  }

  /** Binary Data [MQTT5 1.5.6]. */
  binary(): Uint8Array {
    this.span();
    return copyOf(this.bytes, this.spanStart, this.spanEnd);
  }

  /** A property list with its length; `context` is where it stands (`PropertyContext`). */
  properties(context: number): Properties {
    const length = this.variableByteInteger();
    const start = this.at;
    const end = start + length;
    if (end > this.end) this.fail(Truncated);
    if (this.fault !== undefined || length === 0) return NO_PROPERTIES;
    const fault = scanProperties(this.bytes, start, end, context, this.rules, undefined);
    if (fault !== undefined) {
      this.fail(fault);
      return NO_PROPERTIES;
    }
    this.at = end;
    return readProperties(this.bytes, start, end);
  }

  /** What is wrong with the packet, given that its last field has been read. */
  finish(): Fault | undefined {
    if (this.fault === undefined && this.at < this.end) this.fault = TrailingBytes;
    return this.fault;
  }
}
