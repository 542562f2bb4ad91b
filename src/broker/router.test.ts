import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientInit, makeBench, textOf } from '../../test/kit/broker-client.ts';
import { SimulatedDisk } from '../../test/kit/simulated-disk.ts';
import type { RetainHandling } from '../mqtt/packet.ts';
import { Reason } from '../mqtt/reason.ts';
import type { QoS } from '../mqtt/wire.ts';

// --- who gets it ---

test('[MQTT-3.8.4-8] [MQTT311-3.8.4-6] a message is delivered at the lower of its own QoS and the QoS granted', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  const subscribers = ([0, 1, 2] as const).map((qos) => {
    const client = bench.client(`s${qos}`);
    client.subscribe([{ filter: 't', qos }]);
    return client;
  });
  for (const qos of [0, 1, 2] as const) {
    publisher.publish('t', 'x', { qos });
    for (const [granted, client] of subscribers.entries()) {
      assert.equal(client.take()[0]!.qos, Math.min(qos, granted));
    }
  }
});

test('[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT311-3.3.5-1] overlapping subscriptions deliver once, at the highest QoS, with every identifier', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.subscribe([{ filter: 'a/+', qos: 0 }], { subscriptionIdentifiers: [1] });
  client.subscribe([{ filter: 'a/#', qos: 2 }], { subscriptionIdentifiers: [268_435_455] });
  client.subscribe([{ filter: 'a/b', qos: 1 }]);
  bench.client('p').publish('a/b', 'x', { qos: 2 });
  const [message, ...rest] = client.take();
  assert.equal(message!.qos, 2);
  assert.deepEqual(message!.properties.subscriptionIdentifiers?.sort(), [1, 268_435_455]);
  assert.deepEqual(rest, []);
});

test('identifiers go to the subscriber whose they are, and to 3.x not at all', async () => {
  const bench = await makeBench();
  const clients = Array.from({ length: 12 }, (_, i) => {
    const client = bench.client(`c${i}`, i === 11 ? 4 : 5);
    client.subscribe('t', i === 10 ? {} : { subscriptionIdentifiers: [i + 1] });
    return client;
  });
  bench.client('p').publish('t', 'x');
  const expected = [...Array.from({ length: 10 }, (_, i) => [i + 1]), undefined, undefined];
  assert.deepEqual(
    clients.map((client) => client.take()[0]!.properties.subscriptionIdentifiers),
    expected,
  );
});

test('[MQTT-3.8.3-3] with No Local a client does not hear itself, except through another subscription', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  const other = bench.client('o');
  for (const one of [client, other]) one.subscribe([{ filter: 'a/+', qos: 2, noLocal: true }]);
  client.publish('a/b', 'own', { qos: 1 });
  assert.deepEqual(client.texts(), []);
  assert.deepEqual(other.texts(), ['a/b=own']);
  client.subscribe([{ filter: 'a/b', qos: 0 }], { subscriptionIdentifiers: [3] });
  client.publish('a/b', 'own', { qos: 1 });
  const [message, ...rest] = client.take();
  assert.equal(message!.qos, 0, 'the No Local subscription counts for nothing here');
  assert.deepEqual(message!.properties.subscriptionIdentifiers, [3]);
  assert.deepEqual(rest, []);
  client.publish('a/c', 'kept', { retain: true });
  client.subscribe([{ filter: '+/c', noLocal: true }]);
  assert.deepEqual(client.texts(), [], 'nor does it hear its own retained message');
});

test('a bridge of 3.1.1 hears no echo, and keeps the retain flag', async () => {
  const bench = await makeBench();
  const bridge = bench.client('b', 4, { bridge: true });
  bridge.subscribe('t');
  bridge.publish('t', 'echo');
  bench.client('p').publish('t', 'x', { retain: true });
  assert.deepEqual(
    bridge.take().map((one) => [textOf(one), one.retain]),
    [['x', true]],
  );
});

