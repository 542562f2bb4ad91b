import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { GatewayEvent } from '../base/events.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import type { Store, StoredMessage, StoredOutgoing, StoredSession } from './store.ts';
import { openSqliteStore, PENDING_MAX_BYTES, StoreError } from './store-sqlite.ts';
import { type FromThread, Op, type Part, type StartThread, type ThreadEvents } from './store-thread.ts';

const PATH = 'sessions.db';

function message(id: number, payload: Uint8Array = Buffer.from(`m${id}`)): StoredMessage {
  return { id, topic: 't', payload, qos: 1, retain: false, properties: {}, expiresAtMs: undefined, publisher: 'p' };
}

function queued(sequence: number, of: StoredMessage = message(sequence)): StoredOutgoing {
  return { sequence, packetId: 0, state: 'queued', qos: 1, retain: false, subscriptionIdentifiers: [], message: of };
}

function session(clientId: string): StoredSession {
  return { clientId, owner: 'o', sessionExpiryIntervalS: 60, disconnectedAtMs: undefined, will: undefined };
}

/** How many values stand behind each operation. */
const WIDTH: Record<number, number> = {
  [Op.DeleteSession]: 1,
  [Op.PutSession]: 12,
  [Op.PutSubscription]: 7,
  [Op.DeleteSubscription]: 2,
  [Op.PutMessage]: 8,
  [Op.PutOutgoing]: 8,
  [Op.DeleteOutgoing]: 2,
  [Op.PutIncoming]: 2,
  [Op.DeleteIncoming]: 2,
  [Op.PutRetained]: 2,
  [Op.DeleteRetained]: 1,
};
/** Operations whose key stands behind the number of their session. */
const KEY_SECOND = new Set<number>([Op.PutOutgoing, Op.DeleteOutgoing, Op.PutIncoming, Op.DeleteIncoming]);
const NAMES = new Map<number, string>(Object.entries(Op).map(([name, op]) => [op, name]));

/** What a part does, as `PutMessage 7` or `DeleteOutgoing 3`: the operation with its key. */
function operations(parts: readonly Part[]): string[] {
  const found: string[] = [];
  for (const { values } of parts) {
    for (let at = 0; at < values.length; at += 1 + WIDTH[values[at] as number]!) {
      const op = values[at] as number;
      const keyAt = KEY_SECOND.has(op) ? at + 2 : at + 1;
      found.push(`${NAMES.get(op)} ${values[keyAt]}`);
    }
  }
  return found;
}

/** A thread that does what the test says, when the test says it. */
class FakeThread {
  parts: Part[] = [];
  transferred: ArrayBuffer[] = [];
  /** The operations of the transactions that came in whole and have no answer yet. */
  transactions: string[][] = [];
  closing = false;
  killed = false;
  events!: ThreadEvents;
  starts = 0;
  opensAtOnce = true;

  readonly start: StartThread = (_options, events) => {
    this.starts++;
    this.events = events;
    if (this.opensAtOnce) queueMicrotask(() => this.answer({ kind: 'opened', messageBase: 1, sessionNext: 1 }));
    return {
      send: (sent, transfer) => {
        this.transferred.push(...transfer);
        if (sent.kind === 'close') this.closing = true;
        if (sent.kind !== 'part') return;
        this.parts.push(sent.part);
        if (!sent.last) return;
        this.transactions.push(operations(this.parts));
        this.parts = [];
      },
      kill: () => {
        this.killed = true;
      },
    };
  };

  answer(said: FromThread): void {
    this.events.onMessage(said);
  }

  /** Takes the transaction that waits; there must be just one. */
  take(): string[] {
    assert.equal(this.transactions.length, 1);
    return this.transactions.shift()!;
  }

  commit(): string[] {
    const taken = this.take();
    this.answer({ kind: 'committed' });
    return taken;
  }

  fail(says: string): string[] {
    const taken = this.take();
    this.answer({ kind: 'failed', says });
    return taken;
  }
}

interface Bench {
  store: Store;
  thread: FakeThread;
  clock: ManualClock;
  events: GatewayEvent[];
}

async function open(mode: 'relaxed' | 'durable'): Promise<Bench> {
  const thread = new FakeThread();
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent) => void events.push(event);
  const options = { path: PATH, mode, commitIntervalMs: 200, clock, emit };
  const store = await openSqliteStore(options, thread.start);
  return { store, thread, clock, events };
}

test('a relaxed store commits once an interval, and not before', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putSession(session('a'));
  clock.advance(150);
  store.putIncoming('a', 7);
  await turn();
  assert.deepEqual(thread.transactions, []);
  clock.advance(50);
  assert.deepEqual(thread.commit(), ['PutSession 1', 'PutIncoming 7']);
  clock.advance(10_000);
  assert.deepEqual(thread.transactions, []);
  assert.equal(clock.pendingCount, 0);
});

