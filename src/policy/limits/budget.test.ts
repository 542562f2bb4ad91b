import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import { Budget } from './budget.ts';
import type { LimitName } from './limit-name.ts';
import { type Limit, readLimit } from './limit-value.ts';
import { Meter } from './meter.ts';

function limit(name: LimitName, text: string): Limit {
  const read = readLimit(name, text, 'test');
  if (typeof read === 'string') throw new Error(read);
  return read;
}

function budget(clock: ManualClock, text: string, name: LimitName = 'publish.messagesPerSecond'): Budget {
  return new Budget('user', 'u', limit(name, text), 'delay', clock);
}

describe('a budget', () => {
  it('of several windows gives what all of them allow', () => {
    const clock = new ManualClock();
    const both = budget(clock, '10/1s, 25/1m');
    let given = 0;
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 20; i++) {
        if (both.lacks(1, clock.nowMs())) break;
        both.take(1);
        given++;
      }
      clock.advance(1000);
    }
    // 10 in the first second; then the minute's 25, and what it has got back in ten seconds.
    assert.equal(given, 28);
  });

  it('wakes those that wait in turn, each as soon as it can be paid for, and with one timer', () => {
    const clock = new ManualClock();
    const one = budget(clock, '10 burst 1');
    const served: string[] = [];
    const waiter = (name: string, turns: number) => {
      const self = {
        resume(): void {
          while (turns > 0 && !one.lacks(1, clock.nowMs())) {
            one.take(1);
            turns--;
            served.push(`${name}@${clock.nowMs()}`);
          }
          if (turns > 0) one.wait(self, 1);
        },
      };
      return self;
    };
    one.take(1);
    one.wait(waiter('a', 2), 1);
    one.wait(waiter('b', 2), 1);
    assert.equal(clock.pendingCount, 1);
    assert.equal(one.lacks(0, clock.nowMs()), true, 'whoever comes now is behind them');
    clock.advance(1000);
    assert.deepEqual(served, ['a@100', 'b@200', 'a@300', 'b@400']);
    assert.equal(clock.pendingCount, 0);
  });

  it('lets those go on at once that waited for a limit which is no more', () => {
    const clock = new ManualClock();
    const one = budget(clock, '1/1h');
    let resumed = 0;
    one.take(1);
    one.wait({ resume: () => resumed++ }, 1);
    one.dissolve();
    assert.equal(resumed, 1);
    assert.equal(clock.pendingCount, 0);
  });

  it('lets those that wait profit from a higher rate, and forgets those that have gone', () => {
    const clock = new ManualClock();
    const one = budget(clock, '1/1h');
    let resumed = 0;
    const waiter = { resume: () => resumed++ };
    one.take(1);
    one.wait(waiter, 1);
    one.change(limit('publish.messagesPerSecond', '10'), 'delay');
    clock.advance(200);
    assert.equal(resumed, 1);
    one.take(10);
    one.wait(waiter, 1);
    one.forget(waiter);
    clock.advance(10_000);
    assert.equal(resumed, 1);
    assert.equal(clock.pendingCount, 0);
  });

  it('is scaled without a loss of proportion', () => {
    const clock = new ManualClock();
    const one = budget(clock, '100');
    one.take(50);
    one.factor = 0.5;
    assert.deepEqual(one.levels(clock.nowMs()), [{ level: 25, burst: 50, perMs: 0.05 }]);
  });

  it('that wakes many at a high rate loses nothing of it', () => {
    const clock = new ManualClock();
    const one = budget(clock, '1000');
    let given = 0;
    const self = {
      resume(): void {
        while (!one.lacks(1, clock.nowMs())) {
          one.take(1);
          given++;
        }
        one.wait(self, 1);
      },
    };
    self.resume();
    given = 0;
    clock.advance(10_000);
    assert.ok(Math.abs(given - 10_000) <= 20, `${given} in ten seconds`);
    one.forget(self);
  });
});

describe('a meter', () => {
  it('charges all budgets or none, and names the one that lacks longest', () => {
    const clock = new ManualClock();
    const messages = budget(clock, '10');
    const bytes = budget(clock, '1KB/1m', 'publish.bytesPerSecond');
    const meter = new Meter([messages, bytes]);
    assert.equal(meter.charge(1, 600, 0), undefined);
    assert.equal(meter.charge(1, 600, 0), bytes);
    assert.equal(messages.levels(0)[0]?.level, 9);
    meter.giveBack(1, 600);
    assert.equal(messages.levels(0)[0]?.level, 10);
    for (let i = 0; i < 10; i++) assert.equal(meter.charge(1, 1, 0), undefined);
    assert.equal(meter.charge(1, 1, 0), messages);
  });
});
