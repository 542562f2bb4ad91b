import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, runWireCases } from '../../../test/kit/wire-cases.ts';
import { ByteBatch } from '../../base/byte-batch.ts';
import * as faults from '../faults.ts';
import type { PublishPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { PublishView } from '../publish-view.ts';
import { PacketType } from '../wire.ts';
import {
  type PublishParts,
  publishProperties,
  publishTopic,
  scanPublish,
  setDup,
  setPacketId,
  viewToPacket,
  writePublish,
} from './publish.ts';

function publish(rest: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: PacketType.Publish,
    dup: false,
    qos: 0,
    retain: false,
    topic: 'a/b',
    packetId: 0,
    payload: new Uint8Array(0),
    properties: {},
    ...rest,
  };
}
const text = (value: string) => Uint8Array.from(Buffer.from(value));

runWireCases('PUBLISH', [
  {
    says: 'QoS 0 has no packet identifier [MQTT311-2.3.1-5]',
    version: 4,
    wire: "30 .. 0003 'a/b' 'hi'",
    gives: publish({ payload: text('hi') }),
  },
  {
    says: 'QoS 0 has no packet identifier [MQTT-2.2.1-2]',
    wire: "30 .. 0003 'a/b' 00 'hi'",
    gives: publish({ payload: text('hi') }),
  },
  { says: 'an empty payload is one', version: 3, wire: "31 .. 0003 'a/b'", gives: publish({ retain: true }) },
  {
    says: 'QoS 1 again, retained [MQTT311-3.3.1-1]',
    version: 4,
    wire: "3b .. 0003 'a/b' 0007 'x'",
    gives: publish({ dup: true, qos: 1, retain: true, packetId: 7, payload: text('x') }),
  },
  {
    says: 'QoS 2 with an empty property list [MQTT-2.2.2-1]',
    wire: "34 .. 0003 'a/b' ffff 00 'x'",
    gives: publish({ qos: 2, packetId: 0xffff, payload: text('x') }),
  },
  {
    says: 'an alias may stand for the topic',
    wire: '30 .. 0000 03 23 0001',
    gives: publish({ topic: '', properties: { topicAlias: 1 } }),
  },
  {
    says: 'every property of a client, user properties in their order [MQTT-3.3.2-18]',
    wire: `30 .. 0003 'a/b' {01 01 02 00000009 23 0003 08 0001 'r' 09 0002 00ff 03 0001 'c'
      26 0001 'b' 0001 '1' 26 0001 'a' 0001 '2' 26 0001 'b' 0001 '3'} 'x'`,
    gives: publish({
      payload: text('x'),
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryIntervalS: 9,
        topicAlias: 3,
        responseTopic: 'r',
        correlationData: Uint8Array.of(0, 255),
        contentType: 'c',
        userProperties: [
          ['b', '1'],
          ['a', '2'],
          ['b', '3'],
        ],
      },
    }),
  },
  {
    says: 'a server may send several subscription identifiers',
    sender: 'server',
    wire: "30 .. 0003 'a/b' 06 0b 01 0b ffff7f",
    gives: publish({ properties: { subscriptionIdentifiers: [1, 2_097_151] } }),
  },
  {
    says: 'a client sends no subscription identifier [MQTT-3.3.4-6]',
    wire: "30 .. 0003 'a/b' 02 0b 01",
    gives: faults.SubscriptionIdentifierFromClient,
  },
  {
    says: 'a subscription identifier is not 0',
    sender: 'server',
    wire: "30 .. 0003 'a/b' 02 0b 00",
    gives: PROPERTY_ROW_OF.subscriptionIdentifiers.outOfRange,
  },
  {
    says: 'a subscription identifier is as short as can be [MQTT-1.5.5-1]',
    sender: 'server',
    wire: "30 .. 0003 'a/b' 03 0b 8100",
    gives: faults.VariableByteIntegerNotMinimal,
  },
  {
    says: 'a subscription identifier takes four bytes at most',
    sender: 'server',
    wire: "30 .. 0003 'a/b' 06 0b 8181818101",
    gives: faults.VariableByteIntegerTooLong,
  },
  { says: 'QoS 3 is malformed [MQTT-3.3.1-4]', wire: "36 .. 0003 'a/b' 0001 00", gives: faults.PublishQosInvalid },
  {
    says: 'QoS 3 is malformed [MQTT311-3.3.1-4]',
    version: 4,
    wire: "3e .. 0003 'a/b' 0001",
    gives: faults.PublishQosInvalid,
  },
  { says: 'DUP is 0 at QoS 0 [MQTT-3.3.1-2]', wire: "38 .. 0003 'a/b' 00", gives: faults.DupOnQos0 },
  { says: 'DUP is 0 at QoS 0 [MQTT311-3.3.1-2]', version: 4, wire: "39 .. 0003 'a/b'", gives: faults.DupOnQos0 },
  {
    says: 'packet identifier 0 is an error [MQTT-2.2.1-3]',
    wire: "32 .. 0003 'a/b' 0000 00",
    gives: faults.PacketIdZero,
  },
  {
    says: 'packet identifier 0 is an error [MQTT-2.2.1-4]',
    sender: 'server',
    wire: "34 .. 0003 'a/b' 0000 00",
    gives: faults.PacketIdZero,
  },
  {
    says: 'packet identifier 0 is an error [MQTT311-2.3.1-1]',
    version: 4,
    wire: "32 .. 0003 'a/b' 0000",
    gives: faults.PacketIdZero,
  },
  {
    says: 'a topic has no # [MQTT-3.3.2-2] [MQTT-4.7.0-1]',
    wire: "30 .. 0003 'a/#' 00",
    gives: faults.TopicHasWildcard,
  },
  {
    says: 'a topic has no + [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]',
    version: 4,
    wire: "30 .. 0003 '+/b'",
    gives: faults.TopicHasWildcard,
  },
  {
    says: 'a topic has no U+0000 [MQTT-4.7.3-2] [MQTT-1.5.4-2]',
    wire: '30 .. 0003 61 00 62 00',
    gives: faults.TextHasNull,
  },
  {
    says: 'a topic has no U+0000 [MQTT311-4.7.3-2] [MQTT311-1.5.3-2]',
    version: 4,
    wire: '30 .. 0003 61 00 62',
    gives: faults.TextHasNull,
  },
  {
    says: 'a topic is UTF-8 [MQTT-3.3.2-1] [MQTT-1.5.4-1]',
    wire: '30 .. 0002 c0af 00',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a topic is UTF-8 [MQTT311-3.3.2-1] [MQTT311-1.5.3-1]',
    version: 4,
    wire: '30 .. 0003 eda080',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a topic may have a control character by default',
    version: 4,
    wire: '30 .. 0003 610162',
    gives: publish({ topic: 'a\u0001b' }),
  },
  {
    says: 'a topic has no control character where policy is strict',
    version: 4,
    rules: { rejectControlCharacters: true },
    wire: '30 .. 0003 610162',
    gives: faults.TextHasControlCharacter,
  },
  {
    says: 'a topic is not empty [MQTT311-4.7.3-1]',
    version: 4,
    wire: "30 .. 0000 'x'",
    gives: faults.TopicEmpty,
  },
  {
    says: 'an empty topic needs an alias [MQTT-4.7.3-1]',
    wire: "30 .. 0000 00 'x'",
    gives: faults.TopicEmptyWithoutAlias,
  },
  {
    says: 'a topic alias is not 0 [MQTT-3.3.2-8]',
    wire: "30 .. 0001 'a' 03 23 0000",
    gives: PROPERTY_ROW_OF.topicAlias.outOfRange,
  },
  {
    says: 'a topic alias comes once',
    wire: "30 .. 0001 'a' 06 23 0001 23 0001",
    gives: PROPERTY_ROW_OF.topicAlias.repeated,
  },
  {
    says: 'a response topic has no wildcard [MQTT-3.3.2-14]',
    wire: "30 .. 0001 'a' 06 08 0003 'r/#'",
    gives: faults.ResponseTopicHasWildcard,
  },
  {
    says: 'a response topic is UTF-8 [MQTT-3.3.2-13]',
    wire: "30 .. 0001 'a' 04 08 0001 ff",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a response topic is not empty',
    wire: "30 .. 0001 'a' 03 08 0000",
    gives: faults.ResponseTopicEmpty,
  },
  {
    says: 'a content type is UTF-8 [MQTT-3.3.2-19]',
    wire: "30 .. 0001 'a' 04 03 0001 ff",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a user property has a UTF-8 name [MQTT-1.5.7-1]',
    wire: "30 .. 0001 'a' 07 26 0001 ff 0001 'v'",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a user property has a UTF-8 value [MQTT-1.5.7-1]',
    wire: "30 .. 0001 'a' 07 26 0001 'k' 0001 ff",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a user property has a value',
    wire: "30 .. 0001 'a' 04 26 0001 'k'",
    gives: faults.PropertiesTruncated,
  },
  {
    says: 'a Payload Format Indicator is 0 or 1',
    wire: "30 .. 0001 'a' 02 01 02",
    gives: PROPERTY_ROW_OF.payloadFormatIndicator.outOfRange,
  },
  {
    says: 'user properties have a ceiling where policy sets one',
    rules: { userPropertiesMax: 1 },
    wire: "30 .. 0001 'a' 0a 26 0000 0000 26 0000 0000",
    gives: faults.TooManyUserProperties,
  },
  { says: 'an unknown property is malformed', wire: "30 .. 0001 'a' 02 7f 01", gives: faults.PropertyUnknown },
  {
    says: 'a property identifier of two bytes is malformed',
    wire: "30 .. 0001 'a' 03 8100 01",
    gives: faults.PropertyUnknown,
  },
  {
    says: 'a property of CONNECT is malformed',
    wire: "30 .. 0001 'a' 05 11 00000001",
    gives: PROPERTY_ROW_OF.sessionExpiryIntervalS.notAllowed(0),
  },
  { says: 'a topic ends in the packet', version: 4, wire: "30 .. 0005 'a/b'", gives: faults.Truncated },
  { says: 'a packet identifier ends in the packet', version: 4, wire: "32 .. 0002 'ab' 01", gives: faults.Truncated },
  { says: 'properties must come', wire: "30 .. 0003 'a/b'", gives: faults.Truncated },
  { says: 'properties end in the packet', wire: "30 .. 0001 'a' 05 01 01", gives: faults.Truncated },
  {
    says: 'the length of the properties is as short as can be [MQTT-1.5.5-1]',
    wire: "30 .. 0001 'a' 8000",
    gives: faults.VariableByteIntegerNotMinimal,
  },
  {
    says: 'the length of the properties takes four bytes at most',
    wire: "30 .. 0001 'a' 8080808001",
    gives: faults.VariableByteIntegerTooLong,
  },
  { says: 'two bytes are too few', version: 4, wire: '30 .. 0000', gives: faults.LengthWrongForType },
]);

