/** Retained messages [MQTT5 3.3.1.3, 3.8.3.1]. */
import { PacketType } from '../../src/mqtt/wire.ts';
import { subscribe } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

chapter('Retained messages', () => {
  claim(
    'a retained message reaches a later subscription, with RETAIN 1 [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT311-3.3.1-5] [MQTT311-3.3.1-6] [MQTT311-3.3.1-8]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      await subscriber.receive(world.topic(), 'kept', { retain: true, qos: 1, dup: false });
      await subscriber.expectNothing();
    },
  );

  for (const qos of [0, 1, 2] as const) {
    claim(
      `a retained QoS ${qos} message is sent at the lower of its QoS and the granted one [MQTT-3.8.4-8] [MQTT-3.3.1-5] [MQTT311-3.8.4-6] [MQTT311-3.3.1-5]`,
      async (world) => {
        const publisher = await world.connect();
        await publisher.publish(world.topic(), 'kept', { qos, retain: true });
        for (const granted of [0, 1, 2] as const) {
          const subscriber = await world.connect();
          await subscriber.subscribe(world.topic(), granted);
          await subscriber.receive(world.topic(), 'kept', { retain: true, qos: Math.min(qos, granted) as 0 });
        }
      },
    );
  }

  claim(
    'a newer retained message replaces the older, whatever their QoS [MQTT-3.3.1-5] [MQTT311-3.3.1-5] [MQTT311-3.3.1-7]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'old', { qos: 2, retain: true });
      await publisher.publish(world.topic(), 'new', { qos: 0, retain: true });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      await subscriber.receive(world.topic(), 'new', { retain: true, qos: 0 });
      await subscriber.expectNothing();
    },
  );

  claim(
    'an empty retained message removes what was retained, and is not retained itself [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT311-3.3.1-10] [MQTT311-3.3.1-11]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
      await publisher.publish(world.topic(), '', { qos: 1, retain: true });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic());
      await subscriber.expectNothing();
    },
  );

  claim(
    'an empty retained message reaches those subscribed at the time [MQTT-3.3.1-6] [MQTT311-3.3.1-10]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic());
      await subscriber.receive(world.topic(), 'kept');
      await publisher.publish(world.topic(), '', { qos: 1, retain: true });
      await subscriber.receive(world.topic(), '', { retain: false });
    },
  );

  claim(
    'a message without RETAIN neither replaces nor removes the retained one [MQTT-3.3.1-8] [MQTT311-3.3.1-12]',
    async (world) => {
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
      await publisher.publish(world.topic(), 'passing', { qos: 1 });
      await publisher.publish(world.topic(), '', { qos: 1 });
      await publisher.publish(world.topic('other'), 'passing', { qos: 1 });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic('#'));
      await subscriber.receive(world.topic(), 'kept', { retain: true });
      await subscriber.expectNothing();
    },
  );

  claim(
    'a message to an established subscription has RETAIN 0, also if it is retained [MQTT-3.3.1-12] [MQTT311-3.3.1-9]',
    async (world) => {
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 1);
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'x', { qos: 1, retain: true });
      await subscriber.receive(world.topic(), 'x', { retain: false });
    },
  );

  claim('Retain As Published 1 leaves RETAIN as it was published [MQTT-3.3.1-13]', async (world) => {
    const subscriber = await world.connect();
    await subscriber.subscribe(world.topic(), 1, { retainAsPublished: true });
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'with', { qos: 1, retain: true });
    await subscriber.receive(world.topic(), 'with', { retain: true });
    await publisher.publish(world.topic(), 'without', { qos: 1, retain: false });
    await subscriber.receive(world.topic(), 'without', { retain: false });
  });

  claim('Retain As Published differs from subscriber to subscriber [MQTT-3.3.1-12] [MQTT-3.3.1-13]', async (world) => {
    const keeps = await world.connect();
    const clears = await world.connect();
    await keeps.subscribe(world.topic(), 0, { retainAsPublished: true });
    await clears.subscribe(world.topic(), 0);
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'x', { retain: true });
    await keeps.receive(world.topic(), 'x', { retain: true });
    await clears.receive(world.topic(), 'x', { retain: false });
  });

  claim('Retain Handling 0 sends retained messages at every SUBSCRIBE [MQTT-3.3.1-9] [MQTT-3.8.4-4]', async (world) => {
    const client = await world.connect();
    await client.publish(world.topic(), 'kept', { retain: true });
    for (let i = 0; i < 2; i++) {
      await client.subscribe(world.topic(), 0, { retainHandling: 0 });
      await client.receive(world.topic(), 'kept', { retain: true });
    }
  });

  claim('Retain Handling 1 sends retained messages only to a new subscription [MQTT-3.3.1-10]', async (world) => {
    const client = await world.connect();
    await client.publish(world.topic(), 'kept', { retain: true });
    await client.subscribe(world.topic(), 0, { retainHandling: 1 });
    await client.receive(world.topic(), 'kept', { retain: true });
    await client.subscribe(world.topic(), 1, { retainHandling: 1 });
    await client.expectNothing();
    await client.unsubscribe(world.topic());
    await client.subscribe(world.topic(), 0, { retainHandling: 1 });
    await client.receive(world.topic(), 'kept', { retain: true });
  });

  claim('Retain Handling 1 knows the subscriptions of a resumed session [MQTT-3.3.1-10]', async (world) => {
    const session = { clientId: world.clientId('s'), cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const client = await world.connect(session);
    await client.subscribe(world.topic());
    await client.disconnect();
    const publisher = await world.connect();
    await publisher.publish(world.topic(), 'kept', { retain: true });
    const again = await world.connect(session);
    await again.subscribe(world.topic(), 0, { retainHandling: 1 });
    await again.expectNothing();
  });

  claim('Retain Handling 2 sends no retained messages [MQTT-3.3.1-11]', async (world) => {
    const client = await world.connect();
    await client.publish(world.topic(), 'kept', { retain: true });
    await client.subscribe(world.topic(), 0, { retainHandling: 2 });
    await client.expectNothing();
    await client.publish(world.topic(), 'live');
    await client.receive(world.topic(), 'live', { retain: false });
  });

  claim(
    'a wildcard subscription gets the retained message of every matching topic [MQTT-3.3.1-9] [MQTT311-3.3.1-6]',
    async (world) => {
      const client = await world.connect();
      const names = ['a', 'a/b', 'a/b/c', 'd', '/', 'a//c'];
      for (const name of names) await client.publish(world.topic(name), name, { retain: true });
      await client.subscribe(world.topic('#'));
      for (const name of names) await client.take(PacketType.Publish, { topic: world.topic(name), retain: true });
      await client.expectNothing();
      await client.subscribe(world.topic('a/+/c'));
      for (const name of ['a/b/c', 'a//c'])
        await client.take(PacketType.Publish, { topic: world.topic(name), retain: true });
      await client.expectNothing();
    },
  );

  claim('each filter of one SUBSCRIBE gets its retained messages [MQTT-3.8.4-5] [MQTT311-3.8.4-4]', async (world) => {
    const client = await world.connect();
    for (const name of ['a', 'b']) await client.publish(world.topic(name), name, { retain: true });
    client.send(
      subscribe(1, [{ filter: world.topic('a') }, { filter: world.topic('none') }, { filter: world.topic('b') }]),
    );
    await client.take(PacketType.Suback, { packetId: 1 });
    for (const name of ['a', 'b']) await client.take(PacketType.Publish, { payload: name, retain: true });
    await client.expectNothing();
  });

  claim('retained messages outlive the session that published them [MQTT-3.3.1-5] [MQTT311-3.1.2-7]', async (world) => {
    const clientId = world.clientId('p');
    const publisher = await world.connect({ clientId });
    await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true });
    await publisher.disconnect();
    const again = await world.connect({ clientId });
    await again.subscribe(world.topic());
    await again.receive(world.topic(), 'kept', { retain: true });
  });

  claim(
    'a retained message keeps its properties [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]',
    async (world) => {
      const properties = {
        payloadFormatIndicator: 1 as const,
        contentType: 'text/plain',
        responseTopic: world.topic('answer'),
        correlationData: Buffer.from([0, 1, 2, 255]),
        userProperties: [
          ['b', '1'],
          ['a', '2'],
        ] as [string, string][],
      };
      const publisher = await world.connect();
      await publisher.publish(world.topic(), 'kept', { qos: 1, retain: true, properties });
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic());
      await subscriber.receive(world.topic(), 'kept', { retain: true, properties });
    },
  );

  claim('a retained message expires, and says how long it still lives [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async (world) => {
    const publisher = await world.connect();
    await publisher.publish(world.topic('short'), 'x', { retain: true, properties: { messageExpiryIntervalS: 1 } });
    await publisher.publish(world.topic('long'), 'x', { retain: true, properties: { messageExpiryIntervalS: 100 } });
    await new Promise((resolve) => setTimeout(resolve, 2200));
    const subscriber = await world.connect();
    await subscriber.subscribe(world.topic('#'));
    const packet = await subscriber.receive(world.topic('long'), 'x');
    const restS = packet.properties.messageExpiryIntervalS ?? 0;
    if (restS < 80 || restS > 98) throw new Error(`expected 98 seconds or a little less, got ${restS}`);
    await subscriber.expectNothing();
  });
});
