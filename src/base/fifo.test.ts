import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fifo } from './fifo.ts';

test('a queue gives back what it was given, in order, whatever the mix of pushes and shifts', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 1_000 }), (pushes) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      pushes.forEach((isPush, i) => {
        if (isPush) {
          fifo.push(i);
          model.push(i);
        } else {
          assert.equal(fifo.peek(), model[0]);
          assert.equal(fifo.shift(), model.shift());
        }
        assert.equal(fifo.length, model.length);
      });
      assert.deepEqual([...fifo], model);
    }),
    { numRuns: 50 },
  );
});

test('a long queue is emptied in order', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 10_000; i++) fifo.push(i);
  for (let i = 0; i < 10_000; i++) assert.equal(fifo.shift(), i);
  assert.equal(fifo.shift(), undefined);
  assert.equal(fifo.length, 0);
});
