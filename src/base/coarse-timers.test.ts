import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { COARSE_FROM_MS, COARSE_MS, CoarseTimers } from './coarse-timers.ts';
import { ManualClock } from './manual-clock.ts';

function setUp() {
  const clock = new ManualClock();
  const timers = new CoarseTimers(clock);
  const ran: string[] = [];
  const after = (delayMs: number, name: string) => timers.after(delayMs, (told) => ran.push(String(told)), name);
  return { clock, timers, ran, after };
}

describe('a coarse timer', () => {
  it('runs once, for its subject, not before its time and at most a quarter of a second behind it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            askedAtMs: fc.double({ min: 0, max: 5000, noNaN: true }),
            delayMs: fc.double({ min: COARSE_FROM_MS, max: 60_000, noNaN: true }),
          }),
          { maxLength: 30 },
        ),
        (wanted) => {
          const clock = new ManualClock();
          const timers = new CoarseTimers(clock);
          const ranAtMs = new Map<number, number>();
          wanted.sort((a, b) => a.askedAtMs - b.askedAtMs);
          for (const [i, { askedAtMs, delayMs }] of wanted.entries()) {
            clock.advance(askedAtMs - clock.nowMs());
            timers.after(
              delayMs,
              (subject) => {
                assert(!ranAtMs.has(subject as number));
                ranAtMs.set(subject as number, clock.nowMs());
              },
              i,
            );
          }
          clock.advance(100_000);
          assert.equal(ranAtMs.size, wanted.length);
          for (const [i, { askedAtMs, delayMs }] of wanted.entries()) {
            const lateMs = ranAtMs.get(i)! - (askedAtMs + delayMs);
            // As exact as doubles are, and as the runtime's timers, which know whole milliseconds.
            assert(lateMs > -0.001 && lateMs <= COARSE_MS + 1, `${lateMs} ms late`);
          }
          assert.equal(clock.pendingCount, 0);
        },
      ),
    );
  });

  it('shares a timer of the runtime with those that are due at about the same time', () => {
    const { clock, ran, after } = setUp();
    for (let i = 0; i < 100; i++) after(COARSE_FROM_MS + 1 + i, `${i}`);
    assert.equal(clock.pendingCount, 1);
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    assert.equal(ran.length, 100);
  });

  it('does not run once it was cancelled, whatever its place among the others', () => {
    for (const cancelled of ['first', 'second', 'third']) {
      const { clock, ran, after } = setUp();
      const names = ['first', 'second', 'third'];
      for (const name of names) {
        const timer = after(COARSE_FROM_MS, name);
        if (name !== cancelled) continue;
        timer.cancel();
        timer.cancel();
      }
      after(COARSE_FROM_MS, 'fourth');
      clock.advance(2 * COARSE_FROM_MS);
      assert.deepEqual(ran, [...names.filter((name) => name !== cancelled), 'fourth']);
    }
  });

  it('leaves nothing behind when all that were due with it are cancelled', () => {
    const { clock, after } = setUp();
    const both = [after(COARSE_FROM_MS, 'one'), after(COARSE_FROM_MS, 'other')];
    for (const timer of both) timer.cancel();
    assert.equal(clock.pendingCount, 0);
  });

  it('can cancel one that would run with it, and ask for another', () => {
    const { clock, timers, ran, after } = setUp();
    timers.after(
      COARSE_FROM_MS,
      () => {
        victim.cancel();
        after(COARSE_FROM_MS, 'later');
      },
      undefined,
    );
    const victim = after(COARSE_FROM_MS, 'victim');
    after(COARSE_FROM_MS, 'bystander');
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    assert.deepEqual(ran, ['bystander']);
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    assert.deepEqual(ran, ['bystander', 'later']);
  });

  it('that has run can be cancelled without harm to those that came after it', () => {
    const { clock, ran, after } = setUp();
    const early = after(COARSE_FROM_MS, 'early');
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    after(COARSE_FROM_MS, 'late');
    early.cancel();
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    assert.deepEqual(ran, ['early', 'late']);
  });

  it('waits on when the runtime wakes it early', () => {
    const clock = new ManualClock();
    let isEarly = true;
    const timers = new CoarseTimers({
      nowMs: () => clock.nowMs(),
      after: (delayMs, run) => {
        const timer = clock.after(isEarly ? delayMs - 30 : delayMs, run);
        isEarly = false;
        return timer;
      },
    });
    let ranAtMs: number | undefined;
    timers.after(
      COARSE_FROM_MS,
      () => {
        ranAtMs = clock.nowMs();
      },
      undefined,
    );
    clock.advance(2 * COARSE_FROM_MS);
    assert.equal(ranAtMs, COARSE_FROM_MS);
  });

  it('runs a crowd that is due at once in shares of a turn, in order, and none that was cancelled meanwhile', async () => {
    const clock = new ManualClock();
    let spentMs = 0;
    const exact = { nowMs: () => clock.nowMs() + spentMs, after: clock.after.bind(clock) };
    const timers = new CoarseTimers(exact);
    const ran: number[] = [];
    const take = (index: unknown): void => {
      ran.push(index as number);
      spentMs += 0.2;
    };
    const asked = Array.from({ length: 30 }, (_, index) => timers.after(COARSE_FROM_MS, take, index));
    clock.advance(COARSE_FROM_MS + COARSE_MS);
    assert.deepEqual(ran, [0, 1, 2]);
    asked[4]!.cancel();
    asked[29]!.cancel();
    for (let turn = 0; turn < asked.length; turn++) await nextTurn();
    const others = asked.map((_, index) => index).filter((index) => index !== 4 && index !== 29);
    assert.deepEqual(ran, others);
    assert.equal(clock.pendingCount, 0);
  });
});
