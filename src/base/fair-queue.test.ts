import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from './fair-queue.ts';

function queueOf(...items: string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const item of items) queue.push(item[0]!, item);
  return queue;
}

function drained(queue: FairQueue<string>): string[] {
  const items: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

test('keys take turns, and within a key the first comes first', () => {
  const queue = queueOf('a1', 'a2', 'a3', 'b1', 'c1', 'b2');
  assert.deepEqual(drained(queue), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  assert.equal(queue.size, 0);
});

test('a key that comes again later waits for its next turn only', () => {
  const queue = new FairQueue<string>();
  for (let i = 0; i < 100; i++) queue.push('flood', `f${i}`);
  queue.push('good', 'g0');
  assert.equal(queue.shift(), 'f0');
  assert.equal(queue.shift(), 'g0');
  queue.push('good', 'g1');
  assert.equal(queue.shift(), 'f1');
  assert.equal(queue.shift(), 'g1');
});

test('who leaves does not have a turn, and leaves once', () => {
  const queue = queueOf('a1', 'a2', 'b1');
  assert.equal(queue.remove('a', 'a1'), true);
  assert.equal(queue.remove('a', 'a1'), false);
  assert.equal(queue.remove('c', 'a2'), false);
  assert.equal(queue.size, 2);
  assert.deepEqual(drained(queue), ['a2', 'b1']);
});

test('the key that has most is known, with its oldest and its newest', () => {
  const queue = queueOf('a1', 'b1', 'b2', 'b3', 'a2');
  assert.deepEqual([queue.most, queue.of('a'), queue.of('z')], [3, 2, 0]);
  assert.deepEqual([queue.oldestOfMost, queue.newestOfMost], ['b1', 'b3']);
  queue.remove('b', 'b3');
  queue.remove('b', 'b2');
  assert.deepEqual([queue.most, queue.oldestOfMost, queue.newestOfMost], [2, 'a1', 'a2']);
  assert.deepEqual([new FairQueue().most, new FairQueue().newestOfMost], [0, undefined]);
});

test('room is made for whoever has less, at the cost of whoever has most', () => {
  const queue = queueOf('a1', 'a2', 'a3', 'b1');
  assert.equal(queue.makeRoom('a'), undefined, 'nobody is pushed out by his own crowd');
  assert.equal(queue.makeRoom('c'), 'a1');
  queue.push('c', 'c1');
  assert.equal(queue.makeRoom('b'), undefined, 'two for two is no gain');
  assert.deepEqual(drained(queue), ['a2', 'b1', 'c1', 'a3']);
});
