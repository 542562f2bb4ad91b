import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bench, type BrokerClient, type ClientInit, makeBench, textOf } from '../../test/kit/broker-client.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../mqtt/wire.ts';

const VERSIONS = [3, 4, 5] as const;

const lasting = (properties: ClientInit['properties'] = {}): ClientInit => ({
  cleanStart: false,
  properties: { sessionExpiryIntervalS: 3_600, ...properties },
});

/** A subscriber to `t` at QoS 2, and a publisher. */
function pair(bench: Bench, version: ProtocolVersion = 5, init: ClientInit = {}): [BrokerClient, BrokerClient] {
  const subscriber = bench.client('s', version, init);
  subscriber.subscribe([{ filter: 't', qos: 2 }]);
  return [subscriber, bench.client('p')];
}

function send(publisher: BrokerClient, qos: QoS, ...payloads: string[]): void {
  for (const payload of payloads) publisher.publish('t', payload, { qos });
}

const ids = (client: BrokerClient): number[] => client.deliveries.map(({ packetId }) => packetId);

// --- the exchanges ---

test('[MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT311-4.3.1-1] QoS 0 is sent without identifier and without DUP', async () => {
  const bench = await makeBench();
  for (const version of VERSIONS) {
    const [subscriber, publisher] = pair(bench, version);
    send(publisher, 0, 'x');
    assert.deepEqual(
      subscriber.take().map(({ qos, dup, packetId }) => ({ qos, dup, packetId })),
      [{ qos: 0, dup: false, packetId: 0 }],
    );
    subscriber.lose();
  }
});

test('[MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT-3.3.1-3] [MQTT311-4.3.2-1] QoS 1 keeps its identifier until PUBACK', async () => {
  const bench = await makeBench({ inflightMax: 2 });
  for (const version of VERSIONS) {
    const [subscriber, publisher] = pair(bench, version);
    publisher.publish('t', '1', { qos: 1, dup: true });
    send(publisher, 1, '2', '3');
    const [first, second] = subscriber.take();
    assert.equal(first!.dup, false, 'the publisher’s DUP is its own affair');
    assert.notEqual(first!.packetId, second!.packetId);
    assert.equal(subscriber.deliveries.length, 0, 'the third waits');
    subscriber.puback(second!.packetId);
    assert.deepEqual(subscriber.texts(), ['t=3']);
    subscriber.puback(second!.packetId);
    assert.equal(subscriber.isClosed, false, 'a second PUBACK hits nothing');
    subscriber.lose();
  }
});

test('[MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT311-4.3.3-1] QoS 2 goes PUBLISH, PUBREC, PUBREL, PUBCOMP', async () => {
  const bench = await makeBench();
  for (const version of VERSIONS) {
    const [subscriber, publisher] = pair(bench, version);
    send(publisher, 2, 'x');
    const [message] = subscriber.take();
    const { packetId } = message!;
    assert.equal(message!.dup, false);
    subscriber.pubrec(packetId);
    assert.deepEqual(subscriber.acks, [{ type: PacketType.Pubrel, packetId, reasonCode: 0, properties: undefined }]);
    subscriber.pubrec(packetId);
    assert.equal(subscriber.acks.length, 2, 'PUBREC again is answered again');
    subscriber.pubcomp(packetId);
    subscriber.pubcomp(packetId);
    assert.equal(subscriber.isClosed, false);
    subscriber.lose();
  }
});

test('[MQTT-4.4.0-2] a PUBREC or PUBACK that refuses ends the exchange, and frees its place', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting({ receiveMaximum: 1 }));
  send(publisher, 2, '1', '2');
  send(publisher, 1, '3', '4');
  subscriber.pubrec(ids(subscriber).at(-1)!, 0x97);
  subscriber.pubrec(ids(subscriber).at(-1)!, 0x80);
  subscriber.ack(PacketType.Puback, ids(subscriber).at(-1)!, 0x83);
  assert.deepEqual(subscriber.texts(), ['t=1', 't=2', 't=3', 't=4']);
  assert.deepEqual(subscriber.acks, []);
  subscriber.lose();
  const back = bench.client('s', 5, lasting());
  assert.deepEqual(back.texts(), ['t=4'], 'what was refused is not sent again');
});

// --- flow control ---

