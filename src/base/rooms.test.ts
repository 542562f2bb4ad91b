import assert from 'node:assert/strict';
import { test } from 'node:test';
import { borrowRoom, returnRoom } from './rooms.ts';

test('a room is as large as is needed, and at most twice that', () => {
  for (const needed of [257, 512, 513, 1024, 1025, 65_536, 65_537, 1_048_576]) {
    const { length } = borrowRoom(needed);
    assert.ok(length >= needed && length < 2 * needed, `${length} for ${needed}`);
  }
  assert.equal(borrowRoom(1).length, 256);
  assert.equal(borrowRoom(1_048_577).length, 1_048_577);
});

test('what was handed back is borrowed again', () => {
  const room = borrowRoom(3000);
  returnRoom(room);
  assert.equal(borrowRoom(2500), room);
  assert.notEqual(borrowRoom(2500), room);
});

test('no more are kept than the ceiling says, and none of another size', () => {
  const rooms = Array.from({ length: 40 }, () => borrowRoom(131_072));
  for (const room of rooms) returnRoom(room);
  const again = new Set(Array.from({ length: 40 }, () => borrowRoom(131_072)));
  assert.equal(rooms.filter((room) => again.has(room)).length, 32);
  const odd = Buffer.alloc(3000);
  returnRoom(odd);
  returnRoom(Buffer.alloc(0));
  assert.notEqual(borrowRoom(2900), odd);
});
