import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc, { type Arbitrary } from 'fast-check';
import { decodeChunks } from '../../test/kit/wire-cases.ts';
import { ByteBatch } from '../base/byte-batch.ts';
import { encodedSize, encodeInto, encodePacket, writeAck } from './encode.ts';
import type { AckType, Packet, Will } from './packet.ts';
import type { Properties } from './properties.ts';
import { PROPERTY_ROW_OF, PropertyContext, PropertyKind } from './properties-table.ts';
import {
  AUTH_REASONS,
  CONNACK_REASONS,
  CONNACK_RETURN_CODES,
  DISCONNECT_REASONS,
  PUBACK_REASONS,
  PUBCOMP_REASONS,
  PUBREC_REASONS,
  PUBREL_REASONS,
  type ReasonRow,
  SUBACK_REASONS,
  SUBACK_RETURN_CODES,
  UNSUBACK_REASONS,
} from './reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from './wire.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'));
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => new Uint8Array(value));
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const packetId = fc.integer({ min: 1, max: 0xffff });
const qos = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
const topic = fc.string({ unit: fc.constantFrom('a', '/', 'ü', '$', ' '), minLength: 1, maxLength: 20 });
const filter = fc
  .tuple(fc.array(fc.constantFrom('a', '', '+', 'ü', '$x'), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((value) => value !== '');

/** Any properties that may stand in a context. */
function propertiesOf(context: number): Arbitrary<Properties> {
  const model: Record<string, Arbitrary<unknown>> = {};
  for (const [key, row] of Object.entries(PROPERTY_ROW_OF)) {
    if ((row.contexts & context) === 0) continue;
    const least = row.nonZero ? 1 : 0;
    const values: Record<number, Arbitrary<unknown>> = {
      [PropertyKind.Flag]:
        key === 'maximumQos' || key === 'payloadFormatIndicator' ? fc.integer({ min: 0, max: 1 }) : fc.boolean(),
      [PropertyKind.TwoBytes]: fc.integer({ min: least, max: 0xffff }),
      [PropertyKind.FourBytes]: fc.integer({ min: least, max: 0xffffffff }),
      [PropertyKind.VariableByteInteger]: fc.array(fc.integer({ min: 1, max: 268_435_455 }), {
        minLength: 1,
        maxLength: (row.repeatsIn & context) === 0 ? 1 : 4,
      }),
      [PropertyKind.Text]: key === 'responseTopic' ? topic : text,
      [PropertyKind.Binary]: bytes,
      [PropertyKind.TextPair]: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }),
    };
    model[key] = values[row.kind]!;
  }
  return fc.record(model, { requiredKeys: [] }) as Arbitrary<Properties>;
}

function inVersion(version: ProtocolVersion, context: number): Arbitrary<Properties> {
  return version === 5 ? propertiesOf(context) : fc.constant({});
}

function reasonsOf(row: ReasonRow, sender: Sender): Arbitrary<number> {
  const legal = sender === 'client' ? row.byClient : row.byServer;
  return fc.constantFrom(...Array.from(legal.keys()).filter((code) => legal[code] === 1));
}

function connects(version: ProtocolVersion): Arbitrary<Packet> {
  const will: Arbitrary<Will> = fc.record({
    topic,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: inVersion(version, PropertyContext.Will),
  });
  return fc
    .record(
      {
        cleanStart: fc.boolean(),
        bridge: version === 5 ? fc.constant(false) : fc.boolean(),
        keepAliveS: u16,
        clientId: text.filter((id) => version === 5 || id !== ''),
        will,
        username: text,
        password: bytes,
        properties: inVersion(version, PropertyContext.Connect),
      },
      { requiredKeys: ['cleanStart', 'bridge', 'keepAliveS', 'clientId', 'properties'] },
    )
    .filter((packet) => version === 5 || packet.username !== undefined || packet.password === undefined)
    .filter(
      ({ properties }) => properties.authenticationData === undefined || properties.authenticationMethod !== undefined,
    )
    .map((packet) => ({ type: PacketType.Connect, protocolVersion: version, ...packet }));
}

function publishes(version: ProtocolVersion, context: number): Arbitrary<Packet> {
  return fc
    .record({
      dup: fc.boolean(),
      qos,
      retain: fc.boolean(),
      topic: version === 5 ? fc.oneof(topic, fc.constant('')) : topic,
      packetId,
      payload: bytes,
      properties: inVersion(version, context),
    })
    .filter((packet) => packet.topic !== '' || packet.properties.topicAlias !== undefined)
    .map((packet) => ({
      type: PacketType.Publish,
      ...packet,
      dup: packet.qos > 0 && packet.dup,
      packetId: packet.qos > 0 ? packet.packetId : 0,
    }));
}

