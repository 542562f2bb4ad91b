import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberedOrder } from './numbered-order.ts';

test('whatever came and went, those behind a number come in order, and no other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ add: fc.nat(2000), late: fc.nat(20), remove: fc.nat(1500), from: fc.nat() }), {
        maxLength: 12,
      }),
      (steps) => {
        const order = new NumberedOrder<{ number: number }>();
        let there: { number: number }[] = [];
        let last = 0;
        for (const { add, late, remove, from } of steps) {
          const numbers = Array.from({ length: add }, () => ++last);
          // Some come after those that are younger.
          const latecomers = numbers.splice(0, late);
          for (const number of [...numbers, ...latecomers.reverse()]) {
            const item = { number };
            order.add(number, item);
            there.push(item);
          }
          there.sort((a, b) => a.number - b.number);
          const gone = there.splice(from % (there.length + 1), remove);
          for (const { number } of gone) order.remove(number);
          // A second time, and of what never was, it changes nothing.
          for (const { number } of gone.slice(0, 3)) order.remove(number);
          order.remove(last + 1);
          assert.equal(order.count, there.length);
          for (const { number } of gone.slice(0, 3)) assert.equal(order.get(number), undefined);
          for (const item of there.slice(-3)) assert.equal(order.get(item.number), item);
          assert.equal(order.get(last + 1), undefined);
          for (const number of [0, from % (last + 2), last, Number.POSITIVE_INFINITY]) {
            assert.deepEqual(
              [...order.after(number)],
              there.filter((item) => item.number > number),
            );
          }
        }
        there = [];
      },
    ),
    { numRuns: 40 },
  );
});
