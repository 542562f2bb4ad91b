/** SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK [MQTT5 3.8 to 3.11]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType, type QoS } from '../../src/mqtt/wire.ts';
import { ack, publish, subscribe, unsubscribe } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

chapter('SUBSCRIBE and UNSUBSCRIBE', () => {
  claim(
    'SUBACK carries the packet identifier of its SUBSCRIBE [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.2.1-6] [MQTT311-3.8.4-1] [MQTT311-3.8.4-2] [MQTT311-2.3.1-7]',
    async (world) => {
      const client = await world.connect();
      for (const packetId of [1, 255, 256, 65535]) {
        client.send(subscribe(packetId, [{ filter: world.topic() }]));
        await client.expect(PacketType.Suback, { packetId, reasonCodes: [0] });
      }
    },
  );

  claim(
    'SUBACK has one code a filter, in their order, each the granted QoS or a failure [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT311-3.8.4-4] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] [MQTT311-3.9.3-2]',
    async (world) => {
      const client = await world.connect();
      const qos = [2, 0, 1, 1, 0, 2] as const;
      client.send(
        subscribe(
          1,
          qos.map((each, i) => ({ filter: world.topic(`${i}`), qos: each })),
        ),
      );
      await client.expect(PacketType.Suback, { packetId: 1, reasonCodes: [...qos] });
    },
  );

  claim('a SUBSCRIBE with many filters is as many subscriptions [MQTT-3.8.4-5] [MQTT311-3.8.4-4]', async (world) => {
    const client = await world.connect();
    const topics = Array.from({ length: 12 }, (_, i) => world.topic(`${i}`));
    client.send(
      subscribe(
        1,
        topics.map((filter) => ({ filter })),
      ),
    );
    await client.expect(PacketType.Suback);
    const publisher = await world.connect();
    for (const topic of topics) {
      await publisher.publish(topic, 'x');
      await client.receive(topic, 'x');
    }
  });

  claim(
    'the same filter twice in one SUBSCRIBE is two codes and one subscription at the last QoS [MQTT-3.8.4-5] [MQTT-3.8.4-3] [MQTT311-3.8.4-4] [MQTT311-3.8.4-3]',
    async (world) => {
      const client = await world.connect();
      const filter = world.topic();
      client.send(
        subscribe(1, [
          { filter, qos: 2 },
          { filter, qos: 0 },
        ]),
      );
      await client.expect(PacketType.Suback, { reasonCodes: [2, 0] });
      const publisher = await world.connect();
      await publisher.publish(filter, 'x', { qos: 2 });
      await client.receive(filter, 'x', { qos: 0 });
      await client.expectNothing();
    },
  );

  claim('a subscription to the same filter replaces the one before [MQTT-3.8.4-3] [MQTT311-3.8.4-3]', async (world) => {
    const client = await world.connect();
    const publisher = await world.connect();
    await client.subscribe(world.topic(), 0);
    await client.subscribe(world.topic(), 2);
    await publisher.publish(world.topic(), 'up', { qos: 2 });
    await client.receive(world.topic(), 'up', { qos: 2 });
    await client.subscribe(world.topic(), 1);
    await publisher.publish(world.topic(), 'down', { qos: 2 });
    await client.receive(world.topic(), 'down', { qos: 1 });
    await client.expectNothing();
  });

  claim(
    'replacing a subscription sends the retained message again and loses nothing [MQTT-3.8.4-4] [MQTT-3.3.1-9] [MQTT311-3.8.4-3]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
      const client = await world.connect();
      for (const qos of [1, 1, 0] as const) {
        await client.subscribe(world.topic(), qos);
        await client.receive(world.topic(), 'kept', { retain: true, qos });
      }
      // Publications and renewals of the subscription, interleaved from two connections.
      client.send(
        ...Array.from({ length: 10 }, (_, i) => subscribe(100 + i, [{ filter: world.topic(), retainHandling: 2 }])),
      );
      for (let i = 0; i < 10; i++) await publisher.publish(world.topic(), `live ${i}`, { qos: 1 });
      for (let i = 0; i < 10; i++) await client.take(PacketType.Publish, { payload: `live ${i}` });
      await publisher.publish(world.topic(), '', { qos: 1, retain: true });
    },
    { versions: [4, 5] },
  );

  claim(
    'of overlapping subscriptions, the message comes at the highest matching QoS [MQTT-3.3.4-2] [MQTT311-3.3.5-1]',
    async (world) => {
      const client = await world.connect();
      const publisher = await world.connect();
      await client.subscribe(world.topic('+'), 0);
      await client.subscribe(world.topic('a'), 2);
      await client.subscribe(world.topic('#'), 1);
      await publisher.publish(world.topic('a'), 'x', { qos: 2 });
      // One copy, or one a subscription; the highest QoS must be among them.
      const copies = [await client.expect(PacketType.Publish, { topic: world.topic('a') })];
      client.send({ type: PacketType.Pingreq });
      for (;;) {
        const packet = await client.next();
        if (packet === 'closed' || packet.type !== PacketType.Publish) break;
        copies.push(packet);
      }
      assert.equal(Math.max(...copies.map(({ qos }) => qos)), 2);
      assert.ok(copies.length <= 3, `${copies.length} copies`);
    },
  );

  claim('No Local keeps a client from its own messages, and only from those [MQTT-3.8.3-3]', async (world) => {
    const client = await world.connect();
    const other = await world.connect();
    await client.subscribe(world.topic(), 1, { noLocal: true });
    await client.publish(world.topic(), 'mine', { qos: 1 });
    await other.publish(world.topic(), 'theirs', { qos: 1 });
    await client.receive(world.topic(), 'theirs');
    await client.expectNothing();
  });

  claim('No Local 0 sends a client its own messages [MQTT-3.8.3-3]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic(), 0, { noLocal: false });
    await client.publish(world.topic(), 'mine');
    await client.receive(world.topic(), 'mine');
  });

  claim(
    'No Local also holds for a Will, and for another connection of the same client [MQTT-3.8.3-3]',
    async (world) => {
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId, ...KEPT });
      await client.subscribe(world.topic(), 1, { noLocal: true });
      client.drop();
      const again = await world.connect({ clientId, ...KEPT });
      await again.publish(world.topic(), 'mine', { qos: 1 });
      await again.expectNothing();
    },
  );

  claim('the subscription identifier comes with each delivery of its subscription [MQTT-3.3.4-3]', async (world) => {
    const client = await world.connect();
    const publisher = await world.connect();
    for (const [name, id] of [
      ['a', 1],
      ['b', 127],
      ['c', 128],
      ['d', 16_384],
      ['e', 268_435_455],
    ] as const) {
      await client.subscribe(world.topic(name), 0, { properties: { subscriptionIdentifiers: [id] } });
      await publisher.publish(world.topic(name), 'x');
      await client.receive(world.topic(name), 'x', { properties: { subscriptionIdentifiers: [id] } });
    }
    await client.subscribe(world.topic('f'));
    await publisher.publish(world.topic('f'), 'x');
    await client.receive(world.topic('f'), 'x', { properties: { subscriptionIdentifiers: undefined } });
  });

  claim(
    'a message of overlapping subscriptions carries the identifiers of all of them [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5]',
    async (world) => {
      const client = await world.connect();
      const publisher = await world.connect();
      await client.subscribe(world.topic('+'), 0, { properties: { subscriptionIdentifiers: [1] } });
      await client.subscribe(world.topic('#'), 1, { properties: { subscriptionIdentifiers: [2] } });
      await client.subscribe(world.topic('a'), 2, { properties: { subscriptionIdentifiers: [2] } });
      await client.subscribe(`${world.id}/#`, 0, { retainHandling: 2, properties: { subscriptionIdentifiers: [3] } });
      await client.subscribe(`+/a`, 0, { noLocal: true, properties: {} });
      await publisher.publish(world.topic('a'), 'x', { qos: 1 });
      const ids: number[] = [];
      client.send({ type: PacketType.Pingreq });
      let copies = 0;
      for (;;) {
        const packet = await client.next();
        if (packet === 'closed' || packet.type !== PacketType.Publish) break;
        if (!packet.topic.startsWith(world.id)) continue;
        copies += 1;
        ids.push(...(packet.properties.subscriptionIdentifiers ?? []));
      }
      // The last subscription to the filter with '#' has replaced identifier 2 by 3; the one to 'a' still has it.
      assert.deepEqual([...new Set(ids)].sort(), [1, 2, 3]);
      assert.ok(copies >= 1 && copies <= 4);
    },
  );

  claim(
    'renewing a subscription replaces its identifier, or takes it away [MQTT-3.8.4-3] [MQTT-3.3.4-3]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic(), 0, { properties: { subscriptionIdentifiers: [5] } });
      await client.subscribe(world.topic(), 0, { properties: { subscriptionIdentifiers: [6] } });
      await client.publish(world.topic(), 'x');
      await client.receive(world.topic(), 'x', { properties: { subscriptionIdentifiers: [6] } });
      await client.subscribe(world.topic(), 0);
      await client.publish(world.topic(), 'y');
      await client.receive(world.topic(), 'y', { properties: { subscriptionIdentifiers: undefined } });
    },
  );

  claim('subscription identifiers survive with the session [MQTT-3.3.4-3] [MQTT-3.1.2-23]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const client = await world.connect(session);
    await client.subscribe(world.topic(), 1, { properties: { subscriptionIdentifiers: [9] } });
    await client.disconnect();
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'x', { qos: 1 });
    const again = await world.connect(session);
    await again.receive(world.topic(), 'x', { properties: { subscriptionIdentifiers: [9] } });
  });

  claim(
    'UNSUBACK carries the packet identifier of its UNSUBSCRIBE [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-2.2.1-6] [MQTT311-3.10.4-4] [MQTT311-2.3.1-7]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic());
      for (const packetId of [1, 255, 256, 65535]) {
        client.send(unsubscribe(packetId, [world.topic()]));
        await client.expect(PacketType.Unsuback, { packetId });
      }
    },
  );

  claim(
    'UNSUBSCRIBE is answered also where there was no subscription [MQTT-3.10.4-5] [MQTT311-3.10.4-5]',
    async (world) => {
      const client = await world.connect();
      const unsuback = await client.unsubscribe(world.topic('never'));
      if (world.version === 5) assert.deepEqual(unsuback.reasonCodes, [Reason.NoSubscriptionExisted]);
    },
  );

  claim(
    'UNSUBACK has one code a filter, in their order [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-3.10.4-6]',
    async (world) => {
      const client = await world.connect();
      for (const name of ['a', 'b', 'c']) await client.subscribe(world.topic(name));
      const unsuback = await client.unsubscribe(...['a', 'x', 'b', 'y', 'c', 'a'].map((name) => world.topic(name)));
      assert.deepEqual(unsuback.reasonCodes, [0x00, 0x11, 0x00, 0x11, 0x00, 0x11]);
    },
  );

  claim(
    'UNSUBSCRIBE ends exactly the subscriptions whose filters are equal, character by character [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic('a/+'));
      const unsuback = await client.unsubscribe(
        world.topic('a/b'),
        world.topic('#'),
        world.topic('A/+'),
        world.topic('a/+/'),
      );
      if (world.version === 5) assert.deepEqual(unsuback.reasonCodes, [0x11, 0x11, 0x11, 0x11]);
      await client.publish(world.topic('a/b'), 'still');
      await client.receive(world.topic('a/b'), 'still');
      await client.unsubscribe(world.topic('a/+'));
      await client.publish(world.topic('a/b'), 'no more');
      await client.expectNothing();
    },
  );

  claim(
    'an UNSUBSCRIBE of many filters ends them all and no other [MQTT-3.10.4-6] [MQTT311-3.10.4-6]',
    async (world) => {
      const client = await world.connect();
      for (const name of ['a', 'b', 'c', 'd']) await client.subscribe(world.topic(name));
      await client.unsubscribe(world.topic('a'), world.topic('c'), world.topic('d'));
      for (const name of ['a', 'b', 'c', 'd']) await client.publish(world.topic(name), 'x');
      await client.receive(world.topic('b'), 'x');
      await client.expectNothing();
    },
  );

  claim(
    'a delivery that was begun is completed after UNSUBSCRIBE [MQTT-3.10.4-3] [MQTT311-3.10.4-3]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const client = await world.connect(session);
      const publisher = await world.connect();
      await client.subscribe(world.topic(), 2);
      await publisher.publish(world.topic(), 'begun', { qos: 2 });
      const { packetId } = await client.expect(PacketType.Publish, { payload: 'begun', qos: 2 });
      await client.unsubscribe(world.topic());
      client.drop();
      const again = await world.connect(session);
      await again.expect(PacketType.Publish, { payload: 'begun', packetId, dup: true });
      again.send(ack(PacketType.Pubrec, packetId));
      await again.expect(PacketType.Pubrel, { packetId });
      again.send(ack(PacketType.Pubcomp, packetId));
      await again.expectNothing();
    },
  );

  claim(
    'a filter that the client subscribes to and leaves in one write is left [MQTT-3.10.4-2] [MQTT311-3.10.4-2]',
    async (world) => {
      const client = await world.connect();
      const topic = world.topic();
      client.send(
        subscribe(1, [{ filter: topic }]),
        publish(topic, 'between'),
        unsubscribe(2, [topic]),
        publish(topic, 'after'),
      );
      await client.take(PacketType.Suback, { packetId: 1 });
      await client.take(PacketType.Publish, { payload: 'between' });
      await client.take(PacketType.Unsuback, { packetId: 2 });
      await client.expectNothing();
    },
  );

  claim(
    'a SUBSCRIBE of five hundred filters is answered by as many codes in their order [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1]',
    async (world) => {
      const client = await world.connect();
      const filters = Array.from({ length: 500 }, (_, i) => ({ filter: world.topic(`${i}/+`), qos: (i % 3) as QoS }));
      client.send(subscribe(1, filters));
      await client.expect(PacketType.Suback, { packetId: 1, reasonCodes: filters.map(({ qos }) => qos) });
      await client.publish(world.topic('499/x'), 'x');
      await client.receive(world.topic('499/x'), 'x');
      client.send(
        unsubscribe(
          2,
          filters.map(({ filter }) => filter),
        ),
      );
      const { reasonCodes } = await client.expect(PacketType.Unsuback, { packetId: 2 });
      assert.equal(reasonCodes.length, world.version === 5 ? filters.length : 0);
    },
  );

  claim('a message reaches each of many subscribers once [MQTT-4.5.0-1] [MQTT311-4.5.0-1]', async (world) => {
    const subscribers = await Promise.all(Array.from({ length: 15 }, () => world.connect()));
    await Promise.all(subscribers.map((client, i) => client.subscribe(world.topic(i % 2 === 0 ? 'a' : '+'), 2)));
    const publisher = await world.connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish(world.topic('a'), `${qos}`, { qos });
      await Promise.all(subscribers.map((client) => client.receive(world.topic('a'), `${qos}`, { qos })));
    }
    for (const client of subscribers) await client.expectNothing();
  });
});
