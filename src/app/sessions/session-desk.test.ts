import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench } from '../../../test/kit/broker-client.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { NumberedOrder } from '../../base/numbered-order.ts';
import type { KeptSession, KeptSessions } from '../../broker/kept-session.ts';
import type { ClientDetails } from '../clients/client-facts.ts';
import { placeOfConnection } from '../clients/client-query.ts';
import { type ClientAnswer, type ClientQuestion, GatewayClients } from '../clients/gateway-clients.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { SessionDesk } from './session-desk.ts';
import { sessionDetailsSchema, sessionSummarySchema } from './session-facts.ts';

const lasting = (expiryS: number) => ({ cleanStart: false, properties: { sessionExpiryIntervalS: expiryS } });

/** A client that is connected to another broker. */
const elsewhere = (clientId: string, connectionId: string): ClientDetails =>
  ({
    ...{ clientId, connectionId, username: 'bob', upstream: 'mosquitto', protocolVersion: 4, subscriptions: 1 },
    ...{ connectedAt: '2026-01-01T00:00:00.000Z', filters: ['up/#'], willTopic: 'gone' },
  }) as unknown as ClientDetails;

const OTHER_BROKER = { upstream: 'mosquitto', upstreams: [{ name: 'mosquitto' }] } as unknown as Config;
const NO_OTHER = { upstream: 'embedded', upstreams: [] } as unknown as Config;

async function makeDesk(others: readonly ClientDetails[] = [], config = OTHER_BROKER) {
  const bench = await makeBench();
  const asked: ClientQuestion[] = [];
  const clients = new GatewayClients(
    async (question) => {
      asked.push(question);
      const answers: Partial<Record<ClientQuestion['kind'], () => ClientAnswer>> = {
        list: () => {
          const { after, countMax } = (question as Extract<ClientQuestion, { kind: 'list' }>).query;
          const behind = others.filter(({ connectionId }) => Number(connectionId.slice(1)) > after.number);
          const clients = behind.slice(0, countMax);
          const through = placeOfConnection(clients.at(-1)?.connectionId ?? `c${after.number}`);
          return { clients, through: behind.length > countMax ? through : null, matched: others.length };
        },
        inspect: () => others.filter(({ clientId }) => clientId === (question as { id: string }).id),
        'end at own broker': () => [{ connectionId: 'c1', clientId: 'x' }],
      };
      return { answers: [answers[question.kind]!()], silent: [] };
    },
    () => [],
  );
  const desk = new SessionDesk({
    clock: bench.clock,
    emit: (event) => bench.events.push(event),
    clients,
    kept: () => bench.broker.sessions,
    config: () => config,
  });
  return { bench, desk, asked };
}

test('every session is on one page, whichever broker keeps it, and the answer says whose they are', async () => {
  const { bench, desk } = await makeDesk([elsewhere('m1', 'c4'), elsewhere('m2', 'c9')]);
  for (const id of ['a', 'b', 'c']) bench.client(id, 5, lasting(60)).lose();
  for (const countMax of [1, 2, 3, 4, 5]) {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await desk.list({}, cursor, countMax);
      assert.equal(page.matched, 5);
      assert.ok(page.sessions.length <= countMax && page.sessions.length > 0);
      for (const session of page.sessions) sessionSummarySchema.parse(session);
      seen.push(...page.sessions.map(({ clientId, broker }) => `${clientId}@${broker}`));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(seen, ['a@embedded', 'b@embedded', 'c@embedded', 'm1@mosquitto', 'm2@mosquitto']);
  }
  assert.deepEqual((await desk.list({}, undefined, 1)).sources, [
    { broker: 'embedded', knows: 'all' },
    { broker: 'mosquitto', knows: 'connected' },
  ]);
});

test('a session that begins while somebody turns pages is on a later one', async () => {
  const { bench, desk } = await makeDesk([], NO_OTHER);
  for (const id of ['a', 'b', 'c']) bench.client(id, 5, lasting(60)).lose();
  const first = await desk.list({}, undefined, 2);
  bench.broker.sessions.remove('b');
  bench.client('b', 5, lasting(60)).lose();
  const second = await desk.list({}, first.next ?? undefined, 2);
  assert.deepEqual(
    second.sessions.map(({ clientId }) => clientId),
    ['c', 'b'],
  );
  assert.equal(second.next, null);
});

