import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, runWireCases, type WireCase } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { ConnectPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { PacketType } from '../wire.ts';
import { peekProtocolVersion } from './connect.ts';

function connect(protocolVersion: 3 | 4 | 5, rest: Partial<ConnectPacket> = {}): ConnectPacket {
  return {
    type: PacketType.Connect,
    protocolVersion,
    bridge: false,
    cleanStart: true,
    keepAliveS: 60,
    clientId: 'c',
    properties: {},
    ...rest,
  };
}

/** A CONNECT of 5.0 with these properties, and client identifier `c`. */
function v5(properties: string): string {
  return `10 .. 0004 'MQTT' 05 02 003c {${properties}} 0001 'c'`;
}

runWireCases('CONNECT', [
  {
    says: 'a least packet is taken',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0001 'c'",
    gives: connect(4),
  },
  {
    says: 'MQIsdp with level 3 is 3.1',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 03 02 003c 0001 'c'",
    gives: connect(3),
  },
  { says: 'a least packet is taken', wire: "10 .. 0004 'MQTT' 05 02 003c 00 0001 'c'", gives: connect(5) },
  {
    says: 'an empty client identifier is taken with Clean Session [MQTT311-3.1.3-6]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0000",
    gives: connect(4, { clientId: '' }),
  },
  {
    says: 'an empty client identifier is taken without Clean Start [MQTT-3.1.3-6]',
    wire: "10 .. 0004 'MQTT' 05 00 003c 00 0000",
    gives: connect(5, { clientId: '', cleanStart: false }),
  },
  {
    says: 'an empty client identifier needs Clean Session [MQTT311-3.1.3-7] [MQTT311-3.1.3-8]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 00 003c 0000",
    gives: faults.ClientIdEmptyWithoutCleanSession,
  },
  {
    says: 'an empty client identifier is refused',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 03 02 003c 0000",
    gives: faults.ClientIdEmpty,
  },
  {
    says: 'a client identifier of 24 bytes is taken by default',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 03 02 003c 0018 '123456789012345678901234'",
    gives: connect(3, { clientId: '123456789012345678901234' }),
  },
  {
    says: 'a client identifier of 24 bytes is refused where policy is strict',
    version: 3,
    rules: { strictClientIdLength: true },
    wire: "10 .. 0006 'MQIsdp' 03 02 003c 0018 '123456789012345678901234'",
    gives: faults.ClientIdTooLong,
  },
  {
    says: 'client identifiers of 23 letters and digits are allowed [MQTT311-3.1.3-5]',
    version: 4,
    rules: { strictClientIdLength: true },
    wire: "10 .. 0004 'MQTT' 04 02 003c 0017 '0123456789abcdefghijABC'",
    gives: connect(4, { clientId: '0123456789abcdefghijABC' }),
  },
  {
    says: 'client identifiers of 23 letters and digits are allowed [MQTT-3.1.3-5]',
    wire: "10 .. 0004 'MQTT' 05 02 003c 00 0017 '0123456789abcdefghijABC'",
    gives: connect(5, { clientId: '0123456789abcdefghijABC' }),
  },
  {
    says: 'Will, user name and password come in their order [MQTT311-3.1.3-1] [MQTT311-3.1.2-9] [MQTT311-3.1.2-19] [MQTT311-3.1.2-21]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 ee 000a 0001 'c' 0003 'w/t' 0002 'ex' 0001 'u' 0002 00ff",
    gives: connect(4, {
      keepAliveS: 10,
      will: { topic: 'w/t', payload: Uint8Array.from(Buffer.from('ex')), qos: 1, retain: true, properties: {} },
      username: 'u',
      password: Uint8Array.of(0, 255),
    }),
  },
  {
    says: 'Will properties precede the Will [MQTT-3.1.3-1] [MQTT-3.1.2-9] [MQTT-3.1.2-17] [MQTT-3.1.2-19] and keep the order of user properties [MQTT-3.1.3-10]',
    wire: `10 .. 0004 'MQTT' 05 d6 000a 00 0001 'c'
      13 18 00000005 26 0001 'a' 0001 '1' 26 0001 'a' 0001 '0'
      0001 'w' 0000 0001 'u' 0001 'p'`,
    gives: connect(5, {
      keepAliveS: 10,
      will: {
        topic: 'w',
        payload: new Uint8Array(0),
        qos: 2,
        retain: false,
        properties: {
          willDelayIntervalS: 5,
          userProperties: [
            ['a', '1'],
            ['a', '0'],
          ],
        },
      },
      username: 'u',
      password: Uint8Array.from(Buffer.from('p')),
    }),
  },
  {
    says: 'a password needs no user name',
    wire: "10 .. 0004 'MQTT' 05 42 003c 00 0001 'c' 0001 'p'",
    gives: connect(5, { password: Uint8Array.from(Buffer.from('p')) }),
  },
  {
    says: 'a password needs a user name [MQTT311-3.1.2-22]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 42 003c 0001 'c' 0001 'p'",
    gives: faults.PasswordWithoutUsername,
  },
  {
    says: 'a user name that is announced must come [MQTT311-3.1.2-19]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 82 003c 0001 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'a user name that is announced must come, also from old clients',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 03 82 003c 0001 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'a user name that is announced must come [MQTT-3.1.2-17]',
    wire: "10 .. 0004 'MQTT' 05 82 003c 00 0001 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'a password that is announced must come [MQTT-3.1.2-19]',
    wire: "10 .. 0004 'MQTT' 05 c2 003c 00 0001 'c' 0001 'u'",
    gives: faults.Truncated,
  },
  {
    says: 'a password that is announced must come [MQTT311-3.1.2-21]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 c2 003c 0001 'c' 0001 'u'",
    gives: faults.Truncated,
  },
  {
    says: 'a Will that is announced must come [MQTT-3.1.2-9]',
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'a Will payload that is announced must come [MQTT311-3.1.2-9]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 06 003c 0001 'c' 0001 'w'",
    gives: faults.Truncated,
  },
  {
    says: 'a user name that is not announced must not come [MQTT311-3.1.2-18] [MQTT311-3.1.2-20]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0001 'c' 0001 'u'",
    gives: faults.TrailingBytes,
  },
  {
    says: 'a user name that is not announced must not come [MQTT-3.1.2-16] [MQTT-3.1.2-18]',
    wire: "10 .. 0004 'MQTT' 05 02 003c 00 0001 'c' 0001 'u'",
    gives: faults.TrailingBytes,
  },
  {
    says: 'another protocol name is refused [MQTT-3.1.2-1] [MQTT311-3.1.2-1]',
    wire: "10 .. 0004 'MQTX' 05 02 003c 00 0001 'c'",
    gives: faults.ProtocolNameWrong,
  },
  {
    says: 'the protocol name is compared exactly [MQTT-3.1.2-1]',
    wire: "10 .. 0004 'mqtt' 05 02 003c 00 0001 'c'",
    gives: faults.ProtocolNameWrong,
  },
  {
    says: 'level 6 is unsupported [MQTT-3.1.2-2]',
    wire: "10 .. 0004 'MQTT' 06 02 003c 00 0001 'c'",
    gives: faults.ProtocolVersionUnsupported,
  },
  {
    says: 'level 3 under the name MQTT is unsupported [MQTT311-3.1.2-2]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 03 02 003c 0001 'c'",
    gives: faults.ProtocolVersionUnsupported,
  },
  {
    says: 'level 4 under the name MQIsdp is unsupported',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 04 02 003c 0001 'c'",
    gives: faults.ProtocolVersionUnsupported,
  },
  {
    says: 'a bridge is known by the high bit of its level',
    version: 4,
    wire: "10 .. 0004 'MQTT' 84 02 003c 0001 'c'",
    gives: connect(4, { bridge: true }),
  },
  {
    says: 'a bridge is known by the high bit of its level',
    version: 3,
    wire: "10 .. 0006 'MQIsdp' 83 02 003c 0001 'c'",
    gives: connect(3, { bridge: true }),
  },
  {
    says: 'a 5.0 bridge has no bit of its own',
    wire: "10 .. 0004 'MQTT' 85 02 003c 00 0001 'c'",
    gives: faults.ProtocolVersionUnsupported,
  },
  {
    says: 'the reserved flag is 0 [MQTT-3.1.2-3]',
    wire: "10 .. 0004 'MQTT' 05 03 003c 00 0001 'c'",
    gives: faults.ConnectFlagReserved,
  },
  {
    says: 'the reserved flag is 0 [MQTT311-3.1.2-3]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 03 003c 0001 'c'",
    gives: faults.ConnectFlagReserved,
  },
  {
    says: 'a Will QoS of 3 is malformed [MQTT-3.1.2-12]',
    wire: "10 .. 0004 'MQTT' 05 1e 003c 00 0001 'c' 00 0001 'w' 0000",
    gives: faults.WillQosInvalid,
  },
  {
    says: 'a Will QoS of 3 is malformed [MQTT311-3.1.2-14]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 1e 003c 0001 'c' 0001 'w' 0000",
    gives: faults.WillQosInvalid,
  },
  {
    says: 'a Will QoS needs a Will [MQTT-3.1.2-11]',
    wire: "10 .. 0004 'MQTT' 05 0a 003c 00 0001 'c'",
    gives: faults.WillQosWithoutWill,
  },
  {
    says: 'a Will QoS needs a Will [MQTT311-3.1.2-13] [MQTT311-3.1.2-11]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 0a 003c 0001 'c'",
    gives: faults.WillQosWithoutWill,
  },
  {
    says: 'Will Retain needs a Will [MQTT-3.1.2-13]',
    wire: "10 .. 0004 'MQTT' 05 22 003c 00 0001 'c'",
    gives: faults.WillRetainWithoutWill,
  },
  {
    says: 'Will Retain needs a Will [MQTT311-3.1.2-15] [MQTT311-3.1.2-11]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 22 003c 0001 'c'",
    gives: faults.WillRetainWithoutWill,
  },
  {
    says: 'a Will topic has no wildcard [MQTT-4.7.0-1]',
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c' 00 0003 'w/#' 0000",
    gives: faults.TopicHasWildcard,
  },
  {
    says: 'a Will topic has no wildcard [MQTT311-4.7.1-1]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 06 003c 0001 'c' 0003 'w/+' 0000",
    gives: faults.TopicHasWildcard,
  },
  {
    says: 'a Will topic is not empty [MQTT-4.7.3-1] [MQTT311-4.7.3-1]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 06 003c 0001 'c' 0000 0000",
    gives: faults.TopicEmpty,
  },
  {
    says: 'a Will topic is UTF-8 [MQTT-3.1.3-11]',
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c' 00 0002 c328 0000",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a Will topic is UTF-8 [MQTT311-3.1.3-10]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 06 003c 0001 'c' 0002 c328 0000",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a client identifier is UTF-8 [MQTT-3.1.3-4]',
    wire: "10 .. 0004 'MQTT' 05 02 003c 00 0001 ff",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a client identifier is UTF-8 [MQTT311-3.1.3-4]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0001 ff",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a client identifier without U+0000 [MQTT-1.5.4-2] [MQTT311-1.5.3-2]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0003 'a' 00 'b'",
    gives: faults.TextHasNull,
  },
  {
    says: 'a client identifier comes first and must come [MQTT-3.1.3-3] [MQTT311-3.1.3-3]',
    wire: "10 .. 0004 'MQTT' 05 02 003c 03 22 0000",
    gives: faults.Truncated,
  },
  {
    says: 'a user name is UTF-8 [MQTT-3.1.3-12]',
    wire: "10 .. 0004 'MQTT' 05 82 003c 00 0001 'c' 0003 eda080",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a user name is UTF-8 [MQTT311-3.1.3-11]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 82 003c 0001 'c' 0003 eda080",
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a field may not reach beyond the packet [MQTT-3.1.4-1] [MQTT311-3.1.4-1]',
    version: 4,
    wire: "10 .. 0004 'MQTT' 04 02 003c 0009 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'every property is taken',
    wire: v5("11 00000001 21 0002 27 00000003 22 0004 19 01 17 00 26 0001 'k' 0001 'v' 15 0001 'm' 16 0001 'd'"),
    gives: connect(5, {
      properties: {
        sessionExpiryIntervalS: 1,
        receiveMaximum: 2,
        maximumPacketSizeBytes: 3,
        topicAliasMaximum: 4,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [['k', 'v']],
        authenticationMethod: 'm',
        authenticationData: Uint8Array.from(Buffer.from('d')),
      },
    }),
  },
  { says: 'a Receive Maximum is not 0', wire: v5('21 0000'), gives: PROPERTY_ROW_OF.receiveMaximum.outOfRange },
  {
    says: 'a Maximum Packet Size is not 0',
    wire: v5('27 00000000'),
    gives: PROPERTY_ROW_OF.maximumPacketSizeBytes.outOfRange,
  },
  {
    says: 'a Topic Alias Maximum may be 0',
    wire: v5('22 0000'),
    gives: connect(5, { properties: { topicAliasMaximum: 0 } }),
  },
  {
    says: 'Request Problem Information is 0 or 1',
    wire: v5('17 02'),
    gives: PROPERTY_ROW_OF.requestProblemInformation.outOfRange,
  },
  {
    says: 'authentication data needs a method',
    wire: v5("16 0001 'd'"),
    gives: faults.AuthenticationDataWithoutMethod,
  },
  {
    says: 'a Will property is not one of CONNECT',
    wire: v5('18 00000001'),
    gives: PROPERTY_ROW_OF.willDelayIntervalS.notAllowed(0),
  },
  {
    says: 'a CONNECT property is not one of the Will',
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c' 03 21 0001 0001 'w' 0000",
    gives: PROPERTY_ROW_OF.receiveMaximum.notAllowed(0),
  },
  {
    says: 'a property does not come twice',
    wire: v5('11 00000001 11 00000001'),
    gives: PROPERTY_ROW_OF.sessionExpiryIntervalS.repeated,
  },
] satisfies WireCase[]);

test('the version of a CONNECT is told even if the rest of it is at fault', () => {
  const peek = (wire: string) => {
    const bytes = bytesOf(wire);
    return peekProtocolVersion({ bytes, start: 0, bodyStart: 2, end: bytes.length });
  };
  assert.equal(peek("10 .. 0004 'MQTT' 05 01 0000"), 5);
  assert.equal(peek("10 .. 0004 'MQTT' 84 01"), 4);
  assert.equal(peek("10 .. 0006 'MQIsdp' 03"), 3);
  assert.equal(peek("10 .. 0004 'MQTT' 09"), undefined);
  assert.equal(peek("10 .. 0004 'HTTP' 05"), undefined);
  assert.equal(peek("10 .. 0004 'MQ'"), undefined);
});
