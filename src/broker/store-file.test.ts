import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import type { GatewayEvent } from '../base/events.ts';
import type {
  Store,
  StoredMessage,
  StoredOutgoing,
  StoredSession,
  StoredSubscription,
  StoreSnapshot,
} from './store.ts';
import { SCHEMA_VERSION } from './store-schema.ts';
import { openSqliteStore, StoreError } from './store-sqlite.ts';
import { type StartThread, startStoreThread } from './store-thread.ts';

/** What a failing test has left open; its threads would keep the process alive. */
const opened = new Set<Store>();

afterEach(async () => {
  for (const store of opened) await store.close().catch(() => {});
  opened.clear();
});

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'sessions.db');
}

async function open(
  path: string,
  mode: 'relaxed' | 'durable' = 'relaxed',
  events: GatewayEvent[] = [],
  start: StartThread = startStoreThread,
): Promise<Store> {
  const emit = (event: GatewayEvent) => void events.push(event);
  const store = await openSqliteStore({ path, mode, commitIntervalMs: 5, clock: systemClock, emit }, start);
  opened.add(store);
  return store;
}

/** Opens, reads everything back and closes. */
async function readBack(path: string, events: GatewayEvent[] = []): Promise<StoreSnapshot> {
  const store = await open(path, 'relaxed', events);
  const snapshot = await store.load();
  await store.close();
  return snapshot;
}

function message(id: number, more: Partial<StoredMessage> = {}): StoredMessage {
  const payload = new TextEncoder().encode(`payload ${id}`);
  const head = { id, topic: `topic/${id}`, payload, qos: 1 as const, retain: false, properties: {} };
  return { ...head, expiresAtMs: undefined, publisher: 'publisher', ...more };
}

function queued(sequence: number, of: StoredMessage): StoredOutgoing {
  return { sequence, packetId: 0, state: 'queued', qos: 1, retain: false, subscriptionIdentifiers: [], message: of };
}

function session(clientId: string, more: Partial<StoredSession> = {}): StoredSession {
  const head = { clientId, owner: 'owner', sessionExpiryIntervalS: 3600, disconnectedAtMs: undefined };
  return { ...head, will: undefined, ...more };
}

function subscription(filter: string, more: Partial<StoredSubscription> = {}): StoredSubscription {
  const head = { filter, qos: 1 as const, noLocal: false, retainAsPublished: false };
  return { ...head, retainHandling: 0, subscriptionIdentifier: 0, ...more };
}

/** A message as it must come back: everything but its identifier. */
function content(of: StoredMessage): Omit<StoredMessage, 'id'> {
  const { id: _, ...rest } = of;
  return { ...rest, payload: new Uint8Array(rest.payload), properties: { ...rest.properties } };
}

