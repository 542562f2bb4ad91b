import assert from 'node:assert/strict';
import { it } from 'node:test';
import { afterPatience, Patience } from './patience.ts';

/** The process gets no processor time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('patience is not used up while the process stands still, and ends when it runs', async () => {
  const order: string[] = [];
  const over = new Promise<void>((resolve) => {
    afterPatience(200, () => {
      order.push('over');
      resolve();
    });
  });
  // One that was late all along, and is read after the stop.
  setTimeout(() => setImmediate(() => order.push('what came meanwhile')), 1);
  standStill(400);
  await over;
  assert.deepEqual(order, ['what came meanwhile', 'over']);
});

it('patience that was called off does not end', async () => {
  let isOver = false;
  const callOff = afterPatience(50, () => {
    isOver = true;
  });
  callOff();
  await new Promise<void>((resolve) => void afterPatience(150, resolve));
  assert.equal(isOver, false);
});

it('patience that is looked at is over in the end', async () => {
  using patience = new Patience(100);
  assert.equal(patience.isOver, false);
  await new Promise<void>((resolve) => void afterPatience(200, resolve));
  assert.equal(patience.isOver, true);
});
