import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { RefusalTally } from './refusal-tally.ts';
import { Troubles } from './troubles.ts';

test('what has failed is a trouble until it has recovered', () => {
  const troubles = new Troubles();
  const take = (event: GatewayEvent): string[] => {
    troubles.take(event, 0);
    return troubles.list().map(({ what }) => what);
  };
  assert.deepEqual(take({ name: 'storage.failed', path: '/j', says: 'disk full' }), ['storage /j']);
  assert.deepEqual(take({ name: 'storage.failed', path: '/j', says: 'again' }), ['storage /j']);
  assert.equal(troubles.list()[0]!.since, '1970-01-01T00:00:00.000Z');
  assert.deepEqual(take({ name: 'backend.failed', backend: 'ldap', says: 'x' }), ['storage /j', 'backend ldap']);
  assert.deepEqual(take({ name: 'storage.recovered', path: '/j' }), ['backend ldap']);
  const reloaded: GatewayEvent = { name: 'config.reloaded', generation: 2, changed: [], restartNeeded: [] };
  assert.deepEqual(take({ name: 'config.rejected', says: 'x' }), ['backend ldap', 'configuration']);
  assert.deepEqual(take(reloaded), [], 'a backend is made anew with the configuration');
});

test('refusals are counted with those that were held back', () => {
  const tally = new RefusalTally();
  const facts = { connectionId: 'c1', listener: 'l', address: '192.0.2.1', port: 1, reason: 0x87, by: 'x', says: 'x' };
  tally.take({ name: 'subscribe.refused', filter: '#', ...facts, suppressed: 7 });
  tally.take({ name: 'listener.closed', listener: 'l' });
  const closed = { name: 'connection.closed', durationMs: 1, bytesIn: 0, bytesOut: 0, connected: true } as const;
  tally.take({ ...closed, ...facts, suppressed: 2 });
  assert.equal(tally.count, 10);
});
