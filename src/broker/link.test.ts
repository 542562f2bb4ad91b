import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeBench } from '../../test/kit/broker-client.ts';
import { auth, connect } from '../../test/kit/packets.ts';
import { SimulatedDisk } from '../../test/kit/simulated-disk.ts';
import type { AckType } from '../mqtt/packet.ts';
import { PublishView } from '../mqtt/publish-view.ts';
import { Reason, ReturnCode } from '../mqtt/reason.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../mqtt/wire.ts';

const VERSIONS = [3, 4, 5] as const;

// --- connection ---

test('[MQTT-4.12.0-1] an authentication method is refused, since there is none', async () => {
  const bench = await makeBench();
  const client = bench.client('c', 5, { properties: { authenticationMethod: 'SCRAM-SHA-256' } });
  assert.equal(client.connackPacket?.reasonCode, Reason.BadAuthenticationMethod);
});

test('[MQTT-4.12.0-6] [MQTT-4.12.0-7] AUTH out of the blue ends the connection', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.link.authenticate(auth(Reason.ReAuthenticate));
  assert.equal(client.closedWith?.reasonCode, Reason.ProtocolError);
  assert.equal(client.closedWith?.properties.sessionExpiryIntervalS, undefined, '[MQTT-3.14.2-2]');
});

test('[MQTT-3.1.0-2] [MQTT-3.2.0-2] [MQTT311-3.1.0-2] a second CONNECT ends the connection, and publishes the Will', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  const client = bench.client('c', 5, { will: { topic: 'will' } });
  client.link.connect(connect(5, { clientId: 'c' }), { owner: 'owner', address: '' });
  assert.equal(client.closedWith?.reasonCode, Reason.ProtocolError);
  assert.equal(watcher.take().length, 1);
});

test('[MQTT-3.1.2-28] Response Information is told to those who ask, where the program has any', async () => {
  const responseInformation = (clientId: string) => `responses/${clientId}/`;
  const bench = await makeBench({ responseInformation });
  const asks = bench.client('a', 5, { properties: { requestResponseInformation: true } });
  assert.equal(asks.connackPacket?.properties.responseInformation, 'responses/a/');
  assert.equal(bench.client('b', 5).connackPacket?.properties.responseInformation, undefined);
});

test('PINGREQ is answered', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.link.ping();
  assert.deepEqual(client.log, ['CONNACK', 'PINGRESP']);
});

// --- a publisher's messages ---

test('[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-2.2.1-5] [MQTT311-3.3.4-1] [MQTT311-4.3.2-2] QoS 1 is answered with PUBACK', async () => {
  const bench = await makeBench();
  bench.client('s').subscribe('t');
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    const packetId = client.publish('t', 'x', { qos: 1 });
    assert.deepEqual(client.acks, [{ type: PacketType.Puback, packetId, reasonCode: 0, properties: undefined }]);
  }
});

test('[MQTT-4.3.2-5] after PUBACK the same identifier is a new message, whatever its DUP flag', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s');
  subscriber.subscribe('t');
  const client = bench.client('c');
  for (const dup of [false, true]) client.publish('t', 'x', { qos: 1, packetId: 9, dup });
  assert.equal(subscriber.take().length, 2);
});

test('[MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT311-4.3.3-2] QoS 2 is routed once, however often it comes before PUBREL', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s');
  subscriber.subscribe('t');
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    for (const dup of [false, true, false]) client.publish('t', 'x', { qos: 2, packetId: 5, dup });
    assert.equal(subscriber.take().length, 1);
    client.pubrel(5);
    client.publish('t', 'y', { qos: 2, packetId: 5 });
    assert.equal(subscriber.take().length, 1);
    const { Pubrec, Pubcomp } = PacketType;
    assert.deepEqual(
      client.acks.map(({ type }) => type),
      [Pubrec, Pubrec, Pubrec, Pubcomp, Pubrec],
    );
    assert.ok(client.acks.every(({ packetId, reasonCode }) => packetId === 5 && reasonCode === 0));
    client.lose();
  }
});

