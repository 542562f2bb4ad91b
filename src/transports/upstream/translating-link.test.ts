import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ack, type ConnectInit, disconnect, publish, subscribe, unsubscribe } from '../../../test/kit/packets.ts';
import { connack, polite, StubBroker, type StubConnection } from '../../../test/kit/stub-broker.ts';
import { makeUpstream, target, UpstreamClient, until, upstreamOptions } from '../../../test/kit/upstream-client.ts';
import type { ConnectPacket, Packet } from '../../mqtt/packet.ts';
import { PacketType } from '../../mqtt/wire.ts';

/** As RabbitMQ 3.10 and other brokers of its age. */
function older(packet: Packet, connection: StubConnection): void {
  if (packet.type === PacketType.Connect && packet.protocolVersion === 5) {
    connection.socket.end(Uint8Array.of(0x20, 0x02, 0x00, 0x01));
  } else polite(packet, connection);
}

async function scene(t: TestContext, init: ConnectInit = {}, onPacket = older) {
  const broker = await StubBroker.listen(onPacket);
  const healthCheck = { intervalMs: 60_000, timeoutMs: 1000, clientId: 'check' };
  const { upstream } = makeUpstream(upstreamOptions([target(broker.port)], { mqtt5: 'translate', healthCheck }));
  t.after(() => {
    upstream.retire();
    return broker.close();
  });
  await until(() => upstream.status()[0]!.mqtt5 === false, 'the check');
  const client = await new UpstreamClient(upstream, 5).connect({ clientId: 'translated', ...init });
  t.after(() => client.link.close(undefined));
  const isOurs = (packet: Packet | undefined): boolean =>
    packet?.type === PacketType.Connect && packet.clientId === 'translated';
  const connection = broker.connections.find(({ packets }) => isOurs(packets[0]))!;
  const sent = async (index: number): Promise<Packet> => {
    await until(() => connection.packets.length > index, `packet ${index}`);
    return connection.packets[index]!;
  };
  return { client, connection, sent };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe('an MQTT 5 client before a broker of 3.1.1', () => {
  it('is told what is not to be had', async (t) => {
    const { client } = await scene(t);
    assert.deepEqual(
      client.connackPacket,
      connack(0, { subscriptionIdentifiersAvailable: false, sharedSubscriptionAvailable: false }),
    );
  });

  for (const [what, init, cleanSession, told] of [
    ['no expiry', { cleanStart: false }, true, undefined],
    [
      'a clean start, and an expiry that cannot be had with it',
      { properties: { sessionExpiryIntervalS: 60 } },
      true,
      0,
    ],
    ['an expiry', { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } }, false, 0xffffffff],
  ] as [string, ConnectInit, boolean, number | undefined][]) {
    it(`has a session as near as Clean Session comes to ${what}`, async (t) => {
      const { client, sent } = await scene(t, init);
      const packet = (await sent(0)) as ConnectPacket;
      assert.deepEqual([packet.protocolVersion, packet.cleanStart], [4, cleanSession]);
      assert.equal(client.connackPacket?.properties.sessionExpiryIntervalS, told);
    });
  }

  it('sends messages without their properties, and gets them in its own version', async (t) => {
    const { client, connection, sent } = await scene(t);
    client.send(
      publish('a', 'up', {
        qos: 1,
        packetId: 3,
        retain: true,
        properties: { contentType: 'x', messageExpiryIntervalS: 5 },
      }),
    );
    assert.deepEqual(await sent(1), publish('a', bytes('up'), { qos: 1, packetId: 3, retain: true }));
    const down = publish('b', bytes('down'), { qos: 2, packetId: 4, dup: true });
    connection.send(down, ack(PacketType.Puback, 3));
    await until(() => client.acks.length === 1, 'both');
    assert.deepEqual(client.deliveries, [down]);
    assert.deepEqual(client.acks, ['4 3 0']);
  });

  it('is refused the subscriptions that 3.1.1 cannot hold, and granted the rest, in order', async (t) => {
    const { client, connection, sent } = await scene(t);
    client.link.subscribe(
      subscribe(7, [
        { filter: 'a', noLocal: true },
        { filter: 'b', qos: 1 },
        { filter: '$share/g/c' },
        { filter: 'd', retainHandling: 2 },
        { filter: 'e' },
      ]),
    );
    assert.deepEqual(await sent(1), subscribe(7, [{ filter: 'b', qos: 1 }, { filter: 'e' }]));
    connection.send({ type: PacketType.Suback, packetId: 7, reasonCodes: [1, 0x80], properties: {} });
    await until(() => client.subacks.length === 1, 'SUBACK');
    assert.deepEqual(client.subacks[0]!.reasonCodes, [0x83, 1, 0x9e, 0x83, 0x80]);
    client.link.subscribe(subscribe(8, [{ filter: 'f' }], { subscriptionIdentifiers: [1] }));
    assert.deepEqual(client.subacks[1]!.reasonCodes, [0xa1]);
  });

  it('has a code for each filter that it gives up', async (t) => {
    const { client, connection, sent } = await scene(t);
    client.link.unsubscribe(unsubscribe(9, ['a', 'b']));
    await sent(1);
    connection.send({ type: PacketType.Unsuback, packetId: 9, reasonCodes: [], properties: {} });
    await until(() => client.unsubacks.length === 1, 'UNSUBACK');
    assert.deepEqual(client.unsubacks[0]!.reasonCodes, [0, 0]);
  });

  it('gets no more unacknowledged deliveries than it allows', async (t) => {
    const { client, connection } = await scene(t, { properties: { receiveMaximum: 2 } });
    for (let packetId = 1; packetId <= 4; packetId++)
      connection.send(publish('a', `${packetId}`, { qos: 1, packetId }));
    await until(() => client.deliveries.length === 2, 'two');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(client.deliveries.length, 2);
    client.link.acknowledge(PacketType.Puback, 1, 0);
    await until(() => client.deliveries.length === 3, 'the third');
    client.link.acknowledge(PacketType.Puback, 2, 0);
    await until(() => client.deliveries.length === 4, 'the fourth');
  });

  it('whose window is full of QoS 2 still hears PUBREL and all that makes room, and then the rest in order', async (t) => {
    const { client, connection, sent } = await scene(t, { properties: { receiveMaximum: 1 } });
    connection.send(
      publish('a', 'first', { qos: 2, packetId: 1 }),
      publish('a', 'second', { qos: 2, packetId: 2, retain: true }),
      publish('b', 'none', { qos: 0 }),
      publish('a', 'third', { qos: 1, packetId: 3 }),
      { type: PacketType.Suback, packetId: 9, reasonCodes: [0], properties: {} },
    );
    await until(() => client.subacks.length === 1, 'what is not held to the window');
    const topics = () => client.deliveries.map(({ packetId }) => packetId);
    assert.deepEqual(topics(), [1, 0]);
    client.link.acknowledge(PacketType.Pubrec, 1, 0);
    assert.deepEqual(await sent(1), ack(PacketType.Pubrec, 1));
    connection.send(ack(PacketType.Pubrel, 1));
    await until(() => client.acks.length === 1, 'PUBREL');
    assert.deepEqual(topics(), [1, 0], 'until PUBCOMP it is under way');
    client.link.acknowledge(PacketType.Pubcomp, 1, 0);
    assert.deepEqual(topics(), [1, 0, 2]);
    assert.deepEqual(client.deliveries[2], publish('a', bytes('second'), { qos: 2, packetId: 2, retain: true }));
    client.link.acknowledge(PacketType.Pubrec, 2, 0x97);
    assert.deepEqual(topics(), [1, 0, 2, 3]);
  });

  it('is not sent more than may wait: the broker is not read, or the link ends where it has to be', async (t) => {
    const large = 'x'.repeat(60_000);
    const { client, connection } = await scene(t, { properties: { receiveMaximum: 1 } });
    const flood = (from: number, to: number): void => {
      for (let packetId = from; packetId <= to; packetId++) connection.send(publish('a', large, { qos: 2, packetId }));
    };
    flood(1, 300);
    await until(() => connection.socket.writableLength > 0, 'a broker that is not read');
    client.link.acknowledge(PacketType.Pubrec, 1, 0);
    await until(() => client.closes.length === 1, 'the end');
    assert.equal(client.closes[0]?.reasonCode, 0x97);
    assert.equal(client.deliveries.length, 1);
  });

  it('gets nothing larger than it takes, and the broker believes it delivered', async (t) => {
    const { client, connection, sent } = await scene(t, { properties: { maximumPacketSizeBytes: 50 } });
    connection.send(
      publish('a', 'x'.repeat(60), { qos: 2, packetId: 1 }),
      publish('a', 'small', { qos: 1, packetId: 2 }),
    );
    assert.deepEqual(await sent(1), ack(PacketType.Pubrec, 1));
    connection.send(ack(PacketType.Pubrel, 1));
    assert.deepEqual(await sent(2), ack(PacketType.Pubcomp, 1));
    assert.deepEqual(
      client.deliveries.map(({ packetId }) => packetId),
      [2],
    );
    assert.deepEqual(client.acks, []);
  });

  it('that refuses a QoS 2 delivery has its exchange ended for it', async (t) => {
    const { client, connection, sent } = await scene(t);
    connection.send(publish('a', 'x', { qos: 2, packetId: 1 }));
    await until(() => client.deliveries.length === 1, 'it');
    client.link.acknowledge(PacketType.Pubrec, 1, 0x97);
    assert.deepEqual(await sent(1), ack(PacketType.Pubrec, 1));
    connection.send(ack(PacketType.Pubrel, 1));
    assert.deepEqual(await sent(2), ack(PacketType.Pubcomp, 1));
    assert.deepEqual(client.acks, []);
  });

  it('that wants its Will published goes without DISCONNECT', async (t) => {
    for (const [reasonCode, types] of [
      [0x04, []],
      [0x00, [PacketType.Disconnect]],
    ] as [number, number[]][]) {
      const { client, connection } = await scene(t, { will: { topic: 'w', properties: { willDelayIntervalS: 5 } } });
      client.link.close(disconnect(reasonCode));
      await until(() => connection.hasEnded, 'the end');
      assert.deepEqual(
        connection.packets.slice(1).map(({ type }) => type),
        types,
      );
      assert.deepEqual((connection.packets[0] as ConnectPacket).will?.properties, {});
    }
  });

  it('hears a refusal in its own words', async (t) => {
    const { client } = await scene(t, {}, (packet, connection) => {
      const isOurs =
        packet.type === PacketType.Connect && packet.protocolVersion === 4 && packet.clientId === 'translated';
      if (isOurs) connection.send(connack(5));
      else older(packet, connection);
    });
    assert.equal(client.connackPacket?.reasonCode, 0x87);
  });
});
