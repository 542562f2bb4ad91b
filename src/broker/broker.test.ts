import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Bench, type BrokerClient, type ClientInit, makeBench, textOf } from '../../test/kit/broker-client.ts';
import { SimulatedDisk } from '../../test/kit/simulated-disk.ts';
import { Reason } from '../mqtt/reason.ts';
import { topicMatchesFilter } from '../mqtt/topic.ts';
import { PacketType, type QoS } from '../mqtt/wire.ts';

const lasting = (expiryS = 3_600): ClientInit => ({
  cleanStart: false,
  properties: { sessionExpiryIntervalS: expiryS },
});

/** The process dies without a word and another takes over its disk, `downMs` later. */
async function crash(bench: Bench, disk: SimulatedDisk, downMs = 0): Promise<Bench> {
  disk.crash();
  bench.clock.advance(downMs);
  return makeBench({ store: disk }, bench.clock);
}

// --- restart ---

test('after a crash a session has its subscriptions, what was under way, and what waited, in order', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk, inflightMax: 3 });
  const client = bench.client('c', 5, lasting());
  client.subscribe([{ filter: 't/+', qos: 2 }], { subscriptionIdentifiers: [5] });
  const publisher = bench.client('p');
  const properties = { contentType: 'text', userProperties: [['k', 'v']] as [string, string][] };
  for (const [payload, qos] of [
    ['1', 1],
    ['2', 2],
    ['3', 2],
    ['4', 1],
    ['5', 2],
  ] as [string, QoS][]) {
    publisher.publish('t/x', payload, { qos, properties });
  }
  const [first, second, third] = client.take();
  client.pubrec(third!.packetId);

  const after = await crash(bench, disk);
  const back = after.client('c', 5, lasting());
  assert.equal(back.connackPacket?.sessionPresent, true);
  const again = back.take();
  assert.deepEqual(
    again.map((one) => [textOf(one), one.packetId, one.dup]),
    [
      ['1', first!.packetId, true],
      ['2', second!.packetId, true],
      ['4', again[2]!.packetId, false],
      ['5', again[3]!.packetId, false],
    ],
  );
  for (const one of again) assert.deepEqual(one.properties, { ...properties, subscriptionIdentifiers: [5] });
  assert.equal(new Set([third!.packetId, ...again.map(({ packetId }) => packetId)]).size, 5);
  assert.deepEqual(
    back.acks.map(({ type, packetId }) => [type, packetId]),
    [[PacketType.Pubrel, third!.packetId]],
  );
  after.client('p').publish('t/y', 'live', { qos: 1 });
  assert.deepEqual(back.texts(), ['t/y=live']);
});

test('after a crash a QoS 2 message that was received is not routed again', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  bench.client('c', 5, lasting()).publish('t', 'x', { qos: 2, packetId: 9 });
  const after = await crash(bench, disk);
  const subscriber = after.client('s');
  subscriber.subscribe('t');
  const back = after.client('c', 5, lasting());
  back.publish('t', 'x', { qos: 2, packetId: 9, dup: true });
  back.pubrel(9);
  assert.deepEqual(subscriber.texts(), []);
  assert.deepEqual(
    back.acks.map(({ type, reasonCode }) => [type, reasonCode]),
    [
      [PacketType.Pubrec, 0],
      [PacketType.Pubcomp, 0],
    ],
  );
});

test('retained messages survive, with their expiry; what the broker tells of itself does not', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const publisher = bench.client('p');
  publisher.publish('a', 'kept', { retain: true, properties: { messageExpiryIntervalS: 100, contentType: 'c' } });
  publisher.publish('b', 'cleared', { retain: true });
  publisher.publish('b', '', { retain: true });
  publisher.publish('c', 'short', { retain: true, properties: { messageExpiryIntervalS: 5 } });
  bench.client('s').subscribe('$SYS/#');
  assert.deepEqual(
    (await disk.load()).retained.map(({ topic }) => topic),
    ['a', 'c'],
  );
  const after = await crash(bench, disk, 10_000);
  const subscriber = after.client('s');
  subscriber.subscribe('#');
  const [message, ...rest] = subscriber.take();
  assert.equal(textOf(message!), 'kept');
  assert.deepEqual(message!.properties, { messageExpiryIntervalS: 90, contentType: 'c' });
  assert.deepEqual(rest, []);
});

