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
  return { share, done, task, clock };
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

test('while messages flow, the share is that of three milliseconds, however short the turns are', async () => {
  const { share, done, task, clock } = setUp(0.5, 0.25);
  for (const number of [1, 2, 3, 4, 5, 6]) share.run(task(number));
  share.traffic();
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4], 'the time before had a share of its own');
  share.traffic();
  await turn();
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4]);
  clock.advance(3);
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
});

test('while messages flow, a long task is followed by a pause that is as long', async () => {
  const { share, done, task, clock } = setUp(0.5, 10);
  for (const number of [1, 2, 3]) share.run(task(number));
  share.traffic();
  await turn();
  share.traffic();
  await turn();
  assert.deepEqual(done, [1, 2]);
  clock.advance(9);
  await turn();
  assert.deepEqual(done, [1, 2]);
  clock.advance(1);
  assert.deepEqual(done, [1, 2, 3]);
});

test('when the messages have ended, each turn has its share again', async () => {
  const { share, done, task, clock } = setUp(0.5, 0.25);
  share.traffic();
  share.run(task(1));
  await turn();
  clock.advance(60);
  for (const number of [2, 3, 4, 5, 6]) share.run(task(number));
  await turn();
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
});

test('when somebody waits for all of it, messages are no reason to pause', async () => {
  const { share, done, task } = setUp(0.5, 0.25);
  for (const number of [1, 2, 3, 4, 5, 6]) share.run(task(number));
  share.traffic();
  await turn();
  await turn();
  assert.deepEqual(done, [1, 2, 3, 4]);
  await share.whenIdle();
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
});

test('what is for later waits for the next turn, also where this one has time left', async () => {
  const { share, done, task } = setUp(3, 1);
  share.run(task(1));
  share.later(() => {
    task(2)();
    share.later(task(3));
  });
  assert.deepEqual(done, [1]);
  await turn();
  assert.deepEqual(done, [1, 2]);
  assert.equal(share.waiting, 1);
  await share.whenIdle();
  assert.deepEqual(done, [1, 2, 3]);
});
