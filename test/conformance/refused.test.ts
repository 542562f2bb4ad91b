/** What a client sees of a message, a subscription or a Will that it has no right to [MQTT5 3.3.5, 4.3, MQTT311 3.3.5]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, publish, subscribe } from '../kit/packets.ts';
import { FORBIDDEN } from '../kit/targets.ts';
import { chapter, claim } from './suite.ts';

chapter('Refusals', () => {
  for (const qos of [1, 2] as const) {
    claim(
      `a QoS ${qos} PUBLISH without permission is acknowledged all the same, or ends the connection [MQTT311-3.3.5-2]`,
      async (world) => {
        const client = await world.connect();
        client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos, packetId: 5 }));
        const answer = await client.next();
        if (answer === 'closed') return;
        assert.equal(answer.type, qos === 1 ? PacketType.Puback : PacketType.Pubrec);
        if (qos === 1) return;
        client.send(ack(PacketType.Pubrel, 5));
        await client.expect(PacketType.Pubcomp, { packetId: 5 });
      },
    );
  }

  claim(
    'a PUBLISH without permission is refused by its acknowledgement, and the connection goes on [MQTT-3.4.2-1] [MQTT-3.5.2-1]',
    async (world) => {
      const client = await world.connect();
      client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos: 1, packetId: 1 }));
      await client.expect(PacketType.Puback, { packetId: 1, reasonCode: Reason.NotAuthorized });
      client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos: 2, packetId: 2 }));
      await client.expect(PacketType.Pubrec, { packetId: 2, reasonCode: Reason.NotAuthorized });
      await client.expectNothing();
    },
  );

  claim(
    'after a refusing PUBREC, a PUBLISH with its packet identifier is a new message [MQTT-4.3.3-9]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic());
      client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos: 2, packetId: 2 }));
      await client.expect(PacketType.Pubrec, { packetId: 2, reasonCode: Reason.NotAuthorized });
      client.send(publish(world.topic(), 'y', { qos: 2, packetId: 2 }));
      await client.take(PacketType.Pubrec, { packetId: 2, reasonCode: Reason.Success });
      client.send(ack(PacketType.Pubrel, 2));
      await client.take(PacketType.Pubcomp, { packetId: 2, reasonCode: Reason.Success });
      await client.receive(world.topic(), 'y');
    },
  );

  claim(
    'a refused QoS 2 PUBLISH gives its place in the Receive Maximum back [MQTT-3.3.4-7] [MQTT-4.3.3-9]',
    async (world) => {
      const client = await world.connect();
      const window = Math.min(client.connack?.properties.receiveMaximum ?? 100, 1000);
      for (let packetId = 1; packetId <= window + 5; packetId++) {
        client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos: 2, packetId }));
        await client.expect(PacketType.Pubrec, { packetId, reasonCode: Reason.NotAuthorized });
      }
      await client.publish(world.topic(), 'x', { qos: 2 });
    },
  );

  claim('a refused PUBLISH reaches nobody, and is not retained [MQTT-3.3.4-1] [MQTT311-3.3.5-2]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe('#', 0, { retainHandling: 2 });
    const client = await world.connect();
    client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { retain: true }));
    client.send(publish(`${FORBIDDEN}/${world.id}`, 'x', { qos: 1, packetId: 1, retain: true }));
    await client.next();
    witness.send({ type: PacketType.Pingreq });
    for (;;) {
      const packet = await witness.next();
      if (packet === 'closed' || packet.type === PacketType.Pingresp) break;
      if (packet.type === PacketType.Publish) assert.ok(!packet.topic.startsWith(FORBIDDEN), packet.topic);
    }
  });

  claim(
    'one filter without permission does not keep the others from being granted [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1]',
    async (world) => {
      const client = await world.connect();
      const filters = [world.topic('a'), `${FORBIDDEN}/${world.id}`, world.topic('b')];
      client.send(
        subscribe(
          1,
          filters.map((filter) => ({ filter, qos: 1 })),
        ),
      );
      const { reasonCodes } = await client.expect(PacketType.Suback, { packetId: 1 });
      assert.equal(reasonCodes.length, 3);
      assert.equal(reasonCodes[0], 1);
      assert.equal(reasonCodes[2], 1);
      // A server may grant the filter and withhold its messages.
      if (reasonCodes[1]! > 2) assert.equal(reasonCodes[1], world.version === 5 ? Reason.NotAuthorized : 0x80);
      await client.publish(world.topic('b'), 'x', { qos: 1 });
      await client.receive(world.topic('b'), 'x');
    },
    { versions: [4, 5] },
  );

  claim(
    'a retained message without permission comes neither at once nor later [MQTT-3.3.2-3] [MQTT311-3.3.2-3]',
    async (world) => {
      const client = await world.connect();
      client.send(subscribe(1, [{ filter: `${FORBIDDEN}/#` }]));
      await client.expect(PacketType.Suback);
      await client.expectNothing();
    },
  );

  for (const maximumPacketSizeBytes of [40, 50, 60, 100, 200]) {
    claim(
      `no answer, however it explains itself, exceeds a Maximum Packet Size of ${maximumPacketSizeBytes} [MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] [MQTT-3.11.2-1] [MQTT-3.14.2-3]`,
      async (world) => {
        const client = await world.connect({ properties: { maximumPacketSizeBytes } });
        const topic = `${FORBIDDEN}/${world.id}`;
        client.send(publish(topic, 'x', { qos: 1, packetId: 1 }), publish(topic, 'x', { qos: 2, packetId: 2 }));
        await client.expect(PacketType.Puback);
        await client.expect(PacketType.Pubrec);
        client.send(ack(PacketType.Pubrel, 9));
        await client.expect(PacketType.Pubcomp, { packetId: 9 });
        client.send(subscribe(3, [{ filter: topic }, { filter: world.topic() }]));
        await client.next();
        await client.unsubscribe(topic);
        client.sendRaw('30 05 0001 23 00 78');
        await client.expectGone();
        assert.ok(client.packetSizeMaxBytes <= maximumPacketSizeBytes, `${client.packetSizeMaxBytes} bytes`);
      },
    );
  }
});
