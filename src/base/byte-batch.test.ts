import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteBatch, lend, reclaim } from './byte-batch.ts';

function contentOf(batch: ByteBatch): string {
  return batch.bytes.toString('latin1', 0, batch.length);
}

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

test('what stands in a lent chunk is copied before the chunk is reclaimed', () => {
  const chunk = Buffer.from('abcdefghij');
  const batch = new ByteBatch();
  lend(chunk);
  batch.append(chunk, 1, 3);
  batch.append(chunk, 3, 6);
  assert.equal(batch.length, 5);
  reclaim();
  chunk.fill('!');
  assert.equal(contentOf(batch), 'bcdef');
});

/** Steps on three batches and two chunks, of which one is lent now and then; a copy of everything is the model. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), to: fc.nat(2), of: fc.nat(1), at: fc.nat(199), size: fc.nat(60) }),
  // Packets of a chunk go on one behind another.
  fc.record({ kind: fc.constant('next' as const), to: fc.nat(2), size: fc.nat(60) }),
  fc.record({ kind: fc.constant('reserve' as const), to: fc.nat(2), size: fc.nat(40) }),
  fc.record({
    kind: fc.constantFrom('take' as const, 'clear' as const, 'abandon' as const, 'read' as const),
    to: fc.nat(2),
  }),
  fc.record({ kind: fc.constant('lend' as const), of: fc.nat(1) }),
  fc.record({ kind: fc.constant('reclaim' as const) }),
);

test('whatever is lent and reclaimed, batches hold what was appended', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const chunks = [Buffer.alloc(260), Buffer.alloc(260)];
      const batches = [new ByteBatch(), new ByteBatch(), new ByteBatch()];
      const model = ['', '', ''];
      let filled = 0;
      let lentOne: Buffer | undefined;
      let at = 0;
      const fill = (chunk: Buffer): void => {
        for (let i = 0; i < chunk.length; i++) chunk[i] = 33 + (filled++ % 90);
      };
      const giveBack = (): void => {
        reclaim();
        if (lentOne !== undefined) fill(lentOne);
        lentOne = undefined;
      };
      chunks.forEach(fill);
      const append = (to: number, chunk: Buffer, start: number, size: number): void => {
        batches[to]!.append(chunk, start, start + size);
        model[to] += chunk.toString('latin1', start, start + size);
      };
      for (const one of steps) {
        if (one.kind === 'append') append(one.to, chunks[one.of]!, one.at, one.size);
        else if (one.kind === 'next') {
          const size = Math.min(one.size, 260 - at);
          append(one.to, lentOne ?? chunks[0]!, at, size);
          at += size;
        } else if (one.kind === 'reserve') {
          const start = batches[one.to]!.reserve(one.size);
          batches[one.to]!.bytes.fill('.', start, start + one.size);
          model[one.to] += '.'.repeat(one.size);
        } else if (one.kind === 'lend') {
          giveBack();
          lentOne = chunks[one.of]!;
          at = 0;
          lend(lentOne);
        } else if (one.kind === 'reclaim') giveBack();
        else if (one.kind === 'read') assert.equal(contentOf(batches[one.to]!), model[one.to]);
        else {
          const batch = batches[one.to]!;
          if (one.kind === 'take') assert.equal(batch.take().toString('latin1'), model[one.to]);
          else if (one.kind === 'clear') batch.clear(0);
          else batch.abandon();
          model[one.to] = '';
        }
        for (let i = 0; i < 3; i++) assert.equal(batches[i]!.length, model[i]!.length);
      }
      giveBack();
      for (let i = 0; i < 3; i++) assert.equal(contentOf(batches[i]!), model[i]);
    }),
    { numRuns: 1000 },
  );
});