test('[MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT311-3.3.1-9] the retain flag reaches only who asked for it as published', async () => {
  const bench = await makeBench();
  const five = bench.client('a', 5);
  five.subscribe([{ filter: 't', retainAsPublished: true }]);
  const plain = bench.client('b', 5);
  plain.subscribe('t');
  const four = bench.client('c', 4);
  four.subscribe('t');
  const publisher = bench.client('p');
  for (const retain of [true, false]) {
    publisher.publish('t', 'x', { retain });
    assert.equal(five.take()[0]!.retain, retain);
    assert.equal(plain.take()[0]!.retain, false);
    assert.equal(four.take()[0]!.retain, false);
  }
});

test('[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties travel unaltered, live, queued and retained', async () => {
  const bench = await makeBench();
  const userProperties: [string, string][] = [
    ['z', '1'],
    ['a', '2'],
    ['z', '3'],
  ];
  const properties = {
    payloadFormatIndicator: 1 as const,
    contentType: 'text/plain',
    responseTopic: 'answers/ä',
    correlationData: Uint8Array.of(0, 1, 255),
    userProperties,
  };
  const init: ClientInit = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
  const client = bench.client('c', 5, init);
  client.subscribe([{ filter: 't', qos: 1 }]);
  const publisher = bench.client('p');
  publisher.publish('t', 'live', { properties });
  assert.deepEqual(client.take()[0]!.properties, properties);
  client.lose();
  publisher.publish('t', 'queued', { qos: 1, properties, retain: true });
  const back = bench.client('c', 5, init);
  assert.deepEqual(back.take()[0]!.properties, properties);
  back.subscribe('+');
  assert.deepEqual(back.take()[0]!.properties, properties);
  const four = bench.client('d', 4);
  four.subscribe('t');
  assert.deepEqual(four.take()[0]!.properties, {});
});

test('[MQTT-4.7.2-1] wildcards at the beginning do not reach $ topics', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.subscribe(['#', '+/broker/version', '$SYS/broker/version']);
  assert.deepEqual(
    client.take().map(({ topic }) => topic),
    ['$SYS/broker/version'],
  );
});

// --- retained messages ---

test('[MQTT-3.3.1-5] [MQTT-3.3.1-8] [MQTT311-3.3.1-5] [MQTT311-3.3.1-6] [MQTT311-3.3.1-7] [MQTT311-3.3.1-8] [MQTT311-3.3.1-12] a new subscription gets the last retained message, marked as such', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  publisher.publish('a/b', 'first', { retain: true, qos: 2 });
  publisher.publish('a/b', 'second', { retain: true, qos: 1 });
  publisher.publish('a/b', 'not retained');
  publisher.publish('a/c', 'zero', { retain: true });
  for (const version of [3, 4, 5] as const) {
    const client = bench.client('c', version);
    client.subscribe([{ filter: 'a/+', qos: 2 }]);
    assert.deepEqual(client.log.slice(1), ['SUBACK', 'PUBLISH a/b', 'PUBLISH a/c']);
    assert.deepEqual(
      client.take().map((one) => [textOf(one), one.retain, one.qos]),
      [
        ['second', true, 1],
        ['zero', true, 0],
      ],
    );
    client.lose();
  }
});

test('[MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT311-3.3.1-10] [MQTT311-3.3.1-11] an empty retained message clears, and is delivered as usual', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  publisher.publish('t', 'x', { retain: true });
  const before = bench.client('a');
  before.subscribe([{ filter: 't', retainAsPublished: true }]);
  before.take();
  publisher.publish('t', '', { retain: true });
  publisher.publish('u', '', { retain: true });
  assert.deepEqual(
    before.take().map((one) => [textOf(one), one.retain]),
    [['', true]],
  );
  const after = bench.client('b');
  after.subscribe('#');
  assert.deepEqual(after.texts(), []);
  assert.equal(bench.broker.stats().retainedMessages, 0);
  assert.equal(bench.broker.stats().retainedBytes, 0);
});

