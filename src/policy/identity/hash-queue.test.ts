import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { TurnShare } from '../../base/turn-share.ts';
import { HashQueue, type HashQueueOptions } from './hash-queue.ts';
import type { PasswordHash } from './password-hash.ts';

/** A hash whose verification ends when the test says so. */
class SlowHash implements PasswordHash {
  readonly encoded = 'slow';
  readonly cost = 'slow';
  readonly started: { password: Uint8Array; end: (matches: boolean) => void; fail: (error: Error) => void }[] = [];

  verify(password: Uint8Array): Promise<boolean> {
    return new Promise((end, fail) => this.started.push({ password, end, fail }));
  }

  decoy(): PasswordHash {
    return this;
  }
}

const PASSWORD = Buffer.from('password');

function setUp(options: Partial<HashQueueOptions> = {}) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  // Its own share of a turn, which no slow machine uses up.
  const share = new TurnShare(clock);
  const queue = new HashQueue({ clock, emit: (event) => events.push(event), share, ...options });
  return { clock, events, queue, hash: new SlowHash() };
}

test('at most two verifications run at once, and the others follow in order', async () => {
  const { queue, hash, clock } = setUp();
  const answers = ['a', 'b', 'c', 'd'].map((password) => queue.verify(hash, Buffer.from(password)));
  assert.equal(hash.started.length, 2);
  hash.started[0]!.end(true);
  assert.equal(await answers[0], 'matches');
  assert.equal(hash.started.length, 3);
  assert.equal(String(hash.started[2]!.password), 'c');
  hash.started[1]!.end(false);
  hash.started[2]!.end(true);
  assert.deepEqual([await answers[1], await answers[2]], ['differs', 'matches']);
  hash.started[3]!.end(true);
  assert.equal(await answers[3], 'matches');
  assert.equal(clock.pendingCount, 0);
});

test('a full queue answers busy at once, and says so once until it has been half empty', async () => {
  const { queue, hash, events } = setUp({ runningMax: 1, waitingMax: 2 });
  const answers = [1, 2, 3].map(() => queue.verify(hash, PASSWORD));
  assert.equal(await queue.verify(hash, PASSWORD), 'busy');
  assert.equal(await queue.verify(hash, PASSWORD), 'busy');
  assert.deepEqual(
    events.map((event) => event.name === 'ceiling.reached' && [event.ceiling, event.limit]),
    [['hashQueueWaitingMax', 2]],
  );
  hash.started[0]!.end(true);
  await answers[0];
  answers.push(queue.verify(hash, PASSWORD));
  assert.equal(await queue.verify(hash, PASSWORD), 'busy');
  assert.equal(events.length, 2);
});

test('one that waits beyond its deadline is answered and frees its place', async () => {
  const { queue, hash, clock } = setUp({ runningMax: 1, waitingMax: 1, deadlineMs: 1000 });
  const running = queue.verify(hash, PASSWORD);
  const waiting = queue.verify(hash, PASSWORD);
  clock.advance(1000);
  assert.deepEqual([await running, await waiting], ['late', 'late']);
  const next = queue.verify(hash, PASSWORD);
  assert.equal(hash.started.length, 1, 'the one that runs cannot be stopped and keeps its place');
  hash.started[0]!.end(true);
  await new Promise(setImmediate);
  assert.equal(hash.started.length, 2);
  hash.started[1]!.end(true);
  assert.equal(await next, 'matches');
});

test('a verification that fails is answered, and the queue goes on', async () => {
  const { queue, hash } = setUp({ runningMax: 1 });
  const first = queue.verify(hash, PASSWORD);
  const second = queue.verify(hash, PASSWORD);
  hash.started[0]!.fail(new Error('no threads'));
  assert.equal(await first, 'failed');
  hash.started[1]!.end(true);
  assert.equal(await second, 'matches');
});

test('a borrowed password is copied, and the copy is wiped afterwards', async () => {
  const { queue, hash } = setUp({ runningMax: 1 });
  const borrowed = Buffer.from('secret');
  const answer = queue.verify(hash, borrowed);
  borrowed.fill(0x78);
  const copy = hash.started[0]!.password;
  assert.equal(String(copy), 'secret');
  hash.started[0]!.end(true);
  await answer;
  assert.deepEqual([...copy], [0, 0, 0, 0, 0, 0]);
});

const from = (address: string, isAwaited?: () => boolean) => ({
  origin: { listener: 'l', address, port: 1, secure: false },
  ...(isAwaited && { isAwaited }),
});

/** Lets the verification that has run longest end, until none is left; the passwords in the order of their turns. */
async function runAll(hash: SlowHash): Promise<string[]> {
  const order: string[] = [];
  for (let next = hash.started[0]; next !== undefined; next = hash.started[order.length]) {
    order.push(String(next.password));
    next.end(false);
    await new Promise(setImmediate);
  }
  return order;
}

