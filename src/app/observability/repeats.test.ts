import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { Repeats } from './repeats.ts';

function bench(perAddressMax = 3): { repeats: Repeats; clock: ManualClock; out: GatewayEvent[]; leftOut(): unknown[] } {
  const clock = new ManualClock();
  const out: GatewayEvent[] = [];
  const repeats = new Repeats({ clock, emit: (event) => out.push(event), perAddressMax, windowMs: 10_000 });
  const leftOut = (): unknown[] =>
    out.flatMap((event) => (event.name === 'events.left-out' ? [[event.of, event.from, event.count]] : []));
  return { repeats, clock, out, leftOut };
}

function failed(address: string, connectionId = 'c1'): GatewayEvent {
  return {
    name: 'authentication.failed',
    method: 'password-file',
    connectionId,
    listener: 'tcp',
    address,
    port: 1,
    by: 'x',
    reason: 0x86,
    says: 'no',
  };
}

test('beyond the ceiling of an address its events are counted, and the count is told when the window ends', () => {
  const { repeats, clock, out, leftOut } = bench();
  for (let i = 0; i < 100; i++) repeats.take(failed('192.0.2.1', `c${i}`));
  repeats.take(failed('192.0.2.2'));
  assert.equal(out.length, 4);
  clock.advance(10_000);
  assert.deepEqual(leftOut(), [['authentication.failed', '192.0.2.1', 97]]);
});

test('logins of operators that fail are counted as those of clients are', () => {
  const { repeats, clock, out, leftOut } = bench();
  const login = {
    name: 'operator.login.failed',
    address: '192.0.2.1',
    method: 'password',
    by: 'x',
    says: 'no',
  } as const;
  for (let i = 0; i < 100; i++) repeats.take(login);
  assert.equal(out.length, 3);
  clock.advance(10_000);
  assert.deepEqual(leftOut(), [['operator.login.failed', '192.0.2.1', 97]]);
});

test('in the next window events are written again', () => {
  const { repeats, clock, out } = bench();
  for (let i = 0; i < 5; i++) repeats.take(failed('192.0.2.1'));
  clock.advance(10_000);
  repeats.take(failed('192.0.2.1'));
  assert.equal(out.filter(({ name }) => name === 'authentication.failed').length, 4);
});

test('many addresses with one pattern have a ceiling together, and nothing is left uncounted', () => {
  const { repeats, clock, out, leftOut } = bench();
  for (let i = 0; i < 10_000; i++) repeats.take(failed(`10.0.${i >> 8}.${i & 255}`));
  assert.equal(out.length, 60);
  clock.advance(10_000);
  const told = leftOut() as [string, string | undefined, number][];
  assert.ok(told.length <= 65);
  assert.equal(
    told.reduce((sum, [, , count]) => sum + count, 0),
    10_000 - 60,
  );
});

test('events that no peer has caused are never left out', () => {
  const { repeats, out } = bench();
  for (let i = 0; i < 100; i++) repeats.take({ name: 'config.rejected', says: 'x' });
  assert.equal(out.length, 100);
});

test('at the end the counts of the open window are told', () => {
  const { repeats, clock, leftOut } = bench();
  for (let i = 0; i < 5; i++) repeats.take(failed('192.0.2.1'));
  repeats.close();
  assert.deepEqual(leftOut(), [['authentication.failed', '192.0.2.1', 2]]);
  assert.equal(clock.pendingCount, 0);
});
