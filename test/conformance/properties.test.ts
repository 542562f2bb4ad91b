/** Properties of a PUBLISH on their way through the server [MQTT5 3.3.2.3]. */
import assert from 'node:assert/strict';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, publish, unsubscribe } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

chapter('PUBLISH properties', () => {
  claim('Payload Format Indicator comes through unaltered [MQTT-3.3.2-4]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    for (const payloadFormatIndicator of [0, 1] as const) {
      await client.publish(world.topic(), 'x', { properties: { payloadFormatIndicator } });
      const { properties } = await client.receive(world.topic(), 'x');
      // Absent and 0 mean the same.
      assert.equal(properties.payloadFormatIndicator ?? 0, payloadFormatIndicator);
    }
  });

  claim('Content Type comes through unaltered [MQTT-3.3.2-20] [MQTT-3.3.2-19]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    for (const contentType of ['text/plain; charset=utf-8', '', 'größe/日本']) {
      await client.publish(world.topic(), 'x', { properties: { contentType } });
      await client.receive(world.topic(), 'x', { properties: { contentType } });
    }
  });

  claim(
    'Response Topic and Correlation Data come through unaltered [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-13]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic());
      for (const correlationData of [Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(1000, 0xff)]) {
        const properties = { responseTopic: world.topic('answer/ü'), correlationData };
        await client.publish(world.topic(), 'x', { qos: 0, properties });
        await client.receive(world.topic(), 'x', { properties });
      }
    },
  );

  claim(
    'a request is answered over its Response Topic and Correlation Data [MQTT-3.3.2-15] [MQTT-3.3.2-16]',
    async (world) => {
      const requester = await world.connect();
      const responder = await world.connect();
      await responder.subscribe(world.topic('service'), 1);
      await requester.subscribe(world.topic('answer'), 1);
      const correlationData = Buffer.from('request 1');
      await requester.publish(world.topic('service'), '2+2', {
        qos: 1,
        properties: { responseTopic: world.topic('answer'), correlationData },
      });
      const { properties } = await responder.receive(world.topic('service'), '2+2');
      assert.ok(properties.responseTopic !== undefined && properties.correlationData !== undefined);
      await responder.publish(properties.responseTopic, '4', {
        qos: 1,
        properties: { correlationData: properties.correlationData },
      });
      await requester.receive(world.topic('answer'), '4', { properties: { correlationData } });
    },
  );

  claim(
    'User Properties come through unaltered and in their order, repeated names included [MQTT-3.3.2-17] [MQTT-3.3.2-18]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic(), 1);
      const userProperties: [string, string][] = [
        ['z', '1'],
        ['a', '2'],
        ['z', '1'],
        ['', ''],
        ['z', '0'],
        ['ключ', '値'],
        ['empty', ''],
        ['long', 'x'.repeat(5000)],
      ];
      await client.publish(world.topic(), 'x', { qos: 0, properties: { userProperties } });
      const packet = await client.receive(world.topic(), 'x');
      assert.deepEqual(packet.properties.userProperties, userProperties);
    },
  );

  claim(
    'all properties of a PUBLISH come through together, at every QoS [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]',
    async (world) => {
      const subscriber = await world.connect();
      await subscriber.subscribe(world.topic(), 2);
      const publisher = await world.connect();
      const properties = {
        payloadFormatIndicator: 1 as const,
        contentType: 'a/b',
        responseTopic: world.topic('r'),
        correlationData: Buffer.from([1, 0, 2]),
        userProperties: [['k', 'v']] as [string, string][],
      };
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish(world.topic(), 'x', { qos, properties });
        await subscriber.receive(world.topic(), 'x', { qos, properties });
      }
    },
  );

  claim(
    'a subscriber of 3.1.1 gets the message of a v5 publisher without its properties, and the reverse [MQTT-3.3.4-1] [MQTT311-3.3.4-1]',
    async (world) => {
      const newer = await world.connect({}, 5);
      const older = await world.connect({}, 4);
      for (const client of [newer, older]) await client.subscribe(world.topic(), 1);
      await newer.publish(world.topic(), 'from 5', {
        qos: 1,
        properties: { contentType: 'x', userProperties: [['a', 'b']] },
      });
      await older.receive(world.topic(), 'from 5', { qos: 1 });
      await newer.receive(world.topic(), 'from 5', { qos: 1, properties: { contentType: 'x' } });
      await older.publish(world.topic(), 'from 4', { qos: 1 });
      await older.receive(world.topic(), 'from 4');
      const { properties } = await newer.receive(world.topic(), 'from 4');
      assert.deepEqual(properties, {});
    },
  );

  claim('a server does not put properties on a message that had none [MQTT-2.2.2-1]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic());
    await client.publish(world.topic(), 'x');
    const { properties } = await client.receive(world.topic(), 'x');
    assert.deepEqual(properties, {});
  });

  claim(
    'user properties are accepted in every packet that may have them [MQTT-1.5.7-1] [MQTT-3.10.4-4]',
    async (world) => {
      const client = await world.connect({ properties: { userProperties: [['a', 'b']] } });
      const properties = { userProperties: [['a', 'b']] as [string, string][] };
      await client.subscribe(world.topic(), 2, { properties });
      client.send(unsubscribe(99, [world.topic('other')], properties));
      await client.expect(PacketType.Unsuback, { packetId: 99 });
      client.send(publish(world.topic(), 'x', { qos: 2, packetId: 98 }));
      await client.take(PacketType.Pubrec, { packetId: 98 });
      client.send(ack(PacketType.Pubrel, 98, 0, properties));
      await client.take(PacketType.Pubcomp, { packetId: 98 });
      const delivery = await client.take(PacketType.Publish, { qos: 2 });
      client.send(ack(PacketType.Pubrec, delivery.packetId, 0, properties));
      await client.expect(PacketType.Pubrel, { packetId: delivery.packetId });
      client.send(ack(PacketType.Pubcomp, delivery.packetId, 0, properties));
      await client.expectNothing();
      await client.disconnect(0, properties);
    },
  );
});
