/** Our codec against the one that MQTT.js uses, where that is right. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqttPacket, { type Packet as TheirPacket } from 'mqtt-packet';
import { decodeChunks } from '../../test/kit/wire-cases.ts';
import { encodePacket } from './encode.ts';
import type { Packet } from './packet.ts';
import { PacketType, type ProtocolVersion, type Sender } from './wire.ts';

const text = (value: string) => Uint8Array.from(Buffer.from(value));

interface Pair {
  version: ProtocolVersion;
  sender: Sender;
  ours: Packet;
  theirs: object;
  /** False where they write a longer form that is legal too. */
  sameBytes?: boolean;
}

const pairs: Pair[] = [
  ...([3, 4, 5] as const).flatMap((version): Pair[] => [
    {
      version,
      sender: 'client',
      ours: {
        type: PacketType.Connect,
        protocolVersion: version,
        bridge: false,
        cleanStart: false,
        keepAliveS: 300,
        clientId: 'gerät',
        will: { topic: 'w/t', payload: text('gone'), qos: 2, retain: true, properties: {} },
        username: 'u',
        password: text('p'),
        properties: {},
      },
      theirs: {
        cmd: 'connect',
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: version,
        clean: false,
        keepalive: 300,
        clientId: 'gerät',
        will: { topic: 'w/t', payload: Buffer.from('gone'), qos: 2, retain: true },
        username: 'u',
        password: Buffer.from('p'),
      },
    },
    {
      version,
      sender: 'server',
      ours: { type: PacketType.Connack, sessionPresent: version > 3, reasonCode: 0, properties: {} },
      theirs: { cmd: 'connack', sessionPresent: version > 3, returnCode: 0, reasonCode: 0 },
    },
    {
      version,
      sender: 'client',
      ours: {
        type: PacketType.Publish,
        dup: true,
        qos: 1,
        retain: true,
        topic: 'a/b',
        packetId: 0x1234,
        payload: text('x'.repeat(200)),
        properties: {},
      },
      theirs: {
        cmd: 'publish',
        dup: true,
        qos: 1,
        retain: true,
        topic: 'a/b',
        messageId: 0x1234,
        payload: Buffer.from('x'.repeat(200)),
      },
    },
    {
      version,
      sender: 'server',
      ours: {
        type: PacketType.Publish,
        dup: false,
        qos: 0,
        retain: false,
        topic: '$SYS/x',
        packetId: 0,
        payload: text(''),
        properties: {},
      },
      theirs: { cmd: 'publish', dup: false, qos: 0, retain: false, topic: '$SYS/x', payload: Buffer.alloc(0) },
    },
    ...(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const).map(
      (cmd, at): Pair => ({
        version,
        sender: 'client',
        ours: {
          type: [PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp][at]!,
          packetId: 7,
          reasonCode: 0,
          properties: {},
        },
        theirs: { cmd, messageId: 7, reasonCode: 0 },
        sameBytes: version < 5,
      }),
    ),
    {
      version,
      sender: 'client',
      ours: {
        type: PacketType.Subscribe,
        packetId: 9,
        subscriptions: [
          { filter: 'a/+', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
          {
            filter: '#',
            qos: 2,
            noLocal: version === 5,
            retainAsPublished: version === 5,
            retainHandling: version === 5 ? 2 : 0,
          },
        ],
        properties: {},
      },
      theirs: {
        cmd: 'subscribe',
        messageId: 9,
        subscriptions: [
          { topic: 'a/+', qos: 1, nl: false, rap: false, rh: 0 },
          { topic: '#', qos: 2, nl: true, rap: true, rh: 2 },
        ],
      },
    },
    {
      version,
      sender: 'server',
      ours: { type: PacketType.Suback, packetId: 9, reasonCodes: [1, 0x80], properties: {} },
      theirs: { cmd: 'suback', messageId: 9, granted: [1, 0x80] },
    },
    {
      version,
      sender: 'client',
      ours: { type: PacketType.Unsubscribe, packetId: 9, filters: ['a/+', 'b'], properties: {} },
      theirs: { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a/+', 'b'] },
    },
    {
      version,
      sender: 'server',
      ours: { type: PacketType.Unsuback, packetId: 9, reasonCodes: version === 5 ? [0, 0x11] : [], properties: {} },
      theirs: { cmd: 'unsuback', messageId: 9, granted: [0, 0x11] },
    },
    { version, sender: 'client', ours: { type: PacketType.Pingreq }, theirs: { cmd: 'pingreq' } },
    { version, sender: 'server', ours: { type: PacketType.Pingresp }, theirs: { cmd: 'pingresp' } },
    {
      version,
      sender: 'client',
      ours: { type: PacketType.Disconnect, reasonCode: 0, properties: {} },
      theirs: { cmd: 'disconnect', reasonCode: 0 },
      sameBytes: version < 5,
    },
  ]),
  {
    version: 5,
    sender: 'client',
    ours: {
      type: PacketType.Connect,
      protocolVersion: 5,
      bridge: false,
      cleanStart: true,
      keepAliveS: 1,
      clientId: '',
      will: {
        topic: 'w',
        payload: text('x'),
        qos: 0,
        retain: false,
        properties: { willDelayIntervalS: 5, payloadFormatIndicator: 1, responseTopic: 'r' },
      },
      properties: {
        sessionExpiryIntervalS: 0xffffffff,
        receiveMaximum: 20,
        maximumPacketSizeBytes: 1000,
        topicAliasMaximum: 3,
        requestResponseInformation: true,
        requestProblemInformation: false,
        authenticationMethod: 'm',
        authenticationData: text('d'),
      },
    },
    theirs: {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clean: true,
      keepalive: 1,
      clientId: '',
      will: {
        topic: 'w',
        payload: Buffer.from('x'),
        qos: 0,
        retain: false,
        properties: { willDelayInterval: 5, payloadFormatIndicator: true, responseTopic: 'r' },
      },
      properties: {
        sessionExpiryInterval: 0xffffffff,
        receiveMaximum: 20,
        maximumPacketSize: 1000,
        topicAliasMaximum: 3,
        requestResponseInformation: true,
        requestProblemInformation: false,
        authenticationMethod: 'm',
        authenticationData: Buffer.from('d'),
      },
    },
  },
  {
    version: 5,
    sender: 'server',
    ours: {
      type: PacketType.Connack,
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        maximumQos: 1,
        retainAvailable: false,
        assignedClientIdentifier: 'a',
        reasonString: 'r',
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAliveS: 60,
        responseInformation: 'i',
        serverReference: 's',
        userProperties: [['k', 'v']],
      },
    },
    theirs: {
      cmd: 'connack',
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        maximumQoS: 1,
        retainAvailable: false,
        assignedClientIdentifier: 'a',
        reasonString: 'r',
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 60,
        responseInformation: 'i',
        serverReference: 's',
        userProperties: { k: 'v' },
      },
    },
  },
  {
    version: 5,
    sender: 'server',
    ours: {
      type: PacketType.Publish,
      dup: false,
      qos: 2,
      retain: false,
      topic: 'a',
      packetId: 1,
      payload: text('x'),
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryIntervalS: 4321,
        topicAlias: 100,
        responseTopic: 'r',
        correlationData: text('c'),
        userProperties: [
          ['k', 'v'],
          ['k', 'w'],
        ],
        subscriptionIdentifiers: [120, 20_000],
        contentType: 'text/plain',
      },
    },
    theirs: {
      cmd: 'publish',
      dup: false,
      qos: 2,
      retain: false,
      topic: 'a',
      messageId: 1,
      payload: Buffer.from('x'),
      properties: {
        payloadFormatIndicator: true,
        messageExpiryInterval: 4321,
        topicAlias: 100,
        responseTopic: 'r',
        correlationData: Buffer.from('c'),
        userProperties: { k: ['v', 'w'] },
        subscriptionIdentifier: [120, 20_000],
        contentType: 'text/plain',
      },
    },
  },
  {
    version: 5,
    sender: 'server',
    ours: {
      type: PacketType.Puback,
      packetId: 2,
      reasonCode: 0x87,
      properties: { reasonString: 'r', userProperties: [['k', 'v']] },
    },
    theirs: {
      cmd: 'puback',
      messageId: 2,
      reasonCode: 0x87,
      properties: { reasonString: 'r', userProperties: { k: 'v' } },
    },
  },
  {
    version: 5,
    sender: 'client',
    ours: {
      type: PacketType.Disconnect,
      reasonCode: 4,
      properties: { sessionExpiryIntervalS: 145, reasonString: 'r' },
    },
    theirs: {
      cmd: 'disconnect',
      reasonCode: 4,
      properties: { sessionExpiryInterval: 145, reasonString: 'r' },
    },
  },
  {
    version: 5,
    sender: 'client',
    ours: {
      type: PacketType.Auth,
      reasonCode: 0x18,
      properties: { authenticationMethod: 'm', authenticationData: text('d') },
    },
    theirs: {
      cmd: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'm', authenticationData: Buffer.from('d') },
    },
  },
];

for (const { version, sender, ours, theirs, sameBytes = true } of pairs) {
  const { cmd } = theirs as { cmd: string };
  test(`MQTT.js and we write ${cmd} of version ${version} alike, and read one another`, () => {
    const written = mqttPacket.generate(theirs as TheirPacket, { protocolVersion: version });
    const isConnect = ours.type === PacketType.Connect;
    assert.deepEqual(decodeChunks([written], version, sender, undefined, isConnect), [ours]);
    const encoded = encodePacket(ours, version);
    if (sameBytes) assert.equal(encoded.toString('hex'), written.toString('hex'));
    const parser = mqttPacket.parser({ protocolVersion: version });
    const read: { cmd: string }[] = [];
    parser.on('packet', (packet) => read.push(packet));
    parser.on('error', (error) => assert.fail(error));
    parser.parse(encoded);
    assert.deepEqual(
      read.map((packet) => packet.cmd),
      [cmd],
    );
  });
}
