import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteBatch } from './byte-batch.ts';

test('what is appended is what is there, whatever the sizes', () => {
  const parts = fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(parts, fc.boolean(), (sizes, taken) => {
      const batch = new ByteBatch();
      const expected = Buffer.concat(sizes.map(([size, value]) => Buffer.alloc(size, value)));
      for (const [size, value] of sizes) {
        const source = Buffer.alloc(size + 2, value);
        batch.append(source, 1, size + 1);
      }
      const content = taken ? batch.take() : batch.bytes.subarray(0, batch.length);
      assert.ok(content.equals(expected));
    }),
    { numRuns: 60 },
  );
});

test('room is reserved behind what is there', () => {
  const batch = new ByteBatch(4);
  assert.equal(batch.reserve(3), 0);
  batch.bytes.fill(1, 0, 3);
  assert.equal(batch.reserve(3), 3);
  batch.bytes.fill(2, 3, 6);
  assert.deepEqual([...batch.bytes.subarray(0, batch.length)], [1, 1, 1, 2, 2, 2]);
});

test('what was taken stays as it was, while large bursts come and go', () => {
  const taken: Buffer[] = [];
  for (let i = 0; i < 60; i++) {
    const batch = new ByteBatch();
    batch.append(Buffer.alloc(20_000 + i * 2000, i), 0, 20_000 + i * 2000);
    taken.push(batch.take());
    batch.append(Buffer.alloc(50_000, 0xff), 0, 50_000);
    batch.clear(0);
  }
  for (const [i, bytes] of taken.entries())
    assert.ok(bytes.length === 20_000 + i * 2000 && bytes.every((byte) => byte === i));
});

test('what was abandoned is not handed out again', () => {
  const batch = new ByteBatch();
  batch.append(Buffer.alloc(30_000, 1), 0, 30_000);
  const lent = batch.bytes.subarray(0, batch.length);
  batch.abandon();
  for (let i = 0; i < 40; i++) {
    const other = new ByteBatch();
    other.append(Buffer.alloc(30_000, 2), 0, 30_000);
    if (i % 2 === 0) other.clear(0);
  }
  assert.equal(batch.length, 0);
  assert.ok(lent.every((byte) => byte === 1));
});

test('two batches that are filled at once do not share room', () => {
  const full = new ByteBatch();
  full.append(Buffer.alloc(40_000, 1), 0, 40_000);
  full.clear(0);
  const a = new ByteBatch();
  const b = new ByteBatch();
  a.append(Buffer.alloc(40_000, 1), 0, 40_000);
  b.append(Buffer.alloc(40_000, 2), 0, 40_000);
  assert.notEqual(a.bytes.buffer, b.bytes.buffer);
  assert.ok(a.bytes.subarray(0, a.length).every((byte) => byte === 1));
});

test('little content taken out of much room does not hold the room', () => {
  const batch = new ByteBatch();
  batch.append(Buffer.alloc(100_000), 0, 100_000);
  batch.length = 10;
  const taken = batch.take();
  assert.equal(taken.length, 10);
  assert.ok(taken.buffer.byteLength < 100_000);
});

test('clearing keeps as much room as it is told', () => {
  const batch = new ByteBatch();
  batch.append(Buffer.alloc(900), 0, 900);
  const room = batch.bytes;
  batch.clear(4096);
  assert.equal(batch.bytes, room);
  assert.equal(batch.length, 0);
  batch.clear(1000);
  assert.equal(batch.bytes.length, 0);
  const next = new ByteBatch();
  next.append(Buffer.alloc(10), 0, 10);
  assert.equal(next.bytes, room, 'a room that was handed back is borrowed again');
});
