import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './manual-clock.ts';
import { TurnShare } from './turn-share.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(shareMs: number, costMs: number) {
  const clock = new ManualClock();
  const share = new TurnShare(clock, shareMs);
  const done: number[] = [];
  const task = (number: number) => (): void => {
    clock.advance(costMs);
    done.push(number);
  };
  return { share, done, task };
}

test('what fits into the share is done at once', () => {
  const { share, done, task } = setUp(3, 1);
  for (const number of [1, 2, 3]) share.run(task(number));
  assert.deepEqual(done, [1, 2, 3]);
});

test('what is too much for one turn is done in the next ones, in order', async () => {
  const { share, done, task } = setUp(2, 1);
  for (const number of [1, 2, 3, 4, 5]) share.run(task(number));
  assert.deepEqual(done, [1, 2]);
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4]);
  share.run(task(6));
  assert.deepEqual(done, [1, 2, 3, 4], 'nobody overtakes those who wait');
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
});

test('a turn in which little was done leaves the next its whole share', async () => {
  const { share, done, task } = setUp(2, 1);
  share.run(task(1));
  await turn();
  for (const number of [2, 3]) share.run(task(number));
  assert.deepEqual(done, [1, 2, 3]);
});

test('a task longer than the share is done all the same, one a turn', async () => {
  const { share, done, task } = setUp(2, 10);
  for (const number of [1, 2, 3]) share.run(task(number));
  assert.deepEqual(done, [1]);
  await turn();
  assert.deepEqual(done, [1, 2]);
  await turn();
  assert.deepEqual(done, [1, 2, 3]);
});

test('a task that brings another does not do it within itself', () => {
  const { share, done } = setUp(2, 0);
  share.run(() => {
    share.run(() => done.push(2));
    done.push(1);
  });
  assert.deepEqual(done, [1, 2]);
});

test('idle is told when the last task is done, and at once where none waits', async () => {
  const { share, done, task } = setUp(1, 1);
  await share.whenIdle();
  for (const number of [1, 2, 3]) share.run(task(number));
  await share.whenIdle();
  assert.deepEqual(done, [1, 2, 3]);
});