test('filters leave those that fit', async () => {
  const { bench, desk, asked } = await makeDesk([elsewhere('m1', 'c4')]);
  bench.client('pump-1', 5, { ...lasting(60), owner: 'user:ann' }).lose();
  bench.client('pump-2', 5, { ...lasting(60), owner: 'user:bob' });
  bench.client('valve', 4, { cleanStart: false, owner: 'anonymous' }).lose();
  const ids = async (filter: Parameters<SessionDesk['list']>[0]) =>
    (await desk.list({ broker: 'embedded', ...filter }, undefined, 10)).sessions.map(({ clientId }) => clientId);
  assert.deepEqual(await ids({ clientId: 'pump-*' }), ['pump-1', 'pump-2']);
  assert.deepEqual(await ids({ username: 'ann' }), ['pump-1']);
  assert.deepEqual(await ids({ username: '' }), ['valve']);
  assert.deepEqual(await ids({ state: 'away' }), ['pump-1', 'valve']);
  assert.deepEqual(await ids({ state: 'connected' }), ['pump-2']);
  assert.deepEqual(asked, [], 'nobody was asked for clients of other brokers');
  const there = await desk.list({ broker: 'mosquitto' }, undefined, 10);
  assert.deepEqual(
    there.sessions.map(({ clientId, queuedMessages }) => [clientId, queuedMessages]),
    [['m1', null]],
  );
});

test('a broker that there is not is refused with the nearest, and not taken for one without sessions', async () => {
  const { desk } = await makeDesk();
  await assert.rejects(
    desk.list({ broker: 'mosquito' }, undefined, 1),
    /no broker "mosquito"; did you mean mosquitto\?/,
  );
  await assert.rejects(desk.list({ broker: 'x' }, undefined, 1), /there are: embedded, mosquitto\./);
});

test('a client of a broker that a reload has taken away is still listed', async () => {
  let config = OTHER_BROKER;
  const clients = new GatewayClients(
    async () => ({ answers: [{ clients: [elsewhere('m1', 'c4')], through: null, matched: 1 }], silent: [] }),
    () => [],
  );
  const services = { clock: new ManualClock(), emit: () => undefined, clients, kept: () => undefined };
  const desk = new SessionDesk({ ...services, config: () => config });
  config = NO_OTHER;
  for (const filter of [{}, { broker: 'mosquitto' }])
    assert.deepEqual(
      (await desk.list(filter, undefined, 10)).sessions.map(({ clientId }) => clientId),
      ['m1'],
    );
});

test('a cursor that no page had is refused', async () => {
  const { desk } = await makeDesk();
  for (const cursor of ['s', 'x1', 's-1', 's1 ', '', 's9999999999999999']) {
    if (cursor !== '') await assert.rejects(desk.list({}, cursor, 1), OperatorError, cursor);
  }
});

test('a session is shown with what is left of its expiry, its subscriptions, its queue and its Will', async () => {
  const { bench, desk } = await makeDesk([], NO_OTHER);
  const will = {
    topic: 'gone',
    payload: 'secret',
    qos: 1,
    retain: true,
    properties: { willDelayIntervalS: 300 },
  } as const;
  const client = bench.client('c', 5, { ...lasting(600), owner: 'user:ann', will });
  client.subscribe([{ filter: 't', qos: 1, noLocal: true, retainHandling: 2 }], { subscriptionIdentifiers: [7] });
  client.lose();
  bench.client('pub').publish('t', 'hello', { qos: 1 });
  bench.clock.advance(60_000);
  const { sessions } = await desk.show('c');
  const [session, ...more] = sessions;
  assert.ok(session !== undefined && more.length === 0);
  sessionDetailsSchema.parse(session);
  assert.deepEqual(
    [session.username, session.state, session.protocolVersion, session.expiryS, session.expiresInMs],
    ['ann', 'away', 5, 600, 540_000],
  );
  assert.deepEqual([session.queuedMessages, session.queuedBytes, session.inflight, session.unreleased], [1, 6, 0, 0]);
  assert.deepEqual(session.filters, [
    { filter: 't', qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 2, subscriptionIdentifier: 7 },
  ]);
  assert.deepEqual(session.will, { topic: 'gone', qos: 1, retain: true, delayS: 300, payloadBytes: 6 });
  assert.ok(!JSON.stringify(session).includes('secret'));
  assert.deepEqual(await desk.show('nobody'), { sessions: [], silent: [] });
});