test('[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] no more than the client’s Receive Maximum is under way, of QoS 1 and 2 together', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, { properties: { receiveMaximum: 3 } });
  send(publisher, 1, '1', '2');
  send(publisher, 2, '3', '4');
  send(publisher, 1, '5');
  assert.equal(subscriber.deliveries.length, 3);
  const [first, , third] = subscriber.deliveries;
  subscriber.pubrec(third!.packetId);
  assert.equal(subscriber.deliveries.length, 3, 'PUBREC does not free the place');
  subscriber.pubcomp(third!.packetId);
  subscriber.puback(first!.packetId);
  assert.deepEqual(subscriber.texts(), ['t=1', 't=2', 't=3', 't=4', 't=5']);
});

test('[MQTT-3.3.4-10] [MQTT-4.9.0-3] QoS 0 and answers pass a window that is full', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, { properties: { receiveMaximum: 1 } });
  send(publisher, 1, '1', '2');
  send(publisher, 0, 'now');
  subscriber.link.ping();
  assert.deepEqual(subscriber.texts(), ['t=1', 't=now']);
  assert.equal(subscriber.log.at(-1), 'PINGRESP');
});

test('a client without Receive Maximum has the broker’s own window', async () => {
  const bench = await makeBench({ inflightMax: 2 });
  for (const version of VERSIONS) {
    const [subscriber, publisher] = pair(bench, version);
    send(publisher, 1, '1', '2', '3');
    assert.equal(subscriber.take().length, 2);
    subscriber.lose();
  }
});

test('[MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT311-4.6.0-6] messages of one topic and QoS arrive in order, also through queue and window', async () => {
  const bench = await makeBench({ inflightMax: 3 });
  for (const qos of [1, 2] as const) {
    const [subscriber, publisher] = pair(bench, 5, { acknowledges: true, properties: { receiveMaximum: 2 } });
    const sent = Array.from({ length: 50 }, (_, i) => `${i}`);
    subscriber.room = 7;
    for (const payload of sent) {
      publisher.publish('t', payload, { qos });
      if (Number(payload) % 10 === 9) {
        subscriber.room = 7;
        subscriber.link.resume();
      }
    }
    subscriber.room = Number.POSITIVE_INFINITY;
    subscriber.link.resume();
    assert.deepEqual(subscriber.take().map(textOf), sent);
    subscriber.lose();
  }
});

// --- coming back ---

test('[MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.5.0-1] [MQTT311-4.4.0-1] [MQTT311-3.1.2-5] on return what was under way comes again in order with DUP, then what has waited', async () => {
  const bench = await makeBench({ inflightMax: 3 });
  for (const version of [4, 5] as const) {
    const [subscriber, publisher] = pair(bench, version, lasting());
    send(publisher, 1, '1');
    send(publisher, 2, '2', '3');
    send(publisher, 1, '4');
    const [first, second, third] = subscriber.deliveries;
    subscriber.pubrec(third!.packetId);
    subscriber.lose();
    send(publisher, 2, '5');
    const back = bench.client('s', version, lasting());
    assert.deepEqual(
      back.take().map((one) => [textOf(one), one.packetId, one.dup]),
      [
        ['1', first!.packetId, true],
        ['2', second!.packetId, true],
      ],
    );
    assert.deepEqual(
      back.acks.map(({ type, packetId }) => [type, packetId]),
      [[PacketType.Pubrel, third!.packetId]],
    );
    back.pubcomp(third!.packetId);
    back.puback(first!.packetId);
    assert.deepEqual(
      back.take().map((one) => [textOf(one), one.dup]),
      [
        ['4', false],
        ['5', false],
      ],
    );
    back.disconnect(0, version === 5 ? { sessionExpiryIntervalS: 0 } : {});
    bench.client('s', version).lose();
  }
});

test('[MQTT-4.3.3-6] a QoS 2 message whose PUBREL went out is not sent again', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  send(publisher, 2, 'x');
  subscriber.pubrec(ids(subscriber)[0]!);
  subscriber.lose();
  const back = bench.client('s', 5, lasting());
  assert.deepEqual(back.log, ['CONNACK', `ACK ${PacketType.Pubrel}`]);
  back.lose();
  const again = bench.client('s', 5, lasting());
  again.pubcomp(again.acks[0]!.packetId);
  again.lose();
  assert.deepEqual(bench.client('s', 5, lasting()).log, ['CONNACK']);
});

