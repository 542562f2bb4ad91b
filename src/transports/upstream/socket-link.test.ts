import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ack, disconnect, publish, subscribe } from '../../../test/kit/packets.ts';
import { connack, polite, StubBroker, type StubConnection } from '../../../test/kit/stub-broker.ts';
import { makeUpstream, target, UpstreamClient, until, upstreamOptions } from '../../../test/kit/upstream-client.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { encodePacket } from '../../mqtt/encode.ts';
import type { Packet } from '../../mqtt/packet.ts';
import { PacketType, type ProtocolVersion } from '../../mqtt/wire.ts';
import type { UpstreamOptions } from './upstream-options.ts';

interface Scene {
  broker: StubBroker;
  client: UpstreamClient;
  connection: StubConnection;
  events: { name: string }[];
}

async function scene(
  t: TestContext,
  version: ProtocolVersion,
  init: {
    onPacket?: (packet: Packet, connection: StubConnection) => void;
    options?: Partial<UpstreamOptions>;
    connect?: Parameters<UpstreamClient['connect']>[0];
    username?: string;
    clock?: ManualClock;
  } = {},
): Promise<Scene> {
  const broker = await StubBroker.listen(init.onPacket ?? polite);
  t.after(() => broker.close());
  const { upstream, events } = makeUpstream(upstreamOptions([target(broker.port)], init.options), init.clock);
  const client = new UpstreamClient(upstream, version, init.username);
  t.after(() => client.link.close(undefined));
  await client.connect(init.connect);
  return { broker, client, connection: broker.connections[0]!, events };
}