test('what was removed is told, with its author, and asks the workers only for a client that is connected', async () => {
  const { bench, desk, asked } = await makeDesk([], NO_OTHER);
  const away = bench.client('away', 5, lasting(60));
  away.subscribe([{ filter: 't', qos: 1 }]);
  away.lose();
  bench.client('pub').publish('t', 'x', { qos: 1 });
  const removed = await desk.remove('away', 'ann');
  assert.ok(removed.kind === 'removed');
  assert.deepEqual([removed.session.queuedMessages, removed.session.state, removed.connections], [1, 'away', []]);
  assert.deepEqual(asked, []);
  const told = bench.events.find(({ name }) => name === 'session.removed');
  assert.ok(told?.name === 'session.removed' && told.by === 'operator:ann' && told.queuedMessages === 1);
  const there = bench.client('there', 5, lasting(60));
  assert.ok((await desk.remove('there', 'ann')).kind === 'removed');
  assert.equal(there.closedWith?.reasonCode, 0x98, 'although no worker has ended it');
  assert.equal(bench.broker.sessions.get('there'), undefined);
});

test('a session of another broker is not ours to remove, and the answer says where to', async () => {
  const { desk } = await makeDesk([elsewhere('m1', 'c4')]);
  const connected = await desk.remove('m1', 'ann');
  assert.ok(
    connected.kind === 'elsewhere' && /kept by the broker mosquitto.*sallyport disconnect/.test(connected.says),
  );
  const away = await desk.remove('m9', 'ann');
  assert.ok(away.kind === 'absent' && /another broker \(mosquitto\).*remove it, there/.test(away.says));
  const alone = await makeDesk([], NO_OTHER);
  const none = await alone.desk.remove('m9', 'ann');
  assert.ok(none.kind === 'absent' && none.says.endsWith('`sallyport sessions` shows those there are.'));
});

/** As many as it says, every fiftieth connected, each of another user; it counts how many are looked at. */
function manySessions(count: number) {
  const order = new NumberedOrder<KeptSession>();
  for (let number = 1; number <= count; number++) {
    order.add(number, {
      ...{ number, clientId: `c${number}`, owner: `user:u${number}`, connected: number % 50 === 0, expiryS: 60 },
      ...{ protocolVersion: 5, connectedAtMs: 0, disconnectedAtMs: number % 50 === 0 ? undefined : 0 },
      ...{ subscriptions: new Map(), outgoing: { queuedCount: 0, queuedBytes: 0, inflightCount: 0 } },
      ...{ incoming: new Set(), will: undefined },
    } as unknown as KeptSession);
  }
  const seen = { looks: 0 };
  const kept: KeptSessions = {
    count,
    connectedCount: Math.floor(count / 50),
    *after(number) {
      for (const session of order.after(number)) {
        seen.looks++;
        yield session;
      }
    },
    get: (clientId) => [...order.after(Number(clientId.slice(1)) - 1)][0],
    remove: () => false,
  };
  const desk = new SessionDesk({
    clock: new ManualClock(),
    emit: () => undefined,
    clients: new GatewayClients(
      async () => ({ answers: [{ clients: [], through: null, matched: 0 }], silent: [] }),
      () => [],
    ),
    kept: () => kept,
    config: () => NO_OTHER,
  });
  return { desk, seen };
}

test('a page of a filter looks at a bounded number of sessions, and all pages together at each once', async () => {
  const count = 30_000;
  const cases: [filter: Parameters<SessionDesk['list']>[0], fitting: number, matched: number | null][] = [
    [{}, count, count],
    [{ state: 'away' }, count - count / 50, count - count / 50],
    [{ state: 'connected' }, count / 50, count / 50],
    [{ username: 'u29999' }, 1, null],
    [{ clientId: 'c2999*' }, 11, null],
    [{ clientId: 'c7' }, 1, 1],
  ];
  for (const [filter, fitting, matched] of cases) {
    const { desk, seen } = manySessions(count);
    let [found, pages, cursor] = [0, 0, undefined as string | undefined];
    do {
      const before = seen.looks;
      const page = await desk.list(filter, cursor, 100);
      assert.ok(seen.looks - before <= 10_001, JSON.stringify(filter));
      assert.equal(page.matched, matched, JSON.stringify(filter));
      found += page.sessions.length;
      pages++;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    assert.equal(found, fitting, JSON.stringify(filter));
    // The first of a page has been looked at from the one before.
    const again = filter.state === 'connected' ? 50 * pages : pages;
    assert.ok(seen.looks <= count + again, `${JSON.stringify(filter)}: ${seen.looks} looks on ${pages} pages`);
  }
});
