import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import { WorkerOwners } from './worker-owners.ts';

test('a client identifier that one worker holds is refused to another owner on any worker', () => {
  const owners = new WorkerOwners(new ManualClock());
  assert.equal(owners.claim(1, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false }), true);
  assert.equal(owners.claim(2, 'up', { clientId: 'pump', owner: 'user:b', isExclusive: false }), false);
  assert.equal(
    owners.claim(2, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false }),
    true,
    'the same owner may take over',
  );
  assert.equal(
    owners.claim(2, 'other', { clientId: 'pump', owner: 'user:b', isExclusive: false }),
    true,
    'another upstream knows other clients',
  );
});

test('it is free again when every holder has let go, and a refused claim holds nothing', () => {
  const owners = new WorkerOwners(new ManualClock());
  owners.claim(1, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false });
  owners.claim(2, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false });
  owners.claim(3, 'up', { clientId: 'pump', owner: 'user:b', isExclusive: false });
  owners.release(3, 'up', 'pump', undefined);
  owners.release(1, 'up', 'pump', undefined);
  owners.release(1, 'up', 'pump', undefined);
  assert.equal(owners.claim(3, 'up', { clientId: 'pump', owner: 'user:b', isExclusive: false }), false);
  owners.release(2, 'up', 'pump', undefined);
  assert.equal(owners.claim(3, 'up', { clientId: 'pump', owner: 'user:b', isExclusive: false }), true);
});

test('what a worker held is free when it has died', () => {
  const owners = new WorkerOwners(new ManualClock());
  owners.claim(1, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false });
  owners.claim(1, 'up', { clientId: 'pump', owner: 'user:a', isExclusive: false });
  owners.claim(1, 'up', { clientId: 'valve', owner: 'user:a', isExclusive: false });
  owners.releaseAll(1);
  assert.equal(owners.claim(2, 'up', { clientId: 'pump', owner: 'user:b', isExclusive: false }), true);
  assert.equal(owners.claim(2, 'up', { clientId: 'valve', owner: 'user:b', isExclusive: false }), true);
});
