/** Writes the fields of one packet in place, into room that was reserved to the byte. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

const NO_BYTES = Buffer.alloc(0);

/** The longest UTF-8 Encoded String and Binary Data [MQTT5 1.5.4]. */
const FIELD_MAX_BYTES = 65_535;

/** How many bytes a Variable Byte Integer takes. */
export function variableByteIntegerSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** How many bytes a string takes with its length; longer than the format allows is a bug of the caller. */
export function textSize(text: string): number {
  const size = Buffer.byteLength(text);
  assert(size <= FIELD_MAX_BYTES, 'a string of a packet takes more than 65535 bytes');
  return 2 + size;
}

/** How many bytes Binary Data takes with its length. */
export function binarySize(bytes: Uint8Array): number {
  assert(bytes.length <= FIELD_MAX_BYTES, 'a binary field of a packet takes more than 65535 bytes');
  return 2 + bytes.length;
}

export class Writer {
  bytes: Buffer = NO_BYTES;
  at = 0;

  u8(value: number): void {
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  u32(value: number): void {
    this.bytes[this.at++] = value >>> 24;
    this.bytes[this.at++] = value >>> 16;
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  /** In as few bytes as it takes [MQTT-1.5.5-1]. */
  variableByteInteger(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  text(text: string): void {
    const at = this.at;
    const size = text.length === 0 ? 0 : this.bytes.write(text, at + 2, 'utf8');
    this.u16(size);
    this.at = at + 2 + size;
  }

  binary(bytes: Uint8Array): void {
    this.u16(bytes.length);
    this.raw(bytes, 0, bytes.length);
  }

  raw(bytes: Uint8Array, start: number, end: number): void {
    this.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.at);
    this.at += end - start;
  }
}