function acks(type: AckType, row: ReasonRow, version: ProtocolVersion, sender: Sender): Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(type),
    packetId,
    reasonCode: version === 5 ? reasonsOf(row, sender) : fc.constant(0),
    properties: inVersion(version, PropertyContext.Ack),
  });
}

/** Any legal packet. (What `fc.record` makes has no prototype; a clone is an object like those that decoders make.) */
function packetsOf(version: ProtocolVersion, sender: Sender): Arbitrary<Packet> {
  return fc.oneof(...kindsOf(version, sender)).map((packet) => structuredClone(packet));
}

function kindsOf(version: ProtocolVersion, sender: Sender): Arbitrary<Packet>[] {
  const both = [
    acks(PacketType.Puback, PUBACK_REASONS, version, sender),
    acks(PacketType.Pubrec, PUBREC_REASONS, version, sender),
    acks(PacketType.Pubrel, PUBREL_REASONS, version, sender),
    acks(PacketType.Pubcomp, PUBCOMP_REASONS, version, sender),
  ];
  const auths: Arbitrary<Packet> = fc.record({
    type: fc.constant(PacketType.Auth),
    reasonCode: reasonsOf(AUTH_REASONS, sender),
    properties: propertiesOf(PropertyContext.Auth).map((properties) => ({ ...properties, authenticationMethod: 'm' })),
  });
  const disconnects = (context: number): Arbitrary<Packet> =>
    fc.record({
      type: fc.constant(PacketType.Disconnect),
      reasonCode: version === 5 ? reasonsOf(DISCONNECT_REASONS, sender) : fc.constant(0),
      properties: inVersion(version, context),
    });
  if (version === 5) both.push(auths);
  if (sender === 'client') {
    const plain = fc.record({
      filter,
      qos,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    });
    const subscription =
      version === 5
        ? plain
        : plain.map(({ filter, qos }) => ({
            filter,
            qos,
            noLocal: false,
            retainAsPublished: false,
            retainHandling: 0 as const,
          }));
    return [
      ...both,
      connects(version),
      publishes(version, PropertyContext.PublishByClient),
      disconnects(PropertyContext.DisconnectByClient),
      fc.constant({ type: PacketType.Pingreq }),
      fc.record({
        type: fc.constant(PacketType.Subscribe),
        packetId,
        subscriptions: fc.array(subscription, { minLength: 1, maxLength: 4 }),
        properties: inVersion(version, PropertyContext.Subscribe),
      }),
      fc.record({
        type: fc.constant(PacketType.Unsubscribe),
        packetId,
        filters: fc.array(filter, { minLength: 1, maxLength: 4 }),
        properties: inVersion(version, PropertyContext.Unsubscribe),
      }),
    ];
  }
  if (version === 5) both.push(disconnects(PropertyContext.DisconnectByServer));
  return [
    ...both,
    publishes(version, PropertyContext.PublishByServer),
    fc.constant({ type: PacketType.Pingresp }),
    fc
      .record({
        type: fc.constant(PacketType.Connack),
        sessionPresent: fc.boolean(),
        reasonCode: reasonsOf(version === 5 ? CONNACK_REASONS : CONNACK_RETURN_CODES, sender),
        properties: inVersion(version, PropertyContext.Connack),
      })
      .map((packet) => ({
        ...packet,
        sessionPresent: packet.sessionPresent && packet.reasonCode === 0 && version > 3,
      })),
    fc.record({
      type: fc.constant(PacketType.Suback),
      packetId,
      reasonCodes: fc.array(reasonsOf(version === 5 ? SUBACK_REASONS : SUBACK_RETURN_CODES, sender), {
        minLength: 1,
        maxLength: 5,
      }),
      properties: inVersion(version, PropertyContext.Suback),
    }),
    fc.record({
      type: fc.constant(PacketType.Unsuback),
      packetId,
      reasonCodes:
        version === 5
          ? fc.array(reasonsOf(UNSUBACK_REASONS, sender), { minLength: 1, maxLength: 5 })
          : fc.constant<number[]>([]),
      properties: inVersion(version, PropertyContext.Unsuback),
    }),
  ];
}

