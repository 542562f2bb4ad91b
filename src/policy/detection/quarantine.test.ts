import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { BanSubject } from './bans/ban.ts';
import { Quarantine } from './quarantine.ts';

const D42: BanSubject = { kind: 'clientId', value: 'd42' };
const NETWORK: BanSubject = { kind: 'network', value: '192.0.2.0/24' };

function setUp(entriesMax?: number) {
  const clock = new ManualClock();
  const told: string[] = [];
  const onChange = ({ value }: BanSubject, change: string) => void told.push(`${value} ${change}`);
  const quarantine = new Quarantine({ clock, onChange, ...(entriesMax === undefined ? {} : { entriesMax }) });
  return { clock, told, quarantine };
}

test('holds whoever is meant by name or network, until the time is over', () => {
  const { clock, told, quarantine } = setUp();
  quarantine.confine(D42, 1000);
  quarantine.confine(NETWORK, 500);
  assert.equal(quarantine.holds({ address: '203.0.113.1', clientId: 'd42' }), true);
  assert.equal(quarantine.holds({ address: '192.0.2.9', clientId: 'x' }), true);
  assert.equal(quarantine.holds({ address: '203.0.113.1', clientId: 'x', username: 'd42' }), false);
  clock.advance(500);
  assert.equal(quarantine.holds({ address: '192.0.2.9' }), false);
  assert.deepEqual(quarantine.told(), [{ subject: D42, forMs: 500 }]);
  clock.advance(500);
  assert.equal(quarantine.holds({ address: '203.0.113.1', clientId: 'd42' }), false);
  assert.deepEqual(told, ['d42 entered', '192.0.2.0/24 entered', '192.0.2.0/24 ended', 'd42 ended']);
  assert.equal(clock.pendingCount, 0);
});

test('confined again, it is for as long again', () => {
  const { clock, told, quarantine } = setUp();
  quarantine.confine(D42, 1000);
  clock.advance(900);
  quarantine.confine(D42, 1000);
  clock.advance(900);
  assert.equal(quarantine.holds({ address: '::1', clientId: 'd42' }), true);
  assert.equal(quarantine.release(D42), true);
  assert.equal(quarantine.release(D42), false);
  assert.deepEqual(told, ['d42 entered', 'd42 entered', 'd42 released']);
  assert.equal(clock.pendingCount, 0);
});

test('has a ceiling, and says so', () => {
  const { quarantine } = setUp(1);
  assert.equal(quarantine.confine(D42, 1000), true);
  assert.equal(quarantine.confine(NETWORK, 1000), false);
  assert.equal(quarantine.confine(D42, 1000), true, 'who is in it stays');
});
