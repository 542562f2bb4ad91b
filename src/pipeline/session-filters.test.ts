import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../base/events.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { SessionFilters } from './session-filters.ts';

function bench(bytesMax?: number) {
  const events: GatewayEvent[] = [];
  const clock = new ManualClock();
  const emit = (event: GatewayEvent) => void events.push(event);
  return {
    clock,
    events,
    filters: new SessionFilters({ clock, emit, ...(bytesMax === undefined ? {} : { bytesMax }) }),
  };
}

test('a session that goes on holds what it held, and a new one nothing', () => {
  const { filters } = bench();
  const first = filters.begin('a', false).add('x');
  filters.end('a', first, true);
  const second = filters.begin('a', true);
  assert.deepEqual([...second], ['x']);
  second.delete('x');
  filters.end('a', second.add('y'), true);
  assert.deepEqual([...filters.begin('b', true)], []);
  const clean = filters.begin('a', false);
  assert.deepEqual([...clean], []);
  filters.end('a', clean, true);
  assert.deepEqual([...filters.begin('a', true)], [], 'what the clean start has ended does not come back');
});

test('one that ends with its connection is forgotten', () => {
  const { filters } = bench();
  filters.end('a', filters.begin('a', false).add('x'), false);
  assert.deepEqual([...filters.begin('a', true)], []);
});

test('a connection that takes the session over shares what is held with the one that has yet to end', () => {
  const { filters } = bench();
  const older = filters.begin('a', false).add('x');
  const newer = filters.begin('a', true);
  newer.add('y');
  filters.end('a', older, true);
  newer.add('z');
  filters.end('a', newer, true);
  assert.deepEqual([...filters.begin('a', true)], ['x', 'y', 'z']);
});

test('a connection whose session another has replaced changes nothing any more', () => {
  const { filters } = bench();
  const older = filters.begin('a', false).add('x');
  const newer = filters.begin('a', false).add('y');
  filters.end('a', older, true);
  filters.end('a', newer, true);
  filters.end('a', older, true);
  assert.deepEqual([...filters.begin('a', true)], ['y']);
});

test('at the ceiling those are forgotten that went away longest ago, and that is told once in a while', () => {
  const { clock, events, filters } = bench(400);
  const leave = (session: string): void => filters.end(session, filters.begin(session, true).add('filter'), true);
  for (const session of ['a', 'b', 'c', 'd']) leave(session);
  assert.equal(events.length, 1);
  assert.partialDeepStrictEqual(events[0], { name: 'ceiling.reached', ceiling: 'subscriptionsRemembered', limit: 400 });
  assert.deepEqual([...filters.begin('a', true)], []);
  assert.deepEqual([...filters.begin('d', true)], ['filter']);
  clock.advance(60_000);
  for (const session of ['e', 'f', 'g']) leave(session);
  assert.equal(events.length, 2);
});

test('one that is larger than all that is kept is not kept, and pushes nothing of itself out twice', () => {
  const { filters } = bench(400);
  const large = filters.begin('large', false);
  for (let i = 0; i < 10; i++) large.add(`filter/${i}`);
  filters.end('large', large, true);
  assert.deepEqual([...filters.begin('large', true)], []);
  filters.end('a', filters.begin('a', false).add('x'), true);
  assert.deepEqual([...filters.begin('a', true)], ['x'], 'there is room again');
});
