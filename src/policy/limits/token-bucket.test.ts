import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.ts';

test('it begins full, gives its burst at once, and then no more than its rate', () => {
  const bucket = new TokenBucket(10 / 1000, 5, 0);
  let given = 0;
  for (let nowMs = 0; nowMs <= 10_000; nowMs++) {
    bucket.refill(nowMs);
    if (bucket.lacks(1)) continue;
    bucket.take(1);
    given++;
  }
  assert.equal(given, 5 + 100);
});

test('a clock that jumps back or stands still gives nothing; one that jumps ahead gives no more than the burst', () => {
  const bucket = new TokenBucket(1, 10, 1000);
  bucket.take(10);
  for (const nowMs of [1000, 0, -5000, 999]) bucket.refill(nowMs);
  assert.equal(bucket.level, 0);
  bucket.refill(1004);
  assert.equal(bucket.level, 4);
  bucket.refill(1e15);
  assert.equal(bucket.level, 10);
});

test('what is larger than the burst passes a full bucket, and is paid back before the next', () => {
  const bucket = new TokenBucket(1, 10, 0);
  assert.equal(bucket.lacks(100), false);
  bucket.take(100);
  bucket.refill(90);
  assert.equal(bucket.lacks(1), true);
  assert.equal(bucket.missingMs(1), 1);
  bucket.refill(91);
  assert.equal(bucket.lacks(1), false);
});

test('after the time that it says is missing, it no longer lacks', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 1e6, noNaN: true }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.double({ min: 0, max: 1e6, noNaN: true })), {
        maxLength: 20,
      }),
      (ratePerMs, burst, steps) => {
        const bucket = new TokenBucket(ratePerMs, burst, 0);
        let nowMs = 0;
        for (const [passedMs, cost] of steps) {
          nowMs += passedMs;
          bucket.refill(nowMs);
          assert.ok(bucket.level <= burst);
          if (bucket.lacks(cost)) {
            nowMs += bucket.missingMs(cost) * (1 + 1e-9) + 1e-6;
            bucket.refill(nowMs);
            assert.equal(bucket.lacks(cost), false);
          }
          bucket.take(cost);
        }
      },
    ),
  );
});

test('another rate keeps how full it is', () => {
  const bucket = new TokenBucket(1, 100, 0);
  bucket.take(50);
  bucket.retune(2, 10, 0);
  assert.equal(bucket.level, 5);
  bucket.take(12);
  bucket.retune(2, 100, 0);
  assert.equal(bucket.level, -7);
});