test('time counts while the broker is down: for sessions, Wills and messages', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const delayed = (topic: string, delayS: number) => ({
    topic,
    properties: { willDelayIntervalS: delayS },
    retain: true,
    payload: 'w',
  });
  bench.client('gone', 5, { ...lasting(20), will: delayed('will/gone', 500) }).lose();
  bench.client('due', 5, { ...lasting(500), will: delayed('will/due', 20) }).lose();
  bench.client('later', 5, { ...lasting(500), will: delayed('will/later', 50) }).lose();
  bench.client('alive', 5, { ...lasting(500), will: delayed('will/alive', 20) });
  const waiting = bench.client('waiting', 5, lasting(500));
  waiting.subscribe([{ filter: 'm', qos: 1 }]);
  waiting.lose();
  const publisher = bench.client('p');
  publisher.publish('m', 'short', { qos: 1, properties: { messageExpiryIntervalS: 10 } });
  publisher.publish('m', 'long', { qos: 1, properties: { messageExpiryIntervalS: 100 } });

  const after = await crash(bench, disk, 30_000);
  const watcher = after.client('w');
  watcher.subscribe('will/#');
  assert.deepEqual(watcher.texts(), ['will/gone=w', 'will/due=w']);
  assert.equal(after.client('gone', 5, lasting(20)).connackPacket?.sessionPresent, false);
  const back = after.client('waiting', 5, lasting(500));
  assert.deepEqual(
    back.take().map((one) => [textOf(one), one.properties.messageExpiryIntervalS]),
    [['long', 70]],
  );
  after.clock.advance(19_999);
  assert.deepEqual(watcher.texts(), []);
  after.clock.advance(1);
  // The delay of who was connected when the process died counts from the start of the next.
  assert.deepEqual(watcher.texts().sort(), ['will/alive=w', 'will/later=w']);
});

test('the Will of a client whose session does not last is published by the next process', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const watcher = bench.client('w', 5, lasting());
  watcher.subscribe([{ filter: 'will', qos: 1 }]);
  bench.client('c', 4, { will: { topic: 'will', payload: 'gone', qos: 1 } });
  bench.client('d', 4, { will: { topic: 'will', payload: 'left', qos: 1 } }).disconnect();
  const after = await crash(bench, disk);
  assert.deepEqual(after.client('w', 5, lasting()).texts(), ['will=gone']);
  assert.equal((await disk.load()).sessions.length, 1, 'and then forgotten');
});

test('an orderly end leaves Wills to the next start, and sessions their full time', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  bench.client('c', 5, { ...lasting(60), will: { topic: 'will', retain: true, payload: 'x' } });
  await bench.broker.close();
  assert.equal(disk.isClosed, true);
  bench.clock.advance(30_000);
  const after = await makeBench({ store: disk }, bench.clock);
  const watcher = after.client('w');
  watcher.subscribe('will');
  assert.deepEqual(watcher.texts(), ['will=x']);
  after.clock.advance(29_999);
  assert.equal(after.broker.stats().sessions, 2);
  after.clock.advance(1);
  assert.equal(after.broker.stats().sessions, 1);
});