test('what comes again keeps to the window of the new connection', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  send(publisher, 1, '1', '2', '3');
  send(publisher, 2, '4');
  subscriber.lose();
  const back = bench.client('s', 5, lasting({ receiveMaximum: 2 }));
  assert.deepEqual(back.take().map(textOf), ['1', '2']);
  // An acknowledgement from before the break may come at any time, also for what was not sent again yet.
  back.puback(3);
  back.puback(1);
  assert.deepEqual(back.take().map(textOf), ['4']);
});

test('a message is never sent again within a connection', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 4, { cleanStart: false });
  send(publisher, 1, 'x');
  bench.clock.advance(3_600_000);
  subscriber.link.resume();
  assert.equal(subscriber.take().length, 1);
});

test('a client that was away can be back with another version of the protocol', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  send(publisher, 1, 'x');
  subscriber.lose();
  const back = bench.client('s', 4, { cleanStart: false });
  assert.deepEqual(
    back.take().map(({ dup, properties }) => [dup, properties]),
    [[true, {}]],
  );
});

// --- slow readers ---

test('a client that asks to wait gets nothing until it asks for more, and then everything in order', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench);
  subscriber.room = 1;
  send(publisher, 0, '1', '2');
  send(publisher, 1, 'a', 'b');
  send(publisher, 0, '3');
  assert.deepEqual(subscriber.texts(), ['t=1']);
  subscriber.room = 2;
  subscriber.link.resume();
  assert.deepEqual(subscriber.texts(), ['t=2', 't=3']);
  subscriber.room = 10;
  subscriber.link.resume();
  assert.deepEqual(subscriber.texts(), ['t=a', 't=b']);
});

test('of what a slow reader leaves lying, QoS 0 beyond its ceiling is dropped and counted', async () => {
  const bench = await makeBench({ qos0QueueMax: 2, qos0QueuedBytesMax: 100 });
  const [subscriber, publisher] = pair(bench);
  subscriber.room = 1;
  send(publisher, 0, 'sent', '1', '2', 'too many');
  send(publisher, 1, 'kept');
  assert.equal(bench.broker.stats().deliveriesDropped, 1);
  subscriber.room = 10;
  subscriber.link.resume();
  assert.deepEqual(subscriber.texts(), ['t=sent', 't=1', 't=2', 't=kept']);
  subscriber.room = 1;
  send(publisher, 0, 'sent', 'x'.repeat(100));
  assert.equal(bench.broker.stats().deliveriesDropped, 2);
  const told = bench.events.map((event) => event.name === 'ceiling.reached' && event.ceiling);
  assert.deepEqual(told, ['broker.qos0QueueMax', 'broker.qos0QueuedBytesMax']);
});

test('QoS 0 that a client did not take in time has expired, and is gone with its connection', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  subscriber.room = 1;
  send(publisher, 0, 'sent');
  publisher.publish('t', 'old', { properties: { messageExpiryIntervalS: 1 } });
  send(publisher, 0, 'new');
  bench.clock.advance(1_000);
  subscriber.room = 1;
  subscriber.link.resume();
  assert.deepEqual(subscriber.texts(), ['t=sent', 't=new']);
  send(publisher, 0, 'lost');
  subscriber.lose();
  assert.deepEqual(bench.client('s', 5, lasting()).texts(), []);
});

// --- queues ---

test('a queue takes no more than its ceiling of messages and of bytes; the newest are refused and counted', async () => {
  const bench = await makeBench({ queuedMessagesMax: 2, queuedBytesMax: 1_000 });
  const [subscriber, publisher] = pair(bench, 5, lasting());
  subscriber.lose();
  send(publisher, 1, '1', '2', '3');
  assert.equal(bench.broker.stats().deliveriesDropped, 1);
  const back = bench.client('s', 5, lasting());
  assert.deepEqual(back.texts(), ['t=1', 't=2']);
  back.puback(1);
  back.puback(2);
  back.lose();
  send(publisher, 1, 'x'.repeat(600), 'y'.repeat(600), 'z');
  const again = bench.client('s', 5, lasting());
  assert.deepEqual(
    again.take().map((one) => textOf(one).length),
    [600, 1],
  );
  const told = bench.events.map((event) => event.name === 'ceiling.reached' && event.ceiling);
  assert.deepEqual(told, ['broker.queuedMessagesMax', 'broker.queuedBytesMax']);
});

