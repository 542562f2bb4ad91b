/** CONNECT and CONNACK in MQTT 5.0 [MQTT5 3.1, 3.2]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { ack, auth, connect, disconnect, publish, subscribe, unsubscribe } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

/** Connect Reason Codes [MQTT5 table 3-1]. */
const CONNECT_REASONS = [
  0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
  0x9c, 0x9d, 0x9f,
];

chapter('CONNECT, MQTT 5.0', () => {
  claim('a valid CONNECT is answered by CONNACK with reason code 0x00 [MQTT-3.1.4-5]', async (world) => {
    const client = await world.attempt({});
    await client.expect(PacketType.Connack, { reasonCode: Reason.Success, sessionPresent: false });
    await client.expectNothing();
  });

  claim('a CONNECT that arrives byte by byte is understood [MQTT-4.2.0-1]', async (world) => {
    const client = await world.open();
    const bytes = client.encode(connect(5, world.init({ will: { topic: world.topic(), payload: 'x' } })));
    for (const byte of bytes) {
      client.sendRaw(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.expect(PacketType.Connack, { reasonCode: Reason.Success });
  });

  claim('packets sent right behind CONNECT are handled, after the CONNACK [MQTT-3.2.0-1]', async (world) => {
    const client = await world.open();
    client.send(
      connect(5, world.init()),
      subscribe(1, [{ filter: world.topic(), qos: 1 }]),
      publish(world.topic(), 'early', { qos: 1, packetId: 2 }),
      { type: PacketType.Pingreq },
    );
    await client.expect(PacketType.Connack, { reasonCode: Reason.Success });
    await client.take(PacketType.Suback, { packetId: 1, reasonCodes: [1] });
    await client.take(PacketType.Puback, { packetId: 2 });
    await client.take(PacketType.Publish, { topic: world.topic(), payload: 'early' });
    await client.take(PacketType.Pingresp);
  });

  const strangers = {
    PUBLISH: publish('t', 'x'),
    PUBACK: ack(PacketType.Puback, 1),
    PUBREC: ack(PacketType.Pubrec, 1),
    PUBREL: ack(PacketType.Pubrel, 1),
    PUBCOMP: ack(PacketType.Pubcomp, 1),
    SUBSCRIBE: subscribe(1, [{ filter: 't' }]),
    UNSUBSCRIBE: unsubscribe(1, ['t']),
    PINGREQ: { type: PacketType.Pingreq },
    DISCONNECT: disconnect(),
    AUTH: auth(Reason.ContinueAuthentication, { authenticationMethod: 'm' }),
  } as const;
  for (const [name, packet] of Object.entries(strangers)) {
    claim(
      `${name} as the first packet ends the connection without a packet [MQTT-3.1.0-1] [MQTT-3.14.0-1] [MQTT-3.2.0-1]`,
      async (world) => {
        const client = await world.open();
        client.send(packet);
        await client.expectClosed();
      },
    );
  }

  claim('a second CONNECT is a protocol error [MQTT-3.1.0-2] [MQTT-3.2.0-2]', async (world) => {
    const client = await world.connect();
    client.send(connect(5, world.init()));
    await world.expectFault(client, Reason.ProtocolError);
  });

  claim('another protocol name is refused [MQTT-3.1.2-1]', async (world) => {
    const client = await world.open();
    client.sendRaw('10 11 0004 4d515458 05 02 003c 00 0004 61626364');
    const answer = await client.next();
    if (answer === 'closed') return;
    assert.equal(answer.type, PacketType.Connack);
    assert.equal(answer.reasonCode, Reason.UnsupportedProtocolVersion);
    await client.expectClosed();
  });

  for (const level of ['00', '01', '02', '06', '7f', 'ff']) {
    claim(`protocol version 0x${level} is refused [MQTT-3.1.2-2]`, async (world) => {
      const client = await world.open();
      client.sendRaw(`10 11 0004 4d515454 ${level} 02 003c 00 0004 61626364`);
      const answer = await client.nextRaw();
      // CONNACK with 0x84, or with the return code 0x01 of 3.1.1; in either case the first two bytes of its body.
      if (answer.length > 0) assert.match(answer.toString('hex'), /^20(0200(01|84)|0300(01|84)00)/);
      await client.expectClosed();
    });
  }

  claim('the reserved flag of CONNECT must be 0 [MQTT-3.1.2-3]', async (world) => {
    const client = await world.open();
    client.sendRaw('10 11 0004 4d515454 05 03 003c 00 0004 61626364');
    await world.expectFault(client, Reason.MalformedPacket, Reason.ProtocolError);
  });

  claim('client identifiers of 1 to 23 letters and digits are allowed [MQTT-3.1.3-5]', async (world) => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const ids = [world.id, `${world.id}${letters}`.slice(0, 23), 'Z', '0123456789ABCDEFGHIJKLM', letters.slice(-23)];
    for (const clientId of ids) {
      const client = await world.connect({ clientId });
      assert.equal(client.connack?.properties.assignedClientIdentifier, undefined);
      await client.disconnect();
    }
  });

  claim(
    'an empty client identifier gets an assigned one, unique to the session [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]',
    async (world) => {
      const ids = new Set<string | undefined>();
      for (let i = 0; i < 3; i++) {
        const client = await world.connect({ clientId: '' });
        ids.add(client.connack?.properties.assignedClientIdentifier);
      }
      assert.equal(ids.size, 3);
      for (const id of ids) assert.ok(id !== undefined && id.length > 0);
    },
  );

  claim(
    'an assigned client identifier names a session that can be resumed [MQTT-3.1.3-7] [MQTT-3.1.3-2]',
    async (world) => {
      const first = await world.connect({ clientId: '', properties: { sessionExpiryIntervalS: 60 } });
      const clientId = first.connack?.properties.assignedClientIdentifier;
      assert.ok(clientId);
      await first.disconnect();
      const again = await world.connect({ clientId, cleanStart: false });
      assert.equal(again.connack?.sessionPresent, true);
    },
  );

  claim('an empty client identifier is allowed with Clean Start 0 [MQTT-3.1.3-6]', async (world) => {
    const client = await world.connect({ clientId: '', cleanStart: false });
    assert.ok(client.connack?.properties.assignedClientIdentifier);
    assert.equal(client.connack?.sessionPresent, false);
  });

  claim(
    'client identifiers of other characters and up to 60 bytes are one session each [MQTT-3.1.3-4]',
    async (world) => {
      const names = ['a b', 'ümlaut', '日本', 'x'.repeat(40)];
      for (const name of names) await world.connect({ clientId: world.clientId(name) });
      const clients = await Promise.all(names.map((name) => world.connect({ clientId: world.clientId(`_${name}`) })));
      for (const client of clients) await client.expectNothing();
    },
  );

  claim(
    'wrong credentials are refused with session present 0, and the connection ends [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-4.13.2-1]',
    async (world) => {
      const client = await world.attempt({ password: 'wrong' });
      const connack = await client.expect(PacketType.Connack, { sessionPresent: false });
      assert.ok([Reason.BadUserNameOrPassword, Reason.NotAuthorized].includes(connack.reasonCode as 0x86));
      await client.expectClosed();
    },
  );

  claim('a refusal uses one of the Connect Reason Codes [MQTT-3.2.2-8]', async (world) => {
    const refused = [
      await world.attempt({ password: 'wrong' }),
      await world.attempt({ username: 'nobody' }),
      await world.attempt({ properties: { authenticationMethod: 'unheard-of' } }),
    ];
    for (const client of refused) {
      const answer = await client.next();
      if (answer === 'closed') continue;
      assert.equal(answer.type, PacketType.Connack);
      assert.ok(CONNECT_REASONS.includes(answer.reasonCode) && answer.reasonCode >= 0x80, `${answer.reasonCode}`);
      await client.expectClosed();
    }
  });

  claim('nothing that follows a refused CONNECT is handled [MQTT-3.1.4-6]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.open();
    client.send(connect(5, world.init({ password: 'wrong' })), publish(world.topic(), 'must not arrive'), disconnect());
    await client.expect(PacketType.Connack);
    await client.expectClosed();
    await witness.expectNothing();
  });

  claim('a refused CONNECT leaves an existing session and its connection alone [MQTT-3.1.4-2]', async (world) => {
    const clientId = world.clientId('kept');
    const holder = await world.connect({ clientId, properties: { sessionExpiryIntervalS: 60 } });
    await holder.subscribe(world.topic(), 1);
    const thief = await world.attempt({ clientId, password: 'wrong' });
    await thief.expect(PacketType.Connack);
    await thief.expectClosed();
    await holder.publish(world.topic(), 'still here');
    await holder.receive(world.topic(), 'still here');
  });

  claim('a user name without a password is well formed [MQTT-3.1.2-17] [MQTT-3.1.2-18]', async (world) => {
    const client = await world.open();
    client.send(connect(5, { clientId: world.clientId('u'), username: 'nobody' }));
    const connack = await client.expect(PacketType.Connack);
    assert.ok(connack.reasonCode !== Reason.MalformedPacket && connack.reasonCode !== Reason.ProtocolError);
  });

  claim('a password without a user name is well formed [MQTT-3.1.2-16] [MQTT-3.1.2-19]', async (world) => {
    const client = await world.open();
    client.send(connect(5, { clientId: world.clientId('p'), password: 'token' }));
    const connack = await client.expect(PacketType.Connack);
    assert.ok(connack.reasonCode !== Reason.MalformedPacket && connack.reasonCode !== Reason.ProtocolError);
  });

  claim('a client that takes over an identifier ends the older connection with 0x8E [MQTT-3.1.4-3]', async (world) => {
    const clientId = world.clientId('same');
    const older = await world.connect({ clientId });
    const newer = await world.connect({ clientId });
    await older.expectDisconnect(Reason.SessionTakenOver);
    await newer.expectNothing();
  });

  claim('no Response Information comes unasked [MQTT-3.1.2-28]', async (world) => {
    for (const properties of [{}, { requestResponseInformation: false }]) {
      const client = await world.connect({ properties });
      assert.equal(client.connack?.properties.responseInformation, undefined);
    }
  });

  claim(
    'Request Problem Information 0 keeps reason strings and user properties out of every acknowledgement [MQTT-3.1.2-29]',
    async (world) => {
      const client = await world.connect({ properties: { requestProblemInformation: false } });
      client.send(subscribe(1, [{ filter: world.topic() }, { filter: '$share/g/#' }]));
      client.send(unsubscribe(2, [world.topic('none')]));
      client.send(publish(world.topic('nobody'), 'x', { qos: 1, packetId: 3 }));
      client.send(publish(world.topic('nobody'), 'x', { qos: 2, packetId: 4 }));
      client.send(ack(PacketType.Pubrel, 4));
      client.send(ack(PacketType.Pubrel, 9));
      const answers = [
        await client.take(PacketType.Suback),
        await client.take(PacketType.Unsuback),
        await client.take(PacketType.Puback),
        await client.take(PacketType.Pubrec),
        await client.take(PacketType.Pubcomp, { packetId: 4 }),
      ];
      for (const { properties } of answers) {
        assert.equal(properties.reasonString, undefined);
        assert.equal(properties.userProperties, undefined);
      }
    },
  );

  claim('CONNACK tells no Authentication Method to a client that named none [MQTT-4.12.0-6]', async (world) => {
    const client = await world.connect();
    assert.equal(client.connack?.properties.authenticationMethod, undefined);
    assert.equal(client.connack?.properties.authenticationData, undefined);
  });

  claim('every property of CONNECT is understood, in any order [MQTT-3.1.2-9] [MQTT-3.1.3-1]', async (world) => {
    const client = await world.connect({
      properties: {
        userProperties: [
          ['a', '1'],
          ['a', '2'],
        ],
        topicAliasMaximum: 5,
        maximumPacketSizeBytes: 100_000,
        requestProblemInformation: true,
        requestResponseInformation: true,
        receiveMaximum: 7,
        sessionExpiryIntervalS: 1,
      },
      will: {
        topic: world.topic('will'),
        payload: 'x',
        qos: 2,
        retain: true,
        properties: {
          willDelayIntervalS: 1,
          payloadFormatIndicator: 1,
          messageExpiryIntervalS: 1,
          contentType: 'text/plain',
          responseTopic: world.topic('answer'),
          correlationData: Buffer.from('id'),
          userProperties: [['a', 'b']],
        },
      },
    });
    await client.disconnect();
  });

  claim(
    'a CONNACK fits the Maximum Packet Size of the client, also a refusing one [MQTT-3.2.2-19] [MQTT-3.1.2-24]',
    async (world) => {
      const sizeMaxBytes = 40;
      for (const password of ['wrong', undefined]) {
        const client = await world.attempt({
          ...(password === undefined ? {} : { password }),
          properties: { maximumPacketSizeBytes: sizeMaxBytes },
        });
        const answer = await client.nextRaw();
        assert.ok(answer.length <= sizeMaxBytes, `${answer.length} bytes: ${answer.toString('hex')}`);
      }
    },
  );

  claim('the reserved bits of the CONNACK flags are 0, with a session and without [MQTT-3.2.2-1]', async (world) => {
    const init = world.init({ properties: { sessionExpiryIntervalS: 60 } });
    for (const cleanStart of [true, false]) {
      const client = await world.open();
      client.send(connect(5, { ...init, cleanStart }));
      const bytes = await client.nextRaw();
      assert.equal(bytes[0], PacketType.Connack << 4);
      assert.equal(bytes[bytes[1]! < 0x80 ? 2 : 3], cleanStart ? 0 : 1);
      await client.disconnect();
    }
  });

  claim(
    'a client identifier that the server refuses is answered by 0x85, and the connection ends [MQTT-3.1.3-8]',
    async (world) => {
      const client = await world.attempt({ clientId: world.clientId('x'.repeat(5000)) });
      const { reasonCode } = await client.expect(PacketType.Connack, { sessionPresent: false });
      // A server may allow identifiers of any length.
      if (reasonCode === Reason.Success) return client.expectNothing();
      assert.equal(reasonCode, Reason.ClientIdentifierNotValid);
      await client.expectClosed();
    },
  );

  claim(
    'a thousand messages sent right behind CONNECT are all handled, in their order [MQTT-3.2.0-1] [MQTT-4.6.0-5] [MQTT311-3.2.0-1] [MQTT311-4.6.0-6]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await world.open();
      const messages = Array.from({ length: 1000 }, (_, i) => publish(world.topic(), `${i}`));
      client.send(world.connectPacket(), ...messages, { type: PacketType.Pingreq });
      await client.expect(PacketType.Connack, { reasonCode: Reason.Success });
      await client.expect(PacketType.Pingresp);
      for (let i = 0; i < 1000; i++) await witness.receive(world.topic(), `${i}`);
    },
  );
});