test('what has ended leaves nothing on the disk', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const client = bench.client('c', 5, { ...lasting(), acknowledges: true });
  client.subscribe([{ filter: 't', qos: 2 }, 'u']);
  client.unsubscribe('u');
  const publisher = bench.client('p', 5, lasting());
  for (const qos of [0, 1, 2] as const) publisher.publish('t', 'x', { qos, packetId: 4 });
  publisher.pubrel(4);
  const rows = (await disk.load()).sessions.find(({ session }) => session.clientId === 'c');
  assert.deepEqual(rows?.outgoing, []);
  assert.deepEqual(
    rows?.subscriptions.map(({ filter }) => filter),
    ['t'],
  );
  assert.deepEqual((await disk.load()).sessions.find(({ session }) => session.clientId === 'p')?.incoming, []);
  client.disconnect(0, { sessionExpiryIntervalS: 0 });
  bench.client('p', 5).lose();
  assert.deepEqual((await disk.load()).sessions, []);
});

test('a session that is resumed without expiry is gone from the disk at once', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const first = bench.client('c', 5, lasting());
  first.subscribe([{ filter: 't', qos: 1 }]);
  first.lose();
  bench.client('p').publish('t', 'x', { qos: 1 });
  const second = bench.client('c', 5, { cleanStart: false });
  assert.deepEqual(second.texts(), ['t=x']);
  assert.deepEqual((await disk.load()).sessions, []);
  second.puback(1);
});

// --- the durable promise ---

test('with a slow disk a publisher hears nothing before its message is safe, and then in order', async () => {
  const disk = new SimulatedDisk();
  disk.commitsAtOnce = false;
  const bench = await makeBench({ store: disk });
  const keeper = bench.client('s', 5, lasting());
  keeper.subscribe([{ filter: 't', qos: 1 }]);
  assert.equal(keeper.subacks.length, 0, 'a subscription that lasts is a promise as well');
  disk.commit();
  assert.equal(keeper.subacks.length, 1);
  keeper.lose();
  const publisher = bench.client('p', 5, lasting());
  publisher.publish('t', 'one', { qos: 1, packetId: 1 });
  publisher.publish('t', 'two', { qos: 2, packetId: 2 });
  assert.deepEqual(publisher.acks, []);
  disk.commit();
  assert.deepEqual(
    publisher.acks.map(({ type, packetId }) => [type, packetId]),
    [
      [PacketType.Puback, 1],
      [PacketType.Pubrec, 2],
    ],
  );
  publisher.pubrel(2);
  assert.equal(publisher.acks.length, 2, 'PUBCOMP waits: the identifier may be used again after it');
  disk.commit();
  assert.equal(publisher.acks.length, 3);
  const after = await crash(bench, disk);
  assert.deepEqual(after.client('s', 5, lasting()).texts(), ['t=one', 't=two']);
});

test('a QoS 2 delivery is sent only when its identifier is safe, so that no crash sends it twice', async () => {
  const disk = new SimulatedDisk();
  disk.commitsAtOnce = false;
  const bench = await makeBench({ store: disk });
  const client = bench.client('s', 5, lasting());
  client.subscribe([{ filter: 't', qos: 2 }]);
  disk.commit();
  const publisher = bench.client('p');
  publisher.publish('t', 'one', { qos: 1 });
  publisher.publish('t', 'two', { qos: 2 });
  publisher.publish('t', 'three', { qos: 1 });
  assert.deepEqual(client.take().map(textOf), ['one'], 'QoS 1 may come twice, so it need not wait');
  disk.commit();
  const [message, next] = client.take();
  assert.equal(textOf(next!), 'three', 'but it does not overtake');
  assert.equal(textOf(message!), 'two');
  assert.equal(message!.dup, false);
  client.pubrec(message!.packetId);
  assert.deepEqual(client.acks, [], 'PUBREL waits as well');
  disk.commit();
  assert.deepEqual(client.log.slice(-1), [`ACK ${PacketType.Pubrel}`]);
});

