import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../base/events.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { Ceilings, ceilingsOf, DEFAULT_CEILINGS } from './ceilings.ts';

test('a ceiling that is hit many times is told of once in five seconds, with the count', () => {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const ceilings = new Ceilings({ sessionsMax: 3 }, clock, (event) => events.push(event));
  for (let i = 0; i < 10; i++) ceilings.reached('sessionsMax', 'a client was refused', 'c');
  ceilings.reached('inflightMax', 'another');
  assert.equal(events.length, 2);
  assert.deepEqual(events[0], {
    name: 'ceiling.reached',
    ceiling: 'broker.sessionsMax',
    limit: 3,
    says: 'a client was refused',
    clientId: 'c',
  });
  clock.advance(5_000);
  ceilings.reached('sessionsMax', 'a client was refused', 'd');
  const last = events.at(-1);
  assert.ok(last?.name === 'ceiling.reached' && last.says.includes('9 times more'));
});

test('of the options of a broker only ceilings are taken over, and only those given', () => {
  const options = { sessionsMax: 5, store: 'something else' };
  assert.deepEqual(ceilingsOf(options), { sessionsMax: 5 });
  assert.deepEqual(ceilingsOf({}), {});
  assert.equal(Object.isFrozen(DEFAULT_CEILINGS), true);
});
