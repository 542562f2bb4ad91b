/** CONNECT and CONNACK in MQTT 3.1 and 3.1.1 [MQTT311 3.1, 3.2]. */
import assert from 'node:assert/strict';
import { ReturnCode } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, connect, disconnect, publish, subscribe, unsubscribe } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

chapter('CONNECT, MQTT 3.1 and 3.1.1', () => {
  claim(
    'a valid CONNECT is answered by CONNACK with return code 0, and its flags are 0 [MQTT311-3.1.4-4] [MQTT311-3.2.2-1]',
    async (world) => {
      const client = await world.open();
      client.send(connect(world.version, world.init()));
      const bytes = await client.nextRaw();
      assert.equal(bytes.toString('hex'), '20020000');
      await client.expectNothing();
    },
  );

  claim('packets sent right behind CONNECT are handled, after the CONNACK [MQTT311-3.2.0-1]', async (world) => {
    const client = await world.open();
    client.send(
      connect(world.version, world.init()),
      subscribe(1, [{ filter: world.topic(), qos: 1 }]),
      publish(world.topic(), 'early', { qos: 1, packetId: 2 }),
      { type: PacketType.Pingreq },
    );
    await client.expect(PacketType.Connack, { reasonCode: 0 });
    await client.take(PacketType.Suback, { packetId: 1, reasonCodes: [1] });
    await client.take(PacketType.Puback, { packetId: 2 });
    await client.take(PacketType.Publish, { topic: world.topic(), payload: 'early' });
    await client.take(PacketType.Pingresp);
  });

  const strangers = {
    PUBLISH: publish('t', 'x'),
    PUBACK: ack(PacketType.Puback, 1),
    PUBREL: ack(PacketType.Pubrel, 1),
    SUBSCRIBE: subscribe(1, [{ filter: 't' }]),
    UNSUBSCRIBE: unsubscribe(1, ['t']),
    PINGREQ: { type: PacketType.Pingreq },
    DISCONNECT: disconnect(),
  } as const;
  for (const [name, packet] of Object.entries(strangers)) {
    claim(`${name} as the first packet ends the connection [MQTT311-3.1.0-1] [MQTT311-3.2.0-1]`, async (world) => {
      const client = await world.open();
      client.send(packet);
      await client.expectClosed();
    });
  }

  claim('a second CONNECT ends the connection [MQTT311-3.1.0-2] [MQTT311-4.8.0-1]', async (world) => {
    const client = await world.connect();
    client.send(connect(world.version, world.init()));
    await client.expectClosed();
  });

  claim(
    'another protocol name is not served [MQTT311-3.1.2-1]',
    async (world) => {
      const client = await world.open();
      client.sendRaw('10 10 0004 4d515458 04 02 003c 0004 61626364');
      const answer = await client.nextRaw();
      if (answer.length > 0) assert.match(answer.toString('hex'), /^20(0200(01|84)|0300(01|84)00)/);
      await client.expectClosed();
    },
    { versions: [4] },
  );

  claim(
    'the name of MQTT 3.1 with the level of 3.1.1, and the reverse, are not served [MQTT311-3.1.2-1]',
    async (world) => {
      for (const hex of ['0006 4d5149736470 04', '0004 4d515454 03']) {
        const client = await world.open();
        const body = `${hex} 02 003c 0004 61626364`.replaceAll(' ', '');
        client.sendRaw(`10 ${(body.length / 2).toString(16)} ${body}`);
        const answer = await client.nextRaw();
        if (answer.length > 0) assert.match(answer.toString('hex'), /^200200(01|84)/);
        await client.expectClosed();
      }
    },
    { versions: [4] },
  );

  claim(
    'an unsupported protocol level is answered by return code 1 [MQTT311-3.1.2-2] [MQTT311-3.2.2-4] [MQTT311-3.2.2-5]',
    async (world) => {
      for (const level of ['00', '01', '02', '06', '7f']) {
        const client = await world.open();
        client.sendRaw(`10 10 0004 4d515454 ${level} 02 003c 0004 61626364`);
        // A server of both versions may say it as 3.1.1 does or as 5.0 does.
        assert.match((await client.nextRaw()).toString('hex'), /^20(020001|020084|03008400)/);
        await client.expectClosed();
      }
    },
    { versions: [4] },
  );

  claim(
    'client identifiers of 1 to 23 letters and digits are allowed [MQTT311-3.1.3-5] [MQTT311-3.1.3-3]',
    async (world) => {
      const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
      for (const rest of ['', letters.slice(0, 20 - world.id.length), letters.slice(-(23 - world.id.length))]) {
        const client = await world.connect({ clientId: `${world.id}${rest}` });
        await client.disconnect();
      }
      for (const clientId of ['A', 'z', '0']) {
        const client = await world.connect({ clientId: `${clientId}${world.version}` });
        await client.disconnect();
      }
    },
  );

  claim(
    'an empty client identifier with Clean Session 1 is a client of its own [MQTT311-3.1.3-6] [MQTT311-3.1.3-7]',
    async (world) => {
      const clients = [await world.connect({ clientId: '' }), await world.connect({ clientId: '' })];
      for (const client of clients) {
        assert.equal(client.connack?.sessionPresent, false);
        await client.expectNothing();
      }
    },
    { versions: [4] },
  );

  claim(
    'an empty client identifier with Clean Session 0 is refused with return code 2 [MQTT311-3.1.3-8] [MQTT311-3.1.3-9] [MQTT311-3.2.2-5]',
    async (world) => {
      const client = await world.attempt({ clientId: '', cleanStart: false });
      await client.expect(PacketType.Connack, { reasonCode: ReturnCode.IdentifierRejected, sessionPresent: false });
      await client.expectClosed();
    },
    { versions: [4] },
  );

  claim(
    'an empty client identifier is refused with return code 2 in MQTT 3.1 [MQTT311-3.1.3-9]',
    async (world) => {
      for (const cleanStart of [true, false]) {
        const client = await world.attempt({ clientId: '', cleanStart });
        await client.expect(PacketType.Connack, { reasonCode: ReturnCode.IdentifierRejected });
        await client.expectClosed();
      }
    },
    { versions: [3] },
  );

  claim(
    'wrong credentials are refused with return code 4 or 5, and the connection ends [MQTT311-3.2.2-4] [MQTT311-3.2.2-5]',
    async (world) => {
      const client = await world.attempt({ password: 'wrong' });
      const connack = await client.expect(PacketType.Connack, { sessionPresent: false });
      const { BadUserNameOrPassword, NotAuthorized } = ReturnCode;
      assert.ok(connack.reasonCode === BadUserNameOrPassword || connack.reasonCode === NotAuthorized);
      await client.expectClosed();
    },
  );

  claim('nothing that follows a refused CONNECT is handled [MQTT311-3.1.4-5]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.open();
    client.send(connect(world.version, world.init({ password: 'wrong' })), publish(world.topic(), 'no'), disconnect());
    await client.expect(PacketType.Connack);
    await client.expectClosed();
    await witness.expectNothing();
  });

  claim('a client that takes over an identifier ends the older connection [MQTT311-3.1.4-2]', async (world) => {
    const clientId = world.clientId('same');
    const older = await world.connect({ clientId });
    const newer = await world.connect({ clientId });
    await older.expectClosed();
    await newer.expectNothing();
  });

  claim(
    'a client of another version that takes over an identifier ends the older connection [MQTT311-3.1.4-2] [MQTT311-3.1.3-2]',
    async (world) => {
      const clientId = world.clientId('same');
      const older = await world.connect({ clientId });
      const newer = await world.connect({ clientId }, 5);
      await older.expectClosed();
      const newest = await world.connect({ clientId });
      await newer.expectGone();
      await newest.expectNothing();
    },
  );

  claim(
    'every field of the CONNECT payload is read in its place [MQTT311-3.1.3-1] [MQTT311-3.1.2-9] [MQTT311-3.1.2-19] [MQTT311-3.1.2-21]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic(), 2);
      const client = await world.connect({ will: { topic: world.topic(), payload: 'last words', qos: 1 } });
      client.drop();
      await witness.receive(world.topic(), 'last words', { qos: 1 });
    },
  );

  claim('an empty Will payload is allowed [MQTT311-3.1.2-9]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect({ will: { topic: world.topic(), payload: '' } });
    client.drop();
    await witness.receive(world.topic(), '');
  });

  claim(
    'a client identifier that the server refuses is answered by return code 2, and the connection ends [MQTT311-3.1.3-9] [MQTT311-3.2.2-5]',
    async (world) => {
      const client = await world.attempt({ clientId: world.clientId('x'.repeat(5000)) });
      const { reasonCode } = await client.expect(PacketType.Connack, { sessionPresent: false });
      // A server may allow identifiers of any length.
      if (reasonCode === ReturnCode.Accepted) return client.expectNothing();
      assert.equal(reasonCode, ReturnCode.IdentifierRejected);
      await client.expectClosed();
    },
  );
});