test('a QoS 2 delivery whose commit comes after the client has gone, or while it is slow, waits for it', async () => {
  const disk = new SimulatedDisk();
  disk.commitsAtOnce = false;
  const bench = await makeBench({ store: disk });
  const client = bench.client('s', 5, lasting());
  client.subscribe([{ filter: 't', qos: 2 }]);
  disk.commit();
  const publisher = bench.client('p');
  client.room = 1;
  publisher.publish('t', 'two', { qos: 2 });
  publisher.publish('t', 'full', { qos: 0 });
  disk.commit();
  assert.deepEqual(client.take().map(textOf), ['full']);
  client.room = 10;
  client.link.resume();
  assert.deepEqual(
    client.take().map((one) => [textOf(one), one.dup]),
    [['two', false]],
  );
  publisher.publish('t', 'three', { qos: 2 });
  client.lose();
  disk.commit();
  assert.deepEqual(client.take(), []);
  const back = bench.client('s', 5, lasting());
  assert.deepEqual(back.take(), [], 'an identifier that was told before may not be safe yet');
  disk.commit();
  assert.deepEqual(back.take().map(textOf), ['two', 'three']);
});

test('[MQTT311-4.8.0-2] while the disk refuses, what would have to be kept is not accepted, and the rest goes on', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const keeper = bench.client('k', 5, { ...lasting(), acknowledges: true });
  keeper.subscribe([{ filter: 'kept', qos: 1 }]);
  const live = bench.client('l');
  live.subscribe([{ filter: '#', qos: 1 }]);
  disk.isHealthy = false;
  const five = bench.client('five', 5);
  five.publish('kept', 'x', { qos: 1 });
  five.publish('free', 'x', { qos: 0, retain: true });
  five.publish('free', 'x', { qos: 2, retain: true });
  assert.deepEqual(
    five.acks.map(({ type, reasonCode }) => [type, reasonCode]),
    [
      [PacketType.Puback, Reason.QuotaExceeded],
      [PacketType.Pubrec, Reason.QuotaExceeded],
    ],
  );
  const four = bench.client('four', 4);
  four.publish('kept', 'x', { qos: 1 });
  assert.deepEqual(four.acks, []);
  assert.equal(four.isClosed, true, 'it hears by the end of its connection');
  const lastingPublisher = bench.client('lp', 5, lasting());
  lastingPublisher.publish('free', 'x', { qos: 2 });
  assert.equal(lastingPublisher.acks[0]!.reasonCode, Reason.QuotaExceeded);
  assert.deepEqual(keeper.subscribe('more'), [Reason.QuotaExceeded]);
  assert.deepEqual(keeper.unsubscribe('kept'), [0]);
  assert.deepEqual(live.texts(), ['free=x'], 'the QoS 0 message');
});

test('what is acknowledged while the disk refuses is acknowledged once it works again', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  const live = bench.client('l');
  live.subscribe([{ filter: '#', qos: 1 }]);
  disk.isHealthy = false;
  const client = bench.client('c', 4);
  client.publish('free', 'x', { qos: 1 });
  assert.deepEqual(live.texts(), ['free=x']);
  assert.deepEqual(client.acks, []);
  disk.isHealthy = true;
  disk.commit();
  assert.equal(client.acks.length, 1);
});

// --- statistics ---

test('statistics count what there is and what went through', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s', 5, lasting());
  subscriber.subscribe(['a', 'b', '$share/g/c']);
  const publisher = bench.client('p', 4);
  publisher.publish('a', '12345', { retain: true });
  publisher.publish('z', '12345');
  subscriber.lose();
  assert.deepEqual(bench.broker.stats(), {
    sessions: 2,
    connected: 1,
    subscriptions: 3,
    retainedMessages: 1,
    retainedBytes: 6,
    queuedMessages: 0,
    publishesReceived: 2,
    bytesReceived: 20,
    publishesSent: 1,
    bytesSent: 11,
    deliveriesDropped: 0,
  });
});

// --- against a model ---

const FILTERS = ['#', '+/x', 'a/#', 'a/x', 'b/+', '+', 'a'];
const TOPICS = ['a', 'b', 'a/x', 'a/y', 'b/x', '/'];

