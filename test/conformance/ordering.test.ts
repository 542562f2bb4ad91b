/** The order of messages [MQTT5 4.6]. */
import { PacketType, type QoS } from '../../src/mqtt/wire.ts';
import { ack, publish } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

const COUNT = 60;
/** How many handshakes a publisher keeps open at a time: within the Receive Maximum of any server we know. */
const WINDOW = 10;

chapter('Message ordering', () => {
  for (const qos of [0, 1, 2] as const) {
    claim(
      `QoS ${qos} messages of one publisher arrive in their order [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT311-4.6.0-5] [MQTT311-4.6.0-6]`,
      async (world) => {
        const subscriber = await world.connect();
        await subscriber.subscribe(world.topic(), qos);
        const publisher = await world.connect();
        const reader = (async () => {
          for (let i = 0; i < COUNT; i++) await subscriber.receive(world.topic(), `${i}`, { qos });
        })();
        for (let first = 0; first < COUNT; first += WINDOW) {
          const ids = Array.from({ length: WINDOW }, (_, i) => first + i + 1);
          const idOf = (id: number) => (qos === 0 ? 0 : id);
          publisher.send(...ids.map((id) => publish(world.topic(), `${id - 1}`, { qos, packetId: idOf(id) })));
          if (qos === 1) for (const packetId of ids) await publisher.expect(PacketType.Puback, { packetId });
          if (qos === 2) {
            for (const packetId of ids) await publisher.expect(PacketType.Pubrec, { packetId });
            publisher.send(...ids.map((packetId) => ack(PacketType.Pubrel, packetId)));
            for (const packetId of ids) await publisher.expect(PacketType.Pubcomp, { packetId });
          }
        }
        await reader;
        await subscriber.expectNothing();
      },
    );
  }

  claim(
    'messages of each QoS keep their own order when they are mixed [MQTT-4.6.0-5] [MQTT311-4.6.0-6]',
    async (world) => {
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      for (let i = 0; i < 12; i++) await publisher.publish(world.topic(), `${i}`, { qos: (i % 3) as QoS });
      const next = [0, 1, 2];
      for (let i = 0; i < 12; i++) {
        const packet = await subscriber.take(PacketType.Publish);
        const number = Number(Buffer.from(packet.payload).toString());
        if (number !== next[packet.qos])
          throw new Error(`QoS ${packet.qos}: expected ${next[packet.qos]}, got ${number}`);
        next[packet.qos]! += 3;
        await subscriber.acknowledge(packet);
      }
    },
  );

  claim(
    'acknowledgements come in the order of their messages [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT311-4.6.0-2] [MQTT311-4.6.0-3]',
    async (world) => {
      const client = await world.connect();
      const ids = [9, 3, 7, 1, 8, 2];
      client.send(...ids.map((packetId) => publish(world.topic(), '', { qos: 1, packetId })));
      for (const packetId of ids) await client.expect(PacketType.Puback, { packetId });
      client.send(...ids.map((packetId) => publish(world.topic(), '', { qos: 2, packetId })));
      for (const packetId of ids) await client.expect(PacketType.Pubrec, { packetId });
    },
  );

  claim('PUBREL come in the order of the PUBREC [MQTT-4.6.0-4] [MQTT311-4.6.0-4]', async (world) => {
    const subscriber = await world.connect();
    await subscriber.subscribe(world.topic(), 2);
    const publisher = await world.connect();
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) {
      await publisher.publish(world.topic(), `${i}`, { qos: 2 });
      ids.push((await subscriber.expect(PacketType.Publish, { payload: `${i}` })).packetId);
    }
    const order = [3, 0, 4, 1, 2].map((i) => ids[i]!);
    subscriber.send(...order.map((packetId) => ack(PacketType.Pubrec, packetId)));
    for (const packetId of order) await subscriber.expect(PacketType.Pubrel, { packetId });
  });

  for (const qos of [1, 2] as const) {
    claim(
      `unacknowledged QoS ${qos} deliveries come again in the order of their first sending [MQTT-4.6.0-1] [MQTT-4.4.0-1] [MQTT311-4.6.0-1] [MQTT311-4.4.0-1]`,
      async (world) => {
        const session = { clientId: world.clientId('s'), ...KEPT };
        const subscriber = await world.connect(session);
        await subscriber.subscribe(world.topic(), 2);
        const publisher = await world.connect();
        for (let i = 0; i < 8; i++) await publisher.publish(world.topic(), `${i}`, { qos });
        const ids: number[] = [];
        for (let i = 0; i < 8; i++)
          ids.push((await subscriber.expect(PacketType.Publish, { payload: `${i}` })).packetId);
        subscriber.drop();
        const again = await world.connect(session);
        for (let i = 0; i < 8; i++) {
          await again.expect(PacketType.Publish, { payload: `${i}`, packetId: ids[i]!, dup: true });
        }
      },
    );
  }

  claim('acknowledging out of order leaves the rest in order [MQTT-4.6.0-1] [MQTT311-4.6.0-1]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const subscriber = await world.connect(session);
    await subscriber.subscribe(world.topic(), 1);
    const publisher = await world.connect();
    const ids: number[] = [];
    for (let i = 0; i < 6; i++) {
      await publisher.publish(world.topic(), `${i}`, { qos: 1 });
      ids.push((await subscriber.expect(PacketType.Publish, { payload: `${i}` })).packetId);
    }
    subscriber.send(...[3, 0, 5].map((i) => ack(PacketType.Puback, ids[i]!)));
    await subscriber.settled();
    subscriber.drop();
    const again = await world.connect(session);
    for (const i of [1, 2, 4])
      await again.expect(PacketType.Publish, { payload: `${i}`, packetId: ids[i]!, dup: true });
    await again.expectNothing();
  });

  claim(
    'messages that waited for a client stay in order with those that come while it connects [MQTT-4.6.0-5] [MQTT311-4.6.0-6]',
    async (world) => {
      const session = { clientId: world.clientId('s'), ...KEPT };
      const subscriber = await world.connect(session);
      await subscriber.subscribe(world.topic(), 1);
      await subscriber.disconnect();
      const publisher = await world.connect();
      const count = 40;
      const publishing = (async () => {
        for (let i = 0; i < count; i++) await publisher.publish(world.topic(), `${i}`, { qos: 1 });
      })();
      const again = await world.connect(session);
      for (let i = 0; i < count; i++) await again.receive(world.topic(), `${i}`);
      await publishing;
    },
  );
});
