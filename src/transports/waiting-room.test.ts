import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { WaitingRoom } from './waiting-room.ts';

const KNOWN = '192.0.2.1';

class Bench {
  readonly clock = new ManualClock();
  readonly room: WaitingRoom;
  readonly entered: string[] = [];
  readonly dropped: string[] = [];

  constructor(waitingMax = 1000) {
    this.room = new WaitingRoom({ waitingMax }, this.clock, (address) => address === KNOWN);
  }

  hold(address: string, name = address) {
    return this.room.hold(address, {
      enter: () => void this.entered.push(name),
      drop: () => void this.dropped.push(name),
    });
  }
}

test('nobody waits while the doors are open', () => {
  const { room } = new Bench();
  assert.equal(room.mustWait('192.0.2.9'), false);
});

test('with the doors shut to strangers, known addresses still come in', () => {
  const { room } = new Bench();
  room.doors = 'strangers';
  assert.equal(room.mustWait('192.0.2.9'), true);
  assert.equal(room.mustWait(KNOWN), false);
  room.doors = 'shut';
  assert.equal(room.mustWait(KNOWN), true);
});

test('when they open, those from known addresses come in first, and the strangers take turns', () => {
  const bench = new Bench();
  bench.room.doors = 'shut';
  for (const name of ['s1', 's2']) bench.hold('198.51.100.1', name);
  bench.hold('198.51.100.2', 't1');
  bench.hold(KNOWN, 'known');
  bench.room.doors = 'open';
  assert.deepEqual(bench.entered, ['known', 's1', 't1', 's2']);
});

test('with the doors half open only the known come in, and the rest wait on', () => {
  const bench = new Bench();
  bench.room.doors = 'shut';
  bench.hold('198.51.100.1', 'stranger');
  bench.hold(KNOWN, 'known');
  bench.room.doors = 'strangers';
  assert.deepEqual(bench.entered, ['known']);
  bench.room.doors = 'open';
  bench.clock.advance(1000);
  assert.deepEqual(bench.entered, ['known', 'stranger']);
});

test('a crowd comes in bit by bit, and stops when the doors shut again', () => {
  const bench = new Bench();
  bench.room.doors = 'shut';
  for (let i = 0; i < 100; i++) bench.hold(`198.51.100.${i}`);
  bench.room.doors = 'open';
  assert.equal(bench.entered.length, 25);
  bench.clock.advance(100);
  assert.equal(bench.entered.length, 50);
  bench.room.doors = 'shut';
  bench.clock.advance(1000);
  assert.equal(bench.entered.length, 50);
  bench.room.doors = 'open';
  bench.clock.advance(1000);
  assert.equal(bench.entered.length, 100);
  assert.equal(bench.clock.pendingCount, 0);
});

test('one address may fill the room, and gives way to others, newest first', () => {
  const bench = new Bench(4);
  bench.room.doors = 'shut';
  for (let i = 0; i < 4; i++) assert.ok(bench.hold('198.51.100.1', `crowd ${i}`));
  assert.equal(bench.hold('198.51.100.1'), undefined);
  assert.ok(bench.hold('198.51.100.2', 'other'));
  assert.ok(bench.hold(KNOWN, 'known'));
  assert.deepEqual(bench.dropped, ['crowd 3', 'crowd 2']);
  bench.room.doors = 'open';
  assert.deepEqual(bench.entered, ['known', 'crowd 0', 'other', 'crowd 1']);
});

test('who leaves gives back the place', () => {
  const bench = new Bench(2);
  bench.room.doors = 'shut';
  const first = bench.hold('198.51.100.1', 'gone');
  assert.ok(bench.hold('198.51.100.1', 'second'));
  first?.leave();
  first?.leave();
  assert.ok(bench.hold('198.51.100.1', 'third'));
  bench.room.doors = 'open';
  assert.deepEqual(bench.entered, ['second', 'third']);
});