test('[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription gets retained messages', async () => {
  const bench = await makeBench();
  bench.client('p').publish('t', 'x', { retain: true });
  const cases: [RetainHandling, number, number][] = [
    [0, 1, 1],
    [1, 1, 0],
    [2, 0, 0],
  ];
  for (const [retainHandling, first, again] of cases) {
    const client = bench.client('c');
    client.subscribe([{ filter: 't', retainHandling }]);
    assert.equal(client.take().length, first);
    client.subscribe([{ filter: 't', retainHandling }]);
    assert.equal(client.take().length, again);
  }
});

test('[MQTT-3.3.1-10] [MQTT-3.8.4-5] a new subscription that is replaced before its SUBACK gets its retained messages all the same, once', async () => {
  const disk = new SimulatedDisk();
  const bench = await makeBench({ store: disk });
  bench.client('p').publish('t', 'x', { retain: true });
  const lasting = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
  const twice = (retainHandling: RetainHandling) => [
    { filter: 't', retainHandling: 1 as const },
    { filter: 't', retainHandling },
  ];
  for (const [i, retainHandling] of ([1, 0, 2] as const).entries()) {
    const one = bench.client(`in one ${i}`, 5, lasting);
    one.subscribe(twice(retainHandling), { subscriptionIdentifiers: [7] });
    assert.deepEqual(one.texts(), ['t=x']);
    disk.commitsAtOnce = false;
    const two = bench.client(`one by one ${i}`, 5, lasting);
    for (const options of twice(retainHandling)) two.subscribe([options]);
    assert.deepEqual(two.texts(), []);
    disk.commit();
    assert.deepEqual(two.log, ['CONNACK', 'SUBACK', 'SUBACK', 'PUBLISH t']);
    two.subscribe([{ filter: 't', retainHandling: 1 }]);
    two.take();
    disk.commit();
    assert.deepEqual(two.texts(), [], 'it had them');
    disk.commitsAtOnce = true;
  }
  disk.commitsAtOnce = false;
  const gone = bench.client('gone', 5, lasting);
  gone.subscribe([{ filter: 't', retainHandling: 1 }]);
  gone.unsubscribe('t');
  gone.subscribe([{ filter: 't', retainHandling: 2 }]);
  disk.commit();
  assert.deepEqual(gone.texts(), [], 'what was given up owes nothing to what comes after it');
});

test('[MQTT-3.3.4-5] each subscription of one SUBSCRIBE gets its retained messages, with its identifier', async () => {
  const bench = await makeBench();
  bench.client('p').publish('a/b', 'x', { retain: true });
  const client = bench.client('c');
  client.subscribe(['a/b', 'a/+', 'z'], { subscriptionIdentifiers: [7] });
  assert.deepEqual(
    client.take().map(({ properties }) => properties.subscriptionIdentifiers),
    [[7], [7]],
  );
});

test('[MQTT311-3.1.2-7] retained messages outlive whoever published them, and keep time', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  publisher.publish('t', 'x', { retain: true, properties: { messageExpiryIntervalS: 10 } });
  publisher.lose();
  bench.clock.advance(4_000);
  const client = bench.client('c');
  client.subscribe('t');
  assert.equal(client.take()[0]!.properties.messageExpiryIntervalS, 6);
  bench.clock.advance(6_000);
  client.subscribe('t');
  assert.deepEqual(client.take(), []);
  assert.equal(bench.broker.stats().retainedMessages, 0);
});

