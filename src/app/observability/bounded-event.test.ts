import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { boundedEvent } from './bounded-event.ts';

const facts = { connectionId: 'c1', listener: 'tls', address: '192.0.2.7', port: 40_000 };

test('an event whose texts are short is taken as it is', () => {
  const event: GatewayEvent = { name: 'connection.accepted', ...facts, username: 'x'.repeat(512) };
  assert.equal(boundedEvent(event), event);
});

test('a text that is too long is cut in a copy, wherever it stands', () => {
  const event: GatewayEvent = {
    name: 'authentication.succeeded',
    ...facts,
    username: 'x'.repeat(513),
    method: 'password-file',
    roles: ['short', 'y'.repeat(600)],
  };
  const cut = boundedEvent(event);
  assert.deepEqual(cut, { ...event, username: `${'x'.repeat(512)}…`, roles: ['short', `${'y'.repeat(512)}…`] });
  assert.equal(event.username?.length, 513);
});

test('of a list that is too long the first items are told', () => {
  const roles = Array.from({ length: 65 }, (_, i) => String(i));
  const event: GatewayEvent = { name: 'authentication.succeeded', ...facts, method: 'password-file', roles };
  assert.deepEqual((boundedEvent(event) as typeof event).roles, [...roles.slice(0, 64), '…']);
});