function inOrder<T>(things: Iterable<T>, key: (thing: T) => string): T[] {
  return [...things].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A snapshot without what may differ between two equal stores: identifiers and the order of unordered things. */
function comparable({ sessions, retained }: StoreSnapshot): unknown {
  return {
    sessions: inOrder(sessions, (entry) => entry.session.clientId).map((entry) => ({
      session: entry.session,
      subscriptions: inOrder(entry.subscriptions, (each) => each.filter),
      outgoing: entry.outgoing.map((each) => ({ ...each, message: each.message && content(each.message) })),
      incoming: [...entry.incoming].sort((a, b) => a - b),
    })),
    retained: inOrder(retained, (each) => each.topic).map(content),
  };
}

function count(path: string, table: string): number {
  const database = new DatabaseSync(path);
  const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
  database.close();
  return Number(row?.['n']);
}

function edit(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

test('every field comes back as it was written', async (t) => {
  const path = place(t);
  const store = await open(path);
  assert.deepEqual(await store.load(), { sessions: [], retained: [] });
  const full = message(0, {
    topic: 'grüße/🌍',
    payload: Uint8Array.of(0, 255, 0),
    qos: 2,
    retain: true,
    expiresAtMs: 1_900_000_000_000,
    publisher: '',
    properties: {
      payloadFormatIndicator: 1,
      messageExpiryIntervalS: 4_294_967_295,
      contentType: 'text/plain',
      responseTopic: 'answer/here',
      correlationData: Uint8Array.of(1, 2, 3),
      userProperties: [
        ['name', 'one'],
        ['name', 'two'],
        ['', ''],
      ],
    },
  });
  const empty = message(1, { payload: new Uint8Array(0) });
  const expected: StoreSnapshot = {
    sessions: [
      {
        session: session('whole', {
          sessionExpiryIntervalS: 0xffffffff,
          disconnectedAtMs: 1_700_000_000_001,
          will: {
            topic: 'gone',
            payload: Uint8Array.of(9),
            qos: 2,
            retain: true,
            properties: { contentType: 'will', willDelayIntervalS: 7, userProperties: [['a', 'b']] },
            delayS: 7,
            author: '{"clientId":"whole"}',
          },
        }),
        subscriptions: [
          subscription('a/+', {
            qos: 2,
            noLocal: true,
            retainAsPublished: true,
            retainHandling: 2,
            subscriptionIdentifier: 268_435_455,
          }),
          subscription('b/#'),
        ],
        outgoing: [
          { ...queued(3, full), qos: 2, retain: true, subscriptionIdentifiers: [1, 268_435_455] },
          { ...queued(4, empty), state: 'published', packetId: 65_535 },
          { ...queued(5, empty), state: 'released', packetId: 2, message: undefined },
        ],
        incoming: [1, 65_535],
      },
      {
        session: session('bare', {
          will: { topic: 'w', payload: new Uint8Array(0), qos: 0, retain: false, properties: {}, delayS: 0 },
        }),
        subscriptions: [],
        outgoing: [],
        incoming: [],
      },
    ],
    retained: [full, empty],
  };
  for (const entry of expected.sessions) {
    const { clientId } = entry.session;
    store.putSession(entry.session);
    for (const each of entry.subscriptions) store.putSubscription(clientId, each);
    for (const each of entry.outgoing) store.putOutgoing(clientId, each);
    for (const packetId of entry.incoming) store.putIncoming(clientId, packetId);
  }
  for (const each of expected.retained) store.putRetained(each);
  await store.close();
  const snapshot = await readBack(path);
  assert.deepEqual(comparable(snapshot), comparable(expected));
  const shared = snapshot.sessions.flatMap((entry) => entry.outgoing).find((each) => each.sequence === 3)?.message;
  assert.equal(
    snapshot.retained.find((each) => each.topic === full.topic),
    shared,
    'one object for every place a message stands in',
  );
  assert.equal(shared?.payload.buffer.byteLength, 3, 'a payload does not pin what it was read with');
  assert.ok(snapshot.retained.every((each) => each.id < 0));
});

test('the file and the log beside it belong to their owner alone', async (t) => {
  const path = place(t);
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  const store = await open(path, 'durable');
  store.putSession(session('a'));
  await new Promise<void>((resolve) => store.whenSafe(resolve));
  const directory = join(path, '..');
  const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777]);
  assert.deepEqual(modes, [
    ['sessions.db', 0o600],
    ['sessions.db-wal', 0o600],
  ]);
  await store.close();
  assert.deepEqual(readdirSync(directory), ['sessions.db']);
});