test('an interval that ends while a commit runs makes the next commit follow at once', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putSession(session('a'));
  clock.advance(200);
  store.putSession(session('b'));
  clock.advance(200);
  assert.deepEqual(thread.commit(), ['PutSession 1']);
  assert.deepEqual(thread.commit(), ['PutSession 2']);
});

test('a message that is queued and taken between two commits never reaches the thread', async () => {
  const { store, thread, clock } = await open('relaxed');
  for (let i = 1; i <= 100; i++) {
    store.putOutgoing('a', queued(i));
    store.putOutgoing('a', { ...queued(i), state: 'published', packetId: i });
    store.deleteOutgoing('a', i);
    store.putIncoming('a', i);
    store.deleteIncoming('a', i);
    store.putSubscription('a', {
      filter: 'f',
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      subscriptionIdentifier: 0,
    });
    store.deleteSubscription('a', 'f');
  }
  clock.advance(10_000);
  assert.deepEqual(thread.transactions, []);
});

test('a removal of what a running commit writes is written after it', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putOutgoing('a', queued(1));
  store.putIncoming('a', 5);
  clock.advance(200);
  store.deleteOutgoing('a', 1);
  store.deleteIncoming('a', 5);
  clock.advance(200);
  assert.deepEqual(thread.commit(), ['PutMessage 2', 'PutOutgoing 1', 'PutIncoming 5']);
  assert.deepEqual(thread.commit(), ['DeleteOutgoing 1', 'DeleteIncoming 5']);
  store.deleteOutgoing('a', 1);
  clock.advance(200);
  assert.deepEqual(thread.transactions, [], 'what is gone is not removed again');
});

test('a message that stands in many queues is sent once', async () => {
  const { store, thread, clock } = await open('relaxed');
  const shared = message(9);
  for (const clientId of ['a', 'b', 'c']) store.putOutgoing(clientId, queued(1, shared));
  store.putRetained(shared);
  clock.advance(200);
  assert.deepEqual(thread.commit(), [
    'PutMessage 10',
    'PutOutgoing 1',
    'PutOutgoing 1',
    'PutOutgoing 1',
    'PutRetained t',
  ]);
});

test('a message that is on disk is not sent again when its delivery moves on', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putOutgoing('a', queued(1));
  clock.advance(200);
  thread.commit();
  store.putOutgoing('a', { ...queued(1), state: 'published', packetId: 4 });
  clock.advance(200);
  assert.deepEqual(thread.commit(), ['PutOutgoing 1']);
});

test('a session that goes takes everything pending of it along, and a new one of that name starts clean', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putSession(session('a'));
  clock.advance(200);
  thread.commit();
  store.putOutgoing('a', queued(1));
  store.putIncoming('a', 1);
  store.putSession({ ...session('a'), disconnectedAtMs: 5 });
  store.deleteSession('a');
  store.putSession(session('a'));
  store.putSession(session('never-written'));
  store.deleteSession('never-written');
  clock.advance(200);
  assert.deepEqual(thread.commit(), ['DeleteSession 1', 'PutSession 2']);
});

test('a payload that is a view on a pool crosses without the pool', async () => {
  const { store, thread, clock } = await open('relaxed');
  const pool = new ArrayBuffer(1_048_576);
  const view = new Uint8Array(pool, 4096, 3);
  view.set([1, 2, 3]);
  store.putOutgoing('a', queued(1, message(1, view)));
  clock.advance(200);
  assert.deepEqual(
    thread.transferred.map((buffer) => [...new Uint8Array(buffer)]),
    [[1, 2, 3]],
  );
  assert.equal(pool.detached, false);
});

test('a durable store commits at the end of the turn, and what gathers meanwhile shares the next commit', async () => {
  const { store, thread } = await open('durable');
  const safe: number[] = [];
  const write = (i: number) => {
    store.putOutgoing('a', queued(i));
    store.whenSafe(() => safe.push(i));
  };
  write(1);
  write(2);
  assert.deepEqual(thread.transactions, []);
  await turn();
  write(3);
  await turn();
  write(4);
  await turn();
  assert.equal(thread.transactions.length, 1);
  assert.deepEqual(safe, []);
  thread.commit();
  assert.deepEqual(safe, [1, 2]);
  assert.deepEqual(thread.commit(), ['PutMessage 4', 'PutOutgoing 3', 'PutMessage 5', 'PutOutgoing 4']);
  assert.deepEqual(safe, [1, 2, 3, 4]);
});

