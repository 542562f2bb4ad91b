/** Shared subscriptions [MQTT5 4.8.2]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, subscribe } from '../kit/packets.ts';
import type { RawClient } from '../kit/raw-client.ts';
import { chapter, claim, KEPT } from './suite.ts';

/** The payloads of all QoS 0 and 1 deliveries that came, acknowledged. */
async function drain(client: RawClient): Promise<string[]> {
  const payloads: string[] = [];
  client.send({ type: PacketType.Pingreq });
  for (;;) {
    const packet = await client.next();
    if (packet === 'closed' || packet.type === PacketType.Pingresp) return payloads;
    if (packet.type !== PacketType.Publish) continue;
    payloads.push(Buffer.from(packet.payload).toString());
    if (packet.qos === 1) client.send(ack(PacketType.Puback, packet.packetId));
  }
}

chapter('Shared subscriptions', () => {
  for (const qos of [0, 1] as const) {
    claim(
      `each message goes to exactly one member of the group, QoS ${qos} [MQTT-4.8.2-1] [MQTT-4.8.2-3]`,
      async (world) => {
        const members = [await world.connect(), await world.connect(), await world.connect()];
        for (const member of members) assert.equal(await member.subscribe(`$share/g/${world.topic()}`, qos), qos);
        const publisher = await world.connect();
        const sent = Array.from({ length: 12 }, (_, i) => `${i}`);
        for (const payload of sent) await publisher.publish(world.topic(), payload, { qos });
        const received = (await Promise.all(members.map(drain))).flat();
        assert.deepEqual(received.sort(), sent.sort());
      },
    );
  }

  claim('groups are apart from each other and from plain subscriptions [MQTT-4.8.2-1]', async (world) => {
    const [a, b, plain] = [await world.connect(), await world.connect(), await world.connect()];
    await a.subscribe(`$share/a/${world.topic()}`);
    await b.subscribe(`$share/b/${world.topic()}`);
    await plain.subscribe(world.topic());
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'x');
    for (const client of [a, b, plain]) await client.receive(world.topic(), 'x');
  });

  claim('a client with a shared and a plain subscription to one filter has both [MQTT-4.8.2-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    await client.subscribe(`$share/g/${world.topic()}`);
    const unsuback = await client.unsubscribe(world.topic());
    assert.deepEqual(unsuback.reasonCodes, [Reason.Success]);
    await client.publish(world.topic(), 'x');
    await client.receive(world.topic(), 'x');
    await client.expectNothing();
  });

  claim('shared subscriptions take wildcards [MQTT-4.8.2-2]', async (world) => {
    const client = await world.connect();
    await client.subscribe(`$share/g/${world.topic('+/b/#')}`);
    await client.publish(world.topic('a/b/c/d'), 'x');
    await client.receive(world.topic('a/b/c/d'), 'x');
    await client.publish(world.topic('a/c'), 'y');
    await client.expectNothing();
  });

  claim('each member gets messages at the QoS that it was granted [MQTT-4.8.2-3]', async (world) => {
    const client = await world.connect();
    await client.subscribe(`$share/g/${world.topic()}`, 1);
    await client.publish(world.topic(), 'x', { qos: 2 });
    await client.receive(world.topic(), 'x', { qos: 1 });
    await client.publish(world.topic(), 'y', { qos: 0 });
    await client.receive(world.topic(), 'y', { qos: 0 });
  });

  claim('no retained messages come for a shared subscription [MQTT-3.3.1-9]', async (world) => {
    const client = await world.connect();
    await client.publish(world.topic(), 'kept', { retain: true });
    await client.subscribe(`$share/g/${world.topic()}`);
    await client.expectNothing();
  });

  claim('a subscription identifier comes with the shared delivery [MQTT-3.3.4-3]', async (world) => {
    const client = await world.connect();
    await client.subscribe(`$share/g/${world.topic()}`, 0, { properties: { subscriptionIdentifiers: [44] } });
    await client.publish(world.topic(), 'x');
    await client.receive(world.topic(), 'x', { properties: { subscriptionIdentifiers: [44] } });
  });

  claim('who leaves the group gets no more, the others get all [MQTT-3.10.4-1] [MQTT-3.10.4-2]', async (world) => {
    const [stays, leaves] = [await world.connect(), await world.connect()];
    for (const client of [stays, leaves]) await client.subscribe(`$share/g/${world.topic()}`);
    const unsuback = await leaves.unsubscribe(`$share/g/${world.topic()}`);
    assert.deepEqual(unsuback.reasonCodes, [Reason.Success]);
    for (let i = 0; i < 4; i++) await stays.publish(world.topic(), `${i}`);
    for (let i = 0; i < 4; i++) await stays.receive(world.topic(), `${i}`);
    await leaves.expectNothing();
  });

  claim('who disconnects leaves the messages to the others [MQTT-4.8.2-1]', async (world) => {
    const [stays, goes] = [await world.connect(), await world.connect()];
    for (const client of [stays, goes]) await client.subscribe(`$share/g/${world.topic()}`);
    await goes.disconnect();
    for (let i = 0; i < 4; i++) await stays.publish(world.topic(), `${i}`);
    for (let i = 0; i < 4; i++) await stays.receive(world.topic(), `${i}`);
  });

  claim(
    'a QoS 2 delivery that was begun is completed by the same member when it comes back [MQTT-4.8.2-4]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      await client.subscribe(`$share/g/${world.topic()}`, 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 2 });
      const { packetId } = await client.expect(PacketType.Publish, { payload: 'x' });
      client.send(ack(PacketType.Pubrec, packetId));
      await client.expect(PacketType.Pubrel, { packetId });
      client.drop();
      const other = await world.connect();
      await other.subscribe(`$share/g/${world.topic()}`, 2);
      const again = await world.connect(session);
      await again.expect(PacketType.Pubrel, { packetId });
      again.send(ack(PacketType.Pubcomp, packetId));
      await again.expectNothing();
      await other.expectNothing();
    },
  );

  claim(
    'a QoS 2 delivery that was begun goes to nobody else when the session of its member ends [MQTT-4.8.2-5]',
    async (world) => {
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId, ...KEPT });
      await client.subscribe(`$share/g/${world.topic()}`, 2);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 2 });
      const { packetId } = await client.expect(PacketType.Publish, { payload: 'x' });
      client.send(ack(PacketType.Pubrec, packetId));
      await client.expect(PacketType.Pubrel, { packetId });
      const other = await world.connect();
      await other.subscribe(`$share/g/${world.topic()}`, 2);
      await client.disconnect(Reason.Success, { sessionExpiryIntervalS: 0 });
      await other.expectNothing(300);
    },
  );

  claim('a message that a member refuses goes to nobody else [MQTT-4.8.2-6] [MQTT-4.4.0-2]', async (world) => {
    const members = [await world.connect(), await world.connect()];
    for (const member of members) await member.subscribe(`$share/g/${world.topic()}`, 1);
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'x', { qos: 1 });
    let deliveries = 0;
    for (const member of [...members, ...members]) {
      member.send({ type: PacketType.Pingreq });
      for (;;) {
        const packet = await member.next();
        if (packet === 'closed' || packet.type === PacketType.Pingresp) break;
        assert.equal(packet.type, PacketType.Publish);
        if (packet.type === PacketType.Publish)
          member.send(ack(PacketType.Puback, packet.packetId, Reason.NotAuthorized));
        deliveries += 1;
      }
    }
    assert.equal(deliveries, 1);
  });

  claim('No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]', async (world) => {
    const client = await world.connect();
    client.send(subscribe(1, [{ filter: `$share/g/${world.topic()}`, noLocal: true }]));
    await world.expectFault(client, Reason.ProtocolError);
  });

  for (const filter of [
    '$share//t',
    '$share/g',
    '$share/g/',
    '$share/g+/t',
    '$share/g#/t',
    '$share/+/t',
    '$share/#',
    '$share/',
    '$share/+/#',
  ]) {
    claim(`the shared subscription ${filter} is refused [MQTT-4.8.2-1] [MQTT-4.8.2-2]`, async (world) => {
      const client = await world.connect();
      client.send(subscribe(1, [{ filter }]));
      const answer = await client.next();
      if (answer !== 'closed' && answer.type === PacketType.Suback) {
        assert.ok(answer.reasonCodes[0]! >= 0x80, `granted ${answer.reasonCodes}`);
      } else if (answer !== 'closed') {
        assert.equal(answer.type, PacketType.Disconnect);
        await client.expectClosed();
      }
    });
  }

  claim(
    'a message for a group whose members are all away waits for one of them [MQTT-4.5.0-1] [MQTT-4.8.2-1]',
    async (world) => {
      const sessions = ['a', 'b'].map((name) => ({ clientId: world.clientId(name), ...KEPT }));
      for (const session of sessions) {
        const client = await world.connect(session);
        await client.subscribe(`$share/g/${world.topic()}`, 1);
        await client.disconnect();
      }
      const publisher = await world.connect();
      const sent = ['1', '2', '3', '4'];
      for (const payload of sent) await publisher.publish(world.topic(), payload, { qos: 1 });
      const received: string[] = [];
      for (const session of sessions) received.push(...(await drain(await world.connect(session))));
      assert.deepEqual(received.sort(), sent);
    },
  );

  claim('the same client in two groups gets one copy from each [MQTT-4.8.2-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(`$share/a/${world.topic()}`);
    await client.subscribe(`$share/b/${world.topic()}`);
    await client.publish(world.topic(), 'x');
    await client.receive(world.topic(), 'x');
    await client.receive(world.topic(), 'x');
    await client.expectNothing();
  });

  claim('messages of one publisher reach the only member in their order [MQTT-4.8.2-3]', async (world) => {
    const client = await world.connect();
    await client.subscribe(`$share/g/${world.topic()}`, 1);
    const publisher = await world.connect();
    for (let i = 0; i < 30; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
    for (let i = 0; i < 30; i++) await client.receive(world.topic(), `${i}`);
  });

  claim('a member at the end of its Receive Maximum loses nothing [MQTT-3.3.4-9] [MQTT-4.8.2-3]', async (world) => {
    const client = await world.connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe(`$share/g/${world.topic()}`, 1);
    const publisher = await world.connect();
    for (let i = 0; i < 5; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
    for (let i = 0; i < 5; i++) await client.receive(world.topic(), `${i}`);
    await client.expectNothing();
  });
});