test('a message leaves the disk with the last place it stood in', async (t) => {
  const path = place(t);
  const shared = message(0);
  let store = await open(path);
  store.putSession(session('a'));
  store.putSession(session('b'));
  store.putOutgoing('a', queued(1, shared));
  store.putOutgoing('b', queued(1, shared));
  store.putOutgoing('b', queued(2, message(1)));
  store.putRetained(shared);
  store.putRetained(message(2, { topic: 'other' }));
  await store.close();
  assert.equal(count(path, 'message'), 3);

  const step = async (change: (store: Store) => void): Promise<number> => {
    store = await open(path);
    await store.load();
    change(store);
    await store.close();
    return count(path, 'message');
  };
  assert.equal(await step((s) => s.deleteOutgoing('a', 1)), 3);
  assert.equal(await step((s) => s.deleteRetained(shared.topic)), 3);
  assert.equal(
    await step((s) => s.putOutgoing('b', { ...queued(1, shared), state: 'released', message: undefined })),
    2,
    'a released delivery needs no message',
  );
  assert.equal(await step((s) => s.putRetained(message(0, { topic: 'other' }))), 2, 'one retained replaces another');
  assert.equal(await step((s) => s.deleteSession('b')), 1);
  const both = message(0, { topic: 'other' });
  await step((s) => {
    s.putRetained(both);
    s.putOutgoing('a', queued(9, both));
  });
  assert.equal(await step((s) => s.deleteOutgoing('a', 9)), 1, 'it is still retained');
  assert.equal(await step((s) => s.deleteRetained('other')), 0);
  assert.equal(count(path, 'outgoing'), 0);
});

test('a message read back can move on, and stand in further queues', async (t) => {
  const path = place(t);
  let store = await open(path);
  store.putSession(session('a'));
  store.putOutgoing('a', queued(1, message(0)));
  await store.close();
  store = await open(path);
  const before = (await store.load()).sessions[0]!.outgoing[0]!;
  store.putOutgoing('a', { ...before, state: 'published', packetId: 1 });
  store.putSession(session('b'));
  store.putOutgoing('b', queued(1, before.message!));
  store.putOutgoing('b', queued(2, message(0, { topic: 'new' })));
  await store.close();
  assert.equal(count(path, 'message'), 2);
  const { sessions } = await readBack(path);
  const topics = inOrder(sessions, (entry) => entry.session.clientId).map((entry) =>
    entry.outgoing.map((each) => each.message?.topic),
  );
  assert.deepEqual(topics, [['topic/0'], ['topic/0', 'new']]);
});

async function refusedWith(path: string, fault: string, says: RegExp): Promise<void> {
  await assert.rejects(open(path), (error) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.fault, fault);
    assert.ok(error.message.includes(path), error.message);
    assert.match(error.message, says);
    return true;
  });
}

test('a second gateway on the same file is refused, in this process and in another', async (t) => {
  const path = place(t);
  const store = await open(path);
  await refusedWith(path, 'in-use', /another gateway/);
  const script = `new (require('node:sqlite').DatabaseSync)(process.argv[1]).exec('SELECT * FROM session')`;
  const other = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
  assert.match(other.stderr, /database is locked/);
  await store.close();
  await readBack(path);
});

