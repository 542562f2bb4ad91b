import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../base/events.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { Reason } from '../mqtt/reason.ts';
import { type RejectionAuthor, Rejections } from './rejections.ts';

function setUp() {
  const clock = new ManualClock();
  const events: Extract<GatewayEvent, { name: 'connection.rejected' }>[] = [];
  const rejections = new Rejections(clock, (event) => {
    if (event.name === 'connection.rejected') events.push(event);
  });
  const add = (by: RejectionAuthor, address: string): void =>
    rejections.add(
      { connectionId: 'c1', listener: 'l', address, port: 1 },
      { by, reason: Reason.ServerBusy, says: `of ${address}` },
    );
  return { clock, events, add };
}

test('the first rejection is told at once, a flood behind it once a second with its number', () => {
  const { clock, events, add } = setUp();
  for (let i = 0; i < 500; i++) add('limit:connectionsMax', `192.0.2.${i % 200}`);
  assert.equal(events.length, 1);
  clock.advance(1000);
  assert.equal(events.length, 2);
  assert.equal(events[1]!.says, 'of 192.0.2.99 (the last of 499 within a second)');
  clock.advance(5000);
  assert.equal(events.length, 2);
  assert.equal(clock.pendingCount, 0);
});

test('addresses are told apart, so that each can be banned', () => {
  const { clock, events, add } = setUp();
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.1']) add('tls', address);
  assert.deepEqual(
    events.map((event) => event.address),
    ['192.0.2.1', '192.0.2.2'],
  );
  clock.advance(1000);
  assert.deepEqual(
    events.slice(2).map((event) => event.says),
    ['of 192.0.2.1 (the last of 2 within a second)'],
  );
  assert.equal(events.at(-1)!.suppressed, 1);
});

test('a flood from ever new addresses is bounded too', () => {
  const { clock, events, add } = setUp();
  for (let i = 0; i < 10_000; i++) add('first-bytes', `10.0.${i >> 8}.${i & 255}`);
  clock.advance(1000);
  assert.equal(events.length, 66);
  assert.match(events.at(-1)!.says, /the last of 9935 within a second/);
  assert.equal(events.at(-1)!.suppressed, undefined, 'nobody is charged with what many have done');
});

test('a second window starts anew', () => {
  const { clock, events, add } = setUp();
  add('tls', '192.0.2.1');
  clock.advance(1000);
  add('tls', '192.0.2.1');
  assert.equal(events.length, 2);
});

test('bans are one author, however many there are', () => {
  const { clock, events, add } = setUp();
  for (let i = 0; i < 10_000; i++) add(`ban:10.0.${i >> 8}.${i & 255}`, `10.0.${i >> 8}.${i & 255}`);
  assert.equal(clock.pendingCount, 1);
  clock.advance(1000);
  assert.equal(events.length, 66);
});