test('QoS 2 identifiers outlive the connection with their session', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s');
  subscriber.subscribe('t');
  const init = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
  const first = bench.client('c', 5, init);
  first.publish('t', 'x', { qos: 2, packetId: 5 });
  first.lose();
  const second = bench.client('c', 5, init);
  second.publish('t', 'x', { qos: 2, packetId: 5, dup: true });
  second.pubrel(5);
  assert.equal(subscriber.take().length, 1);
  assert.deepEqual(
    second.acks.map(({ type, reasonCode }) => [type, reasonCode]),
    [
      [PacketType.Pubrec, 0],
      [PacketType.Pubcomp, 0],
    ],
  );
});

test('PUBREL for an identifier that nobody knows is answered with 0x92, and 3.x is let go on', async () => {
  const bench = await makeBench();
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    client.pubrel(77);
    const reasonCode = version === 5 ? Reason.PacketIdentifierNotFound : 0;
    assert.deepEqual(client.acks, [{ type: PacketType.Pubcomp, packetId: 77, reasonCode, properties: undefined }]);
  }
});

test('a v5 publisher hears that nobody subscribes', async () => {
  const bench = await makeBench();
  const five = bench.client('c', 5);
  five.publish('t', 'x', { qos: 1 });
  five.publish('t', 'x', { qos: 2 });
  assert.deepEqual(
    five.acks.map(({ reasonCode }) => reasonCode),
    [0x10, 0x10],
  );
  const four = bench.client('d', 4);
  four.publish('t', 'x', { qos: 1 });
  assert.equal(four.acks[0]!.reasonCode, 0);
});

test('[MQTT-4.3.3-9] [MQTT311-3.3.5-2] clients publish nothing below $: v5 hears why, 3.x is acknowledged', async () => {
  const bench = await makeBench();
  const subscriber = bench.client('s');
  subscriber.subscribe(['$SYS/#', '$other', '#']);
  subscriber.take();
  const five = bench.client('c', 5);
  five.publish('$SYS/broker/version', 'fake');
  five.publish('$SYS/broker/version', 'fake', { qos: 1, retain: true });
  five.publish('$other', 'fake', { qos: 2 });
  assert.deepEqual(
    five.acks.map(({ reasonCode }) => reasonCode),
    [Reason.NotAuthorized, Reason.TopicNameInvalid],
  );
  assert.ok(five.acks.every(({ properties }) => properties?.reasonString !== undefined));
  const quiet = bench.client('q', 5, { properties: { requestProblemInformation: false } });
  quiet.publish('$other', 'fake', { qos: 1 });
  assert.equal(quiet.acks[0]!.properties, undefined, '[MQTT-3.1.2-29]');
  const four = bench.client('d', 4);
  four.publish('$other', 'fake', { qos: 2 });
  four.pubrel(1);
  assert.deepEqual(
    four.acks.map(({ type }) => type),
    [PacketType.Pubrec, PacketType.Pubcomp],
  );
  assert.deepEqual(subscriber.texts(), []);
});

test('[MQTT-3.3.4-7] a v5 client that exceeds the Receive Maximum is ended with 0x93; a 3.x client cannot know it', async () => {
  const disk = new SimulatedDisk();
  disk.commitsAtOnce = false;
  const bench = await makeBench({ receiveMaximum: 3, store: disk });
  const five = bench.client('c', 5);
  assert.equal(five.connackPacket?.properties.receiveMaximum, 3);
  for (let i = 0; i < 3; i++) five.publish('t', 'x', { qos: 1 });
  assert.equal(five.isClosed, false);
  five.publish('t', 'x', { qos: 1 });
  assert.equal(five.closedWith?.reasonCode, Reason.ReceiveMaximumExceeded);
  const two = bench.client('d', 5);
  for (let packetId = 1; packetId <= 3; packetId++) two.publish('t', 'x', { qos: 2, packetId });
  disk.commit();
  two.pubrel(1);
  disk.commit();
  two.publish('t', 'x', { qos: 2, packetId: 4 });
  two.publish('t', 'x', { qos: 2, packetId: 4, dup: true });
  assert.equal(two.isClosed, false, 'PUBCOMP gave a place free, and a repetition takes none');
  two.publish('t', 'x', { qos: 2, packetId: 5 });
  assert.equal(two.closedWith?.reasonCode, Reason.ReceiveMaximumExceeded);
  const four = bench.client('e', 4);
  for (let i = 0; i < 10; i++) four.publish('t', 'x', { qos: 1 });
  assert.equal(four.isClosed, false);
});

