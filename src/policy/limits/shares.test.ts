import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shares } from './shares.ts';

function sharesOf(shares: Shares, at: string): number[] {
  return [...shares.next([1, 2]).values()].map((ofProcess) => Math.round((ofProcess.get(at) ?? 0.5) * 1000) / 1000);
}

test('a budget goes where it is asked for, never more than the whole, and every process keeps a little', () => {
  const shares = new Shares();
  assert.deepEqual(sharesOf(shares, 'user a'), [0.5, 0.5]);
  shares.report(1, [['user a', 3]]);
  assert.deepEqual(sharesOf(shares, 'user a'), [0.95, 0.05]);
  shares.report(1, [['user a', 3]]);
  shares.report(2, [['user a', 1]]);
  assert.deepEqual(sharesOf(shares, 'user a'), [0.725, 0.275]);
});

test('a budget that nobody asks for is shared evenly again, and forgotten', () => {
  const shares = new Shares();
  shares.report(2, [['user a', 1]]);
  assert.deepEqual(sharesOf(shares, 'user a'), [0.05, 0.95]);
  for (let round = 0; round < 10; round++) assert.deepEqual(sharesOf(shares, 'user a'), [0.5, 0.5]);
  assert.equal(shares.next([1, 2]).get(1)?.size, 0);
});