test('a client that subscribes to more retained messages than it takes gets them all, at its own pace, each as it is then', async () => {
  const bench = await makeBench({ qos0QueueMax: 1, queuedMessagesMax: 1 });
  const publisher = bench.client('p');
  for (let i = 0; i < 50; i++) publisher.publish(`t/${i}`, 'old', { retain: true, qos: (i % 3) as QoS });
  const client = bench.client('c', 5, { acknowledges: true, properties: { receiveMaximum: 2 } });
  client.room = 5;
  client.subscribe([{ filter: 't/+', qos: 2 }]);
  assert.equal(client.deliveries.length, 5);
  publisher.publish('t/40', '', { retain: true });
  publisher.publish('t/41', 'new', { retain: true });
  client.room = Number.POSITIVE_INFINITY;
  client.link.resume();
  const seen = client.take().filter(({ retain }) => retain);
  assert.equal(new Set(seen.map(({ topic }) => topic)).size, 49);
  assert.ok(seen.every((one) => textOf(one) === (one.topic === 't/41' ? 'new' : 'old')));
});

test('giving a subscription up ends what it still had to get of retained messages', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  for (let i = 0; i < 5; i++) publisher.publish(`t/${i}`, 'x', { retain: true });
  const client = bench.client('c');
  client.room = 2;
  client.subscribe('t/+');
  client.unsubscribe('t/+');
  client.room = 10;
  client.link.resume();
  assert.equal(client.deliveries.length, 2);
});

test('at the ceiling of retained messages a message is delivered, not retained, and v5 hears of it', async () => {
  const bench = await makeBench({ retainedMessagesMax: 1, retainedBytesMax: 50 });
  const subscriber = bench.client('s');
  subscriber.subscribe('#');
  const publisher = bench.client('p');
  publisher.publish('a', 'x', { retain: true, qos: 1 });
  publisher.publish('b', 'x', { retain: true, qos: 1 });
  publisher.publish('a', 'y'.repeat(50), { retain: true, qos: 2 });
  publisher.publish('b', 'x', { retain: true });
  assert.equal(subscriber.take().length, 4);
  assert.deepEqual(
    publisher.acks.map(({ reasonCode }) => reasonCode),
    [0, Reason.QuotaExceeded, Reason.QuotaExceeded],
  );
  const four = bench.client('q', 4);
  four.publish('c', 'x', { retain: true, qos: 1 });
  assert.equal(four.acks[0]!.reasonCode, 0);
  assert.equal(bench.broker.stats().retainedMessages, 1);
  const late = bench.client('l');
  late.subscribe('#');
  assert.deepEqual(late.texts(), ['a=x']);
});

// --- $SYS ---

test('$SYS tells subscribers what has changed, and only they hear it', async () => {
  const bench = await makeBench({ sysIntervalS: 10, version: '1.2.3' });
  const client = bench.client('c');
  client.subscribe(['$SYS/broker/#', '$SYS/broker/+/#']);
  const first = new Map(client.take().map((one) => [one.topic, textOf(one)]));
  assert.equal(first.get('$SYS/broker/version'), 'sallyport version 1.2.3');
  assert.equal(first.get('$SYS/broker/clients/connected'), '1');
  assert.equal(first.get('$SYS/broker/subscriptions/count'), '0', 'as it was when the client asked');
  bench.client('d', 5, { cleanStart: false, properties: { sessionExpiryIntervalS: 100 } }).lose();
  bench.clock.advance(10_000);
  const second = new Map(client.take().map((one) => [one.topic, textOf(one)]));
  assert.equal(second.get('$SYS/broker/clients/total'), '2');
  assert.equal(second.get('$SYS/broker/clients/disconnected'), '1');
  assert.equal(second.get('$SYS/broker/uptime'), '10 seconds');
  assert.equal(second.has('$SYS/broker/version'), false, 'it has not changed');
  assert.equal(bench.broker.stats().retainedMessages, 0, 'it counts for no ceiling');
});

test('$SYS can be turned off and on while the broker runs', async () => {
  const bench = await makeBench({ sysIntervalS: 0 });
  const client = bench.client('c');
  client.subscribe('$SYS/#');
  bench.clock.advance(100_000);
  assert.deepEqual(client.take(), []);
  bench.broker.updateOptions({ sysIntervalS: 1 });
  bench.clock.advance(1_000);
  assert.ok(client.take().length > 5);
});
