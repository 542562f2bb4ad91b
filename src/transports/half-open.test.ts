import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HalfOpen, HalfOpenPlace } from './half-open.ts';

function entered(places: HalfOpen, address: string | undefined, drop: () => void = () => assert.fail('dropped')) {
  const place = places.enter(address, drop);
  assert.ok(place instanceof HalfOpenPlace, `${address} was kept out`);
  return place;
}

function keptOut(places: HalfOpen, address: string): void {
  const rejection = places.enter(address, () => {});
  assert.ok(!(rejection instanceof HalfOpenPlace), `${address} came in`);
  assert.equal(rejection.by, 'limit:halfOpenPerAddressMax');
}

test('an address has its ceiling, and a place that is left is free again', () => {
  const places = new HalfOpen({ max: 100, perAddressMax: 2 });
  const first = entered(places, '192.0.2.1');
  entered(places, '192.0.2.1');
  keptOut(places, '192.0.2.1');
  entered(places, '192.0.2.2');
  first.leave();
  first.leave();
  assert.equal(places.size, 2);
  entered(places, '192.0.2.1');
});

test('the addresses of one IPv6 network count as one', () => {
  const places = new HalfOpen({ max: 100, perAddressMax: 2 });
  entered(places, '2001:db8::1');
  entered(places, '2001:db8::2');
  keptOut(places, '2001:db8::3');
  entered(places, '2001:db8:0:1::1');
});

test('at the ceiling for all, the oldest of the most crowded address makes room', () => {
  const places = new HalfOpen({ max: 4, perAddressMax: 10 });
  const dropped: string[] = [];
  entered(places, '192.0.2.1');
  for (const name of ['oldest', 'middle', 'youngest']) {
    entered(places, '192.0.2.9', () => dropped.push(name));
  }
  entered(places, '192.0.2.2');
  assert.deepEqual(dropped, ['oldest']);
  entered(places, '192.0.2.3');
  assert.deepEqual(dropped, ['oldest', 'middle']);
  assert.equal(places.size, 4);
});

test('behind a proxy the client is counted where it comes from, once that is known', () => {
  const places = new HalfOpen({ max: 100, perAddressMax: 1 });
  const one = entered(places, undefined);
  const two = entered(places, undefined);
  const three = entered(places, undefined);
  assert.equal(one.moveTo('192.0.2.1'), undefined);
  assert.equal(two.moveTo('192.0.2.1')?.by, 'limit:halfOpenPerAddressMax');
  assert.equal(three.moveTo('192.0.2.2'), undefined);
  one.leave();
  assert.equal(two.moveTo('192.0.2.1'), undefined);
  for (const place of [two, three]) place.leave();
  assert.equal(places.size, 0);
});
