import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Claim } from '../../transports/upstream/client-owners.ts';
import { WorkerOwners } from './worker-owners.ts';

function claim(clientId: string, owner: string, keptForMs = 0): Claim {
  return { clientId, owner, isExclusive: false, keptForMs };
}

test('a client identifier that one worker holds is refused to another owner on any worker', () => {
  const owners = new WorkerOwners(new ManualClock());
  assert.equal(owners.claim(1, 'up', claim('pump', 'user:a')), true);
  assert.equal(owners.claim(2, 'up', claim('pump', 'user:b')), false);
  assert.equal(owners.claim(2, 'up', claim('pump', 'user:a')), true, 'the same owner may take over');
  assert.equal(owners.claim(2, 'other', claim('pump', 'user:b')), true, 'another upstream knows other clients');
});

test('it is free again when every holder has let go, and a refused claim holds nothing', () => {
  const owners = new WorkerOwners(new ManualClock());
  owners.claim(1, 'up', claim('pump', 'user:a'));
  owners.claim(2, 'up', claim('pump', 'user:a'));
  owners.claim(3, 'up', claim('pump', 'user:b'));
  owners.release(3, 'up', 'pump', undefined);
  owners.release(1, 'up', 'pump', undefined);
  owners.release(1, 'up', 'pump', undefined);
  assert.equal(owners.claim(3, 'up', claim('pump', 'user:b')), false);
  owners.release(2, 'up', 'pump', undefined);
  assert.equal(owners.claim(3, 'up', claim('pump', 'user:b')), true);
});

test('what a worker held is free when it has died', () => {
  const owners = new WorkerOwners(new ManualClock());
  owners.claim(1, 'up', claim('pump', 'user:a'));
  owners.claim(1, 'up', claim('pump', 'user:a'));
  owners.claim(1, 'up', claim('valve', 'user:a'));
  owners.releaseAll(1);
  assert.equal(owners.claim(2, 'up', claim('pump', 'user:b')), true);
  assert.equal(owners.claim(2, 'up', claim('valve', 'user:b')), true);
});

test('a session that may wait at the broker keeps its identifier when the worker has died', () => {
  const clock = new ManualClock();
  const owners = new WorkerOwners(clock);
  owners.claim(1, 'up', claim('pump', 'user:a', 60_000));
  owners.releaseAll(1);
  assert.equal(owners.claim(2, 'up', claim('pump', 'user:b')), false);
  clock.advance(60_001);
  assert.equal(owners.claim(2, 'up', claim('pump', 'user:b')), true);
});
