import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cutText } from './cut-text.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a text is cut to its length, and a pair may be cut through', () => {
  assert.equal(cutText('abcd', 4), 'abcd');
  assert.equal(cutText('abcde', 4), 'abcd…');
  assert.equal(cutText('äöü€x', 4), 'äöü€…');
  assert.equal(cutText('ab😀', 3), 'ab\ud83d…');
});

test('what is left does not hold on to the whole', () => {
  const count = 500;
  const length = 64 * 1024;
  const make = (i: number): string => Buffer.alloc(length, `${i} `).toString('latin1');
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: count }, (_, i) => cutText(make(i), 64));
  collectGarbage();
  const grown = process.memoryUsage().heapUsed - before;
  assert.equal(kept.length, count);
  assert.ok(grown < (count * length) / 4, `${grown} bytes are held`);
});
