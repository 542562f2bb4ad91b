import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HalfOpen, HalfOpenPlace } from './half-open.ts';

const DOOR = {};

function entered(
  places: HalfOpen,
  address: string | undefined,
  drop: () => void = () => assert.fail('dropped'),
  door = DOOR,
) {
  const place = places.enter({ address, door, drop });
  assert.ok(place instanceof HalfOpenPlace, `${address} was kept out`);
  return place;
}

function keptOut(places: HalfOpen, address: string, by = 'limit:halfOpenPerAddressMax'): void {
  const rejection = places.enter({ address, door: DOOR, drop: () => {} });
  assert.ok(!(rejection instanceof HalfOpenPlace), `${address} came in`);
  assert.equal(rejection.by, by);
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

test('one address may have all places, and gives way to others, its newest first', () => {
  const places = new HalfOpen({ max: 4, perAddressMax: 10 });
  const dropped: string[] = [];
  for (const name of ['first', 'second', 'third', 'fourth']) {
    entered(places, '192.0.2.9', () => dropped.push(name));
  }
  keptOut(places, '192.0.2.9', 'limit:halfOpenMax');
  entered(places, '192.0.2.1');
  entered(places, '192.0.2.2');
  assert.deepEqual(dropped, ['fourth', 'third']);
  assert.equal(places.size, 4);
});

test('of many who stand there alone, the oldest makes room', () => {
  const places = new HalfOpen({ max: 3, perAddressMax: 10 });
  const dropped: string[] = [];
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
    entered(places, address, () => dropped.push(address));
  }
  entered(places, '192.0.2.4');
  assert.deepEqual(dropped, ['192.0.2.1']);
});

test('strangers make room for whoever comes from a known address', () => {
  const places = new HalfOpen({ max: 4, perAddressMax: 10 }, (address) => address === '192.0.2.7');
  const dropped: string[] = [];
  for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3']) {
    entered(places, address, () => dropped.push(address));
  }
  for (let i = 0; i < 3; i++) entered(places, '192.0.2.7');
  assert.deepEqual(dropped, ['192.0.2.1', '192.0.2.2', '192.0.2.3'], 'a quarter is left to strangers');
});

test('at a full listener a crowd that stands at its door makes room, and one at another does not', () => {
  const places = new HalfOpen({ max: 100, perAddressMax: 100 });
  const dropped: string[] = [];
  for (const name of ['first', 'second', 'third']) entered(places, '192.0.2.9', () => dropped.push(name));
  assert.equal(places.canMakeRoom({}, '192.0.2.1'), false);
  assert.equal(places.canMakeRoom(DOOR, '192.0.2.9'), false, 'not for one of its own');
  assert.equal(places.canMakeRoom(DOOR, '192.0.2.1'), true);
  places.makeRoom({}, '192.0.2.1');
  places.makeRoom(DOOR, '192.0.2.1');
  assert.deepEqual(dropped, ['third']);
  entered(places, '192.0.2.1');
  assert.equal(places.canMakeRoom(DOOR, '192.0.2.1'), false, 'two for one is no gain');
});

test('much is kept of some, and where that is too much for all, whoever adds to it goes', () => {
  const MIB = 1024 * 1024;
  const places = new HalfOpen({ max: 100, perAddressMax: 100 });
  const dropped: string[] = [];
  const come = (name: string, bytes: number): HalfOpenPlace => {
    const place = entered(places, '192.0.2.1', () => dropped.push(name));
    place.keeps(bytes);
    return place;
  };
  const first = come('first', 63 * MIB);
  first.keeps(64 * MIB);
  come('greedy', 5000);
  assert.deepEqual(dropped, ['greedy']);
  const modest = come('modest', 4000);
  first.keeps(63 * MIB);
  assert.deepEqual(dropped, ['greedy'], 'not who is modest, nor who lets go of some');
  first.leave();
  modest.leave();
  come('second', 64 * MIB);
  assert.deepEqual([dropped, places.size], [['greedy'], 1], 'what is let go is free again');
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
