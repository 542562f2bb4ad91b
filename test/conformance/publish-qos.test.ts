/** PUBLISH and its acknowledgements: the delivery protocols of QoS 0, 1 and 2 [MQTT5 3.3 to 3.7, 4.3]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType, type QoS } from '../../src/mqtt/wire.ts';
import { ack, publish } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

const QOS: readonly QoS[] = [0, 1, 2];

chapter('PUBLISH and QoS', () => {
  for (const published of QOS) {
    for (const granted of QOS) {
      const delivered = Math.min(published, granted) as QoS;
      claim(
        `a QoS ${published} message to a QoS ${granted} subscription is delivered at QoS ${delivered}, with DUP 0 [MQTT-3.8.4-8] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT311-3.8.4-6] [MQTT311-4.3.2-1] [MQTT311-4.3.3-1]`,
        async (world) => {
          const subscriber = await world.connect();
          const publisher = await world.connect();
          assert.equal(await subscriber.subscribe(world.topic(), granted), granted);
          await publisher.publish(world.topic(), 'body', { qos: published });
          const packet = await subscriber.receive(world.topic(), 'body', { qos: delivered, dup: false, retain: false });
          assert.equal(packet.packetId > 0, delivered > 0);
          await subscriber.expectNothing();
        },
      );
    }
  }

  claim(
    'a QoS 0 message is sent on with DUP 0 and without a packet identifier [MQTT-4.3.1-1] [MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT311-4.3.1-1] [MQTT311-2.3.1-5] [MQTT311-3.3.1-2]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic(), 2);
      await client.publish(world.topic(), 'x');
      await client.expect(PacketType.Publish, { qos: 0, dup: false, packetId: 0, topic: world.topic() });
    },
  );

  claim(
    'a PUBACK carries the packet identifier of its PUBLISH [MQTT-4.3.2-4] [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT311-4.3.2-2] [MQTT311-2.3.1-6] [MQTT311-3.3.4-1]',
    async (world) => {
      const client = await world.connect();
      for (const packetId of [1, 255, 256, 65535]) {
        client.send(publish(world.topic(), 'x', { qos: 1, packetId }));
        await client.expect(PacketType.Puback, { packetId });
      }
    },
  );

  claim(
    'PUBREC and PUBCOMP carry the packet identifier of the PUBLISH [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT311-4.3.3-2] [MQTT311-2.3.1-6] [MQTT311-3.3.4-1]',
    async (world) => {
      const client = await world.connect();
      for (const packetId of [1, 255, 256, 65535]) {
        client.send(publish(world.topic(), 'x', { qos: 2, packetId }));
        await client.expect(PacketType.Pubrec, { packetId });
        client.send(ack(PacketType.Pubrel, packetId));
        await client.expect(PacketType.Pubcomp, { packetId });
      }
    },
  );

  claim(
    'an acknowledgement uses one of its reason codes [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1]',
    async (world) => {
      const client = await world.connect();
      const accepted: number[] = [Reason.Success, Reason.NoMatchingSubscribers];
      client.send(publish(world.topic(), 'x', { qos: 1, packetId: 1 }));
      assert.ok(accepted.includes((await client.expect(PacketType.Puback)).reasonCode));
      client.send(publish(world.topic(), 'x', { qos: 2, packetId: 2 }));
      assert.ok(accepted.includes((await client.expect(PacketType.Pubrec)).reasonCode));
      client.send(ack(PacketType.Pubrel, 2));
      assert.equal((await client.expect(PacketType.Pubcomp)).reasonCode, Reason.Success);
    },
  );

  claim(
    'a PUBLISH after its PUBACK is a new message, whatever its DUP says [MQTT-4.3.2-5] [MQTT311-4.3.2-2]',
    async (world) => {
      const subscriber = await world.connect();
      const publisher = await world.connect();
      await subscriber.subscribe(world.topic(), 0);
      await publisher.publish(world.topic(), 'first', { qos: 1, packetId: 7 });
      await publisher.publish(world.topic(), 'second', { qos: 1, packetId: 7, dup: true });
      await publisher.publish(world.topic(), 'third', { qos: 1, packetId: 7 });
      for (const payload of ['first', 'second', 'third']) await subscriber.receive(world.topic(), payload);
    },
  );

  claim(
    'a QoS 2 PUBLISH repeated before PUBREL is acknowledged again and delivered once [MQTT-4.3.3-10] [MQTT311-4.3.3-2]',
    async (world) => {
      const subscriber = await world.connect();
      const publisher = await world.connect();
      await subscriber.subscribe(world.topic(), 0);
      publisher.send(publish(world.topic(), 'once', { qos: 2, packetId: 9 }));
      await publisher.expect(PacketType.Pubrec, { packetId: 9 });
      publisher.send(publish(world.topic(), 'once', { qos: 2, packetId: 9, dup: true }));
      await publisher.expect(PacketType.Pubrec, { packetId: 9 });
      publisher.send(ack(PacketType.Pubrel, 9));
      await publisher.expect(PacketType.Pubcomp, { packetId: 9 });
      await subscriber.receive(world.topic(), 'once');
      await subscriber.expectNothing();
    },
  );

  claim(
    'a QoS 2 PUBLISH repeated on a new connection before PUBREL is delivered once [MQTT-4.3.3-10] [MQTT-4.1.0-1] [MQTT311-4.3.3-2] [MQTT311-4.1.0-1]',
    async (world) => {
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 0);
      const session = { clientId: world.clientId('p'), ...KEPT };
      const publisher = await world.connect(session);
      publisher.send(publish(world.topic(), 'once', { qos: 2, packetId: 9 }));
      await publisher.expect(PacketType.Pubrec, { packetId: 9 });
      publisher.drop();
      const again = await world.connect(session);
      again.send(publish(world.topic(), 'once', { qos: 2, packetId: 9, dup: true }));
      await again.expect(PacketType.Pubrec, { packetId: 9 });
      again.send(ack(PacketType.Pubrel, 9));
      await again.expect(PacketType.Pubcomp, { packetId: 9 });
      await subscriber.receive(world.topic(), 'once');
      await subscriber.expectNothing();
    },
  );

  claim('a QoS 2 PUBLISH after its PUBCOMP is a new message [MQTT-4.3.3-12] [MQTT311-4.3.3-2]', async (world) => {
    const subscriber = await world.connect();
    const publisher = await world.connect();
    await subscriber.subscribe(world.topic(), 0);
    await publisher.publish(world.topic(), 'first', { qos: 2, packetId: 3 });
    await publisher.publish(world.topic(), 'second', { qos: 2, packetId: 3 });
    for (const payload of ['first', 'second']) await subscriber.receive(world.topic(), payload);
  });

  claim('a repeated PUBREL is answered by PUBCOMP again [MQTT-4.3.3-11] [MQTT311-4.3.3-2]', async (world) => {
    const client = await world.connect();
    await client.publish(world.topic(), 'x', { qos: 2, packetId: 4 });
    client.send(ack(PacketType.Pubrel, 4));
    const pubcomp = await client.expect(PacketType.Pubcomp, { packetId: 4 });
    if (world.version === 5) {
      assert.ok([Reason.Success, Reason.PacketIdentifierNotFound].includes(pubcomp.reasonCode as 0));
    }
  });

  claim(
    'a delivery is retransmitted only on a new connection, never on the open one [MQTT-4.4.0-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3]',
    async (world) => {
      const subscriber = await world.connect();
      const publisher = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      await publisher.publish(world.topic(), 'one', { qos: 1 });
      await publisher.publish(world.topic(), 'two', { qos: 2 });
      await subscriber.expect(PacketType.Publish, { payload: 'one' });
      await subscriber.expect(PacketType.Publish, { payload: 'two' });
      await subscriber.expectNothing(2500);
    },
  );

  claim(
    'PUBREL follows PUBREC with the same packet identifier, and no PUBLISH after it [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT311-4.3.3-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const subscriber = await world.connect(session);
      const publisher = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      await publisher.publish(world.topic(), 'x', { qos: 2 });
      const { packetId } = await subscriber.expect(PacketType.Publish, { qos: 2, dup: false });
      subscriber.send(ack(PacketType.Pubrec, packetId));
      await subscriber.expect(PacketType.Pubrel, { packetId });
      subscriber.drop();
      const again = await world.connect(session);
      await again.expect(PacketType.Pubrel, { packetId });
      again.send(ack(PacketType.Pubcomp, packetId));
      await again.expectNothing();
    },
  );

  claim(
    'packet identifiers of unacknowledged deliveries are all different and none is zero [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT311-2.3.1-4] [MQTT311-2.3.1-1]',
    async (world) => {
      const subscriber = await world.connect();
      const publisher = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      for (let i = 0; i < 10; i++) await publisher.publish(world.topic(), `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      const ids = new Set<number>();
      for (let i = 0; i < 10; i++) ids.add((await subscriber.expect(PacketType.Publish, { payload: `${i}` })).packetId);
      assert.equal(ids.size, 10);
      assert.ok(!ids.has(0));
    },
  );

  claim('identifiers of the two directions are independent [MQTT-2.2.1-4] [MQTT311-2.3.1-4]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic(), 1);
    client.send(publish(world.topic(), 'x', { qos: 1, packetId: 1 }));
    const delivery = await client.take(PacketType.Publish, { qos: 1 });
    await client.take(PacketType.Puback, { packetId: 1 });
    client.send(publish(world.topic(), 'y', { qos: 1, packetId: delivery.packetId }));
    await client.take(PacketType.Puback, { packetId: delivery.packetId });
    client.send(ack(PacketType.Puback, delivery.packetId));
    await client.take(PacketType.Publish, { payload: 'y' });
  });

  claim('the DUP of an incoming PUBLISH is not passed on [MQTT-3.3.1-3] [MQTT311-3.3.1-3]', async (world) => {
    const subscriber = await world.connect();
    const publisher = await world.connect();
    await subscriber.subscribe(world.topic(), 2);
    await publisher.publish(world.topic(), 'one', { qos: 1, dup: true });
    await publisher.publish(world.topic(), 'two', { qos: 2, dup: true });
    await subscriber.receive(world.topic(), 'one', { dup: false });
    await subscriber.receive(world.topic(), 'two', { dup: false });
  });

  claim('a delivery that the client refuses is done with [MQTT-4.4.0-2]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const subscriber = await world.connect(session);
    const publisher = await world.connect();
    await subscriber.subscribe(world.topic(), 2);
    await publisher.publish(world.topic(), 'one', { qos: 1 });
    await publisher.publish(world.topic(), 'two', { qos: 2 });
    const one = await subscriber.expect(PacketType.Publish, { payload: 'one' });
    const two = await subscriber.expect(PacketType.Publish, { payload: 'two' });
    subscriber.send(ack(PacketType.Puback, one.packetId, Reason.NotAuthorized));
    subscriber.send(ack(PacketType.Pubrec, two.packetId, Reason.QuotaExceeded));
    await subscriber.expectNothing();
    subscriber.drop();
    const again = await world.connect(session);
    assert.equal(again.connack?.sessionPresent, true);
    await again.expectNothing();
  });

  claim(
    'an acknowledgement for which there is no delivery ends nobody else and the session goes on [MQTT-4.3.3-11]',
    async (world) => {
      const client = await world.connect();
      client.send(ack(PacketType.Pubrel, 77));
      const pubcomp = await client.expect(PacketType.Pubcomp, { packetId: 77 });
      assert.ok([Reason.Success, Reason.PacketIdentifierNotFound].includes(pubcomp.reasonCode as 0));
      await client.expectNothing();
    },
  );

  claim(
    'payloads of every length around the borders of Remaining Length come through whole [MQTT-3.3.4-1] [MQTT-1.5.5-1] [MQTT311-3.3.4-1]',
    async (world) => {
      const client = await world.connect();
      const topic = world.topic();
      await client.subscribe(topic, 1);
      const header = 2 + topic.length + 2 + (world.version === 5 ? 1 : 0);
      for (const border of [127, 128, 16_383, 16_384, 70_000]) {
        const payload = Buffer.alloc(border - header, `${border}`);
        client.send(publish(topic, payload, { qos: 1, packetId: 1 }));
        await client.take(PacketType.Puback, { packetId: 1 });
        const packet = await client.take(PacketType.Publish, { payload });
        await client.acknowledge(packet);
      }
    },
  );

  claim('an empty payload is a message [MQTT-3.3.4-1] [MQTT311-3.3.4-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    await client.publish(world.topic(), '');
    await client.receive(world.topic(), '');
  });

  claim('arbitrary bytes of a payload come through unchanged [MQTT-3.3.4-1] [MQTT311-3.3.4-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    const payload = Uint8Array.from({ length: 256 }, (_, i) => i);
    await client.publish(world.topic(), payload);
    await client.receive(world.topic(), payload);
  });

  claim('a message reaches clients of every version [MQTT-4.5.0-1] [MQTT311-4.5.0-1]', async (world) => {
    const publisher = await world.connect();
    for (const version of [3, 4, 5] as const) {
      const subscriber = await world.connect({}, version);
      await subscriber.subscribe(world.topic(), 2);
      const before = publisher.publish(world.topic(), `to ${version}`, { qos: 2 });
      await subscriber.receive(world.topic(), `to ${version}`, { qos: 2 });
      await before;
      await subscriber.disconnect();
    }
  });

  claim('a publisher receives its own message if it subscribed [MQTT-4.5.0-1] [MQTT311-4.5.0-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic(), 2);
    await client.publish(world.topic(), 'mine', { qos: 2 });
    await client.receive(world.topic(), 'mine');
  });

  claim(
    'a whole QoS 2 handshake in one write, its PUBLISH repeated, is one message [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT311-4.3.3-2]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic());
      const first = publish(world.topic(), 'x', { qos: 2, packetId: 8 });
      client.send(
        first,
        { ...first, dup: true },
        { ...first, dup: true },
        ack(PacketType.Pubrel, 8),
        ack(PacketType.Pubrel, 8),
      );
      for (let i = 0; i < 3; i++) await client.take(PacketType.Pubrec, { packetId: 8 });
      for (let i = 0; i < 2; i++) await client.take(PacketType.Pubcomp, { packetId: 8 });
      await client.receive(world.topic(), 'x');
      await client.expectNothing();
    },
  );

  claim(
    'QoS 1 and QoS 2 exchanges under different identifiers do not disturb each other [MQTT-2.2.1-5] [MQTT311-2.3.1-6]',
    async (world) => {
      const client = await world.connect();
      client.send(
        publish(world.topic(), '', { qos: 2, packetId: 1 }),
        publish(world.topic(), '', { qos: 1, packetId: 2 }),
        publish(world.topic(), '', { qos: 2, packetId: 3 }),
      );
      await client.take(PacketType.Pubrec, { packetId: 1 });
      await client.take(PacketType.Puback, { packetId: 2 });
      await client.take(PacketType.Pubrec, { packetId: 3 });
      client.send(
        ack(PacketType.Pubrel, 3),
        publish(world.topic(), '', { qos: 1, packetId: 2 }),
        ack(PacketType.Pubrel, 1),
      );
      await client.take(PacketType.Pubcomp, { packetId: 3 });
      await client.take(PacketType.Puback, { packetId: 2 });
      await client.take(PacketType.Pubcomp, { packetId: 1 });
      await client.expectNothing();
    },
  );

  claim(
    'an acknowledgement of the wrong kind does not complete a delivery [MQTT-4.3.3-3] [MQTT-4.3.2-3] [MQTT311-4.3.3-1] [MQTT311-4.3.2-1]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const subscriber = await world.connect(session);
      await subscriber.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'one', { qos: 1 });
      await publisher.publish(world.topic(), 'two', { qos: 2 });
      const one = await subscriber.expect(PacketType.Publish, { payload: 'one' });
      const two = await subscriber.expect(PacketType.Publish, { payload: 'two' });
      // A server may end the connection over it; what counts is that the messages are not lost.
      subscriber.send(ack(PacketType.Pubcomp, one.packetId), ack(PacketType.Puback, two.packetId));
      subscriber.send({ type: PacketType.Pingreq });
      await subscriber.next();
      subscriber.drop();
      const again = await world.connect(session);
      await again.receive(world.topic(), 'one', { packetId: one.packetId, dup: true });
      await again.receive(world.topic(), 'two', { packetId: two.packetId, dup: true });
      await again.expectNothing();
    },
  );
});