/** The Nth packet that the stub was sent, CONNECT being the first. */
async function packetOf(connection: StubConnection, index: number): Promise<Packet> {
  await until(() => connection.packets.length > index, `packet ${index}`);
  return connection.packets[index]!;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const VERSIONS = [3, 4, 5] as const;

describe('what the client sends', () => {
  for (const version of VERSIONS) {
    it(`reaches the broker as the bytes it came in (version ${version})`, async (t) => {
      const { client, connection } = await scene(t, version);
      const packets = [
        publish('a/b', 'one', { qos: 1, packetId: 7, retain: true }),
        publish('a/c', Buffer.alloc(3000, 1), version === 5 ? { properties: { contentType: 'x' } } : {}),
      ];
      const before = connection.received.length;
      for (const packet of packets) assert.equal(client.send(packet), true);
      const expected = Buffer.concat(packets.map((packet) => encodePacket(packet, version)));
      await until(() => connection.received.length === before + expected.length, 'all bytes');
      assert.deepEqual(connection.received.subarray(before), expected);
    });
  }

  it('goes out in one write for each turn, in order', async (t) => {
    const { client, connection } = await scene(t, 4);
    client.link.subscribe(subscribe(1, [{ filter: 'a' }]));
    client.send(publish('a', '1', { qos: 2, packetId: 2 }));
    client.link.acknowledge(PacketType.Pubrel, 2, 0);
    client.link.ping();
    await packetOf(connection, 4);
    const types = connection.packets.slice(1).map(({ type }) => type);
    assert.deepEqual(types, [PacketType.Subscribe, PacketType.Publish, PacketType.Pubrel, PacketType.Pingreq]);
  });

  it('may make its session last only with its DISCONNECT, and the identifier stays its own as long [MQTT5 3.14.2.2.2]', async (t) => {
    const broker = await StubBroker.listen(polite);
    t.after(() => broker.close());
    const clock = new ManualClock();
    const { upstream } = makeUpstream(upstreamOptions([target(broker.port)]), clock);
    const connected = async (owner: string): Promise<UpstreamClient> => {
      const client = new UpstreamClient(upstream, 5);
      t.after(() => client.link.close(undefined));
      return client.connect({ owner, properties: { sessionExpiryIntervalS: 1 } });
    };
    const ann = await connected('user:ann');
    ann.link.close(disconnect(0, { sessionExpiryIntervalS: 3600 }));
    clock.advance(3_599_999);
    assert.equal((await connected('user:bob')).connackPacket?.reasonCode, 0x85);
    clock.advance(1);
    assert.equal((await connected('user:bob')).connackPacket?.reasonCode, 0);
  });

  it('ends with its DISCONNECT, so that the Will is discarded', async (t) => {
    const { client, connection } = await scene(t, 4);
    client.send(publish('a', 'last'));
    client.link.close(disconnect());
    await until(() => connection.hasEnded, 'the end');
    assert.deepEqual(
      connection.packets.slice(1).map(({ type }) => type),
      [PacketType.Publish, PacketType.Disconnect],
    );
  });

  it('still goes out when the client is lost, and then the connection ends without DISCONNECT', async (t) => {
    const { client, connection } = await scene(t, 4);
    client.send(publish('a', 'last'));
    client.link.close(undefined);
    await until(() => connection.hasEnded, 'the end');
    assert.deepEqual(
      connection.packets.slice(1).map(({ type }) => type),
      [PacketType.Publish],
    );
  });

  it('waits when the broker does not read, and goes on when it does', async (t) => {
    const { client, connection } = await scene(t, 4);
    connection.socket.pause();
    const packet = publish('a', Buffer.alloc(16_000));
    let sent = 1;
    while (client.send(packet)) {
      sent++;
      assert.ok(sent < 10_000, 'the link never asks to stop');
      if (sent % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(client.drains, 0);
    connection.socket.resume();
    await until(() => client.drains === 1, 'drained');
    await until(() => connection.packets.length === sent + 1, 'all messages');
  });
});

describe('topic aliases of the client', () => {
  it('pass where the broker knows them', async (t) => {
    const onPacket = (packet: Packet, connection: StubConnection): void => {
      if (packet.type === PacketType.Connect) connection.send(connack(0, { topicAliasMaximum: 2 }));
    };
    const { client, connection } = await scene(t, 5, { onPacket });
    client.send(publish('a/b', '1', { properties: { topicAlias: 2 } }));
    client.send(publish('', '2', { properties: { topicAlias: 2 } }), 'a/b');
    const second = await packetOf(connection, 2);
    assert.deepEqual(second, publish('', bytes('2'), { properties: { topicAlias: 2 } }));
  });

  it('are replaced by the topic where the broker takes fewer, or never saw them introduced', async (t) => {
    const onPacket = (packet: Packet, connection: StubConnection): void => {
      if (packet.type === PacketType.Connect) connection.send(connack(0, { topicAliasMaximum: 2 }));
    };
    const { client, connection } = await scene(t, 5, { onPacket });
    const properties = { topicAlias: 3, contentType: 'x' };
    client.send(publish('a/b', '1', { properties }));
    client.send(publish('', '2', { qos: 1, packetId: 5, properties: { topicAlias: 1 } }), 'refused/before');
    assert.deepEqual(await packetOf(connection, 1), publish('a/b', bytes('1'), { properties: { contentType: 'x' } }));
    assert.deepEqual(await packetOf(connection, 2), publish('refused/before', bytes('2'), { qos: 1, packetId: 5 }));
  });

  it('are not replaced where that makes the packet larger than the broker takes: the client is told', async (t) => {
    const onPacket = (packet: Packet, connection: StubConnection): void => {
      if (packet.type === PacketType.Connect) connection.send(connack(0, { maximumPacketSizeBytes: 60 }));
    };
    const { client, connection } = await scene(t, 5, { onPacket });
    const properties = { topicAlias: 1 };
    client.send(publish('', 'x'.repeat(40), { qos: 1, packetId: 5, properties }), 'a/rather/long/topic');
    client.send(publish('', 'x'.repeat(40), { properties }), 'a/rather/long/topic');
    client.send(publish('', 'small', { properties }), 'a/b');
    assert.deepEqual(client.acks, ['4 5 151']);
    assert.deepEqual(await packetOf(connection, 1), publish('a/b', bytes('small')));
  });

  it('are replaced where the client gave an alias anew in a message that was refused', async (t) => {
    const onPacket = (packet: Packet, connection: StubConnection): void => {
      if (packet.type === PacketType.Connect) connection.send(connack(0, { topicAliasMaximum: 2 }));
    };
    const { client, connection } = await scene(t, 5, { onPacket });
    client.send(publish('a/b', '1', { properties: { topicAlias: 1 } }));
    client.send(publish('', '2', { properties: { topicAlias: 1 } }), 'c/d');
    assert.deepEqual(await packetOf(connection, 2), publish('c/d', bytes('2')));
  });
});

describe('what the broker sends', () => {
  for (const version of VERSIONS) {
    it(`reaches the client as the bytes it came in, however it is cut (version ${version})`, async (t) => {
      const { client, connection } = await scene(t, version);
      const delivery = publish('a/b', bytes('x'.repeat(300)), { qos: 1, packetId: 9, dup: true });
      const packets: Packet[] = [
        delivery,
        ack(PacketType.Puback, 4, version === 5 ? 0x10 : 0),
        { type: PacketType.Suback, packetId: 5, reasonCodes: [0, 0x80], properties: {} },
        { type: PacketType.Pingresp },
        ack(PacketType.Pubrel, 9),
      ];
      const stream = Buffer.concat(packets.map((packet) => encodePacket(packet, version)));
      for (let at = 0; at < stream.length; at += 7) connection.send(stream.subarray(at, at + 7));
      await until(() => client.acks.length === 2, 'the last packet');
      assert.deepEqual(client.deliveries, [delivery]);
      assert.deepEqual(client.publishes, [encodePacket(delivery, version)]);
      assert.equal(client.pongs, 1);
      assert.deepEqual(
        Buffer.concat(client.frames),
        Buffer.concat([packets[1]!, packets[2]!, packets[4]!].map((packet) => encodePacket(packet, version))),
      );
    });
  }

  it('has its topic in full where the broker uses an alias that the client allows', async (t) => {
    const { client, connection } = await scene(t, 5, { connect: { properties: { topicAliasMaximum: 5 } } });
    connection.send(
      publish('a/b', '1', { properties: { topicAlias: 5 } }),
      publish('', '2', { properties: { topicAlias: 5 } }),
    );
    await until(() => client.deliveries.length === 2, 'both deliveries');
    assert.equal(client.deliveries[1]!.topic, 'a/b');
  });

  it('waits while the client is slow, in order and without loss', async (t) => {
    const { client, connection } = await scene(t, 4);
    client.room = 3;
    connection.send(Buffer.concat(Array.from({ length: 20 }, (_, i) => encodePacket(publish('a', `${i}`), 4))));
    await until(() => client.deliveries.length === 3, 'three deliveries');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(client.deliveries.length, 3);
    client.room = Number.POSITIVE_INFINITY;
    client.link.resume();
    await until(() => client.deliveries.length === 20, 'the rest');
    const payloads = client.deliveries.map(({ payload }) => Number(Buffer.from(payload).toString()));
    assert.deepEqual(
      payloads,
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it('ends the link when it is malformed, with an event that blames the broker', async (t) => {
    const { client, connection, events } = await scene(t, 4);
    connection.send(Uint8Array.of(0x36, 0x03, 0x00, 0x01, 0x61));
    await until(() => client.closes.length === 1, 'the end');
    assert.deepEqual(client.closes, [undefined]);
    const told = events.find(({ name }) => name === 'packet.faulted') as
      | { sender?: string; fault?: string }
      | undefined;
    assert.equal(told?.sender, 'server');
    assert.equal(told?.fault, 'publish_qos_invalid');
    await until(() => connection.hasEnded || connection.socket.destroyed, 'the socket to go');
  });

  for (const [what, packet] of [
    ['an alias beyond what the client allows', publish('a', '', { properties: { topicAlias: 1 } })],
    ['a second CONNACK', connack()],
    ['a packet of unreasonable size', publish('a', Buffer.alloc(70_000))],
    [
      'an AUTH that nobody asked for',
      { type: PacketType.Auth, reasonCode: 0x18, properties: { authenticationMethod: 'x' } },
    ],
  ] as [string, Packet][]) {
    it(`ends the link after ${what}`, async (t) => {
      const { client, connection, events } = await scene(t, 5);
      connection.send(packet);
      await until(() => client.closes.length === 1, 'the end');
      assert.ok(events.some(({ name }) => name === 'packet.faulted'));
    });
  }

  it('ends the link with its DISCONNECT, which the client is told', async (t) => {
    const { client, connection } = await scene(t, 5);
    connection.send(disconnect(0x8e, { reasonString: 'another has come' }));
    await until(() => client.closes.length === 1, 'the end');
    assert.equal(client.closes[0]?.reasonCode, 0x8e);
    assert.equal(client.frames.length, 1);
  });

  it('is not heard after the client has gone', async (t) => {
    const { client, connection } = await scene(t, 4);
    client.link.close(undefined);
    connection.send(publish('a', 'too late'));
    await until(() => connection.hasEnded, 'the end');
    assert.deepEqual([client.deliveries, client.closes], [[], []]);
  });
});

describe('CONNECT', () => {
  it('goes to the broker with prefix and account in the place of the client own', async (t) => {
    const { connection } = await scene(t, 5, {
      username: 'ann',
      options: {
        clientIdPrefix: '%u:',
        credentials: { kind: 'account', username: 'gateway', password: 'secret' },
      },
      connect: { clientId: 'pump', username: 'ann', password: 'hers', properties: { topicAliasMaximum: 65_535 } },
    });
    const packet = await packetOf(connection, 0);
    assert.equal(packet.type, PacketType.Connect);
    const { clientId, username, password, properties } = packet as Extract<Packet, { clientId: string }>;
    assert.deepEqual([clientId, username, Buffer.from(password!).toString()], ['ann:pump', 'gateway', 'secret']);
    assert.deepEqual(properties, { topicAliasMaximum: 256, maximumPacketSizeBytes: 65_536 });
  });

  it('is refused with 0x85 while another owner has the identifier, and accepted afterwards', async (t) => {
    const broker = await StubBroker.listen();
    t.after(() => broker.close());
    const { upstream } = makeUpstream(upstreamOptions([target(broker.port)]));
    const first = await new UpstreamClient(upstream, 5).connect();
    const thief = await new UpstreamClient(upstream, 5).connect({ owner: 'user:bob' });
    assert.equal(thief.connackPacket?.reasonCode, 0x85);
    const older = await new UpstreamClient(upstream, 4).connect({ owner: 'user:bob' });
    assert.equal(older.connackPacket?.reasonCode, 2);
    assert.equal(broker.connections.length, 1, 'the broker heard of neither');
    const same = await new UpstreamClient(upstream, 5).connect();
    assert.equal(same.connackPacket?.reasonCode, 0);
    first.link.close(undefined);
    same.link.close(undefined);
    const next = await new UpstreamClient(upstream, 5).connect({ owner: 'user:bob' });
    assert.equal(next.connackPacket?.reasonCode, 0);
    next.link.close(undefined);
  });

  it('that the broker refuses is refused with its very code, and frees the identifier', async (t) => {
    const onPacket = (_packet: Packet, connection: StubConnection): void => connection.send(connack(0x87));
    const broker = await StubBroker.listen(onPacket);
    t.after(() => broker.close());
    const { upstream } = makeUpstream(upstreamOptions([target(broker.port)]));
    const client = await new UpstreamClient(upstream, 5).connect();
    assert.equal(client.connackPacket?.reasonCode, 0x87);
    const other = await new UpstreamClient(upstream, 5).connect({ owner: 'user:bob' });
    assert.equal(other.connackPacket?.reasonCode, 0x87);
  });

  it('is answered 0x84 where the broker answers in the form of 3.1.1, and from then on without asking it', async (t) => {
    const onPacket = (_packet: Packet, { socket }: StubConnection): void =>
      void socket.end(Uint8Array.of(0x20, 2, 0, 1));
    const broker = await StubBroker.listen(onPacket);
    t.after(() => broker.close());
    const { upstream } = makeUpstream(upstreamOptions([target(broker.port)]));
    for (let i = 0; i < 2; i++) {
      const client = await new UpstreamClient(upstream, 5).connect();
      assert.equal(client.connackPacket?.reasonCode, 0x84);
    }
    assert.equal(broker.connections.length, 1);
  });

  it('is given up when the broker says nothing, in time', async (t) => {
    const clock = new ManualClock();
    const broker = await StubBroker.listen(() => {});
    t.after(() => broker.close());
    const { upstream } = makeUpstream(upstreamOptions([target(broker.port)]), clock);
    const client = new UpstreamClient(upstream, 4);
    client.start();
    await until(() => broker.connections[0]?.packets.length === 1, 'CONNECT');
    clock.advance(1999);
    assert.equal(client.closes.length, 0);
    clock.advance(1);
    assert.match(client.closes[0]?.properties.reasonString ?? '', /stub is not available .*did not answer in time/);
  });
});

describe('keep-alive towards the broker', () => {
  it('is held by pings of our own while policy lets nothing through, and their answers are not passed on', async (t) => {
    const clock = new ManualClock();
    const { client, connection } = await scene(t, 4, { clock, connect: { keepAliveS: 10 } });
    clock.advance(10_000);
    await packetOf(connection, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(client.pongs, 0);
    client.link.ping();
    await until(() => client.pongs === 1, 'the answer to the client itself');
    clock.advance(10_000);
    clock.advance(9_999);
    assert.equal(connection.packets.filter(({ type }) => type === PacketType.Pingreq).length, 2);
  });
});
