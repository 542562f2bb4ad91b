/**
 * Malformed packets and protocol errors, one a row: bytes in, the end of the connection out, with one of these reason codes
 * where the version has any [MQTT5 4.13].
 */
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { connect } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

const { MalformedPacket, ProtocolError, TopicNameInvalid, TopicFilterInvalid, TopicAliasInvalid } = Reason;
const MALFORMED = [MalformedPacket];
/** The specification leaves open which of the two it is. */
const EITHER = [MalformedPacket, ProtocolError];
const NAME = [TopicNameInvalid, ...EITHER];
const FILTER = [TopicFilterInvalid, ...EITHER];

/** What is wrong with its clauses, the bytes, and the reason codes of 5.0 that say so. */
type Row = [what: string, hex: string, reasons: readonly number[], versions?: readonly ProtocolVersion[]];

/** What 3.1.1 forbids and 3.1 did not: its flags could repeat any packet, and much was left to the reader's sense. */
const SINCE_4: readonly ProtocolVersion[] = [4];

/** The first byte, the length of what follows, and that. */
function packet(first: string, ...body: string[]): string {
  const hex = body.join('').replaceAll(' ', '');
  return `${first}${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;
}

/** CONNECT of 5.0 with these flags, properties (their length included) and payload. */
function connect5(flags: string, properties: string, payload: string): string {
  return packet('10', '0004 4d515454 05', flags, '003c', properties, payload);
}

/** CONNECT of 3.1.1. */
function connect4(flags: string, payload: string): string {
  return packet('10', '0004 4d515454 04', flags, '003c', payload);
}

/** Ill-formed UTF-8, as the bytes of a two-character string. */
const ILL_FORMED = {
  'a lone continuation byte': '6180',
  'a sequence cut short': '61c3',
  'a sequence broken off': 'c328',
  'a surrogate': 'eda080',
  'an overlong slash': 'c0af',
  'an overlong NUL': 'c080',
  'a code point beyond U+10FFFF': 'f4908080',
  'the byte 0xFF': '61ff',
};

function text(hex: string): string {
  return (hex.length / 2).toString(16).padStart(4, '0') + hex;
}

const CONNECTED_V5: Row[] = [
  // Fixed header
  ['packet type 0 [MQTT-4.13.1-1]', '0000', EITHER],
  ['reserved flags of PUBACK [MQTT-2.1.3-1]', '41 02 0001', MALFORMED],
  ['reserved flags of PUBREC [MQTT-2.1.3-1]', '58 02 0001', MALFORMED],
  ['reserved flags of PUBREL, none set [MQTT-3.6.1-1] [MQTT-2.1.3-1]', '60 02 0001', MALFORMED],
  ['reserved flags of PUBREL, one too many [MQTT-3.6.1-1] [MQTT-2.1.3-1]', '63 02 0001', MALFORMED],
  ['reserved flags of PUBCOMP [MQTT-2.1.3-1]', '72 02 0001', MALFORMED],
  ['reserved flags of SUBSCRIBE, none set [MQTT-3.8.1-1] [MQTT-2.1.3-1]', '80 07 0001 00 0001 61 00', MALFORMED],
  ['reserved flags of SUBSCRIBE, one too many [MQTT-3.8.1-1] [MQTT-2.1.3-1]', '8a 07 0001 00 0001 61 00', MALFORMED],
  ['reserved flags of UNSUBSCRIBE, none set [MQTT-3.10.1-1] [MQTT-2.1.3-1]', 'a0 06 0001 00 0001 61', MALFORMED],
  ['reserved flags of UNSUBSCRIBE, one too many [MQTT-3.10.1-1] [MQTT-2.1.3-1]', 'a3 06 0001 00 0001 61', MALFORMED],
  ['reserved flags of PINGREQ [MQTT-2.1.3-1]', 'c1 00', MALFORMED],
  ['reserved flags of DISCONNECT [MQTT-3.14.1-1] [MQTT-2.1.3-1]', 'e1 00', MALFORMED],
  ['reserved flags of AUTH [MQTT-3.15.1-1] [MQTT-2.1.3-1]', 'f2 00', MALFORMED],
  ['a Remaining Length of five bytes [MQTT-1.5.5-1]', '30 ff ff ff ff 01', [...MALFORMED, Reason.PacketTooLarge]],
  ['a Remaining Length that is longer than need be [MQTT-1.5.5-1]', 'c0 80 00', MALFORMED],
  ['a PINGREQ with a body [MQTT-4.13.1-1]', 'c0 01 00', MALFORMED],
  // Packets that only a server sends
  ['CONNACK of a client [MQTT-4.13.1-1]', '20 03 00 00 00', EITHER],
  ['SUBACK of a client [MQTT-4.13.1-1]', '90 04 0001 00 00', EITHER],
  ['UNSUBACK of a client [MQTT-4.13.1-1]', 'b0 04 0001 00 00', EITHER],
  ['PINGRESP of a client [MQTT-4.13.1-1]', 'd0 00', EITHER],
  // PUBLISH
  ['PUBLISH at QoS 3 [MQTT-3.3.1-4]', packet('36', text('61'), '0001 00 78'), MALFORMED],
  ['PUBLISH at QoS 0 with DUP 1 [MQTT-3.3.1-2]', packet('38', text('61'), '00 78'), EITHER],
  ['PUBLISH at QoS 1 with packet identifier 0 [MQTT-2.2.1-3]', packet('32', text('61'), '0000 00 78'), EITHER],
  ['PUBLISH at QoS 2 with packet identifier 0 [MQTT-2.2.1-3]', packet('34', text('61'), '0000 00 78'), EITHER],
  ['PUBLISH without a body [MQTT-3.3.2-1]', '30 00', MALFORMED],
  ['PUBLISH with a topic longer than the packet [MQTT-3.3.2-1]', packet('30', '0005 61'), MALFORMED],
  [
    'PUBLISH at QoS 1 that ends before its packet identifier [MQTT-4.13.1-1]',
    packet('32', text('61'), '00'),
    MALFORMED,
  ],
  ['PUBLISH that ends before its properties [MQTT-2.2.2-1]', packet('30', text('61')), MALFORMED],
  ['PUBLISH to the topic + [MQTT-3.3.2-2] [MQTT-4.7.0-1]', packet('30', text('2b'), '00 78'), NAME],
  ['PUBLISH to the topic # [MQTT-3.3.2-2] [MQTT-4.7.0-1]', packet('30', text('23'), '00 78'), NAME],
  ['PUBLISH to the topic a/# [MQTT-3.3.2-2] [MQTT-4.7.0-1]', packet('30', text('612f23'), '00 78'), NAME],
  ['PUBLISH to the topic a+b [MQTT-3.3.2-2] [MQTT-4.7.0-1]', packet('30', text('612b62'), '00 78'), NAME],
  [
    'PUBLISH at QoS 1 to the topic a/+/b [MQTT-3.3.2-2] [MQTT-4.7.0-1]',
    packet('32', text('612f2b2f62'), '0001 00 78'),
    NAME,
  ],
  ['PUBLISH to a topic with U+0000 [MQTT-1.5.4-2] [MQTT-4.7.3-2]', packet('30', text('6100'), '00 78'), NAME],
  ...Object.entries(ILL_FORMED).map(
    ([what, hex]): Row => [
      `PUBLISH to a topic with ${what} [MQTT-1.5.4-1] [MQTT-3.3.2-1]`,
      packet('30', text(hex), '00 78'),
      [...MALFORMED, TopicNameInvalid],
    ],
  ),
  // PUBLISH properties
  ['properties longer than the packet [MQTT-4.13.1-1]', packet('30', text('61'), '05 78'), MALFORMED],
  ['a property of an unknown identifier [MQTT-4.13.1-1]', packet('30', text('61'), '02 7f00'), MALFORMED],
  [
    'a property identifier of two bytes where one would do [MQTT-1.5.5-1]',
    packet('30', text('61'), '03 818000 01'),
    MALFORMED,
  ],
  ['a property that CONNECT alone may have [MQTT-4.13.1-1]', packet('30', text('61'), '05 1100000001'), EITHER],
  ['a property cut short [MQTT-4.13.1-1]', packet('30', text('61'), '03 020000 0001'), MALFORMED],
  ['Payload Format Indicator twice [MQTT-4.13.1-1]', packet('30', text('61'), '04 0101 0101'), EITHER],
  ['Message Expiry Interval twice [MQTT-4.13.1-1]', packet('30', text('61'), '0a 0200000001 0200000001'), EITHER],
  ['Topic Alias twice [MQTT-4.13.1-1]', packet('30', text('61'), '06 230001 230001'), EITHER],
  ['Topic Alias 0 [MQTT-3.3.2-8]', packet('30', text('61'), '03 230000'), [TopicAliasInvalid, ...EITHER]],
  ['Response Topic twice [MQTT-4.13.1-1]', packet('30', text('61'), '08 08000172 08000172'), EITHER],
  ['Correlation Data twice [MQTT-4.13.1-1]', packet('30', text('61'), '08 09000172 09000172'), EITHER],
  ['Content Type twice [MQTT-4.13.1-1]', packet('30', text('61'), '08 03000172 03000172'), EITHER],
  ['Response Topic with a wildcard [MQTT-3.3.2-14]', packet('30', text('61'), '06 080003 612f23'), NAME],
  ['Response Topic of ill-formed UTF-8 [MQTT-3.3.2-13]', packet('30', text('61'), '05 080002 c328'), MALFORMED],
  ['Content Type of ill-formed UTF-8 [MQTT-3.3.2-19]', packet('30', text('61'), '05 030002 c328'), MALFORMED],
  ['Content Type with U+0000 [MQTT-1.5.4-2]', packet('30', text('61'), '04 030001 00'), MALFORMED],
  ['Subscription Identifier of a client [MQTT-3.3.4-6]', packet('30', text('61'), '02 0b01'), EITHER],
  [
    'User Property with an ill-formed name [MQTT-1.5.7-1]',
    packet('30', text('61'), '08 26 0002c328 000161'),
    MALFORMED,
  ],
  [
    'User Property with an ill-formed value [MQTT-1.5.7-1]',
    packet('30', text('61'), '08 26 000161 0002c328'),
    MALFORMED,
  ],
  ['User Property without a value [MQTT-1.5.7-1]', packet('30', text('61'), '04 26 000161'), MALFORMED],
  // Acknowledgements
  ['PUBACK without a packet identifier [MQTT-4.13.1-1]', '40 00', MALFORMED],
  ['PUBACK with half a packet identifier [MQTT-4.13.1-1]', '40 01 00', MALFORMED],
  ['PUBACK with packet identifier 0 [MQTT-4.13.1-1]', '40 02 0000', EITHER],
  ['PUBACK with a reason code of another packet [MQTT-3.4.2-1]', '40 03 0001 92', EITHER],
  ['PUBREC with an unknown reason code [MQTT-3.5.2-1]', '50 03 0001 05', EITHER],
  ['PUBREL with a reason code of another packet [MQTT-3.6.2-1]', '62 03 0001 10', EITHER],
  ['PUBCOMP with a reason code of another packet [MQTT-3.7.2-1]', '70 03 0001 80', EITHER],
  ['PUBACK with properties longer than the packet [MQTT-4.13.1-1]', '40 04 0001 00 05', MALFORMED],
  ['PUBACK with a property it cannot have [MQTT-4.13.1-1]', '40 06 0001 00 02 0101', EITHER],
  ['PUBACK with Reason String twice [MQTT-4.13.1-1]', '40 0c 0001 00 08 1f000161 1f000161', EITHER],
  ['PUBACK with bytes behind its properties [MQTT-4.13.1-1]', '40 05 0001 00 00 ff', MALFORMED],
  // SUBSCRIBE
  ['SUBSCRIBE without a filter [MQTT-3.8.3-2]', '82 03 0001 00', EITHER],
  ['SUBSCRIBE with packet identifier 0 [MQTT-2.2.1-3]', packet('82', '0000 00', text('61'), '00'), EITHER],
  ['SUBSCRIBE that ends before the options [MQTT-3.8.3-2]', packet('82', '0001 00', text('61')), EITHER],
  ['a second filter without options [MQTT-3.8.3-2]', packet('82', '0001 00', text('61'), '00', text('62')), EITHER],
  [
    'a reserved bit of the subscription options, 0x40 [MQTT-3.8.3-5]',
    packet('82', '0001 00', text('61'), '40'),
    MALFORMED,
  ],
  [
    'a reserved bit of the subscription options, 0x80 [MQTT-3.8.3-5]',
    packet('82', '0001 00', text('61'), '80'),
    MALFORMED,
  ],
  ['a subscription at QoS 3 [MQTT-4.13.1-1]', packet('82', '0001 00', text('61'), '03'), EITHER],
  ['Retain Handling 3 [MQTT-4.13.1-1]', packet('82', '0001 00', text('61'), '30'), EITHER],
  ['an ill-formed filter [MQTT-3.8.3-1]', packet('82', '0001 00', text('c328'), '00'), FILTER],
  ['a filter with U+0000 [MQTT-4.7.3-2] [MQTT-1.5.4-2]', packet('82', '0001 00', text('6100'), '00'), FILTER],
  ['Subscription Identifier 0 [MQTT-4.13.1-1]', packet('82', '0001 02 0b00', text('61'), '00'), EITHER],
  ['Subscription Identifier twice [MQTT-4.13.1-1]', packet('82', '0001 04 0b01 0b02', text('61'), '00'), EITHER],
  [
    'Subscription Identifier of five bytes [MQTT-1.5.5-1]',
    packet('82', '0001 06 0bffffffff01', text('61'), '00'),
    MALFORMED,
  ],
  [
    'Subscription Identifier longer than need be [MQTT-1.5.5-1]',
    packet('82', '0001 03 0b8100', text('61'), '00'),
    MALFORMED,
  ],
  ['a property that SUBSCRIBE cannot have [MQTT-4.13.1-1]', packet('82', '0001 02 0101', text('61'), '00'), EITHER],
  // UNSUBSCRIBE
  ['UNSUBSCRIBE without a filter [MQTT-3.10.3-2]', 'a2 03 0001 00', EITHER],
  ['UNSUBSCRIBE with packet identifier 0 [MQTT-2.2.1-3]', packet('a2', '0000 00', text('61')), EITHER],
  ['UNSUBSCRIBE with an ill-formed filter [MQTT-3.10.3-1]', packet('a2', '0001 00', text('c328')), FILTER],
  ['UNSUBSCRIBE with a filter cut short [MQTT-3.10.3-2]', packet('a2', '0001 00 0003 61'), MALFORMED],
  // DISCONNECT and AUTH
  ['DISCONNECT with an unknown reason code [MQTT-3.14.2-1]', 'e0 01 01', EITHER],
  ['DISCONNECT with Session Expiry Interval twice [MQTT-4.13.1-1]', 'e0 0c 00 0a 1100000001 1100000001', EITHER],
  ['DISCONNECT with a property it cannot have [MQTT-4.13.1-1]', 'e0 04 00 02 0101', EITHER],
  ['DISCONNECT with properties longer than the packet [MQTT-4.13.1-1]', 'e0 02 00 05', MALFORMED],
  ['AUTH without a method [MQTT-4.12.0-7]', 'f0 00', EITHER],
  [
    'AUTH of a client that named no method [MQTT-4.12.0-7]',
    packet('f0', '18 04 15 0001 6d'),
    [...EITHER, Reason.BadAuthenticationMethod],
  ],
  [
    're-authentication of a client that named no method [MQTT-4.12.1-1]',
    packet('f0', '19 04 15 0001 6d'),
    [...EITHER, Reason.BadAuthenticationMethod],
  ],
  [
    'AUTH with an unknown reason code [MQTT-3.15.2-1]',
    packet('f0', '05 04 15 0001 6d'),
    [...EITHER, Reason.BadAuthenticationMethod],
  ],
];

const CONNECT_V5: Row[] = [
  ['Will QoS without a Will [MQTT-3.1.2-11]', connect5('0a', '00', '0001 61'), EITHER],
  ['Will Retain without a Will [MQTT-3.1.2-13]', connect5('22', '00', '0001 61'), EITHER],
  ['Will QoS 3 [MQTT-3.1.2-12]', connect5('1e', '00', '0001 61 00 0001 77 0001 78'), EITHER],
  ['a Will that is missing [MQTT-3.1.2-9]', connect5('06', '00', '0001 61'), EITHER],
  ['a Will without a payload field [MQTT-3.1.2-9]', connect5('06', '00', '0001 61 00 0001 77'), EITHER],
  ['a user name that is missing [MQTT-3.1.2-17]', connect5('82', '00', '0001 61'), EITHER],
  ['a password that is missing [MQTT-3.1.2-19]', connect5('c2', '00', '0001 61 0001 75'), EITHER],
  ['a user name that the flags do not tell of [MQTT-3.1.2-16]', connect5('02', '00', '0001 61 0001 75'), EITHER],
  ['a password that the flags do not tell of [MQTT-3.1.2-18]', connect5('82', '00', '0001 61 0001 75 0001 70'), EITHER],
  ['a client identifier cut short [MQTT-3.1.3-3]', connect5('02', '00', '0005 61'), EITHER],
  [
    'an ill-formed client identifier [MQTT-3.1.3-4] [MQTT-1.5.4-1]',
    connect5('02', '00', '0002 c328'),
    [...EITHER, Reason.ClientIdentifierNotValid],
  ],
  [
    'a client identifier with U+0000 [MQTT-1.5.4-2]',
    connect5('02', '00', '0002 6100'),
    [...EITHER, Reason.ClientIdentifierNotValid],
  ],
  ['an ill-formed Will topic [MQTT-3.1.3-11]', connect5('06', '00', '0001 61 00 0002 c328 0001 78'), NAME],
  ['a Will topic with a wildcard [MQTT-4.7.0-1]', connect5('06', '00', '0001 61 00 0003 612f23 0001 78'), NAME],
  ['an empty Will topic [MQTT-4.7.3-1]', connect5('06', '00', '0001 61 00 0000 0001 78'), NAME],
  ['an ill-formed user name [MQTT-3.1.3-12]', connect5('82', '00', '0001 61 0002 c328'), EITHER],
  ['the reserved flag [MQTT-3.1.2-3]', connect5('03', '00', '0001 61'), EITHER],
  ['properties longer than the packet [MQTT-3.1.4-1]', connect5('02', '7f', '0001 61'), EITHER],
  ['a property of an unknown identifier [MQTT-3.1.4-1]', connect5('02', '02 7f00', '0001 61'), EITHER],
  ['a property of PUBLISH [MQTT-3.1.4-1]', connect5('02', '03 230001', '0001 61'), EITHER],
  ['Session Expiry Interval twice [MQTT-3.1.4-1]', connect5('02', '0a 1100000001 1100000001', '0001 61'), EITHER],
  ['Receive Maximum 0 [MQTT-4.9.0-1]', connect5('02', '03 210000', '0001 61'), EITHER],
  ['Receive Maximum twice [MQTT-3.1.4-1]', connect5('02', '06 210001 210001', '0001 61'), EITHER],
  ['Maximum Packet Size 0 [MQTT-3.1.4-1]', connect5('02', '05 2700000000', '0001 61'), EITHER],
  ['Maximum Packet Size twice [MQTT-3.1.4-1]', connect5('02', '0a 2700000fff 2700000fff', '0001 61'), EITHER],
  ['Topic Alias Maximum twice [MQTT-3.1.4-1]', connect5('02', '06 220001 220001', '0001 61'), EITHER],
  ['Request Response Information 2 [MQTT-3.1.4-1]', connect5('02', '02 1902', '0001 61'), EITHER],
  ['Request Response Information twice [MQTT-3.1.4-1]', connect5('02', '04 1900 1900', '0001 61'), EITHER],
  ['Request Problem Information 2 [MQTT-3.1.4-1]', connect5('02', '02 1702', '0001 61'), EITHER],
  ['Request Problem Information twice [MQTT-3.1.4-1]', connect5('02', '04 1700 1700', '0001 61'), EITHER],
  ['Authentication Data without a method [MQTT-3.1.4-1]', connect5('02', '04 160001 64', '0001 61'), EITHER],
  ['Authentication Method twice [MQTT-3.1.4-1]', connect5('02', '08 150001 6d 150001 6d', '0001 61'), EITHER],
  ['User Property with an ill-formed value [MQTT-1.5.7-1]', connect5('02', '08 26 000161 0002c328', '0001 61'), EITHER],
  [
    'Will Delay Interval twice [MQTT-3.1.4-1]',
    connect5('06', '00', '0001 61 0a 1800000001 1800000001 0001 77 0001 78'),
    EITHER,
  ],
  ['a Will property of CONNECT [MQTT-3.1.4-1]', connect5('06', '00', '0001 61 05 1100000001 0001 77 0001 78'), EITHER],
  ['Will properties longer than the packet [MQTT-3.1.4-1]', connect5('06', '00', '0001 61 7f 0001 77 0001 78'), EITHER],
  [
    'Response Topic of a Will with a wildcard [MQTT-3.3.2-14]',
    connect5('06', '00', '0001 61 04 080001 23 0001 77 0001 78'),
    NAME,
  ],
  ['bytes behind the payload [MQTT-3.1.4-1]', connect5('02', '00', '0001 61 ff'), EITHER],
];

/** Wrong before the version is read, by its length alone: nothing says in which words to answer. */
const BEFORE_VERSION: Row[] = [
  ['a variable header cut short [MQTT-3.1.4-1]', packet('10', '0004 4d515454 05 02 00'), EITHER],
  ['no client identifier [MQTT-3.1.3-3]', connect5('02', '00', ''), EITHER],
  [
    'reserved flags of CONNECT [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]',
    packet('11', '0004 4d515454 04 02 003c 0001 61'),
    EITHER,
  ],
  ['a CONNECT without a body [MQTT-3.1.4-1] [MQTT311-3.1.4-1]', '10 00', EITHER],
  [
    'a protocol name longer than the packet [MQTT-3.1.4-1] [MQTT311-3.1.4-1]',
    packet('10', '00ff 4d515454 04 02 003c 0001 61'),
    EITHER,
  ],
  [
    'HTTP on the port of MQTT [MQTT-3.1.0-1] [MQTT311-3.1.0-1]',
    Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n').toString('hex'),
    EITHER,
  ],
  ['TLS on the port of MQTT [MQTT-3.1.0-1] [MQTT311-3.1.0-1]', '16 03 01 00 05 01 00 00 01 00', EITHER],
  ['packet type 0 first [MQTT-3.1.0-1] [MQTT311-3.1.0-1]', '00 00', EITHER],
  ['packet type 15 first [MQTT-3.1.0-1] [MQTT311-3.1.0-1]', 'ff ff ff ff ff', EITHER],
];

const CONNECTED_V3: Row[] = [
  ['packet type 0 [MQTT311-4.8.0-1]', '00 00', []],
  ['packet type 15 [MQTT311-4.8.0-1]', 'f0 00', []],
  ['reserved flags of PUBACK [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]', '41 02 0001', [], SINCE_4],
  ['reserved flags of PUBREC [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]', '58 02 0001', [], SINCE_4],
  ['reserved flags of PUBREL, none set [MQTT311-3.6.1-1] [MQTT311-2.2.2-2]', '60 02 0001', [], SINCE_4],
  ['reserved flags of PUBREL, one too many [MQTT311-3.6.1-1] [MQTT311-2.2.2-2]', '63 02 0001', [], SINCE_4],
  ['reserved flags of PUBCOMP [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]', '72 02 0001', [], SINCE_4],
  ['reserved flags of SUBSCRIBE, none set [MQTT311-3.8.1-1] [MQTT311-2.2.2-2]', '80 06 0001 0001 61 00', [], SINCE_4],
  [
    'reserved flags of SUBSCRIBE, one too many [MQTT311-3.8.1-1] [MQTT311-2.2.2-2]',
    '8a 06 0001 0001 61 00',
    [],
    SINCE_4,
  ],
  ['reserved flags of UNSUBSCRIBE, none set [MQTT311-3.10.1-1] [MQTT311-2.2.2-2]', 'a0 05 0001 0001 61', [], SINCE_4],
  [
    'reserved flags of UNSUBSCRIBE, one too many [MQTT311-3.10.1-1] [MQTT311-2.2.2-2]',
    'a3 05 0001 0001 61',
    [],
    SINCE_4,
  ],
  ['reserved flags of PINGREQ [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]', 'c1 00', [], SINCE_4],
  ['reserved flags of DISCONNECT [MQTT311-3.14.1-1] [MQTT311-2.2.2-2]', 'e1 00', [], SINCE_4],
  ['a Remaining Length of five bytes [MQTT311-4.8.0-1]', '30 ff ff ff ff 01', []],
  ['a PINGREQ with a body [MQTT311-4.8.0-1]', 'c0 01 00', []],
  ['a DISCONNECT with a body [MQTT311-4.8.0-1]', 'e0 01 00', []],
  ['CONNACK of a client [MQTT311-4.8.0-1]', '20 02 00 00', []],
  ['SUBACK of a client [MQTT311-4.8.0-1]', '90 03 0001 00', []],
  ['UNSUBACK of a client [MQTT311-4.8.0-1]', 'b0 02 0001', []],
  ['PINGRESP of a client [MQTT311-4.8.0-1]', 'd0 00', []],
  ['PUBLISH at QoS 3 [MQTT311-3.3.1-4]', packet('36', text('61'), '0001 78'), []],
  ['PUBLISH at QoS 0 with DUP 1 [MQTT311-3.3.1-2]', packet('38', text('61'), '78'), [], SINCE_4],
  ['PUBLISH at QoS 1 with packet identifier 0 [MQTT311-2.3.1-1]', packet('32', text('61'), '0000 78'), []],
  ['PUBLISH at QoS 2 with packet identifier 0 [MQTT311-2.3.1-1]', packet('34', text('61'), '0000 78'), []],
  ['PUBLISH without a body [MQTT311-3.3.2-1]', '30 00', []],
  ['PUBLISH with a topic longer than the packet [MQTT311-3.3.2-1]', packet('30', '0005 61'), []],
  ['PUBLISH at QoS 1 that ends before its packet identifier [MQTT311-2.3.1-1]', packet('32', text('61'), '00'), []],
  ['PUBLISH to an empty topic [MQTT311-4.7.3-1]', packet('30', '0000 78'), []],
  ['PUBLISH to the topic + [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]', packet('30', text('2b'), '78'), []],
  ['PUBLISH to the topic a/# [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]', packet('30', text('612f23'), '78'), []],
  ['PUBLISH to the topic a+b [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]', packet('30', text('612b62'), '78'), []],
  ['PUBLISH to a topic with U+0000 [MQTT311-1.5.3-2] [MQTT311-4.7.3-2]', packet('30', text('6100'), '78'), []],
  ...Object.entries(ILL_FORMED).map(
    ([what, hex]): Row => [
      `PUBLISH to a topic with ${what} [MQTT311-1.5.3-1] [MQTT311-3.3.2-1]`,
      packet('30', text(hex), '78'),
      [],
    ],
  ),
  ['PUBACK without a packet identifier [MQTT311-4.8.0-1]', '40 00', []],
  ['PUBACK with half a packet identifier [MQTT311-4.8.0-1]', '40 01 00', []],
  ['PUBACK with a reason code, which 5.0 alone has [MQTT311-4.8.0-1]', '40 03 0001 00', []],
  ['SUBSCRIBE without a filter [MQTT311-3.8.3-3]', '82 02 0001', [], SINCE_4],
  ['SUBSCRIBE with packet identifier 0 [MQTT311-2.3.1-1]', packet('82', '0000', text('61'), '00'), []],
  ['SUBSCRIBE that ends before the requested QoS [MQTT311-3.8.3-3]', packet('82', '0001', text('61')), []],
  ['a subscription at QoS 3 [MQTT311-3.8.3-4]', packet('82', '0001', text('61'), '03'), []],
  ['a reserved bit of the requested QoS, 0x04 [MQTT311-3.8.3-4]', packet('82', '0001', text('61'), '04'), [], SINCE_4],
  ['a reserved bit of the requested QoS, 0x80 [MQTT311-3.8.3-4]', packet('82', '0001', text('61'), '81'), [], SINCE_4],
  ['an ill-formed filter [MQTT311-3.8.3-1]', packet('82', '0001', text('c328'), '00'), []],
  ['a filter with U+0000 [MQTT311-1.5.3-2] [MQTT311-4.7.3-2]', packet('82', '0001', text('6100'), '00'), []],
  ['UNSUBSCRIBE without a filter [MQTT311-3.10.3-2]', 'a2 02 0001', [], SINCE_4],
  ['UNSUBSCRIBE with packet identifier 0 [MQTT311-2.3.1-1]', packet('a2', '0000', text('61')), []],
  ['UNSUBSCRIBE with an ill-formed filter [MQTT311-3.10.3-1]', packet('a2', '0001', text('c328')), []],
];

const CONNECT_V4: Row[] = [
  ['the reserved flag [MQTT311-3.1.2-3]', connect4('03', '0001 61'), [], SINCE_4],
  ['Will QoS without a Will [MQTT311-3.1.2-13] [MQTT311-3.1.2-11]', connect4('0a', '0001 61'), [], SINCE_4],
  ['Will Retain without a Will [MQTT311-3.1.2-15] [MQTT311-3.1.2-11]', connect4('22', '0001 61'), [], SINCE_4],
  ['Will QoS 3 [MQTT311-3.1.2-14]', connect4('1e', '0001 61 0001 77 0001 78'), []],
  ['a Will that is missing [MQTT311-3.1.2-9]', connect4('06', '0001 61'), []],
  ['a Will without a payload field [MQTT311-3.1.2-9]', connect4('06', '0001 61 0001 77'), []],
  ['a Will that the flags do not tell of [MQTT311-3.1.2-11]', connect4('02', '0001 61 0001 77 0001 78'), [], SINCE_4],
  ['a user name that is missing [MQTT311-3.1.2-19]', connect4('82', '0001 61'), [], SINCE_4],
  ['a password that is missing [MQTT311-3.1.2-21]', connect4('c2', '0001 61 0001 75'), [], SINCE_4],
  ['a user name that the flags do not tell of [MQTT311-3.1.2-18]', connect4('02', '0001 61 0001 75'), [], SINCE_4],
  [
    'a password that the flags do not tell of [MQTT311-3.1.2-20]',
    connect4('82', '0001 61 0001 75 0001 70'),
    [],
    SINCE_4,
  ],
  ['a password without a user name [MQTT311-3.1.2-22]', connect4('42', '0001 61 0001 70'), [], SINCE_4],
  ['no client identifier [MQTT311-3.1.3-3]', connect4('02', ''), []],
  ['an ill-formed client identifier [MQTT311-3.1.3-4] [MQTT311-1.5.3-1]', connect4('02', '0002 c328'), []],
  ['a client identifier with U+0000 [MQTT311-1.5.3-2]', connect4('02', '0002 6100'), []],
  ['an ill-formed Will topic [MQTT311-3.1.3-10]', connect4('06', '0001 61 0002 c328 0001 78'), []],
  ['a Will topic with a wildcard [MQTT311-4.7.1-1]', connect4('06', '0001 61 0003 612f23 0001 78'), []],
  ['an empty Will topic [MQTT311-4.7.3-1]', connect4('06', '0001 61 0000 0001 78'), []],
  ['an ill-formed user name [MQTT311-3.1.3-11]', connect4('82', '0001 61 0002 c328'), [], SINCE_4],
  ['a variable header cut short [MQTT311-3.1.4-1]', packet('10', '0004 4d515454 04 02 00'), []],
  ['bytes behind the payload [MQTT311-3.1.4-1]', connect4('02', '0001 61 ff'), [], SINCE_4],
];

chapter('Malformed packets and protocol errors on a connection', () => {
  for (const [what, hex, reasons, versions] of [...CONNECTED_V5, ...CONNECTED_V3]) {
    claim(
      `the connection ends after ${what}`,
      async (world) => {
        const client = await world.connect();
        client.sendRaw(hex);
        await world.expectFault(client, ...reasons);
      },
      versions === undefined ? {} : { versions },
    );
  }

  claim(
    'SUBSCRIBE and UNSUBSCRIBE may carry the DUP flag, which repeats them',
    async (world) => {
      const client = await world.connect();
      client.sendRaw(packet('8a', '0001', text('61'), '00'));
      await client.expect(PacketType.Suback, { packetId: 1, reasonCodes: [0] });
      client.sendRaw(packet('aa', '0002', text('61')));
      await client.expect(PacketType.Unsuback, { packetId: 2 });
    },
    { versions: [3] },
  );
});

chapter('Malformed CONNECT packets', () => {
  for (const [what, hex, reasons] of CONNECT_V5) {
    claim(`CONNECT is refused for ${what}`, async (world) => {
      const client = await world.open();
      client.sendRaw(hex);
      await world.expectFault(client, ...reasons);
    });
  }

  for (const [what, hex, , versions] of CONNECT_V4) {
    claim(
      `CONNECT is refused without a CONNACK for ${what} [MQTT311-3.2.2-6]`,
      async (world) => {
        const client = await world.open();
        client.sendRaw(hex);
        await client.expectClosed();
      },
      { versions: [4] },
    );
    if (versions === SINCE_4) continue;
    claim(
      `CONNECT of 3.1 is refused without a CONNACK for ${what}`,
      async (world) => {
        const client = await world.open();
        // The same packet under the protocol name and level of 3.1, which is two bytes longer.
        const body = hex.replaceAll(' ', '').slice(4).replace('00044d51545404', '00064d514973647003');
        client.sendRaw(packet('10', body));
        await client.expectClosed();
      },
      { versions: [3] },
    );
  }

  for (const [what, hex] of BEFORE_VERSION) {
    claim(
      `the connection ends without a word after ${what}`,
      async (world) => {
        const client = await world.open();
        client.sendRaw(hex);
        await client.expectClosed();
      },
      { versions: [4] },
    );
  }

  claim(
    'a user name and a password that the flags promise may be missing',
    async (world) => {
      const client = await world.open();
      client.sendRaw(packet('10', '0006 4d5149736470 03 c2 003c 0001 61'));
      // Without a user name these targets let nobody in; what counts is that they read the packet.
      await client.expect(PacketType.Connack);
    },
    { versions: [3] },
  );

  claim('other clients do not notice any of it [MQTT-4.13.1-1] [MQTT311-4.8.0-1]', async (world) => {
    const bystander = await world.connect();
    await bystander.subscribe(world.topic());
    const rows = world.version === 5 ? CONNECTED_V5 : CONNECTED_V3;
    for (const [, hex] of rows.slice(0, 40)) {
      const client = await world.open();
      client.send(connect(world.version, world.init()));
      client.sendRaw(hex);
      await client.next();
    }
    await bystander.publish(world.topic(), 'fine');
    await bystander.receive(world.topic(), 'fine');
  });
});
