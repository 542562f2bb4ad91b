/** Session state: what is kept, for how long, and what a new connection finds [MQTT5 3.1.2.4, 3.1.2.11.2, 4.1, 4.4]. */
import assert from 'node:assert/strict';
import type { Packet } from '../../src/mqtt/packet.ts';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, disconnect, publish } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

chapter('Session state', () => {
  claim(
    'a kept session is present at the next connection, and its subscriptions hold [MQTT-3.1.2-5] [MQTT-3.2.2-3] [MQTT-3.1.2-23] [MQTT-3.1.3-2] [MQTT311-3.1.2-4] [MQTT311-3.1.3-2]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      await client.disconnect();
      const again = await world.connect(session);
      if (world.version > 3) assert.equal(again.connack?.sessionPresent, true);
      await again.publish(world.topic(), 'x', { qos: 1 });
      await again.receive(world.topic(), 'x', { qos: 1 });
    },
  );

  claim(
    'a first connection finds no session [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT311-3.2.2-3]',
    async (world) => {
      const client = await world.connect({ ...KEPT });
      assert.equal(client.connack?.sessionPresent, false);
    },
    { versions: [4, 5] },
  );

  claim(
    'Session Present tells of the stored session, also after the connection was lost [MQTT-3.2.2-3] [MQTT311-3.2.2-2]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      client.drop();
      const again = await world.connect(session);
      assert.equal(again.connack?.sessionPresent, true);
    },
    { versions: [4, 5] },
  );

  claim(
    'Clean Start 1 discards the session: Session Present is 0, subscriptions and queued messages are gone [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT311-3.1.2-6] [MQTT311-3.1.4-3] [MQTT311-3.2.2-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      await client.disconnect();
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'queued', { qos: 1 });
      const clean = await world.connect({ ...session, cleanStart: true });
      assert.equal(clean.connack?.sessionPresent, false);
      await publisher.publish(world.topic(), 'live', { qos: 1 });
      await clean.expectNothing();
    },
  );

  claim('a clean session leaves nothing behind [MQTT-4.1.0-2] [MQTT311-3.1.2-6]', async (world) => {
    const clientId = world.clientId('s');
    const client = await world.connect({ clientId, cleanStart: true });
    await client.subscribe(world.topic(), 1);
    await client.disconnect();
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'x', { qos: 1 });
    const again = await world.connect({ clientId, cleanStart: false });
    assert.equal(again.connack?.sessionPresent, false);
    await again.expectNothing();
  });

  claim(
    'an absent Session Expiry Interval is 0: the session ends with the connection [MQTT-4.1.0-2]',
    async (world) => {
      const clientId = world.clientId('s');
      for (const properties of [{}, { sessionExpiryIntervalS: 0 }]) {
        const client = await world.connect({ clientId, cleanStart: false, properties });
        assert.equal(client.connack?.sessionPresent, false);
        await client.subscribe(world.topic(), 1);
        await client.disconnect();
      }
    },
  );

  claim(
    'QoS 1 and 2 messages for a client that is away wait for it, those of each QoS in order [MQTT-4.6.0-5] [MQTT-4.5.0-1] [MQTT-3.1.2-5] [MQTT311-3.1.2-5] [MQTT311-4.5.0-1] [MQTT311-4.1.0-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 2);
      await client.disconnect();
      const publisher = await world.connect();
      for (let i = 0; i < 6; i++) await publisher.publish(world.topic(), `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      const again = await world.connect(session);
      const next = { 0: 0, 1: 0, 2: 1 };
      for (let i = 0; i < 6; i++) {
        const packet = await again.take(PacketType.Publish, { dup: false });
        assert.equal(Buffer.from(packet.payload).toString(), `${next[packet.qos]}`);
        next[packet.qos] += 2;
        await again.acknowledge(packet);
      }
      await again.expectNothing();
    },
  );

  claim(
    'an unacknowledged QoS 1 delivery comes again with its packet identifier and DUP 1 [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] [MQTT311-2.3.1-4] [MQTT311-4.3.2-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 1 });
      const { packetId } = await client.expect(PacketType.Publish, { dup: false, payload: 'x' });
      client.drop();
      const again = await world.connect(session);
      await again.expect(PacketType.Publish, { dup: true, packetId, payload: 'x', qos: 1 });
      again.send(ack(PacketType.Puback, packetId));
      await again.expectNothing();
      again.drop();
      const third = await world.connect(session);
      await third.expectNothing();
    },
  );

  claim(
    'an unacknowledged QoS 2 delivery comes again with its packet identifier and DUP 1 [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-3] [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] [MQTT311-4.3.3-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 2 });
      const first = await client.expect(PacketType.Publish, { dup: false, payload: 'x' });
      client.drop();
      const again = await world.connect(session);
      await again.receive(world.topic(), 'x', { dup: true, packetId: first.packetId, qos: 2 });
      await again.expectNothing();
    },
  );

  claim(
    'unacknowledged PUBLISH and PUBREL come again in their order [MQTT-4.4.0-1] [MQTT-4.3.3-5] [MQTT311-4.4.0-1] [MQTT311-4.3.3-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      for (const payload of ['a', 'b', 'c']) await publisher.publish(world.topic(), payload, { qos: 2 });
      const ids: number[] = [];
      for (const payload of ['a', 'b', 'c']) ids.push((await client.expect(PacketType.Publish, { payload })).packetId);
      client.send(ack(PacketType.Pubrec, ids[0]!));
      await client.expect(PacketType.Pubrel, { packetId: ids[0]! });
      client.drop();
      const again = await world.connect(session);
      await again.take(PacketType.Pubrel, { packetId: ids[0]! });
      again.send(ack(PacketType.Pubcomp, ids[0]!));
      await again.receive(world.topic(), 'b', { packetId: ids[1]!, dup: true });
      await again.receive(world.topic(), 'c', { packetId: ids[2]!, dup: true });
      await again.expectNothing();
    },
  );

  claim(
    'deliveries of the last connection come again before the messages that waited [MQTT-4.6.0-5] [MQTT311-4.6.0-6]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'first', { qos: 1 });
      await client.expect(PacketType.Publish, { payload: 'first' });
      await client.disconnect();
      await publisher.publish(world.topic(), 'second', { qos: 1 });
      const again = await world.connect(session);
      await again.receive(world.topic(), 'first', { dup: true });
      await again.receive(world.topic(), 'second', { dup: false });
    },
  );

  claim(
    'a QoS 2 handshake of the publisher goes on over two connections [MQTT-4.4.0-1] [MQTT-4.3.3-11] [MQTT311-4.4.0-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.connect(session);
      client.send(publish(world.topic(), 'x', { qos: 2, packetId: 5 }));
      await client.expect(PacketType.Pubrec, { packetId: 5 });
      client.drop();
      const again = await world.connect(session);
      again.send(ack(PacketType.Pubrel, 5));
      await again.expect(PacketType.Pubcomp, { packetId: 5 });
      await witness.receive(world.topic(), 'x');
      await witness.expectNothing();
    },
  );

  claim('a session is kept over a takeover [MQTT-3.1.2-5] [MQTT-3.1.4-3] [MQTT311-3.1.2-4]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const older = await world.connect(session);
    await older.subscribe(world.topic(), 1);
    const newer = await world.connect(session);
    if (world.version > 3) assert.equal(newer.connack?.sessionPresent, true);
    await older.expectGone();
    await newer.publish(world.topic(), 'x', { qos: 1 });
    await newer.receive(world.topic(), 'x');
  });

  claim('a takeover with Clean Start 1 starts afresh [MQTT-3.1.2-4] [MQTT311-3.1.2-6]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const older = await world.connect(session);
    await older.subscribe(world.topic(), 1);
    const newer = await world.connect({ ...session, cleanStart: true });
    assert.equal(newer.connack?.sessionPresent, false);
    await newer.publish(world.topic(), 'x', { qos: 1 });
    await newer.expectNothing();
  });

  claim(
    'a session does not end while its connection is open, whatever its expiry [MQTT-4.1.0-1] [MQTT311-4.1.0-2]',
    async (world) => {
      const client = await world.connect({ cleanStart: false, properties: { sessionExpiryIntervalS: 1 } });
      await client.subscribe(world.topic(), 1);
      await pause(2500);
      await client.publish(world.topic(), 'x', { qos: 1 });
      await client.receive(world.topic(), 'x');
    },
  );

  claim('a session ends when its Session Expiry Interval has passed [MQTT-4.1.0-2] [MQTT-3.1.2-23]', async (world) => {
    const session = { clientId: world.clientId('s'), cleanStart: false, properties: { sessionExpiryIntervalS: 1 } };
    const client = await world.connect(session);
    await client.subscribe(world.topic(), 1);
    await client.disconnect();
    await pause(3000);
    const again = await world.connect(session);
    assert.equal(again.connack?.sessionPresent, false);
    await again.publish(world.topic(), 'x', { qos: 1 });
    await again.expectNothing();
  });

  claim('a session lives until its Session Expiry Interval has passed [MQTT-3.1.2-23]', async (world) => {
    const session = { clientId: world.clientId('s'), cleanStart: false, properties: { sessionExpiryIntervalS: 20 } };
    const client = await world.connect(session);
    client.drop();
    await pause(1500);
    const again = await world.connect(session);
    assert.equal(again.connack?.sessionPresent, true);
  });

  claim('the largest Session Expiry Interval never ends [MQTT-3.1.2-23]', async (world) => {
    const session = {
      clientId: world.clientId('s'),
      cleanStart: false,
      properties: { sessionExpiryIntervalS: 0xffffffff },
    };
    const client = await world.connect(session);
    await client.disconnect();
    await pause(1100);
    const again = await world.connect(session);
    assert.equal(again.connack?.sessionPresent, true);
    await again.disconnect(Reason.Success, { sessionExpiryIntervalS: 0 });
  });

  claim('DISCONNECT may shorten the session [MQTT-4.1.0-2]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const client = await world.connect(session);
    await client.disconnect(Reason.Success, { sessionExpiryIntervalS: 0 });
    const again = await world.connect(session);
    assert.equal(again.connack?.sessionPresent, false);
  });

  claim('DISCONNECT may lengthen a session that was to expire [MQTT-3.1.2-23]', async (world) => {
    const clientId = world.clientId('s');
    const client = await world.connect({ clientId, properties: { sessionExpiryIntervalS: 1 } });
    await client.disconnect(Reason.Success, { sessionExpiryIntervalS: 60 });
    await pause(2500);
    const again = await world.connect({ clientId, cleanStart: false });
    assert.equal(again.connack?.sessionPresent, true);
  });

  claim(
    'DISCONNECT cannot give a session that ends with the connection a longer life [MQTT-4.13.1-1] [MQTT-3.14.2-2]',
    async (world) => {
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId });
      client.send(disconnect(Reason.Success, { sessionExpiryIntervalS: 60 }));
      await world.expectFault(client, Reason.ProtocolError);
      const again = await world.connect({ clientId, cleanStart: false });
      assert.equal(again.connack?.sessionPresent, false);
    },
  );

  claim(
    'a message expires while its receiver is away, and says how long it still lives [MQTT-3.3.2-5] [MQTT-3.3.2-6]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      await client.disconnect();
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'short', { qos: 1, properties: { messageExpiryIntervalS: 1 } });
      await publisher.publish(world.topic(), 'long', { qos: 1, properties: { messageExpiryIntervalS: 100 } });
      await publisher.publish(world.topic(), 'endless', { qos: 1 });
      await pause(2200);
      const again = await world.connect(session);
      const { properties } = await again.receive(world.topic(), 'long');
      const restS = properties.messageExpiryIntervalS ?? 0;
      assert.ok(restS >= 80 && restS <= 98, `${restS}`);
      const endless = await again.receive(world.topic(), 'endless');
      assert.equal(endless.properties.messageExpiryIntervalS, undefined);
      await again.expectNothing();
    },
  );

  claim('a message that is delivered at once carries its whole expiry interval [MQTT-3.3.2-6]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    await client.publish(world.topic(), 'x', { properties: { messageExpiryIntervalS: 100 } });
    const { properties } = await client.receive(world.topic(), 'x');
    const restS = properties.messageExpiryIntervalS ?? 0;
    assert.ok(restS >= 90 && restS <= 100, `${restS}`);
  });

  claim(
    'a delivery that was begun is completed although its message has expired [MQTT-4.3.3-7] [MQTT-4.3.3-13]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 2, properties: { messageExpiryIntervalS: 1 } });
      const { packetId } = await client.expect(PacketType.Publish, { payload: 'x' });
      await pause(2200);
      client.send(ack(PacketType.Pubrec, packetId));
      await client.expect(PacketType.Pubrel, { packetId });
      client.send(ack(PacketType.Pubcomp, packetId));
      await client.expectNothing();
    },
  );

  claim(
    'a PUBACK that was lost with the connection leaves the publisher free to send again [MQTT-4.3.2-5] [MQTT311-4.3.2-2]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.connect(session);
      client.send(publish(world.topic(), 'x', { qos: 1, packetId: 6 }));
      await client.expect(PacketType.Puback, { packetId: 6 });
      client.drop();
      const again = await world.connect(session);
      again.send(publish(world.topic(), 'x', { qos: 1, packetId: 6, dup: true }));
      await again.expect(PacketType.Puback, { packetId: 6 });
      await witness.receive(world.topic(), 'x', { dup: false });
      await witness.receive(world.topic(), 'x', { dup: false });
    },
  );

  claim(
    'a takeover in the middle of deliveries sends them again to the new connection, and only there [MQTT-4.4.0-1] [MQTT-3.1.4-3] [MQTT311-4.4.0-1] [MQTT311-3.1.4-2]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const older = await world.connect(session);
      await older.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      for (const [payload, qos] of [
        ['a', 1],
        ['b', 2],
        ['c', 2],
      ] as const) {
        await publisher.publish(world.topic(), payload, { qos });
      }
      const ids: number[] = [];
      for (const payload of ['a', 'b', 'c']) ids.push((await older.expect(PacketType.Publish, { payload })).packetId);
      older.send(ack(PacketType.Pubrec, ids[2]!));
      await older.expect(PacketType.Pubrel, { packetId: ids[2]! });
      const newer = await world.connect(session);
      await older.expectGone();
      await newer.take(PacketType.Publish, { payload: 'a', packetId: ids[0]!, dup: true, qos: 1 });
      await newer.take(PacketType.Publish, { payload: 'b', packetId: ids[1]!, dup: true, qos: 2 });
      await newer.take(PacketType.Pubrel, { packetId: ids[2]! });
      await newer.expectNothing();
    },
  );

  claim(
    'a session that a clean one has replaced does not come back [MQTT-3.1.2-4] [MQTT311-3.1.2-6]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const first = await world.connect(session);
      await first.subscribe(world.topic(), 1);
      await first.disconnect();
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'queued', { qos: 1 });
      const clean = await world.connect({ clientId: session.clientId, cleanStart: true });
      await clean.disconnect();
      const last = await world.connect(session);
      assert.equal(last.connack?.sessionPresent, false);
      await publisher.publish(world.topic(), 'live', { qos: 1 });
      await last.expectNothing();
    },
  );

  claim(
    'subscription options survive with the session [MQTT-3.1.2-23] [MQTT-3.8.3-3] [MQTT-3.3.1-13]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const first = await world.connect(session);
      await first.subscribe(world.topic('local'), 1, { noLocal: true });
      await first.subscribe(world.topic('kept'), 1, { retainAsPublished: true });
      await first.subscribe(world.topic('plain'), 1);
      await first.disconnect();
      const publisher = await world.connect();
      for (const name of ['kept', 'plain'])
        await publisher.publish(world.topic(name), 'away', { qos: 1, retain: true });
      const again = await world.connect(session);
      await again.receive(world.topic('kept'), 'away', { retain: true });
      await again.receive(world.topic('plain'), 'away', { retain: false });
      await again.publish(world.topic('local'), 'mine', { qos: 1 });
      await again.expectNothing();
      await publisher.publish(world.topic('local'), 'theirs', { qos: 1 });
      await again.receive(world.topic('local'), 'theirs');
      await publisher.publish(world.topic('kept'), 'back', { qos: 1, retain: true });
      await again.receive(world.topic('kept'), 'back', { retain: true });
    },
  );

  claim('many takeovers at once leave one connection, and it works [MQTT-3.1.4-3] [MQTT311-3.1.4-2]', async (world) => {
    const clientId = world.clientId('same');
    const clients = await Promise.all(Array.from({ length: 20 }, () => world.attempt({ clientId, ...KEPT })));
    const isOpen = await Promise.all(
      clients.map(async (client) => {
        await client.take(PacketType.Connack);
        // Whoever is still connected when all have been accepted is the one.
        return client;
      }),
    );
    const last = await world.connect({ clientId, ...KEPT });
    for (const client of isOpen) await client.expectGone();
    await last.subscribe(world.topic(), 1);
    await last.publish(world.topic(), 'x', { qos: 1 });
    await last.receive(world.topic(), 'x');
  });

  claim(
    'acknowledgements of what was never sent do no harm [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT311-4.3.2-1] [MQTT311-4.3.3-1]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic(), 2);
      await client.publish(world.topic(), 'x', { qos: 2 });
      const delivery = await client.expect(PacketType.Publish, { payload: 'x' });
      const stranger = delivery.packetId === 500 ? 501 : 500;
      client.send(ack(PacketType.Puback, stranger), ack(PacketType.Pubcomp, stranger));
      await client.expectNothing();
      await client.acknowledge(delivery);
      await client.expectNothing();
    },
  );

  claim(
    'the packet identifier of an unacknowledged delivery is not given to another, however many follow [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT311-2.3.1-4]',
    async (world) => {
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      const window = 15;
      await publisher.publish(world.topic(), '', { qos: 1, packetId: 1 });
      const open = await subscriber.expect(PacketType.Publish);
      for (let sent = 0; sent < 66_000; sent += window) {
        const ids = Array.from({ length: window }, (_, i) => i + 1);
        publisher.send(...ids.map((packetId) => publish(world.topic(), '', { qos: 1, packetId })));
        const acks: Packet[] = [];
        for (let i = 0; i < window; i++) {
          const { packetId } = await subscriber.expect(PacketType.Publish);
          assert.ok(packetId !== open.packetId && packetId !== 0);
          acks.push(ack(PacketType.Puback, packetId));
        }
        subscriber.send(...acks);
        for (const packetId of ids) await publisher.expect(PacketType.Puback, { packetId });
      }
    },
    { versions: [5] },
  );
});
