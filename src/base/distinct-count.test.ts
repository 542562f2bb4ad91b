import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DistinctCount } from './distinct-count.ts';

function hashOf(value: number): number {
  let hash = 0x811c9dc5;
  for (const digit of `topic/${value}`) hash = Math.imul(hash ^ digit.charCodeAt(0), 0x01000193);
  return hash;
}

test('different values are counted to within a sixth, from one to a hundred thousand, and repeated ones not at all', () => {
  for (const many of [1, 10, 100, 1000, 10_000, 100_000]) {
    const count = new DistinctCount();
    for (let i = 0; i < many; i++) count.add(hashOf(i));
    for (let i = 0; i < many; i += 3) count.add(hashOf(i));
    const found = count.estimate();
    assert.ok(Math.abs(found - many) <= Math.max(1, many / 6), `${found} for ${many}`);
  }
});

test('an estimate never falls', () => {
  const count = new DistinctCount();
  let before = 0;
  for (let i = 0; i < 5000; i++) {
    count.add(hashOf(i));
    const now = count.estimate();
    assert.ok(now >= before);
    before = now;
  }
});
