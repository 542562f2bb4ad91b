import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoffMs } from '../../base/backoff.ts';
import { systemChance } from '../../base/chance.ts';
import { Outlier } from './outlier.ts';
import { slowStartShare } from './slow-start.ts';
import type { EjectionOptions } from './upstream-options.ts';

const options: EjectionOptions = {
  consecutiveFailuresMax: 3,
  failureShareMaxPercent: 50,
  windowMs: 1000,
  attemptsMin: 10,
  durationMs: 100,
  durationMaxMs: 1000,
};

describe('an outlier', () => {
  it('is noticed by failures one after another, which a success interrupts', () => {
    const outlier = new Outlier();
    assert.equal(outlier.failed(0, options), undefined);
    assert.equal(outlier.failed(0, options), undefined);
    outlier.succeeded(0, options);
    assert.equal(outlier.failed(0, options), undefined);
    assert.equal(outlier.failed(0, options), undefined);
    assert.match(outlier.failed(0, options)!, /3 connection attempts failed one after another/);
  });

  it('is noticed by its share of failures, once there are enough attempts in one window', () => {
    const outlier = new Outlier();
    const only = { ...options, consecutiveFailuresMax: 0 };
    for (let i = 0; i < 5; i++) {
      outlier.succeeded(0, only);
      assert.equal(outlier.failed(0, only), undefined);
    }
    assert.match(outlier.failed(10, only)!, /6 of 11/);
    assert.equal(outlier.failed(1000, only), undefined, 'a new window begins anew');
  });

  it('is never noticed where both ways are turned off', () => {
    const outlier = new Outlier();
    const off = { ...options, consecutiveFailuresMax: 0, failureShareMaxPercent: 100 };
    for (let i = 0; i < 1000; i++) assert.equal(outlier.failed(0, off), undefined);
  });

  it('has its ejections counted until a good while has passed without one', () => {
    const outlier = new Outlier();
    assert.equal(outlier.eject(1, options), 1);
    assert.equal(outlier.eject(500, options), 2);
    assert.equal(outlier.eject(2600, options), 1);
  });
});

describe('backoff', () => {
  it('doubles up to its ceiling, with half of it left to chance', () => {
    const lowest = { ...systemChance, below: () => 0 };
    const highest = { ...systemChance, below: (below: number) => below - 1 };
    assert.deepEqual(
      [1, 2, 3, 4, 99].map((failures) => backoffMs(100, 500, failures, lowest)),
      [50, 100, 200, 250, 250],
    );
    for (const failures of [1, 2, 3, 99]) {
      const most = backoffMs(100, 500, failures, highest);
      assert.ok(most > backoffMs(100, 500, failures, lowest) && most <= 500);
    }
  });
});

describe('slow start', () => {
  it('grows from a tenth to the whole', () => {
    assert.equal(slowStartShare(0, 1000), 0.1);
    assert.equal(slowStartShare(500, 1000), 0.5);
    assert.equal(slowStartShare(1000, 1000), 1);
    assert.equal(slowStartShare(0, 0), 1);
    assert.equal(slowStartShare(Number.POSITIVE_INFINITY, 1000), 1);
  });
});