for (const version of [3, 4, 5] as const) {
  for (const sender of ['client', 'server'] as const) {
    test(`what is encoded is decoded again: ${version}, by the ${sender} [MQTT-1.5.5-1] [MQTT-2.2.2-1]`, () => {
      fc.assert(
        fc.property(packetsOf(version, sender), fc.nat(), (packet, cut) => {
          const wire = encodePacket(packet, version);
          const at = cut % wire.length;
          const isConnect = packet.type === PacketType.Connect;
          const chunks = [wire.subarray(0, at), wire.subarray(at)];
          assert.deepEqual(decodeChunks(chunks, version, sender, undefined, isConnect), [packet]);
          assert.equal(encodedSize(packet, version), wire.length);
          const batch = new ByteBatch(1);
          batch.append(wire, 0, 1);
          encodeInto(batch, packet, version);
          assert.deepEqual(batch.take().subarray(1), wire);
        }),
        { numRuns: 1500 },
      );
    });
  }
}

test('an acknowledgement written without an object is the one that is encoded from it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<AckType>(PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp),
      packetId,
      fc.constantFrom(0, 0x80, 0x92),
      fc.constantFrom<ProtocolVersion>(3, 4, 5),
      (type, id, reasonCode, version) => {
        const batch = new ByteBatch(1);
        writeAck(batch, type, id, reasonCode, version);
        assert.deepEqual(batch.take(), encodePacket({ type, packetId: id, reasonCode, properties: {} }, version));
      },
    ),
  );
});

test('lengths at the edges of their size are written as short as can be [MQTT-1.5.5-1]', () => {
  for (const remaining of [127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const packet: Packet = {
      type: PacketType.Publish,
      dup: false,
      qos: 0,
      retain: false,
      topic: 'a',
      packetId: 0,
      payload: new Uint8Array(remaining - 3),
      properties: {},
    };
    assert.deepEqual(decodeChunks([encodePacket(packet, 4)], 4, 'client'), [packet]);
  }
});

test('a field too long for its length is a bug of the caller, and thrown', () => {
  const publish = (topicText: string): Packet => ({
    type: PacketType.Publish,
    dup: false,
    qos: 0,
    retain: false,
    topic: topicText,
    packetId: 0,
    payload: new Uint8Array(0),
    properties: {},
  });
  assert.throws(() => encodePacket(publish('a'.repeat(65_536)), 4), /65535/);
  assert.equal(encodePacket(publish('a'.repeat(65_535)), 4).length, 65_541);
  assert.throws(() => encodePacket({ type: PacketType.Auth, reasonCode: 0, properties: {} }, 4), /5\.0 only/);
});

test('any bytes at all give packets or a fault, and never an exception', () => {
  const starts = fc.constantFrom(0x10, 0x20, 0x30, 0x32, 0x3d, 0x40, 0x50, 0x62, 0x82, 0x90, 0xa2, 0xb0, 0xe0, 0xf0);
  const wire = fc
    .tuple(starts, fc.uint8Array({ maxLength: 60 }))
    .map(([first, body]) => Buffer.concat([Uint8Array.of(first, body.length), body]));
  fc.assert(
    fc.property(
      wire,
      fc.constantFrom<ProtocolVersion>(3, 4, 5),
      fc.constantFrom<Sender>('client', 'server'),
      (...all) => {
        const [chunk, version, sender] = all;
        const found = decodeChunks([chunk], version, sender, undefined, sender === 'client' && chunk[0] === 0x10);
        assert.ok(found.length <= 1);
      },
    ),
    { numRuns: 5000 },
  );
});

test('a valid packet with one byte changed gives a packet that encodes again, or a fault', () => {
  fc.assert(
    fc.property(
      fc
        .constantFrom<ProtocolVersion>(3, 4, 5)
        .chain((version) =>
          fc
            .constantFrom<Sender>('client', 'server')
            .chain((sender) => fc.tuple(fc.constant(version), fc.constant(sender), packetsOf(version, sender))),
        ),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      ([version, sender, packet], at, value) => {
        const wire = encodePacket(packet, version);
        wire[at % wire.length] = value;
        const isConnect = packet.type === PacketType.Connect;
        for (const found of decodeChunks([wire], version, sender, undefined, isConnect)) {
          if (!('type' in found)) continue;
          const own = found.type === PacketType.Connect ? found.protocolVersion : version;
          const again = decodeChunks([encodePacket(found, own)], own, sender, undefined, isConnect);
          assert.deepEqual(again, [found]);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('u32 values keep their sign bit', () => {
  fc.assert(
    fc.property(u32, (sessionExpiryIntervalS) => {
      const packet: Packet = { type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryIntervalS } };
      assert.deepEqual(decodeChunks([encodePacket(packet, 5)], 5, 'client'), [packet]);
    }),
  );
});
