import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionOrder } from './session-order.ts';

test('whatever came and went, those behind a number come in order, and no other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ add: fc.nat(2000), remove: fc.nat(1500), from: fc.nat() }), { maxLength: 12 }),
      (steps) => {
        const order = new SessionOrder<{ number: number }>();
        let there: { number: number }[] = [];
        let last = 0;
        for (const { add, remove, from } of steps) {
          for (let i = 0; i < add; i++) {
            const session = { number: ++last };
            order.add(session);
            there.push(session);
          }
          const gone = there.splice(from % (there.length + 1), remove);
          for (const session of gone) order.remove(session);
          // A second time it changes nothing.
          for (const session of gone.slice(0, 3)) order.remove(session);
          for (const number of [0, from % (last + 2), last, Number.POSITIVE_INFINITY]) {
            assert.deepEqual(
              [...order.after(number)],
              there.filter((session) => session.number > number),
            );
          }
        }
        there = [];
      },
    ),
    { numRuns: 40 },
  );
});