test('callbacks keep their order, also those asked for in a callback or with nothing new to write', async () => {
  const { store, thread } = await open('durable');
  const order: string[] = [];
  store.whenSafe(() => order.push('nothing pending'));
  assert.deepEqual(order, ['nothing pending']);
  store.putIncoming('a', 1);
  store.whenSafe(() => {
    order.push('first');
    store.whenSafe(() => order.push('third'));
  });
  await turn();
  store.whenSafe(() => order.push('second'));
  assert.deepEqual(order, ['nothing pending']);
  thread.commit();
  assert.deepEqual(order, ['nothing pending', 'first', 'second', 'third']);
});

test('a callback whose changes cancelled out is called without a commit', async () => {
  const { store, thread } = await open('durable');
  let called = 0;
  store.putIncoming('a', 1);
  store.whenSafe(() => called++);
  store.deleteIncoming('a', 1);
  await turn();
  assert.deepEqual(thread.transactions, []);
  assert.equal(called, 1);
});

for (const mode of ['relaxed', 'durable'] as const) {
  test(`a ${mode} store whose disk refuses forgets nothing, calls nobody back, and says so once`, async () => {
    const { store, thread, clock, events } = await open(mode);
    let called = 0;
    store.putOutgoing('a', queued(1));
    await turn();
    clock.advance(200);
    const first = thread.fail('disk full');
    assert.equal(store.healthy(), false);
    store.whenSafe(() => called++);
    store.putOutgoing('a', queued(2));
    for (let attempt = 0; attempt < 5; attempt++) {
      clock.advance(5_000);
      assert.deepEqual(thread.fail('disk full'), first);
    }
    assert.deepEqual(events, [{ name: 'storage.failed', path: PATH, says: 'disk full' }]);
    assert.equal(called, 0);
    clock.advance(5_000);
    thread.commit();
    assert.equal(store.healthy(), true);
    assert.deepEqual(events.slice(1), [{ name: 'storage.recovered', path: PATH }]);
    await turn();
    assert.deepEqual(thread.commit(), ['PutMessage 3', 'PutOutgoing 2']);
    assert.equal(called, 1);
  });
}