test('a publisher that is ahead of the disk is asked to wait, and then to go on', async () => {
  const disk = new SimulatedDisk();
  disk.commitsAtOnce = false;
  const bench = await makeBench({ receiveMaximum: 4, store: disk });
  const client = bench.client('c', 4);
  const answers = [1, 2, 3, 4, 5].map((packetId) => {
    client.publish('t', 'x', { qos: 1, packetId });
    return client.takesMore;
  });
  assert.deepEqual(answers, [true, true, true, false, false]);
  assert.equal(client.drainedCount, 0);
  disk.commit();
  assert.equal(client.drainedCount, 1);
  assert.deepEqual(
    client.acks.map(({ packetId }) => packetId),
    [1, 2, 3, 4, 5],
  );
});

// --- subscribing ---

test('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-2.2.1-6] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] SUBACK has one code a filter, in order', async () => {
  const bench = await makeBench({ subscriptionsPerSessionMax: 2 });
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    const codes = client.subscribe([
      { filter: 'a', qos: 2 },
      { filter: '$share/g', qos: 1 },
      { filter: 'b', qos: 1 },
      { filter: 'c', qos: 0 },
      { filter: 'a', qos: 1 },
    ]);
    const refused = { 3: [1, 0], 4: [0x80, 0x80], 5: [Reason.TopicFilterInvalid, Reason.QuotaExceeded] }[version];
    assert.deepEqual(codes, [2, refused[0], 1, refused[1], 1]);
    assert.equal(client.subacks[0]!.packetId, 1);
    assert.deepEqual(client.unsubscribe('a', 'b', 'c'), version === 5 ? [0, 0, 0x11] : []);
  }
  const told = bench.events.filter((event) => event.name === 'ceiling.reached');
  assert.deepEqual(
    told.map((event) => event.ceiling),
    ['broker.subscriptionsPerSessionMax'],
  );
});

test('[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT311-3.10.4-1] [MQTT311-3.10.4-5] a subscription ends with the very filter that made it', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    client.subscribe(['a/+', 'A/b']);
    client.unsubscribe('a/b', 'a/#');
    publisher.publish('a/b', 'still');
    client.unsubscribe('a/+');
    publisher.publish('a/b', 'no more');
    publisher.publish('A/b', 'other');
    assert.deepEqual(client.texts(), ['a/b=still', 'A/b=other']);
    assert.equal(client.unsubacks.length, 2);
  }
});

test('[MQTT-3.10.4-3] what was under way when a subscription ended is completed', async () => {
  const bench = await makeBench();
  const client = bench.client('c', 5, { properties: { receiveMaximum: 1 } });
  client.subscribe([{ filter: 't', qos: 2 }]);
  const publisher = bench.client('p');
  publisher.publish('t', '1', { qos: 2 });
  publisher.publish('t', '2', { qos: 2 });
  client.unsubscribe('t');
  const [first] = client.take();
  client.pubrec(first!.packetId);
  assert.equal(client.acks.at(-1)!.type, PacketType.Pubrel);
  client.pubcomp(first!.packetId);
  assert.deepEqual(client.texts(), ['t=2']);
});

test('[MQTT-3.8.4-3] [MQTT311-3.8.4-3] subscribing again replaces the subscription, and nothing is delivered twice', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.subscribe([{ filter: 't', qos: 0 }]);
  client.subscribe([{ filter: 't', qos: 1 }], { subscriptionIdentifiers: [4] });
  bench.client('p').publish('t', 'x', { qos: 2 });
  const [message, ...rest] = client.take();
  assert.equal(message!.qos, 1);
  assert.deepEqual(message!.properties.subscriptionIdentifiers, [4]);
  assert.deepEqual(rest, []);
  assert.equal(bench.broker.stats().subscriptions, 1);
});