test('a scan tells where the parts are, reads what decisions need, and leaves the payload alone', () => {
  const wire = bytesOf("c000 3d .. 0003 'a/b' 1234 0a 02 00000009 23 0003 01 00 'payload'");
  // Behind a PINGREQ, as in a chunk.
  const frame = { bytes: wire, start: 2, bodyStart: 4, end: wire.length };
  frame.bytes[3] = wire.length - 4;
  const view = new PublishView();
  view.topic = 'left over';
  assert.equal(scanPublish(view, frame, 5, 'client'), undefined);
  assert.deepEqual(
    { ...view, bytes: view.bytes === wire },
    {
      bytes: true,
      start: 2,
      bodyStart: 4,
      end: wire.length,
      version: 5,
      dup: true,
      qos: 2,
      retain: true,
      packetId: 0x1234,
      packetIdAt: 9,
      topicStart: 6,
      topicEnd: 9,
      propertiesStart: 12,
      propertiesEnd: 22,
      payloadStart: 22,
      repeatsTopic: false,
      topicAlias: 3,
      messageExpiryIntervalS: 9,
      topic: '',
    },
  );
  assert.equal(publishTopic(view), 'a/b');
  assert.deepEqual(publishProperties(view), { messageExpiryIntervalS: 9, topicAlias: 3, payloadFormatIndicator: 0 });
});

