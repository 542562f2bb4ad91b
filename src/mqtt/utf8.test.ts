import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Fault } from './fault.ts';
import { TextHasControlCharacter, TextHasNull, TextNotUtf8, TopicHasWildcard } from './faults.ts';
import { checkText, checkTopicBytes, copyOf, textOf } from './utf8.ts';

function check(bytes: Uint8Array, strict = false): Fault | undefined {
  return checkText(bytes, 0, bytes.length, strict);
}
const hex = (text: string) => Buffer.from(text, 'hex');

test('ill-formed UTF-8 is refused in every shape [MQTT-1.5.4-1] [MQTT311-1.5.3-1]', () => {
  const cases: [says: string, bytes: string][] = [
    ['a lone continuation byte', '80'],
    ['an overlong slash of two bytes', 'c0af'],
    ['an overlong U+007F', 'c1bf'],
    ['an overlong slash of three bytes', 'e080af'],
    ['an overlong U+07FF', 'e09fbf'],
    ['an overlong slash of four bytes', 'f08080af'],
    ['an overlong U+FFFF', 'f08fbfbf'],
    ['the first surrogate', 'eda080'],
    ['the last surrogate', 'edbfbf'],
    ['a surrogate pair', 'eda0bdedb880'],
    ['U+110000', 'f4908080'],
    ['a lead byte beyond all planes', 'f5808080'],
    ['a five-byte form', 'f888808080'],
    ['FE', 'fe'],
    ['FF', 'ff'],
    ['two bytes cut short', 'c3'],
    ['three bytes cut short', 'e282'],
    ['four bytes cut short', 'f09f98'],
    ['a lead byte where a continuation is due', 'c3c3'],
    ['ASCII where a third byte is due', 'e28241'],
    ['ASCII where a fourth byte is due', 'f09f9841'],
    ['modified UTF-8 for U+0000', 'c080'],
  ];
  for (const [says, bytes] of cases) {
    for (const strict of [false, true]) {
      assert.equal(check(hex(bytes), strict), TextNotUtf8, says);
      assert.equal(check(hex(`616263${bytes}`), strict), TextNotUtf8, `${says}, behind text`);
    }
  }
});

test('the edges of well-formed UTF-8 are taken [MQTT-1.5.4-1]', () => {
  for (const point of [0x01, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]) {
    const text = String.fromCodePoint(point);
    const bytes = Buffer.from(text);
    assert.equal(check(bytes), undefined, point.toString(16));
    assert.equal(textOf(bytes, 0, bytes.length), text);
  }
});

test('U+0000 is always refused [MQTT-1.5.4-2] [MQTT311-1.5.3-2]', () => {
  for (const strict of [false, true]) {
    assert.equal(check(hex('00'), strict), TextHasNull);
    assert.equal(check(hex('c3a900'), strict), TextHasNull);
    assert.equal(checkTopicBytes(hex('6100'), 0, 2, strict), TextHasNull);
  }
});

test('U+FEFF is a character and stays [MQTT-1.5.4-3] [MQTT311-1.5.3-3]', () => {
  const bytes = hex('efbbbf61efbbbf');
  assert.equal(check(bytes, true), undefined);
  assert.equal(textOf(bytes, 0, bytes.length), '\ufeffa\ufeff');
});

test('control characters and non-characters are refused only where policy says so', () => {
  const points = [0x01, 0x1f, 0x7f, 0x80, 0x9f, 0xfdd0, 0xfdef, 0xfffe, 0xffff, 0x1fffe, 0x10ffff];
  for (const point of points) {
    const bytes = Buffer.from(`a${String.fromCodePoint(point)}`);
    assert.equal(check(bytes), undefined, point.toString(16));
    assert.equal(check(bytes, true), TextHasControlCharacter, point.toString(16));
  }
  for (const point of [0x20, 0x7e, 0xa0, 0xfdcf, 0xfdf0, 0xfffd, 0x10000, 0x1fffd]) {
    assert.equal(check(Buffer.from(String.fromCodePoint(point)), true), undefined, point.toString(16));
  }
});

test('wildcards are refused in topics, and nowhere else', () => {
  for (const text of ['#', 'a/+', 'ü#']) {
    const bytes = Buffer.from(text);
    assert.equal(check(bytes), undefined);
    assert.equal(checkTopicBytes(bytes, 0, bytes.length, false), TopicHasWildcard);
  }
});

test('any bytes are judged as a strict decoder of the platform judges them', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.string({ unit: 'binary', maxLength: 4 }).map((text) => Uint8Array.from(Buffer.from(text))),
    fc
      .constantFrom('e0a0', 'ed9f', 'eda0', 'f090', 'f48f', 'f490', 'c2', 'efbf')
      .map((text) => Uint8Array.from(hex(text))),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
      const bytes = Buffer.concat(pieces);
      let text: string | undefined;
      try {
        text = decoder.decode(bytes);
      } catch {
        // Ill-formed.
      }
      const fault = check(bytes);
      if (text === undefined) assert.ok(fault === TextNotUtf8 || fault === TextHasNull);
      else assert.equal(fault, text.includes('\0') ? TextHasNull : undefined);
      if (fault === undefined) assert.equal(textOf(bytes, 0, bytes.length), text);
    }),
    { numRuns: 2000 },
  );
});

test('offsets are kept to, and bytes that are no Buffer do too', () => {
  const bytes = new Uint8Array(Buffer.from('xxräumeyy'));
  assert.equal(textOf(bytes, 2, 8), 'räume');
  assert.equal(textOf(bytes.subarray(1), 1, 7), 'räume');
  assert.equal(checkText(bytes, 2, 4, false), TextNotUtf8);
});

test('a copy is small and its own', () => {
  const bytes = Buffer.from('abcdef');
  const copy = copyOf(bytes, 1, 3);
  bytes.fill(0);
  assert.deepEqual(copy, Uint8Array.of(0x62, 0x63));
  assert.equal(copy.buffer.byteLength, 2);
});