test('a file that is no database is refused and left alone', async (t) => {
  const path = place(t);
  const text = 'dear diary, '.repeat(500);
  writeFileSync(path, text);
  await refusedWith(path, 'not-a-store', /not a session store.*move it away/);
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('a database of another program is refused and left alone', async (t) => {
  const path = place(t);
  edit(path, 'CREATE TABLE theirs (x)');
  const before = readFileSync(path);
  await refusedWith(path, 'not-a-store', /not a session store/);
  assert.deepEqual(readFileSync(path), before);
});

test('a file of a newer version is refused and left alone', async (t) => {
  const path = place(t);
  await readBack(path);
  edit(path, `PRAGMA user_version = ${SCHEMA_VERSION + 6}`);
  const before = readFileSync(path);
  await refusedWith(path, 'newer', new RegExp(`schema ${SCHEMA_VERSION + 6}; this one knows ${SCHEMA_VERSION}`));
  assert.deepEqual(readFileSync(path), before);
});

test('a file from before the authors of Wills were kept is brought up to date, with all that it holds', async (t) => {
  const path = place(t);
  const store = await open(path);
  await store.load();
  const will = { topic: 'w', payload: Uint8Array.of(1), qos: 1 as const, retain: false, properties: {}, delayS: 5 };
  store.putSession(session('old', { will: { ...will, author: 'somebody' } }));
  store.putSubscription('old', subscription('a'));
  await store.close();
  edit(path, 'ALTER TABLE session DROP COLUMN will_author; PRAGMA user_version = 1');
  const later = await open(path);
  const { sessions } = await later.load();
  assert.deepEqual(sessions[0]?.session.will, will);
  assert.equal(sessions[0]?.subscriptions.length, 1);
  later.putSession(session('new', { will: { ...will, author: 'me' } }));
  await later.close();
  const authors = (await readBack(path)).sessions.map(({ session: { clientId, will: left } }) => [
    clientId,
    left?.author,
  ]);
  assert.deepEqual(authors.sort(), [
    ['new', 'me'],
    ['old', undefined],
  ]);
});

test('a database with damaged pages is refused', async (t) => {
  const path = place(t);
  const store = await open(path);
  store.putSession(session('a'));
  for (let i = 0; i < 200; i++) store.putOutgoing('a', queued(i, message(i)));
  await store.close();
  const bytes = readFileSync(path);
  for (let page = 2; page * 4096 < bytes.length; page++) bytes.fill(0xee, page * 4096, page * 4096 + 64);
  writeFileSync(path, bytes);
  await refusedWith(path, 'damaged', /restore it from a backup/);
});

test('a directory that is missing, or a directory in place of the file, is refused', async (t) => {
  const path = place(t);
  await refusedWith(join(path, 'missing', 'sessions.db'), 'unwritable', /ENOENT/);
  mkdirSync(path);
  await refusedWith(path, 'unwritable', /EISDIR/);
});

test('a directory that may not be written is refused', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const path = place(t);
  chmodSync(join(path, '..'), 0o500);
  t.after(() => chmodSync(join(path, '..'), 0o700));
  await refusedWith(path, 'unwritable', /EACCES/);
});

test('rows that make no sense are left out, counted, and gone at the next start', async (t) => {
  const path = place(t);
  const store = await open(path);
  for (const clientId of ['a', 'b']) {
    store.putSession(session(clientId));
    store.putSubscription(clientId, subscription('f'));
    for (let i = 0; i < 4; i++) store.putOutgoing(clientId, queued(i, message(i)));
    store.putIncoming(clientId, 1);
  }
  store.putRetained(message(4));
  store.putRetained(message(5));
  const will = { topic: 'w', payload: new Uint8Array(1), qos: 1 as const, retain: false, properties: {}, delayS: 0 };
  store.putSession(session('c', { will }));
  await store.close();
  edit(
    path,
    `UPDATE outgoing SET state = 9 WHERE session = 1 AND sequence = 0;
     UPDATE outgoing SET identifiers = '1,,2' WHERE session = 1 AND sequence = 1;
     UPDATE outgoing SET sequence = -9223372036854775807 WHERE session = 2 AND sequence = 3;
     UPDATE message SET properties = x'ff00' WHERE topic = 'topic/2';
     UPDATE message SET expires_at_ms = 9223372036854775807 WHERE topic = 'topic/5';
     UPDATE session SET will_properties = x'0300' WHERE client_id = 'c';
     UPDATE incoming SET packet_id = 70000 WHERE session = 1;
     UPDATE subscription SET qos = 3 WHERE session = 2;
     INSERT INTO incoming VALUES (77, 1);`,
  );
  const events: GatewayEvent[] = [];
  const { sessions, retained } = await readBack(path, events);
  assert.deepEqual(
    inOrder(sessions, (entry) => entry.session.clientId).map((entry) => ({
      outgoing: entry.outgoing.map((each) => each.sequence),
      incoming: entry.incoming,
      subscriptions: entry.subscriptions.length,
      will: entry.session.will,
    })),
    [
      { outgoing: [3], incoming: [], subscriptions: 1, will: undefined },
      { outgoing: [0, 1], incoming: [1], subscriptions: 0, will: undefined },
      { outgoing: [], incoming: [], subscriptions: 0, will: undefined },
    ],
  );
  assert.deepEqual(
    retained.map((each) => each.topic),
    ['topic/4'],
  );
  assert.deepEqual(
    events.map((event) => (event.name === 'storage.damaged' ? event.rows : event.name)),
    [10],
  );
  const later: GatewayEvent[] = [];
  await readBack(path, later);
  assert.deepEqual(later, []);
});

/** Room for four megabytes and no more; undefined where the system does not let us. */
function smallDisk(t: TestContext): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory]);
  if (mounted.status !== 0) {
    rmSync(directory, { recursive: true });
    return undefined;
  }
  t.after(() => {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(5);
}

for (const mode of ['relaxed', 'durable'] as const) {
  test(`a full disk makes a ${mode} store unhealthy, and with room again nothing is missing`, async (t) => {
    const directory = smallDisk(t);
    if (directory === undefined) return t.skip('needs the right to mount a tmpfs');
    const path = join(directory, 'sessions.db');
    const events: GatewayEvent[] = [];
    const ballast = join(directory, 'ballast');
    const store = await open(path, mode, events);
    await store.load();
    writeFileSync(ballast, Buffer.alloc(3_400_000));
    store.putSession(session('a'));
    for (let i = 0; i < 100; i++) store.putOutgoing('a', queued(i, message(i, { payload: new Uint8Array(10_000) })));
    await until(() => !store.healthy());
    let safe = false;
    store.putOutgoing('a', queued(100, message(100)));
    store.whenSafe(() => {
      safe = true;
    });
    await wait(150);
    assert.equal(safe, false);
    rmSync(ballast);
    await until(() => safe);
    assert.equal(store.healthy(), true);
    await store.close();
    assert.deepEqual(
      events.map((event) => event.name),
      ['storage.failed', 'storage.recovered'],
    );
    const { sessions } = await readBack(path);
    assert.equal(sessions[0]?.outgoing.length, 101);
  });
}

test('a disk that answers with I/O errors makes the store unhealthy until it stops', async (t) => {
  const limit = (bytes: string) =>
    spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:unlimited`]).status === 0;
  if (!limit('unlimited')) return t.skip('needs prlimit');
  t.after(() => limit('unlimited'));
  const path = place(t);
  const events: GatewayEvent[] = [];
  const store = await open(path, 'durable', events);
  await store.load();
  store.putSession(session('a'));
  await new Promise<void>((resolve) => store.whenSafe(resolve));
  limit('60000');
  store.putOutgoing('a', queued(1, message(1, { payload: new Uint8Array(100_000) })));
  let safe = false;
  store.whenSafe(() => {
    safe = true;
  });
  await until(() => !store.healthy());
  await wait(150);
  assert.equal(safe, false);
  limit('unlimited');
  await until(() => safe);
  await store.close();
  assert.deepEqual(
    events.map((event) => event.name),
    ['storage.failed', 'storage.recovered'],
  );
  assert.equal((await readBack(path)).sessions[0]?.outgoing[0]?.message?.payload.length, 100_000);
});

test('a thread killed from outside is replaced, and nothing is missing', async (t) => {
  const path = place(t);
  const events: GatewayEvent[] = [];
  let kill = () => {};
  const start: StartThread = (options, toStore) => {
    const thread = startStoreThread(options, toStore);
    kill = thread.kill;
    return thread;
  };
  const store = await open(path, 'durable', events, start);
  await store.load();
  store.putSession(session('a'));
  for (let i = 0; i < 2_000; i++) store.putOutgoing('a', queued(i, message(i)));
  const safe = new Promise<void>((resolve) => store.whenSafe(resolve));
  setImmediate(kill);
  await safe;
  await store.close();
  assert.deepEqual(
    events.map((event) => event.name),
    ['storage.failed', 'storage.recovered'],
  );
  assert.equal((await readBack(path)).sessions[0]?.outgoing.length, 2_000);
});