// --- acknowledgements of deliveries ---

test('PUBREC for an identifier that nobody knows is answered with PUBREL 0x92, and 3.x is let go on', async () => {
  const bench = await makeBench();
  for (const version of VERSIONS) {
    const client = bench.client('c', version);
    client.pubrec(7);
    const reasonCode = version === 5 ? Reason.PacketIdentifierNotFound : 0;
    assert.deepEqual(client.acks, [{ type: PacketType.Pubrel, packetId: 7, reasonCode, properties: undefined }]);
    client.puback(8);
    client.pubcomp(9);
    assert.equal(client.isClosed, false);
    assert.equal(client.acks.length, 1);
    client.lose();
  }
});

test('an acknowledgement of the wrong kind ends the connection', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  for (const [qos, type] of [
    [1, PacketType.Pubrec],
    [2, PacketType.Puback],
    [2, PacketType.Pubcomp],
  ] as [QoS, AckType][]) {
    const client = bench.client('c');
    client.subscribe([{ filter: 't', qos: 2 }]);
    publisher.publish('t', 'x', { qos });
    client.ack(type, client.deliveries[0]!.packetId);
    assert.equal(client.closedWith?.reasonCode, Reason.ProtocolError);
  }
});

test('v3.1 is refused in words it has, or without any', async () => {
  const bench = await makeBench({ sessionsMax: 0 });
  assert.equal(bench.client('c', 3).connackPacket?.reasonCode, ReturnCode.ServerUnavailable);
});

// --- misuse ---

test('a link that is called before CONNECT, after its end, or with nonsense does nothing and never throws', async () => {
  const bench = await makeBench();
  const bystander = bench.client('bystander');
  bystander.subscribe('#');
  const version = fc.constantFrom<ProtocolVersion>(3, 4, 5);
  const call = fc.record({
    what: fc.nat({ max: 8 }),
    number: fc.nat({ max: 0x1ffff }),
    text: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('#', '$share/', '+/+', '')),
    bytes: fc.uint8Array({ maxLength: 20 }),
  });
  fc.assert(
    fc.property(version, fc.boolean(), fc.array(call, { maxLength: 12 }), (spoken, isConnected, calls) => {
      const client = isConnected ? bench.client('c', spoken) : undefined;
      const log: string[] = [];
      const note = (name: string) => () => void log.push(name);
      const link =
        client?.link ??
        bench.broker.open({
          connack: note('connack'),
          publish: () => true,
          acknowledge: note('acknowledge'),
          suback: note('suback'),
          unsuback: note('unsuback'),
          pong: note('pong'),
          authenticate: note('authenticate'),
          drained: note('drained'),
          closed: note('closed'),
        });
      for (const { what, number, text, bytes } of calls) {
        const qos = (number % 3) as QoS;
        if (what === 0) link.acknowledge(((number % 4) + 4) as AckType, number, number & 0xff);
        if (what === 1) {
          const options = { filter: text, qos, noLocal: true, retainAsPublished: true, retainHandling: 0 as const };
          link.subscribe({ type: 8, packetId: number, subscriptions: [options], properties: {} });
        }
        if (what === 2) link.unsubscribe({ type: 10, packetId: number, filters: [text], properties: {} });
        if (what === 3) link.ping();
        if (what === 4) link.resume();
        if (what === 5) link.close(undefined);
        if (what === 6) link.authenticate(auth(number & 0xff));
        if (what === 7) {
          const view = new PublishView();
          Object.assign(view, {
            bytes,
            end: bytes.length,
            payloadStart: 0,
            qos,
            packetId: number,
            topic: `n/${number}`,
          });
          link.publish(view);
        }
        if (what === 8) link.close({ type: 14, reasonCode: number & 0xff, properties: {} });
      }
      if (!isConnected) assert.deepEqual(log, []);
      link.close(undefined);
    }),
    { numRuns: 300 },
  );
  bystander.take();
  bench.client('p').publish('still/here', 'x');
  assert.deepEqual(bystander.texts(), ['still/here=x']);
  assert.equal(bench.broker.stats().connected, 2);
});
