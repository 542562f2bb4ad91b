import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerOwners } from './worker-owners.ts';

test('a client identifier that one worker holds is refused to another owner on any worker', () => {
  const owners = new WorkerOwners();
  assert.equal(owners.claim(1, 'up', 'pump', 'user:a'), true);
  assert.equal(owners.claim(2, 'up', 'pump', 'user:b'), false);
  assert.equal(owners.claim(2, 'up', 'pump', 'user:a'), true, 'the same owner may take over');
  assert.equal(owners.claim(2, 'other', 'pump', 'user:b'), true, 'another upstream knows other clients');
});

test('it is free again when every holder has let go, and a refused claim holds nothing', () => {
  const owners = new WorkerOwners();
  owners.claim(1, 'up', 'pump', 'user:a');
  owners.claim(2, 'up', 'pump', 'user:a');
  owners.claim(3, 'up', 'pump', 'user:b');
  owners.release(3, 'up', 'pump');
  owners.release(1, 'up', 'pump');
  owners.release(1, 'up', 'pump');
  assert.equal(owners.claim(3, 'up', 'pump', 'user:b'), false);
  owners.release(2, 'up', 'pump');
  assert.equal(owners.claim(3, 'up', 'pump', 'user:b'), true);
});

test('what a worker held is free when it has died', () => {
  const owners = new WorkerOwners();
  owners.claim(1, 'up', 'pump', 'user:a');
  owners.claim(1, 'up', 'pump', 'user:a');
  owners.claim(1, 'up', 'valve', 'user:a');
  owners.releaseAll(1);
  assert.equal(owners.claim(2, 'up', 'pump', 'user:b'), true);
  assert.equal(owners.claim(2, 'up', 'valve', 'user:b'), true);
});