test('a view forgets what the packet before it had', () => {
  const view = new PublishView();
  const scan = (wire: string) => {
    const bytes = bytesOf(wire);
    return scanPublish(view, { bytes, start: 0, bodyStart: 2, end: bytes.length }, 5, 'client');
  };
  assert.equal(scan("33 .. 0001 'a' 0001 08 23 0001 02 00000001"), undefined);
  assert.equal(scan("30 .. 0001 'a' 00"), undefined);
  assert.deepEqual(
    [view.packetId, view.packetIdAt, view.topicAlias, view.messageExpiryIntervalS, view.retain, view.qos],
    [0, 0, 0, -1, false, 0],
  );
});

test('what is decoded does not change with the bytes it came from', () => {
  const bytes = bytesOf("30 .. 0001 'a' 05 09 0002 0102 'xyz'");
  const view = new PublishView();
  assert.equal(scanPublish(view, { bytes, start: 0, bodyStart: 2, end: bytes.length }, 5, 'client'), undefined);
  const packet = viewToPacket(view);
  bytes.fill(0);
  assert.deepEqual(
    packet,
    publish({ topic: 'a', payload: text('xyz'), properties: { correlationData: Uint8Array.of(1, 2) } }),
  );
});

test('a written PUBLISH is what a scan of it finds', () => {
  const payload = Buffer.alloc(400, 'p');
  for (const version of [3, 4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      for (const [payloadStart, payloadEnd] of [
        [0, 0],
        [3, 20],
        [7, 400],
      ] as const) {
        const parts: PublishParts = {
          version,
          dup: qos > 0,
          qos,
          retain: qos === 1,
          packetId: 0x0102,
          topic: 'räume/1',
          payload,
          payloadStart,
          payloadEnd,
          properties: { messageExpiryIntervalS: 60, topicAlias: 5, subscriptionIdentifiers: [1, 300] },
        };
        const batch = new ByteBatch(16);
        batch.append(Buffer.from('before'), 0, 6);
        const told = new PublishView();
        writePublish(batch, parts, told);
        const found = new PublishView();
        assert.equal(scanPublish(found, told, version, 'server'), undefined);
        found.topic = publishTopic(found);
        assert.deepEqual(found, told);
        assert.equal(told.end, batch.length);
        assert.equal(found.end - found.payloadStart, payloadEnd - payloadStart);
        assert.deepEqual(publishProperties(found), version === 5 ? parts.properties : {});
      }
    }
  }
});

