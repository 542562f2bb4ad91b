import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
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
  const queue = new HashQueue({ clock, emit: (event) => events.push(event), ...options });
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
