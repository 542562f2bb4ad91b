import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEpoch } from './at-epoch.ts';
import { ManualClock } from './manual-clock.ts';

const HOUR_MS = 3_600_000;

test('a date comes when the clock says so, also when it is set meanwhile, and once', () => {
  const clock = new ManualClock(0);
  let calls = 0;
  atEpoch(clock, 5 * HOUR_MS, () => calls++);
  clock.setEpoch(-HOUR_MS);
  clock.advance(6 * HOUR_MS - 1);
  assert.equal(calls, 0);
  clock.advance(1);
  assert.equal(calls, 1);
  assert.equal(clock.pendingCount, 0);

  atEpoch(clock, 15 * HOUR_MS, () => calls++);
  clock.setEpoch(20 * HOUR_MS);
  clock.advance(HOUR_MS);
  assert.equal(calls, 2);
});

test('one that is cancelled never comes, and a past one comes with the next turn', () => {
  const clock = new ManualClock(HOUR_MS);
  const calls: string[] = [];
  const timer = atEpoch(clock, 3 * HOUR_MS, () => calls.push('cancelled'));
  clock.advance(HOUR_MS + 1);
  timer.cancel();
  atEpoch(clock, 0, () => calls.push('past'));
  clock.advance(0);
  assert.deepEqual(calls, ['past']);
  assert.equal(clock.pendingCount, 0);
});