test('packet identifier and DUP are changed in place [MQTT-3.3.1-1] [MQTT-3.3.1-3]', () => {
  const bytes = bytesOf("33 .. 0001 'a' 0001 00 'x'");
  const view = new PublishView();
  const scan = () => scanPublish(view, { bytes, start: 0, bodyStart: 2, end: bytes.length }, 5, 'server');
  assert.equal(scan(), undefined);
  setPacketId(view, 0xabcd);
  setDup(view, true);
  assert.deepEqual(bytes, bytesOf("3b .. 0001 'a' abcd 00 'x'"));
  assert.equal(scan(), undefined);
  assert.equal(view.packetId, 0xabcd);
  setDup(view, false);
  assert.deepEqual(bytes, bytesOf("33 .. 0001 'a' abcd 00 'x'"));
});

test('the work of a scan grows no faster than the packet', () => {
  let reads = 0;
  const readsOf = (bytes: Buffer): number => {
    reads = 0;
    const counted = new Proxy(bytes, {
      get(target, key) {
        reads++;
        return Reflect.get(target, key, target);
      },
    });
    const view = new PublishView();
    const bodyStart = bytes.findIndex((byte, at) => at > 0 && byte < 0x80) + 1;
    const fault = scanPublish(view, { bytes: counted, start: 0, bodyStart, end: bytes.length }, 5, 'client');
    assert.equal(fault, undefined);
    return reads;
  };
  const userProperties = (count: number) => bytesOf(`30 .. 0001 'a' {${"26 0002 'ab' 0002 'cd'".repeat(count)}}`);
  const topic = (count: number) =>
    bytesOf(`30 .. ${(2 * count).toString(16).padStart(4, '0')} '${'ü'.repeat(count)}' 00`);
  for (const make of [userProperties, topic]) {
    const once = readsOf(make(2000));
    const twice = readsOf(make(4000));
    assert.ok(twice <= once * 2.1, `${twice} reads for twice the input of ${once}`);
  }
  // Of the payload nothing is read at all.
  const small = readsOf(bytesOf("30 .. 0001 'a' 00"));
  assert.equal(readsOf(bytesOf(`30 .. 0001 'a' 00 '${'x'.repeat(10_000)}'`)), small);
});
