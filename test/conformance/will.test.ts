/** Will Messages [MQTT5 3.1.2.5, 3.1.3.2, 3.14.4]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { disconnect } from '../kit/packets.ts';
import { chapter, claim, KEPT } from './suite.ts';

chapter('Will Messages', () => {
  for (const qos of [0, 1, 2] as const) {
    claim(
      `a QoS ${qos} Will is published when the network fails [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-12] [MQTT311-3.1.2-8] [MQTT311-3.1.2-14]`,
      async (world) => {
        const witness = await world.connect();
        await witness.subscribe(world.topic(), 2);
        const client = await world.connect({ will: { topic: world.topic(), payload: 'last words', qos } });
        client.drop();
        await witness.receive(world.topic(), 'last words', { qos, retain: false });
      },
    );
  }

  claim('a Will with Will Retain 0 is not retained [MQTT-3.1.2-14] [MQTT311-3.1.2-16]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect({ will: { topic: world.topic(), payload: 'x' } });
    client.drop();
    await witness.receive(world.topic(), 'x');
    const late = await world.connect();
    await late.subscribe(world.topic());
    await late.expectNothing();
  });

  claim('a Will with Will Retain 1 is retained [MQTT-3.1.2-15] [MQTT311-3.1.2-17]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect({ will: { topic: world.topic(), payload: 'x', qos: 1, retain: true } });
    client.drop();
    await witness.receive(world.topic(), 'x', { retain: false });
    const late = await world.connect();
    await late.subscribe(world.topic(), 1);
    await late.receive(world.topic(), 'x', { retain: true, qos: 1 });
  });

  claim(
    'DISCONNECT deletes the Will [MQTT-3.14.4-3] [MQTT-3.1.2-10] [MQTT-3.1.2-8] [MQTT311-3.14.4-3] [MQTT311-3.1.2-10]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.connect({ will: { topic: world.topic(), payload: 'x' } });
      await client.disconnect();
      await witness.expectNothing(300);
    },
  );

  claim('DISCONNECT with reason 0x04 publishes the Will [MQTT-3.14.4-3] [MQTT-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect({ will: { topic: world.topic(), payload: 'x' } });
    await client.disconnect(Reason.DisconnectWithWill);
    await witness.receive(world.topic(), 'x');
  });

  claim('DISCONNECT with a reason of failure publishes the Will [MQTT-3.1.2-8] [MQTT-3.1.2-10]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    for (const reason of [
      Reason.UnspecifiedError,
      Reason.MalformedPacket,
      Reason.QuotaExceeded,
      Reason.MessageRateTooHigh,
    ]) {
      const client = await world.connect({ will: { topic: world.topic(), payload: `${reason}` } });
      await client.disconnect(reason);
      await witness.receive(world.topic(), `${reason}`);
    }
  });

  claim(
    'a Will is published once: the next connection of the client does not repeat it [MQTT-3.1.2-10] [MQTT311-3.1.2-10]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const clientId = world.clientId('s');
      const client = await world.connect({ clientId, ...KEPT, will: { topic: world.topic(), payload: 'x' } });
      client.drop();
      await witness.receive(world.topic(), 'x');
      const again = await world.connect({ clientId, ...KEPT });
      again.drop();
      await witness.expectNothing(300);
    },
  );

  claim(
    'without a Will nothing is published when the connection fails [MQTT-3.1.2-7] [MQTT311-3.1.2-12]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic('#'));
      const client = await world.connect();
      client.drop();
      await witness.expectNothing(300);
    },
  );

  claim('a protocol error of the client publishes its Will [MQTT-3.1.2-8] [MQTT311-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect({ will: { topic: world.topic(), payload: 'x' } });
    client.sendRaw('00 00');
    await witness.receive(world.topic(), 'x');
  });

  claim('a client that is taken over has its Will published [MQTT-3.1.2-8] [MQTT311-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const clientId = world.clientId('same');
    await world.connect({ clientId, will: { topic: world.topic(), payload: 'x' } });
    await world.connect({ clientId });
    await witness.receive(world.topic(), 'x');
  });

  claim(
    'a client that falls silent has its Will published [MQTT-3.1.2-22] [MQTT-3.1.2-8] [MQTT311-3.1.2-24] [MQTT311-3.1.2-8]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      await world.connect({ keepAliveS: 1, will: { topic: world.topic(), payload: 'x' } });
      await witness.receive(world.topic(), 'x');
    },
  );

  claim('a Will is published as soon as its session ends, before its delay [MQTT-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 600 } };
    const client = await world.connect({ will });
    client.drop();
    await witness.receive(world.topic(), 'x');
  });

  claim('a session that expires publishes its delayed Will [MQTT-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 600 } };
    const client = await world.connect({ properties: { sessionExpiryIntervalS: 1 }, will });
    client.drop();
    await witness.receive(world.topic(), 'x');
  });

  claim('the Will Delay Interval holds the Will back, to the second [MQTT-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 2 } };
    const client = await world.connect({ ...KEPT, will });
    client.drop();
    await witness.expectNothing(1000);
    await witness.receive(world.topic(), 'x');
  });

  claim(
    'a new connection within the Will Delay Interval cancels the Will [MQTT-3.1.3-9] [MQTT-3.1.2-8]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const clientId = world.clientId('s');
      const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 1 } };
      const client = await world.connect({ clientId, ...KEPT, will });
      client.drop();
      const again = await world.connect({ clientId, ...KEPT });
      assert.equal(again.connack?.sessionPresent, true);
      await witness.expectNothing(2500);
    },
  );

  claim('a takeover that keeps the session cancels the delayed Will [MQTT-3.1.3-9]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const clientId = world.clientId('s');
    const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 1 } };
    await world.connect({ clientId, ...KEPT, will });
    await world.connect({ clientId, ...KEPT });
    await witness.expectNothing(2500);
  });

  claim(
    'a new connection with Clean Start 1 ends the session, which publishes the delayed Will [MQTT-3.1.2-8] [MQTT-3.1.2-4]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const clientId = world.clientId('s');
      const will = { topic: world.topic(), payload: 'x', properties: { willDelayIntervalS: 600 } };
      const client = await world.connect({ clientId, ...KEPT, will });
      client.drop();
      await client.expectGone();
      await world.connect({ clientId, cleanStart: true });
      await witness.receive(world.topic(), 'x');
    },
  );

  claim('a delayed Will of the first connection is replaced by that of the second [MQTT-3.1.2-7]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const clientId = world.clientId('s');
    const will = (payload: string) => ({ topic: world.topic(), payload, properties: { willDelayIntervalS: 1 } });
    const first = await world.connect({ clientId, ...KEPT, will: will('first') });
    first.drop();
    const second = await world.connect({ clientId, ...KEPT, will: will('second') });
    second.drop();
    await witness.receive(world.topic(), 'second');
    await witness.expectNothing(1200);
  });

  claim(
    'a Will keeps its properties, in their order [MQTT-3.1.3-10] [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-18] [MQTT-3.3.2-20]',
    async (world) => {
      const properties = {
        payloadFormatIndicator: 1 as const,
        contentType: 'text/plain',
        responseTopic: world.topic('answer'),
        correlationData: Buffer.from([0, 1, 2, 255]),
        userProperties: [
          ['z', '1'],
          ['a', '2'],
          ['z', '0'],
        ] as [string, string][],
      };
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.connect({ will: { topic: world.topic(), payload: 'x', properties } });
      client.drop();
      const { properties: seen } = await witness.receive(world.topic(), 'x', { properties });
      assert.equal('willDelayIntervalS' in seen, false);
    },
  );

  claim('a Will carries its Message Expiry Interval [MQTT-3.3.2-6]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const will = { topic: world.topic(), payload: 'x', properties: { messageExpiryIntervalS: 100 } };
    const client = await world.connect({ will });
    client.drop();
    const { properties } = await witness.receive(world.topic(), 'x');
    const restS = properties.messageExpiryIntervalS ?? 0;
    assert.ok(restS > 90 && restS <= 100, `${restS}`);
  });

  claim('No Local holds for the Will of the client itself [MQTT-3.8.3-3]', async (world) => {
    const clientId = world.clientId('s');
    const will = { topic: world.topic(), payload: 'x', qos: 1 as const };
    const client = await world.connect({ clientId, ...KEPT, will });
    await client.subscribe(world.topic(), 1, { noLocal: true });
    client.drop();
    const again = await world.connect({ clientId, ...KEPT });
    await again.expectNothing(200);
  });

  claim('a Will reaches the sessions of subscribers that are away [MQTT-4.5.0-1] [MQTT311-4.5.0-1]', async (world) => {
    const away = { clientId: world.clientId('away'), ...KEPT };
    const subscriber = await world.connect(away);
    await subscriber.subscribe(world.topic(), 1);
    await subscriber.disconnect();
    const witness = await world.connect();
    await witness.subscribe(world.topic(), 1);
    const client = await world.connect({ will: { topic: world.topic(), payload: 'x', qos: 1 } });
    client.drop();
    await witness.receive(world.topic(), 'x');
    const again = await world.connect(away);
    await again.receive(world.topic(), 'x', { qos: 1 });
  });

  claim(
    'a DISCONNECT in the same write as CONNECT deletes the Will [MQTT-3.14.4-3] [MQTT311-3.14.4-3]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.open();
      const connect = world.connectPacket({ will: { topic: world.topic(), payload: 'x' } });
      client.send(connect, disconnect());
      await client.expect(PacketType.Connack, { reasonCode: 0 });
      await client.expectClosed();
      await witness.expectNothing(200);
    },
  );

  claim(
    'a Will keeps its Message Expiry Interval from the time it is published [MQTT-3.3.2-5] [MQTT-3.1.2-8]',
    async (world) => {
      const away = { clientId: world.clientId('away'), ...KEPT };
      const subscriber = await world.connect(away);
      await subscriber.subscribe(world.topic(), 1);
      await subscriber.disconnect();
      const properties = { willDelayIntervalS: 2, messageExpiryIntervalS: 60 };
      const will = { topic: world.topic(), payload: 'x', qos: 1 as const, properties };
      const client = await world.connect({ ...KEPT, will });
      client.drop();
      await new Promise((resolve) => setTimeout(resolve, 3500));
      const again = await world.connect(away);
      const packet = await again.receive(world.topic(), 'x');
      const restS = packet.properties.messageExpiryIntervalS ?? 0;
      assert.ok(restS > 50 && restS <= 60, `${restS}`);
    },
  );

  claim('a Will without a delay is published although the session goes on [MQTT-3.1.2-8]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const clientId = world.clientId('s');
    const client = await world.connect({ clientId, ...KEPT, will: { topic: world.topic(), payload: 'x' } });
    client.drop();
    await witness.receive(world.topic(), 'x');
    const again = await world.connect({ clientId, ...KEPT });
    assert.equal(again.connack?.sessionPresent, true);
  });

  claim(
    'a Will is stored with the connection that brought it: one that brings none has none [MQTT-3.1.2-7] [MQTT311-3.1.2-8] [MQTT311-3.1.2-12]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const clientId = world.clientId('s');
      const first = await world.connect({ clientId, ...KEPT, will: { topic: world.topic(), payload: 'x' } });
      await first.disconnect();
      const second = await world.connect({ clientId, ...KEPT });
      second.drop();
      await witness.expectNothing(300);
    },
  );
});
