import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { ManualClock } from '../base/manual-clock.ts';
import type {
  Store,
  StoredMessage,
  StoredOutgoing,
  StoredSession,
  StoredSubscription,
  StoreSnapshot,
} from './store.ts';
import { StoreOwner } from './store-owner.ts';
import { openSqliteStore } from './store-sqlite.ts';
import type { FromThread, StartThread, ToThread } from './store-thread.ts';

type Mishap = 'refuses' | 'ends before the commit' | 'ends after the commit';

/** The owner of the file in this thread, with mishaps on order: each befalls the next transaction that is to be committed. */
function nearThread(clock: ManualClock, mishaps: Mishap[]): StartThread {
  return (options, events) => {
    let alive = true;
    let owner: StoreOwner | undefined;
    const toStore = (said: FromThread, transfer: ArrayBuffer[]) => {
      const crossed = structuredClone(said, { transfer });
      setImmediate(() => events.onMessage(crossed));
    };
    const end = () => {
      alive = false;
      owner?.close();
      setImmediate(() => events.onExit('mishap'));
    };
    const receive = (sent: ToThread) => {
      if (!alive || owner === undefined) return;
      const mishap = sent.kind === 'part' && sent.last ? mishaps.shift() : undefined;
      if (mishap === 'refuses') return toStore({ kind: 'failed', says: 'mishap' }, []);
      if (mishap === 'ends before the commit') return end();
      if (mishap === 'ends after the commit') {
        alive = false;
        owner.receive(sent);
        return end();
      }
      owner.receive(sent);
      if (sent.kind === 'close') {
        alive = false;
        setImmediate(() => events.onExit('closed'));
      }
    };
    setImmediate(() => {
      owner = new StoreOwner(options, clock, (said, transfer) => {
        if (alive) toStore(said, transfer);
      });
    });
    return {
      send: (sent, transfer) => {
        const crossed = structuredClone(sent, { transfer });
        setImmediate(() => receive(crossed));
      },
      kill: () => {
        alive = false;
      },
    };
  };
}

interface SessionModel {
  session: StoredSession;
  subscriptions: Map<string, StoredSubscription>;
  outgoing: Map<number, StoredOutgoing>;
  incoming: Set<number>;
}

/** What should come back. */
class Model {
  sessions = new Map<string, SessionModel>();
  retained = new Map<string, StoredMessage>();

  /** Each message once, wherever it stands. */
  messages(): StoredMessage[] {
    const found = new Set(this.retained.values());
    for (const { outgoing } of this.sessions.values()) {
      for (const each of outgoing.values()) if (each.message !== undefined) found.add(each.message);
    }
    return [...found];
  }
}

function content(of: StoredMessage | undefined): unknown {
  return of && { ...of, id: undefined, payload: new Uint8Array(of.payload), properties: { ...of.properties } };
}

function comparableModel(model: Model): unknown {
  const sessions = [...model.sessions.values()].map((each) => ({
    session: each.session,
    subscriptions: [...each.subscriptions.values()],
    outgoing: [...each.outgoing.values()],
    incoming: [...each.incoming],
  }));
  return comparable({ sessions, retained: [...model.retained.values()] });
}

/** The order and the identifiers a store need not keep are left out. */
function comparable({ sessions, retained }: StoreSnapshot): unknown {
  // Cloned, so that every object has an ordinary prototype.
  return structuredClone({
    sessions: Object.fromEntries(
      sessions.map((each) => [
        each.session.clientId,
        {
          session: each.session,
          subscriptions: Object.fromEntries(each.subscriptions.map((one) => [one.filter, one])),
          outgoing: Object.fromEntries(
            each.outgoing.map((one) => [one.sequence, { ...one, message: content(one.message) }]),
          ),
          incoming: each.incoming.toSorted((a, b) => a - b),
        },
      ]),
    ),
    retained: Object.fromEntries(retained.map((each) => [each.topic, content(each)])),
  });
}

