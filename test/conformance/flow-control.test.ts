/** Flow control by Receive Maximum, and Maximum Packet Size, both ways [MQTT5 3.1.2.11.3, 3.1.2.11.4, 4.9]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, publish } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

chapter('Flow control', () => {
  for (const receiveMaximum of [1, 3]) {
    claim(
      `no more than ${receiveMaximum} QoS 1 deliveries are outstanding at Receive Maximum ${receiveMaximum} [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]`,
      async (world) => {
        const client = await world.connect({ properties: { receiveMaximum } });
        await client.subscribe(world.topic(), 1);
        const publisher = await world.connect();
        for (let i = 0; i < 8; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
        const open: number[] = [];
        for (let i = 0; i < 8; i++) {
          const { packetId } = await client.expect(PacketType.Publish, { payload: `${i}` });
          open.push(packetId);
          if (open.length < receiveMaximum && i < 7) continue;
          await client.expectNothing();
          client.send(ack(PacketType.Puback, open.shift()!));
        }
      },
    );
  }

  claim('a QoS 2 delivery counts until its PUBCOMP [MQTT-3.3.4-9] [MQTT-4.9.0-2]', async (world) => {
    const client = await world.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(world.topic(), 2);
    const publisher = await world.connect();
    for (const payload of ['a', 'b']) await publisher.publish(world.topic(), payload, { qos: 2 });
    const { packetId } = await client.expect(PacketType.Publish, { payload: 'a' });
    await client.expectNothing();
    client.send(ack(PacketType.Pubrec, packetId));
    await client.expect(PacketType.Pubrel, { packetId });
    await client.expectNothing();
    client.send(ack(PacketType.Pubcomp, packetId));
    await client.receive(world.topic(), 'b');
  });

  claim('a refusing PUBREC gives the quota back [MQTT-3.3.4-9] [MQTT-4.4.0-2]', async (world) => {
    const client = await world.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(world.topic(), 2);
    const publisher = await world.connect();
    for (const payload of ['a', 'b']) await publisher.publish(world.topic(), payload, { qos: 2 });
    const { packetId } = await client.expect(PacketType.Publish, { payload: 'a' });
    client.send(ack(PacketType.Pubrec, packetId, Reason.UnspecifiedError));
    await client.receive(world.topic(), 'b');
  });

  claim(
    'with no quota left, QoS 0 messages and other packets still come [MQTT-3.3.4-10] [MQTT-4.9.0-3]',
    async (world) => {
      const client = await world.connect({ properties: { receiveMaximum: 1 } });
      await client.subscribe(world.topic('#'), 1);
      const publisher = await world.connect();
      await publisher.publish(world.topic('1'), 'holds the quota', { qos: 1 });
      await publisher.publish(world.topic('1'), 'waits', { qos: 1 });
      await client.expect(PacketType.Publish, { payload: 'holds the quota' });
      await publisher.publish(world.topic('0'), 'passes', { qos: 0 });
      await client.expect(PacketType.Publish, { payload: 'passes' });
      assert.equal(await client.subscribe(world.topic('x')), 0);
      await client.unsubscribe(world.topic('x'));
      await client.publish(world.topic('elsewhere/1'), 'x', { qos: 1 }).catch(() => undefined);
      await client.expectNothing();
    },
  );

  claim(
    'unacknowledged deliveries count against the quota of the next connection [MQTT-3.3.4-9] [MQTT-4.4.0-1]',
    async (world) => {
      const properties = { ...KEPT.properties, receiveMaximum: 2 };
      const session = { clientId: world.clientId('s'), cleanStart: false, properties };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      for (let i = 0; i < 4; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
      await client.expect(PacketType.Publish, { payload: '0' });
      await client.expect(PacketType.Publish, { payload: '1' });
      client.drop();
      const again = await world.connect(session);
      const first = await again.expect(PacketType.Publish, { payload: '0', dup: true });
      await again.expect(PacketType.Publish, { payload: '1', dup: true });
      await again.expectNothing();
      await again.acknowledge(first);
      await again.expect(PacketType.Publish, { payload: '2', dup: false });
      await again.expectNothing();
    },
  );

  claim('a smaller Receive Maximum holds for the resumed session [MQTT-3.3.4-9] [MQTT-4.9.0-1]', async (world) => {
    const clientId = world.clientId('s');
    const client = await world.connect({ clientId, ...KEPT });
    await client.subscribe(world.topic(), 1);
    await client.disconnect();
    const publisher = await world.connect();
    for (let i = 0; i < 3; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
    const again = await world.connect({ clientId, ...KEPT, properties: { ...KEPT.properties, receiveMaximum: 1 } });
    for (let i = 0; i < 3; i++) {
      const packet = await again.expect(PacketType.Publish, { payload: `${i}` });
      await again.expectNothing();
      await again.acknowledge(packet);
    }
  });

  claim(
    'a server accepts as many unacknowledged QoS 2 messages as the Receive Maximum it gave [MQTT-3.3.4-7] [MQTT-4.9.0-1]',
    async (world) => {
      const client = await world.connect();
      const window = Math.min(client.connack?.properties.receiveMaximum ?? 65_535, 1000);
      client.send(...Array.from({ length: window }, (_, i) => publish(world.topic(), '', { qos: 2, packetId: i + 1 })));
      for (let i = 0; i < window; i++) await client.expect(PacketType.Pubrec, { packetId: i + 1 });
      client.send(...Array.from({ length: window }, (_, i) => ack(PacketType.Pubrel, i + 1)));
      for (let i = 0; i < window; i++) await client.expect(PacketType.Pubcomp, { packetId: i + 1 });
      await client.publish(world.topic(), '', { qos: 2, packetId: 1 });
    },
  );

  claim(
    'a client that exceeds the Receive Maximum of the server is disconnected with 0x93 [MQTT-3.3.4-7]',
    async (world) => {
      const client = await world.connect();
      const window = client.connack?.properties.receiveMaximum ?? 65_535;
      // Without a limit of the server there is no exceeding it: every packet identifier may be in use.
      if (window === 65_535) return;
      client.send(
        ...Array.from({ length: window + 1 }, (_, i) => publish(world.topic(), '', { qos: 2, packetId: i + 1 })),
      );
      // Those within the window may have been acknowledged by then.
      await client.take(PacketType.Disconnect, { reasonCode: Reason.ReceiveMaximumExceeded });
      await client.expectGone();
    },
  );

  claim(
    'a delivery larger than the Maximum Packet Size is left out, and counts as delivered [MQTT-3.1.2-24] [MQTT-3.1.2-25]',
    async (world) => {
      const session = { clientId: world.clientId('s'), cleanStart: false };
      const client = await world.connect({
        ...session,
        properties: { maximumPacketSizeBytes: 200, ...KEPT.properties },
      });
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'small', { qos: 1 });
      for (const qos of [0, 1, 2] as const) await publisher.publish(world.topic(), 'x'.repeat(400), { qos });
      await publisher.publish(world.topic(), 'also small', { qos: 2 });
      await client.receive(world.topic(), 'small');
      await client.receive(world.topic(), 'also small');
      await client.expectNothing();
      client.drop();
      const again = await world.connect({ ...session, properties: KEPT.properties });
      await again.expectNothing();
    },
  );

  claim(
    'a delivery of exactly the Maximum Packet Size comes, one byte more does not [MQTT-3.1.2-24] [MQTT-3.1.2-25]',
    async (world) => {
      const sizeMaxBytes = 100;
      const client = await world.connect({ properties: { maximumPacketSizeBytes: sizeMaxBytes } });
      const topic = world.topic();
      await client.subscribe(topic);
      const publisher = await world.connect();
      const payloadBytes = sizeMaxBytes - (2 + 2 + topic.length + 1);
      await publisher.publish(topic, 'y'.repeat(payloadBytes + 1));
      await publisher.publish(topic, 'x'.repeat(payloadBytes));
      await client.receive(topic, 'x'.repeat(payloadBytes));
      await client.expectNothing();
    },
  );

  claim('a retained message larger than the Maximum Packet Size is left out [MQTT-3.1.2-24]', async (world) => {
    const publisher = await world.connect();
    await publisher.publish(world.topic('big'), 'x'.repeat(400), { retain: true });
    await publisher.publish(world.topic('small'), 'x', { retain: true });
    const client = await world.connect({ properties: { maximumPacketSizeBytes: 100 } });
    await client.subscribe(world.topic('#'), 1);
    await client.receive(world.topic('small'), 'x');
    await client.expectNothing();
  });

  claim('properties count towards the Maximum Packet Size [MQTT-3.1.2-24] [MQTT-3.3.2-17]', async (world) => {
    const client = await world.connect({ properties: { maximumPacketSizeBytes: 100 } });
    await client.subscribe(world.topic(), 1);
    const publisher = await world.connect();
    const userProperties: [string, string][] = [['name', 'v'.repeat(100)]];
    await publisher.publish(world.topic(), 'x', { qos: 1, properties: { userProperties } });
    await client.expectNothing();
  });

  claim(
    'a packet beyond the Maximum Packet Size of the server ends the connection with 0x95 [MQTT-3.2.2-15] [MQTT-4.13.1-1]',
    async (world) => {
      const client = await world.connect();
      const sizeMaxBytes = client.connack?.properties.maximumPacketSizeBytes;
      // Without a limit of the server there is no exceeding it.
      if (sizeMaxBytes === undefined) return;
      // The beginning of a PUBLISH that would be one byte too large; its header alone says so.
      const packet = client.encode(publish(world.topic(), Buffer.alloc(sizeMaxBytes)));
      client.sendRaw(packet.subarray(0, 8));
      await world.expectFault(client, Reason.PacketTooLarge);
    },
  );

  claim(
    'fewer unacknowledged deliveries than before are sent again at once where Receive Maximum has become smaller [MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.9.0-2]',
    async (world) => {
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId, ...KEPT });
      await client.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      for (let i = 0; i < 5; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
      for (let i = 0; i < 5; i++) await client.expect(PacketType.Publish, { payload: `${i}` });
      client.drop();
      const again = await world.connect({ clientId, ...KEPT, properties: { ...KEPT.properties, receiveMaximum: 2 } });
      const open = [];
      for (let i = 0; i < 5; i++) {
        open.push(await again.expect(PacketType.Publish, { payload: `${i}`, dup: true }));
        if (open.length < 2 && i < 4) continue;
        await again.expectNothing();
        await again.acknowledge(open.shift()!);
      }
    },
  );

  claim(
    'an unacknowledged delivery that is too large for the next connection is left out there, and holds up nothing [MQTT-3.1.2-24] [MQTT-3.1.2-25]',
    async (world) => {
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId, ...KEPT });
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      for (const qos of [1, 2] as const) await publisher.publish(world.topic(), 'x'.repeat(500), { qos });
      await publisher.publish(world.topic(), 'small', { qos: 1 });
      for (let i = 0; i < 3; i++) await client.expect(PacketType.Publish);
      client.drop();
      const properties = { ...KEPT.properties, maximumPacketSizeBytes: 100, receiveMaximum: 1 };
      const again = await world.connect({ clientId, cleanStart: false, properties });
      await again.receive(world.topic(), 'small', { dup: true });
      await publisher.publish(world.topic(), 'next', { qos: 2 });
      await again.receive(world.topic(), 'next');
      await again.expectNothing();
    },
  );

  claim(
    'with Receive Maximum 1, a hundred messages of both kinds arrive in order [MQTT-4.9.0-2] [MQTT-4.6.0-5]',
    async (world) => {
      const client = await world.connect({ properties: { receiveMaximum: 1 } });
      await client.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      for (let i = 0; i < 100; i++) await publisher.publish(world.topic(), `${i}`, { qos: i % 3 === 0 ? 2 : 1 });
      for (let i = 0; i < 100; i++) await client.receive(world.topic(), `${i}`);
      await client.expectNothing();
    },
  );
});
