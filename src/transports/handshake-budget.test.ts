import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { TurnShare } from '../base/turn-share.ts';
import { HandshakeBudget, type HandshakePlace } from './handshake-budget.ts';

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

class Bench {
  readonly clock = new ManualClock();
  readonly budget: HandshakeBudget;
  readonly begun: string[] = [];

  readonly dropped: string[] = [];
  readonly share = new TurnShare(this.clock);

  /** The address is the first letter of a name; capitals are known. */
  constructor(runningMax: number, waitingMax = 1000) {
    const isKnown = (address: string): boolean => address !== address.toLowerCase();
    this.budget = new HandshakeBudget({ runningMax, waitingMax }, this.clock, isKnown, this.share);
  }

  enter(name: string, resumes = false, address = name[0]!): HandshakePlace | undefined {
    return this.budget.enter(address, resumes, {
      begin: () => void this.begun.push(name),
      drop: () => void this.dropped.push(name),
    });
  }

  /** So many more begin. */
  async serve(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.clock.advance(1000);
      await turns(2);
    }
  }
}

test('a few begin in each turn of the event loop, and the others follow', async () => {
  const bench = new Bench(100);
  for (let i = 0; i < 10; i++) bench.enter(`a${i}`);
  assert.equal(bench.begun.length, 4);
  await turns(1);
  assert.equal(bench.begun.length, 8);
  await turns(1);
  assert.deepEqual(
    bench.begun,
    Array.from({ length: 10 }, (_, i) => `a${i}`),
  );
});

test('where many who have begun wait for their next step, one begins in a turn, and never none', async () => {
  const bench = new Bench(100);
  // Each uses up the share of its turn.
  for (let i = 0; i < 70; i++) bench.share.run(() => bench.clock.advance(1));
  assert.ok(bench.share.waiting > 64);
  for (let i = 0; i < 30; i++) bench.enter(`a${i}`);
  assert.equal(bench.begun.length, 1);
  await turns(1);
  assert.equal(bench.begun.length, 2);
  while (bench.share.waiting > 60) await turns(1);
  const begun = bench.begun.length;
  await turns(1);
  assert.equal(bench.begun.length, begun + 4);
});

test('no more are under way than the budget has, and one that is through makes room', async () => {
  const bench = new Bench(2);
  const first = bench.enter('a1');
  for (const name of ['a2', 'a3', 'a4']) bench.enter(name);
  await turns(3);
  assert.deepEqual(bench.begun, ['a1', 'a2']);
  first?.finish(false);
  await turns(2);
  assert.deepEqual(bench.begun, ['a1', 'a2', 'a3']);
  assert.equal(bench.budget.waiting, 1);
});

test('handshakes that lie still hold up nobody for longer than a second', async () => {
  const bench = new Bench(2);
  for (const name of ['a1', 'a2', 'b1']) bench.enter(name);
  bench.clock.advance(999);
  await turns(2);
  assert.deepEqual(bench.begun, ['a1', 'a2']);
  bench.clock.advance(1);
  await turns(2);
  assert.deepEqual(bench.begun, ['a1', 'a2', 'b1']);
});

test('addresses take turns, however many wait from one of them', async () => {
  const bench = new Bench(1);
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) bench.enter(name);
  for (let i = 0; i < 4; i++) {
    bench.clock.advance(1000);
    await turns(2);
  }
  assert.deepEqual(bench.begun, ['a1', 'a2', 'b1', 'a3', 'a4']);
});

test('those who resume a session go first', async () => {
  const bench = new Bench(1);
  for (const name of ['a1', 'b1', 'c1']) bench.enter(name);
  bench.enter('d1', true);
  bench.clock.advance(1000);
  await turns(2);
  assert.deepEqual(bench.begun, ['a1', 'd1']);
});

test('an address that only says that it resumes goes first once', async () => {
  const bench = new Bench(1);
  bench.enter('a1', true)?.finish(false);
  bench.enter('b1');
  bench.enter('c1');
  bench.enter('a2', true);
  for (let i = 0; i < 2; i++) {
    bench.clock.advance(1000);
    await turns(2);
  }
  assert.deepEqual(bench.begun, ['a1', 'b1', 'c1', 'a2']);
});

test('a stranger that fills the room keeps nobody out: others come, and are served in their turn', async () => {
  const bench = new Bench(1, 100);
  bench.enter('x');
  for (let i = 0; i < 100; i++) assert.ok(bench.enter(`x${i}`), 'nobody else is there');
  assert.equal(bench.enter('x-late'), undefined);
  for (const name of ['a1', 'b1', 'c1']) assert.ok(bench.enter(name), name);
  assert.deepEqual(bench.dropped, ['x99', 'x98', 'x97']);
  assert.equal(bench.budget.waiting, 100);
  await bench.serve(4);
  assert.deepEqual(bench.begun, ['x', 'x0', 'a1', 'b1', 'c1']);
});

test('an address that is known comes into a room full of strangers, and is served first', async () => {
  const bench = new Bench(1, 100);
  bench.enter('x');
  for (let i = 0; i < 50; i++) for (const address of ['x', 'y']) bench.enter(`${address}${i}`, true);
  for (let i = 0; i < 60; i++) assert.ok(bench.enter(`K${i}`), `K${i}`);
  assert.equal(bench.dropped.length, 60);
  await bench.serve(3);
  assert.deepEqual(bench.begun, ['x', 'K0', 'K1', 'K2']);
  await bench.serve(1);
  assert.match(bench.begun.at(-1)!, /^x/);
});

test('the addresses of an IPv6 network are one, however many there are', async () => {
  const bench = new Bench(1, 100);
  bench.enter('x');
  for (let i = 0; i < 3; i++) bench.enter(`net-${i}`, false, `2001:db8::${i + 1}`);
  bench.enter('other', false, '2001:db8:0:1::1');
  await bench.serve(2);
  assert.deepEqual(bench.begun, ['x', 'net-0', 'other']);
});

test('who leaves while waiting never begins', async () => {
  const bench = new Bench(1);
  bench.enter('a1');
  const gone = bench.enter('a2');
  bench.enter('a3');
  gone?.leave();
  gone?.leave();
  bench.clock.advance(1000);
  await turns(2);
  assert.deepEqual(bench.begun, ['a1', 'a3']);
  assert.equal(bench.budget.waiting, 0);
});