type Step =
  | { do: 'subscribe'; who: number; filter: string; qos: QoS; noLocal: boolean; rap: boolean }
  | { do: 'unsubscribe'; who: number; filter: string }
  | { do: 'publish'; who: number; topic: string; qos: QoS; retain: boolean; isEmpty: boolean }
  | { do: 'leave'; who: number };

const who = fc.nat({ max: 2 });
const qos = fc.constantFrom<QoS>(0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('subscribe' as const),
    who,
    filter: fc.constantFrom(...FILTERS),
    qos,
    noLocal: fc.boolean(),
    rap: fc.boolean(),
  }),
  fc.record({ do: fc.constant('unsubscribe' as const), who, filter: fc.constantFrom(...FILTERS) }),
  fc.record({
    do: fc.constant('publish' as const),
    who,
    topic: fc.constantFrom(...TOPICS),
    qos,
    retain: fc.boolean(),
    isEmpty: fc.boolean(),
  }),
  fc.record({ do: fc.constant('leave' as const), who }),
);

/** The broker as the specification reads: lists and loops, no queue, no cache. */
class Model {
  readonly subscriptions = [0, 1, 2].map(() => new Map<string, { qos: QoS; noLocal: boolean; rap: boolean }>());
  readonly retained = new Map<string, { payload: string; qos: QoS; from: number }>();
  readonly inboxes: string[][] = [[], [], []];

  publish(from: number, topic: string, payload: string, qos: QoS, retain: boolean): void {
    for (const [to, subscriptions] of this.subscriptions.entries()) {
      const matching = [...subscriptions]
        .filter(([filter, { noLocal }]) => topicMatchesFilter(topic, filter) && !(noLocal && from === to))
        .map(([, options]) => options);
      if (matching.length === 0) continue;
      const granted = Math.max(...matching.map((one) => one.qos));
      const flag = retain && matching.some(({ rap }) => rap);
      this.inboxes[to]!.push(`${topic}=${payload} ${Math.min(qos, granted)} ${flag}`);
    }
    if (retain && payload === '') this.retained.delete(topic);
    else if (retain) this.retained.set(topic, { payload, qos, from });
  }

  subscribe(to: number, filter: string, qos: QoS, noLocal: boolean, rap: boolean): void {
    this.subscriptions[to]!.set(filter, { qos, noLocal, rap });
    for (const [topic, { payload, qos: published, from }] of this.retained) {
      if (!topicMatchesFilter(topic, filter) || (noLocal && from === to)) continue;
      this.inboxes[to]!.push(`${topic}=${payload} ${Math.min(qos, published)} true`);
    }
  }
}