test('attempts come less and less often while the disk refuses', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putIncoming('a', 1);
  clock.advance(200);
  thread.fail('io');
  const waitedMs: number[] = [];
  while (waitedMs.length < 8) {
    let ms = 0;
    for (; thread.transactions.length === 0; ms += 50) clock.advance(50);
    waitedMs.push(ms);
    thread.fail('io');
  }
  assert.deepEqual(waitedMs, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('a retry sends messages whole, since the failed attempt may have been their first', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putOutgoing('a', queued(1));
  clock.advance(200);
  const first = thread.fail('io');
  clock.advance(100);
  assert.deepEqual(thread.commit(), first);
});

test('a thread that ends is a storage failure: another takes its place and gets what was under way', async () => {
  const { store, thread, clock, events } = await open('durable');
  let called = 0;
  store.putIncoming('a', 1);
  store.whenSafe(() => called++);
  await turn();
  assert.deepEqual(thread.take(), ['PutIncoming 1']);
  thread.events.onExit('out of memory');
  assert.equal(store.healthy(), false);
  assert.equal(called, 0);
  store.putIncoming('a', 2);
  clock.advance(100);
  await turn();
  assert.equal(thread.starts, 2);
  assert.deepEqual(thread.commit(), ['PutIncoming 1']);
  assert.equal(called, 1);
  assert.deepEqual(thread.commit(), ['PutIncoming 2']);
  assert.deepEqual(
    events.map((event) => event.name),
    ['storage.failed', 'storage.recovered'],
  );
});

test('a thread that ends while nothing is pending is replaced too', async () => {
  const { store, thread, clock } = await open('durable');
  thread.events.onExit('exit code 1');
  assert.equal(store.healthy(), false);
  clock.advance(100);
  await turn();
  assert.equal(store.healthy(), true);
});

test('a thread that ends while a retry is due gets what was under way once', async () => {
  const { store, thread, clock } = await open('durable');
  store.putIncoming('a', 1);
  await turn();
  thread.fail('io');
  thread.opensAtOnce = false;
  thread.events.onExit('exit code 1');
  clock.advance(10_000);
  assert.equal(thread.starts, 2);
  assert.deepEqual(thread.transactions, []);
  thread.answer({ kind: 'opened', messageBase: 2, sessionNext: 2 });
  assert.deepEqual(thread.commit(), ['PutIncoming 1']);
  clock.advance(10_000);
  assert.deepEqual(thread.transactions, []);
});

test('a file that another process took while the thread was away keeps the store unhealthy until it is free', async () => {
  const { store, thread, clock, events } = await open('durable');
  thread.opensAtOnce = false;
  thread.events.onExit('exit code 1');
  store.putIncoming('a', 1);
  clock.advance(100);
  thread.answer({ kind: 'refused', fault: 'in-use', says: 'in use' });
  thread.events.onExit('exit code 0');
  assert.equal(store.healthy(), false);
  clock.advance(200);
  thread.answer({ kind: 'opened', messageBase: 9, sessionNext: 9 });
  assert.deepEqual(thread.commit(), ['PutIncoming 1']);
  assert.equal(store.healthy(), true);
  assert.equal(events.length, 2);
});

test('a commit without an answer makes the store unhealthy until the answer comes', async () => {
  const { store, thread, clock, events } = await open('durable');
  store.putIncoming('a', 1);
  await turn();
  clock.advance(9_999);
  assert.equal(store.healthy(), true);
  clock.advance(1);
  assert.equal(store.healthy(), false);
  thread.commit();
  assert.equal(store.healthy(), true);
  assert.deepEqual(
    events.map((event) => event.name),
    ['storage.failed', 'storage.recovered'],
  );
});

test('a backlog beyond its ceiling makes the store unhealthy until half of it is gone', async () => {
  const { store, thread, clock, events } = await open('relaxed');
  const shared = message(0, new Uint8Array(PENDING_MAX_BYTES / 4));
  store.putIncoming('a', 1);
  clock.advance(200);
  for (let i = 1; i <= 100; i++) store.putOutgoing('a', queued(i, shared));
  assert.equal(store.healthy(), true, 'a payload that many queues share counts once');
  for (let i = 1; i <= 4; i++) store.putRetained({ ...shared, id: i, topic: `t${i}` });
  assert.equal(store.healthy(), false);
  for (let i = 1; i <= 4; i++) store.deleteRetained(`t${i}`);
  thread.commit();
  assert.equal(store.healthy(), true);
  assert.deepEqual(
    events.map((event) => event.name),
    ['storage.failed', 'storage.recovered'],
  );
});

test('a great batch goes in parts of bounded size, with turns of the event loop in between', async () => {
  const { store, thread, clock } = await open('relaxed');
  for (let i = 1; i <= 5_000; i++) store.putOutgoing('a', queued(i, message(i, Buffer.alloc(200))));
  clock.advance(200);
  const sizes: number[] = [thread.parts[0]!.bytes.length];
  assert.equal(thread.parts.length, 1);
  while (thread.transactions.length === 0) {
    await turn();
    if (thread.parts.length > 0) sizes.push(thread.parts.at(-1)!.bytes.length);
  }
  assert.ok(sizes.length > 2);
  assert.ok(sizes.every((size) => size <= 524_288 + 200));
  assert.equal(thread.commit().length, 10_000);
});

test('reading back fails when the thread ends meanwhile, or has ended before', async () => {
  const { store, thread } = await open('relaxed');
  const loading = store.load();
  thread.events.onExit('out of memory');
  await assert.rejects(loading, /sessions\.db cannot be used: its thread ended \(out of memory\)/);
  await assert.rejects(store.load(), StoreError);
});

test('a removal of what a great batch has yet to send is written after it', async () => {
  const { store, thread, clock } = await open('relaxed');
  for (let i = 1; i <= 3_000; i++) {
    store.putOutgoing('a', queued(i));
    store.putIncoming('a', i);
  }
  clock.advance(200);
  assert.equal(thread.transactions.length, 0, 'only a part is sent');
  store.deleteOutgoing('a', 3_000);
  store.deleteIncoming('a', 3_000);
  while (thread.transactions.length === 0) await turn();
  assert.ok(thread.commit().includes('PutOutgoing 3000'));
  clock.advance(200);
  assert.deepEqual(thread.commit(), ['DeleteOutgoing 3000', 'DeleteIncoming 3000']);
});

test('closing commits what is pending, at once, and ends the thread after it', async () => {
  const { store, thread } = await open('relaxed');
  store.putIncoming('a', 1);
  const closed = store.close();
  assert.equal(store.close(), closed);
  assert.equal(thread.closing, false);
  store.putIncoming('a', 2);
  assert.deepEqual(thread.commit(), ['PutIncoming 1']);
  assert.deepEqual(thread.commit(), ['PutIncoming 2']);
  assert.equal(thread.closing, true);
  thread.answer({ kind: 'closed' });
  thread.events.onExit('exit code 0');
  await closed;
});

test('closing over a disk that refuses tries again, then says how much is not saved', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putIncoming('a', 1);
  clock.advance(200);
  thread.fail('disk full');
  const closed = store.close();
  thread.fail('disk full');
  clock.advance(10_000);
  await assert.rejects(closed, (error) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.fault, 'unsaved');
    assert.match(error.message, /^1 changes could not be saved to sessions\.db .*disk full/);
    return true;
  });
  assert.equal(thread.killed, true);
});

test('properties that no message has cost no bytes', async () => {
  const { store, thread, clock } = await open('relaxed');
  store.putRetained({ ...message(1, new Uint8Array(0)), properties: NO_PROPERTIES });
  clock.advance(200);
  assert.deepEqual(
    thread.transferred.map((buffer) => buffer.byteLength),
    [0],
  );
});