/** The model of a store that was just read back: its messages are the objects the store will be given again. */
function modelOf(snapshot: StoreSnapshot): Model {
  const model = new Model();
  for (const { session, subscriptions, outgoing, incoming } of snapshot.sessions) {
    model.sessions.set(session.clientId, {
      session,
      subscriptions: new Map(subscriptions.map((each) => [each.filter, each])),
      outgoing: new Map(outgoing.map((each) => [each.sequence, each])),
      incoming: new Set(incoming),
    });
  }
  for (const each of snapshot.retained) model.retained.set(each.topic, each);
  return model;
}

const text = fc.string({ unit: 'grapheme', maxLength: 8 }).map((value) => value.replaceAll('\0', ''));
const bytes = fc.uint8Array({ maxLength: 20 });
const flag = fc.boolean();
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const clientId = fc.constantFrom('a', 'b', 'ä€');
const sequence = fc.integer({ min: 0, max: 5 });
const packetId = fc.integer({ min: 1, max: 4 });
const filter = fc.constantFrom('f', 'f/#', '$share/g/+');
const topic = fc.constantFrom('t', 't/u', '€');
const seconds = fc.nat(0xffffffff);
const properties = fc.oneof(
  fc.constant({}),
  fc.record(
    {
      payloadFormatIndicator: fc.constantFrom(0 as const, 1 as const),
      messageExpiryIntervalS: seconds,
      contentType: text,
      responseTopic: fc.constantFrom('answer', 'answer/ä'),
      correlationData: bytes,
      userProperties: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
);
const head = fc.record({ topic, payload: bytes, qos, retain: flag, properties });
const body = fc.record({
  head,
  expiresAtMs: fc.option(fc.nat(2 ** 45), { nil: undefined }),
  publisher: text,
  /** Rather than a new message, one that is in the store already. */
  again: fc.option(fc.nat(20), { nil: undefined }),
});
const will = fc.option(
  fc
    .tuple(head, seconds, fc.option(text, { nil: undefined }))
    .map(([of, delayS, author]) => (author === undefined ? { ...of, delayS } : { ...of, delayS, author })),
  { nil: undefined },
);

const change = fc.oneof(
  fc.record({
    do: fc.constant('putSession' as const),
    session: fc.record({
      clientId,
      owner: text,
      sessionExpiryIntervalS: seconds,
      disconnectedAtMs: fc.option(fc.nat(2 ** 45), { nil: undefined }),
      will,
    }),
  }),
  fc.record({ do: fc.constant('deleteSession' as const), clientId }),
  fc.record({
    do: fc.constant('putSubscription' as const),
    clientId,
    subscription: fc.record({
      filter,
      qos,
      noLocal: flag,
      retainAsPublished: flag,
      retainHandling: fc.constantFrom(0 as const, 1 as const, 2 as const),
      subscriptionIdentifier: fc.nat(268_435_455),
    }),
  }),
  fc.record({ do: fc.constant('deleteSubscription' as const), clientId, filter }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('putOutgoing' as const),
      clientId,
      outgoing: fc.record({
        sequence,
        packetId: fc.nat(65_535),
        state: fc.constantFrom('queued' as const, 'published' as const, 'released' as const),
        qos,
        retain: flag,
        subscriptionIdentifiers: fc.array(fc.nat(268_435_455), { maxLength: 3 }),
      }),
      message: body,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deleteOutgoing' as const), clientId, sequence }) },
  fc.record({ do: fc.constant('putIncoming' as const), clientId, packetId }),
  fc.record({ do: fc.constant('deleteIncoming' as const), clientId, packetId }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('putRetained' as const), message: body }) },
  fc.record({ do: fc.constant('deleteRetained' as const), topic }),
);
const step = fc.oneof(
  { weight: 12, arbitrary: change },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('mishap' as const),
      mishap: fc.constantFrom<Mishap[]>('refuses', 'ends before the commit', 'ends after the commit'),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Change = Exclude<Step, { do: 'wait' | 'reopen' | 'mishap' }>;

/** Makes one change in both. Returns the next unused message identifier. */
function make(made: Change, store: Store, model: Model, idNext: number): number {
  let next = idNext;
  const messageOf = ({ head, expiresAtMs, publisher, again }: (typeof made & { do: 'putRetained' })['message']) => {
    const there = model.messages();
    if (again !== undefined && there.length > 0) return there[again % there.length]!;
    return { ...head, id: next++, expiresAtMs, publisher };
  };
  switch (made.do) {
    case 'putSession': {
      store.putSession(made.session);
      const known = model.sessions.get(made.session.clientId);
      if (known !== undefined) known.session = made.session;
      else {
        model.sessions.set(made.session.clientId, {
          session: made.session,
          subscriptions: new Map(),
          outgoing: new Map(),
          incoming: new Set(),
        });
      }
      return next;
    }
    case 'putRetained': {
      const message = messageOf(made.message);
      store.putRetained(message);
      model.retained.set(message.topic, message);
      return next;
    }
    case 'deleteRetained':
      store.deleteRetained(made.topic);
      model.retained.delete(made.topic);
      return next;
  }
  const { clientId } = made;
  const entry = model.sessions.get(clientId);
  if (entry === undefined) return next;
  switch (made.do) {
    case 'deleteSession':
      store.deleteSession(clientId);
      model.sessions.delete(clientId);
      break;
    case 'putSubscription':
      store.putSubscription(clientId, made.subscription);
      entry.subscriptions.set(made.subscription.filter, made.subscription);
      break;
    case 'deleteSubscription':
      store.deleteSubscription(clientId, made.filter);
      entry.subscriptions.delete(made.filter);
      break;
    case 'putOutgoing': {
      const message = made.outgoing.state === 'released' ? undefined : messageOf(made.message);
      const outgoing = { ...made.outgoing, message };
      store.putOutgoing(clientId, outgoing);
      entry.outgoing.set(outgoing.sequence, outgoing);
      break;
    }
    case 'deleteOutgoing':
      store.deleteOutgoing(clientId, made.sequence);
      entry.outgoing.delete(made.sequence);
      break;
    case 'putIncoming':
      store.putIncoming(clientId, made.packetId);
      entry.incoming.add(made.packetId);
      break;
    case 'deleteIncoming':
      store.deleteIncoming(clientId, made.packetId);
      entry.incoming.delete(made.packetId);
      break;
  }
  return next;
}

/** Turns the event loop and moves time until the promise is settled. */
async function drive<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  while (!settled) {
    await turn();
    clock.advance(100);
  }
  return promise;
}

function messagesOnDisk(path: string): number {
  const database = new DatabaseSync(path);
  const row = database.prepare('SELECT count(*) AS n FROM message').get();
  database.close();
  return Number(row?.['n']);
}

async function run(mode: 'relaxed' | 'durable', steps: readonly Step[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-model-'));
  const path = join(directory, 'sessions.db');
  const clock = new ManualClock();
  const mishaps: Mishap[] = [];
  const start = nearThread(clock, mishaps);
  const options = { path, mode, commitIntervalMs: 200, clock, emit: () => {} };
  try {
    let store = await openSqliteStore(options, start);
    let model = modelOf(await store.load());
    let idNext = 0;
    for (const each of [...steps, { do: 'reopen' as const }]) {
      if (each.do === 'wait') {
        for (let i = 0; i <= each.turns; i++) {
          clock.advance(200);
          await turn();
        }
      } else if (each.do === 'mishap') mishaps.push(each.mishap);
      else if (each.do === 'reopen') {
        mishaps.length = 0;
        await drive(clock, store.close());
        assert.equal(messagesOnDisk(path), model.messages().length);
        store = await openSqliteStore(options, start);
        const snapshot = await store.load();
        assert.deepEqual(comparable(snapshot), comparableModel(model));
        for (const { outgoing } of snapshot.sessions) {
          assert.ok(outgoing.every((one, i) => i === 0 || outgoing[i - 1]!.sequence < one.sequence));
        }
        model = modelOf(snapshot);
        idNext = 0;
      } else idNext = make(each, store, model, idNext);
    }
    await drive(clock, store.close());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const mode of ['relaxed', 'durable'] as const) {
  test(`whatever happens to a ${mode} store and its thread, what is read back is what was written`, async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => run(mode, steps));
    await fc.assert(property, { numRuns: Number(process.env['STORE_MODEL_RUNS'] ?? 20) });
  });
}
