/** Topic aliases, both ways [MQTT5 3.3.2.3.4]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, publish } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

chapter('Topic aliases', () => {
  claim('every alias up to the Topic Alias Maximum of the server is accepted [MQTT-3.3.2-12]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic('#'));
    const client = await world.connect();
    const maximum = Math.min(client.connack?.properties.topicAliasMaximum ?? 0, 200);
    const aliases = Array.from({ length: maximum }, (_, i) => i + 1);
    for (const topicAlias of aliases)
      client.send(publish(world.topic(`${topicAlias}`), 'set', { properties: { topicAlias } }));
    for (const topicAlias of aliases) client.send(publish('', 'used', { properties: { topicAlias } }));
    for (const payload of ['set', 'used']) {
      for (const alias of aliases) {
        await witness.expect(PacketType.Publish, { topic: world.topic(`${alias}`), payload });
      }
    }
  });

  claim('an alias works at every QoS, and a new topic takes it over [MQTT-3.3.2-12]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic('#'));
    const client = await world.connect();
    if ((client.connack?.properties.topicAliasMaximum ?? 0) === 0) return;
    const properties = { topicAlias: 1 };
    await client.publish(world.topic('a'), '1', { properties });
    await client.publish('', '2', { qos: 1, properties });
    await client.publish('', '3', { qos: 2, properties });
    await client.publish(world.topic('b'), '4', { qos: 1, properties });
    await client.publish('', '5', { qos: 0, properties });
    await client.publish(world.topic('a'), '6', { qos: 0 });
    await client.publish('', '7', { qos: 0, properties });
    for (const [name, payload] of [
      ['a', '1'],
      ['a', '2'],
      ['a', '3'],
      ['b', '4'],
      ['b', '5'],
      ['a', '6'],
      ['b', '7'],
    ]) {
      await witness.expect(PacketType.Publish, { topic: world.topic(name!), payload: payload! });
    }
  });

  claim('the alias of a publisher is not passed on [MQTT-3.1.2-27] [MQTT-3.3.2-7]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect();
    if ((client.connack?.properties.topicAliasMaximum ?? 0) === 0) return;
    await client.publish(world.topic(), 'x', { properties: { topicAlias: 1 } });
    await witness.receive(world.topic(), 'x', { properties: { topicAlias: undefined } });
  });

  claim('an alias of one connection means nothing to another [MQTT-3.3.2-7]', async (world) => {
    const first = await world.connect();
    if ((first.connack?.properties.topicAliasMaximum ?? 0) === 0) return;
    await first.publish(world.topic(), 'x', { properties: { topicAlias: 1 } });
    const second = await world.connect();
    second.send(publish('', 'x', { properties: { topicAlias: 1 } }));
    await world.expectFault(second, Reason.ProtocolError, Reason.TopicAliasInvalid);
  });

  claim('an alias ends with its connection, also if the session goes on [MQTT-3.3.2-7]', async (world) => {
    const session = { clientId: world.clientId('s'), ...KEPT };
    const client = await world.connect(session);
    if ((client.connack?.properties.topicAliasMaximum ?? 0) === 0) return;
    await client.publish(world.topic(), 'x', { properties: { topicAlias: 1 } });
    await client.disconnect();
    const again = await world.connect(session);
    again.send(publish('', 'x', { qos: 1, packetId: 1, properties: { topicAlias: 1 } }));
    await world.expectFault(again, Reason.ProtocolError, Reason.TopicAliasInvalid);
  });

  claim('alias 0 is refused [MQTT-3.3.2-8]', async (world) => {
    const client = await world.connect();
    client.sendRaw('30 08 0001 61 03 230000 78');
    await world.expectFault(client, Reason.TopicAliasInvalid, Reason.ProtocolError, Reason.MalformedPacket);
  });

  claim(
    'an alias above the Topic Alias Maximum of the server is refused [MQTT-3.3.2-9] [MQTT-3.2.2-17] [MQTT-3.2.2-18]',
    async (world) => {
      const client = await world.connect();
      const maximum = client.connack?.properties.topicAliasMaximum ?? 0;
      if (maximum === 65_535) return;
      client.send(publish(world.topic(), 'x', { properties: { topicAlias: maximum + 1 } }));
      await world.expectFault(client, Reason.TopicAliasInvalid, Reason.ProtocolError);
    },
  );

  claim('neither topic nor alias is a protocol error [MQTT-4.13.1-1] [MQTT-4.7.3-1]', async (world) => {
    const client = await world.connect();
    client.sendRaw('30 04 0000 00 78');
    await world.expectFault(client, Reason.ProtocolError, Reason.TopicNameInvalid, Reason.MalformedPacket);
  });

  for (const properties of [{}, { topicAliasMaximum: 0 }]) {
    claim(
      `a client with ${'topicAliasMaximum' in properties ? 'Topic Alias Maximum 0' : 'no Topic Alias Maximum'} receives no alias [MQTT-3.1.2-27] [MQTT-3.3.2-11]`,
      async (world) => {
        const client = await world.connect({ properties });
        await client.subscribe(world.topic());
        for (let i = 0; i < 4; i++) {
          await client.publish(world.topic(), `${i}`);
          await client.receive(world.topic(), `${i}`, { properties: { topicAlias: undefined } });
        }
      },
    );
  }

  claim(
    'aliases that the server sends stay within the Topic Alias Maximum of the client, and mean their topic [MQTT-3.1.2-26] [MQTT-3.3.2-11]',
    async (world) => {
      const client = await world.connect({ properties: { topicAliasMaximum: 2 } });
      await client.subscribe(world.topic('#'), 1);
      const publisher = await world.connect();
      const names = ['a', 'b', 'c', 'a', 'b', 'c', 'c', 'a', 'd', 'a'];
      const aliases = new Map<number, string>();
      for (const [i, name] of names.entries()) {
        await publisher.publish(world.topic(name), `${i}`, { qos: (i % 2) as 0 | 1 });
        const packet = await client.expect(PacketType.Publish, { payload: `${i}` });
        await client.acknowledge(packet);
        const { topicAlias } = packet.properties;
        let { topic } = packet;
        if (topicAlias !== undefined) {
          assert.ok(topicAlias >= 1 && topicAlias <= 2, `alias ${topicAlias}`);
          if (topic === '') topic = aliases.get(topicAlias) ?? '';
          aliases.set(topicAlias, topic);
        }
        assert.equal(topic, world.topic(name));
      }
    },
  );

  claim(
    'a delivery that is sent again on a new connection does not rely on an alias of the old one [MQTT-3.3.2-7] [MQTT-4.4.0-1]',
    async (world) => {
      const properties = { ...KEPT.properties, topicAliasMaximum: 10 };
      const session = { clientId: world.clientId('s'), cleanStart: false, properties };
      const client = await world.connect(session);
      await client.subscribe(world.topic(), 1);
      await client.publish(world.topic(), '1', { qos: 1, packetId: 1 });
      await client.publish(world.topic(), '2', { qos: 1, packetId: 2 });
      await client.expect(PacketType.Publish, { payload: '1' });
      await client.expect(PacketType.Publish, { payload: '2' });
      client.drop();
      const again = await world.connect(session);
      const packet = await again.expect(PacketType.Publish, { payload: '1', topic: world.topic(), dup: true });
      again.send(ack(PacketType.Puback, packet.packetId));
      await again.take(PacketType.Publish, { payload: '2' });
    },
  );
});