test('whatever clients do, each gets what a naive reading of the specification gives it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const bench = await makeBench({ inflightMax: 2 });
      const model = new Model();
      const open = (i: number): BrokerClient => bench.client(`c${i}`, 5, { acknowledges: true });
      const clients = [0, 1, 2].map(open);
      for (const [n, one] of steps.entries()) {
        const client = clients[one.who]!;
        if (one.do === 'subscribe') {
          const { filter, qos, noLocal, rap } = one;
          client.subscribe([{ filter, qos, noLocal, retainAsPublished: rap }]);
          model.subscribe(one.who, filter, qos, noLocal, rap);
        } else if (one.do === 'unsubscribe') {
          client.unsubscribe(one.filter);
          model.subscriptions[one.who]!.delete(one.filter);
        } else if (one.do === 'publish') {
          const payload = one.isEmpty ? '' : `${n}`;
          const packetId = client.publish(one.topic, payload, { qos: one.qos, retain: one.retain });
          if (one.qos === 2) client.pubrel(packetId);
          model.publish(one.who, one.topic, payload, one.qos, one.retain);
        } else {
          client.lose();
          clients[one.who] = open(one.who);
          model.subscriptions[one.who]!.clear();
        }
        for (const [i, each] of clients.entries()) {
          const got = each.take().map((packet) => `${packet.topic}=${textOf(packet)} ${packet.qos} ${packet.retain}`);
          assert.deepEqual(got.sort(), model.inboxes[i]!.splice(0).sort());
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('however often a client comes and goes, and the process dies, QoS 1 arrives at least and QoS 2 exactly once', async () => {
  const event = fc.constantFrom('publish1', 'publish2', 'ack', 'lose', 'crash', 'commit');
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 80 }), async (events) => {
      const disk = new SimulatedDisk();
      disk.commitsAtOnce = false;
      let bench = await makeBench({ store: disk, inflightMax: 3 });
      let subscriber = bench.client('s', 5, lasting());
      subscriber.subscribe([{ filter: 't', qos: 2 }]);
      disk.commit();
      let publisher = bench.client('p', 5, lasting());
      disk.commit();
      const promised: string[] = [];
      const got: string[] = [];
      /** QoS 2 identifiers that the subscriber has received and not seen released: its half of exactly once. */
      const seen = new Set<number>();
      let last = 0;
      const underWay = new Map<number, { payload: string; qos: QoS; isReceived: boolean }>();
      const settle = (): void => {
        for (const { type, packetId, reasonCode } of publisher.acks.splice(0)) {
          const sent = underWay.get(packetId);
          if (sent === undefined) continue;
          assert.ok(reasonCode < 0x80 || reasonCode === Reason.PacketIdentifierNotFound);
          if (type !== PacketType.Pubcomp && !sent.isReceived) promised.push(sent.payload);
          sent.isReceived = true;
          if (type === PacketType.Pubrec) publisher.pubrel(packetId);
          else underWay.delete(packetId);
        }
        for (const one of subscriber.take()) {
          if (one.qos === 2 && seen.has(one.packetId)) continue;
          if (one.qos === 2) seen.add(one.packetId);
          got.push(textOf(one));
          if (one.qos === 1) subscriber.puback(one.packetId);
        }
      };
      const answer = (): void => {
        settle();
        for (const packetId of seen) subscriber.pubrec(packetId);
        for (const { type, packetId } of subscriber.acks.splice(0)) {
          if (type !== PacketType.Pubrel) continue;
          seen.delete(packetId);
          subscriber.pubcomp(packetId);
        }
      };
      const reconnect = (): void => {
        subscriber = bench.client('s', 5, lasting());
        publisher = bench.client('p', 5, lasting());
        assert.equal(subscriber.connackPacket?.sessionPresent, true);
        for (const [packetId, { payload, qos, isReceived }] of [...underWay]) {
          if (isReceived) publisher.pubrel(packetId);
          else publisher.publish('t', payload, { qos, packetId, dup: true });
        }
      };
      for (const what of [...events, 'lose', ...Array.from({ length: 2 * events.length + 4 }, () => 'round')]) {
        if (what === 'publish1' || what === 'publish2') {
          const qos: QoS = what === 'publish1' ? 1 : 2;
          const payload = `${qos}:${++last}`;
          underWay.set(last, { payload, qos, isReceived: false });
          publisher.publish('t', payload, { qos, packetId: last });
        } else if (what === 'ack') answer();
        else if (what === 'lose') {
          settle();
          subscriber.lose();
          publisher.lose();
          reconnect();
        } else if (what === 'crash') {
          settle();
          bench = await crash(bench, disk);
          reconnect();
        } else {
          disk.commit();
          if (what === 'round') answer();
        }
      }
      for (const payload of promised) assert.ok(got.includes(payload), `${payload} was promised`);
      const twos = got.filter((payload) => payload.startsWith('2:'));
      assert.equal(new Set(twos).size, twos.length, 'QoS 2 came once');
      assert.equal(underWay.size, 0);
    }),
    { numRuns: 200 },
  );
});