test('expired messages at the head of a full queue make room', async () => {
  const bench = await makeBench({ queuedMessagesMax: 2 });
  const [subscriber, publisher] = pair(bench, 5, lasting());
  subscriber.lose();
  for (const payload of ['1', '2']) {
    publisher.publish('t', payload, { qos: 1, properties: { messageExpiryIntervalS: 5 } });
  }
  bench.clock.advance(5_000);
  send(publisher, 1, '3');
  assert.equal(bench.broker.stats().deliveriesDropped, 0);
  assert.deepEqual(bench.client('s', 5, lasting()).texts(), ['t=3']);
});

test('ceilings can be changed while messages wait', async () => {
  const bench = await makeBench({ inflightMax: 1 });
  const [subscriber, publisher] = pair(bench);
  send(publisher, 1, '1', '2', '3');
  assert.equal(subscriber.deliveries.length, 1);
  bench.broker.updateOptions({ inflightMax: 5 });
  subscriber.puback(1);
  assert.deepEqual(subscriber.texts(), ['t=1', 't=2', 't=3']);
});

// --- expiry ---

test('[MQTT-3.3.2-5] [MQTT-3.3.2-6] a message that waits loses time, and when none is left is not sent', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  publisher.publish('t', 'now', { properties: { messageExpiryIntervalS: 10 } });
  assert.equal(subscriber.take()[0]!.properties.messageExpiryIntervalS, 10);
  subscriber.lose();
  publisher.publish('t', 'long', { qos: 1, properties: { messageExpiryIntervalS: 10 } });
  publisher.publish('t', 'short', { qos: 1, properties: { messageExpiryIntervalS: 3 } });
  publisher.publish('t', 'never', { qos: 1 });
  bench.clock.advance(3_500);
  const back = bench.client('s', 5, lasting());
  assert.deepEqual(
    back.take().map((one) => [textOf(one), one.properties.messageExpiryIntervalS]),
    [
      ['long', 7],
      ['never', undefined],
    ],
  );
});

test('[MQTT-4.3.3-7] [MQTT-4.3.3-13] a message that was sent before it expired is sent again all the same', async () => {
  const bench = await makeBench();
  const [subscriber, publisher] = pair(bench, 5, lasting());
  publisher.publish('t', 'x', { qos: 2, properties: { messageExpiryIntervalS: 1 } });
  subscriber.lose();
  bench.clock.advance(5_000);
  const back = bench.client('s', 5, lasting());
  const [message] = back.take();
  assert.equal(message!.properties.messageExpiryIntervalS, 0);
  back.pubrec(message!.packetId);
  assert.equal(back.acks.at(-1)!.type, PacketType.Pubrel);
});

// --- nesting ---

test('a client that answers from within its deliveries gets each message once and in order', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s', 5, { acknowledges: true, properties: { receiveMaximum: 1 } });
  subscriber.subscribe([{ filter: 't', qos: 2 }]);
  const others = Array.from({ length: 3 }, (_, i) => bench.client(`o${i}`, 4, { acknowledges: true }));
  for (const other of others) other.subscribe([{ filter: 't', qos: 1 }]);
  const publisher = bench.client('p');
  for (let i = 0; i < 40; i++) publisher.publish('t', `${i}`, { qos: ((i % 2) + 1) as QoS });
  const expected = Array.from({ length: 40 }, (_, i) => `t=${i}`);
  assert.deepEqual(subscriber.texts(), expected);
  for (const other of others) assert.deepEqual(other.texts(), expected);
});

test('a message that is published from within a delivery does not spoil the one under way', async () => {
  const bench = await makeBench();
  const clients = Array.from({ length: 4 }, (_, i) => bench.client(`c${i}`, i % 2 === 0 ? 4 : 5));
  for (const client of clients) client.subscribe(['ping', 'pong']);
  clients[1]!.onDelivery = (packet) => {
    if (packet.topic === 'ping') clients[1]!.publish('pong', 'a much longer payload than the other');
  };
  bench.client('p').publish('ping', 'short');
  for (const client of clients) {
    assert.deepEqual(client.texts().sort(), ['ping=short', 'pong=a much longer payload than the other']);
  }
});

test('a subscriber that leaves from within a delivery gets nothing more, and its Will reaches the rest', async () => {
  const bench = await makeBench();
  const leaver = bench.client('a', 5, { will: { topic: 't', payload: 'will' } });
  leaver.subscribe('t');
  leaver.onDelivery = () => leaver.lose();
  const other = bench.client('b');
  other.subscribe('t');
  bench.client('p').publish('t', 'x');
  assert.deepEqual(leaver.texts(), ['t=x']);
  assert.deepEqual(other.texts().sort(), ['t=will', 't=x']);
});
