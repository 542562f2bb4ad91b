import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from './fair-queue.ts';

function drained(queue: FairQueue<string>): string[] {
  const items: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

test('keys take turns, and within a key the first comes first', () => {
  const queue = new FairQueue<string>({ itemsMax: 10, perKeyMax: 10 });
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) assert.equal(queue.push(item[0]!, item), true);
  assert.deepEqual(drained(queue), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  assert.equal(queue.size, 0);
});

test('a key that comes again later waits for its next turn only', () => {
  const queue = new FairQueue<string>({ itemsMax: 1000, perKeyMax: 1000 });
  for (let i = 0; i < 100; i++) queue.push('flood', `f${i}`);
  queue.push('good', 'g0');
  assert.equal(queue.shift(), 'f0');
  assert.equal(queue.shift(), 'g0');
  queue.push('good', 'g1');
  assert.equal(queue.shift(), 'f1');
  assert.equal(queue.shift(), 'g1');
});

test('both ceilings hold, and a place that is given up is free again', () => {
  const queue = new FairQueue<string>({ itemsMax: 3, perKeyMax: 2 });
  assert.equal(queue.push('a', 'a1'), true);
  assert.equal(queue.push('a', 'a2'), true);
  assert.equal(queue.push('a', 'a3'), false);
  assert.equal(queue.push('b', 'b1'), true);
  assert.equal(queue.push('c', 'c1'), false);
  assert.equal(queue.remove('a', 'a1'), true);
  assert.equal(queue.remove('a', 'a1'), false);
  assert.equal(queue.push('c', 'c1'), true);
  assert.deepEqual(drained(queue), ['a2', 'b1', 'c1']);
});

test('a full queue makes room for whoever has less, at the cost of whoever has most', () => {
  const queue = new FairQueue<string>({ itemsMax: 4, perKeyMax: 4 });
  for (const item of ['a1', 'a2', 'a3']) queue.push('a', item);
  assert.equal(queue.makeRoom('b'), undefined, 'there is room already');
  queue.push('b', 'b1');
  assert.equal(queue.makeRoom('a'), undefined, 'nobody is pushed out by his own crowd');
  assert.equal(queue.makeRoom('c'), 'a1');
  assert.equal(queue.push('c', 'c1'), true);
  assert.equal(queue.makeRoom('b'), undefined, 'two for two is no gain');
  assert.deepEqual(drained(queue), ['a2', 'b1', 'c1', 'a3']);
});
