import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedHash } from './keyed-hash.ts';

/** Text whose code units are the bytes 00 01 02 …, as the published vectors have them. */
function vectorText(bytes: number): string {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => i)).toString('utf16le');
}

test('results are those of the published vectors of HalfSipHash-2-4', () => {
  const vectors: [bytes: number, hash: string][] = [
    [0, '218d1f59b9b83cc8'],
    [2, '064f39ef7c50eb57'],
    [4, 'd5e78a175be52ea1'],
    [6, 'ce3e91358aa2bc25'],
  ];
  const hash = new KeyedHash(0x03020100, 0x07060504);
  for (const [bytes, expected] of vectors) {
    hash.of(vectorText(bytes));
    const found = Buffer.alloc(8);
    found.writeUInt32LE(hash.low, 0);
    found.writeUInt32LE(hash.high, 4);
    assert.equal(found.toString('hex'), expected, `${bytes} bytes`);
  }
});

test('another key gives other results', () => {
  const one = new KeyedHash(1, 2);
  const other = new KeyedHash(1, 3);
  one.of('192.0.2.1');
  other.of('192.0.2.1');
  assert.notDeepEqual([one.low, one.high], [other.low, other.high]);
});