test('whoever guesses by the hundred waits behind himself: addresses take turns', async () => {
  const { queue, hash } = setUp({ runningMax: 1 });
  for (let i = 0; i < 100; i++) void queue.verify(hash, Buffer.from(`guess ${i}`), from('192.0.2.66'));
  void queue.verify(hash, Buffer.from('good'), from('198.51.100.1'));
  void queue.verify(hash, Buffer.from('better'), from('198.51.100.2'));
  const order = await runAll(hash);
  assert.deepEqual(order.slice(0, 4), ['guess 0', 'guess 1', 'good', 'better']);
  assert.equal(order.length, 102);
});

test('those who are not awaited any more are told a share of them a turn, and nobody else gets the place meanwhile', async () => {
  const shareClock = new ManualClock();
  const { queue, hash } = setUp({ runningMax: 1, share: new TurnShare(shareClock, 2) });
  const running = queue.verify(hash, PASSWORD);
  let asked = 0;
  const isAwaited = (): boolean => {
    asked++;
    shareClock.advance(1);
    return false;
  };
  const given = Array.from({ length: 5 }, () => queue.verify(hash, PASSWORD, from('192.0.2.66', isAwaited)));
  hash.started[0]!.end(true);
  await running;
  assert.equal(asked, 2);
  const good = queue.verify(hash, Buffer.from('good'), from('198.51.100.1'));
  assert.deepEqual([hash.started.length, queue.running], [1, 1]);
  await new Promise(setImmediate);
  assert.deepEqual([asked, queue.running], [3, 1]);
  assert.equal(String(hash.started[1]!.password), 'good');
  hash.started[1]!.end(true);
  assert.equal(await good, 'matches');
  assert.deepEqual(await Promise.all(given), ['late', 'late', 'late', 'late', 'late']);
  await new Promise(setImmediate);
  assert.deepEqual([asked, queue.running], [5, 0]);
});

test('an IPv6 network of 64 bits is one source', async () => {
  const { queue, hash } = setUp({ runningMax: 1 });
  for (let i = 0; i < 3; i++) void queue.verify(hash, Buffer.from(`guess ${i}`), from(`2001:db8::${i}`));
  void queue.verify(hash, Buffer.from('good'), from('2001:db8:0:1::1'));
  assert.deepEqual(await runAll(hash), ['guess 0', 'guess 1', 'good', 'guess 2']);
});

test('in a full queue the address that fills it makes room for others', async () => {
  const { queue, hash, clock } = setUp({ runningMax: 1, waitingMax: 3 });
  const guesses = ['a', 'b', 'c', 'd'].map((guess) => queue.verify(hash, Buffer.from(guess), from('192.0.2.66')));
  assert.equal(await queue.verify(hash, PASSWORD, from('192.0.2.66')), 'busy');
  const good = queue.verify(hash, Buffer.from('good'), from('198.51.100.1'));
  assert.equal(await guesses[1], 'busy');
  assert.deepEqual(await runAll(hash), ['a', 'c', 'good', 'd']);
  assert.equal(await good, 'differs');
  assert.equal(clock.pendingCount, 0);
});

test('nothing is hashed for whom nobody waits any more', async () => {
  const { queue, hash, clock } = setUp({ runningMax: 1 });
  let isThere = true;
  const first = queue.verify(hash, Buffer.from('first'));
  const gone = ['a', 'b'].map((guess) =>
    queue.verify(
      hash,
      Buffer.from(guess),
      from('192.0.2.66', () => isThere),
    ),
  );
  const good = queue.verify(
    hash,
    Buffer.from('good'),
    from('192.0.2.66', () => true),
  );
  isThere = false;
  assert.deepEqual(await runAll(hash), ['first', 'good']);
  assert.deepEqual(await Promise.all([first, ...gone, good]), ['differs', 'late', 'late', 'differs']);
  assert.equal(clock.pendingCount, 0);
});

test('a hash that takes no time has no turn to wait for, however many wait for others', async () => {
  const { queue, hash, events } = setUp({ runningMax: 1, waitingMax: 1 });
  for (let i = 0; i < 2; i++) void queue.verify(hash, PASSWORD);
  const quick = {
    cost: 'quick',
    isQuick: true,
    verify: (password: Uint8Array) => Promise.resolve(password === PASSWORD),
  };
  assert.equal(await queue.verify(quick, PASSWORD), 'matches');
  assert.equal(await queue.verify(quick, Buffer.from('other')), 'differs');
  const broken = { cost: 'quick', isQuick: true, verify: () => Promise.reject(new Error('no')) };
  assert.equal(await queue.verify(broken, PASSWORD), 'failed');
  assert.deepEqual([queue.running, queue.waiting, events], [1, 1, []]);
});
