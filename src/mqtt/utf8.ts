/** UTF-8 on the wire: one strict pass over the bytes, with the characters that MQTT forbids, and decoding of what passed. */
import { Buffer } from 'node:buffer';
import type { Fault } from './fault.ts';
import { TextHasControlCharacter, TextHasNull, TextNotUtf8, TopicHasWildcard } from './faults.ts';

/** What a byte means where a character begins. */
const Plain = 0;
const Null = 1;
const Control = 2;
const Wildcard = 3;
const Multibyte = 4;

function classTable(rejectControlCharacters: boolean, rejectWildcards: boolean): Uint8Array {
  const classes = new Uint8Array(256);
  if (rejectControlCharacters) {
    classes.fill(Control, 0x01, 0x20);
    classes[0x7f] = Control;
  }
  if (rejectWildcards) {
    classes[0x23] = Wildcard; // #
    classes[0x2b] = Wildcard; // +
  }
  classes[0x00] = Null;
  classes.fill(Multibyte, 0x80);
  return classes;
}

const TEXT = classTable(false, false);
const TEXT_STRICT = classTable(true, false);
const TOPIC = classTable(false, true);
const TOPIC_STRICT = classTable(true, true);

/**
 * Checks that `bytes[start..end)` is a legal UTF-8 Encoded String; the caller has checked the bounds. U+FEFF is a character
 * like any other and stays [MQTT-1.5.4-3] [MQTT311-1.5.3-3].
 */
export function checkText(
  bytes: Uint8Array,
  start: number,
  end: number,
  rejectControlCharacters: boolean,
): Fault | undefined {
  return check(bytes, start, end, rejectControlCharacters ? TEXT_STRICT : TEXT);
}

/** As `checkText`, and refuses `#` and `+` in the same pass. An empty topic passes: whether it may be is its packet's rule. */
export function checkTopicBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  rejectControlCharacters: boolean,
): Fault | undefined {
  return check(bytes, start, end, rejectControlCharacters ? TOPIC_STRICT : TOPIC);
}

function check(bytes: Uint8Array, start: number, end: number, classes: Uint8Array): Fault | undefined {
  for (let at = start; at < end; at++) {
    if (classes[bytes[at]!] !== Plain) return checkFrom(bytes, at, end, classes);
  }
  return undefined;
}

/** The whole rule, from the first byte that is not plain. */
function checkFrom(bytes: Uint8Array, start: number, end: number, classes: Uint8Array): Fault | undefined {
  const strict = classes[0x01] === Control;
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    switch (classes[lead]) {
      case Plain:
        at++;
        continue;
      case Null:
        return TextHasNull; // [MQTT-1.5.4-2] [MQTT311-1.5.3-2]
      case Control:
        return TextHasControlCharacter;
      case Wildcard:
        return TopicHasWildcard; // [MQTT-3.3.2-2] [MQTT311-3.3.2-2]
    }
    // The second byte's range is what keeps out overlong forms, surrogates and what lies above U+10FFFF
    // [MQTT-1.5.4-1] [MQTT311-1.5.3-1].
    let length: number;
    let low = 0x80;
    let high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      length = 2;
      if (strict && lead === 0xc2) low = 0xa0; // U+0080 to U+009F
    } else if (lead >= 0xe0 && lead <= 0xef) {
      length = 3;
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      length = 4;
      if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    } else return TextNotUtf8;
    if (at + length > end) return TextNotUtf8;
    const second = bytes[at + 1]!;
    if (second < low || second > high) {
      return strict && lead === 0xc2 && second >= 0x80 && second < 0xa0 ? TextHasControlCharacter : TextNotUtf8;
    }
    if (length > 2 && (bytes[at + 2]! & 0xc0) !== 0x80) return TextNotUtf8;
    if (length > 3 && (bytes[at + 3]! & 0xc0) !== 0x80) return TextNotUtf8;
    if (strict && length > 2 && isNonCharacter(bytes, at, length)) return TextHasControlCharacter;
    at += length;
  }
  return undefined;
}

/** U+FDD0 to U+FDEF, and the last two code points of every plane. */
function isNonCharacter(bytes: Uint8Array, at: number, length: number): boolean {
  const lead = bytes[at]!;
  const second = bytes[at + 1]!;
  const third = bytes[at + 2]!;
  const codePoint =
    length === 3
      ? ((lead & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)
      : ((lead & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (bytes[at + 3]! & 0x3f);
  return (codePoint & 0xfffe) === 0xfffe || (codePoint >= 0xfdd0 && codePoint <= 0xfdef);
}

/** The string that `bytes[start..end)` encode, which `checkText` or `checkTopicBytes` has passed. The bytes are copied. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (start === end) return '';
  return asBuffer(bytes).toString('utf8', start, end);
}

/** The same bytes as a Buffer; sockets hand out Buffers, so this seldom makes one. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A copy that pins nothing of what it came from. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
