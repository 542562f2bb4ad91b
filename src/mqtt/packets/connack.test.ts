import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { ConnackPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { CONNACK_REASONS, CONNACK_RETURN_CODES } from '../reason-table.ts';
import { PacketType } from '../wire.ts';

function connack(rest: Partial<ConnackPacket> = {}): ConnackPacket {
  return { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {}, ...rest };
}

runWireCases('CONNACK', [
  { says: 'acceptance', sender: 'server', version: 4, wire: '20 .. 00 00', gives: connack() },
  { says: 'acceptance', sender: 'server', version: 3, wire: '20 .. 00 00', gives: connack() },
  { says: 'acceptance', sender: 'server', wire: '20 .. 00 00 00', gives: connack() },
  {
    says: 'a session that is present',
    sender: 'server',
    version: 4,
    wire: '20 .. 01 00',
    gives: connack({ sessionPresent: true }),
  },
  { says: 'a refusal', sender: 'server', version: 4, wire: '20 .. 00 05', gives: connack({ reasonCode: 5 }) },
  { says: 'a refusal', sender: 'server', wire: '20 .. 00 87 00', gives: connack({ reasonCode: 0x87 }) },
  {
    says: 'every property',
    sender: 'server',
    wire: `20 .. 01 00 {11 00000001 21 0002 24 01 25 00 27 00000003 12 0001 'a' 22 0004 1f 0001 'r' 26 0001 'k' 0001 'v'
      28 01 29 00 2a 01 13 0005 1a 0001 'i' 1c 0001 's' 15 0001 'm' 16 0001 00 26 0018 'padding-padding-padding.' 0000}`,
    gives: connack({
      sessionPresent: true,
      properties: {
        sessionExpiryIntervalS: 1,
        receiveMaximum: 2,
        maximumQos: 1,
        retainAvailable: false,
        maximumPacketSizeBytes: 3,
        assignedClientIdentifier: 'a',
        topicAliasMaximum: 4,
        reasonString: 'r',
        userProperties: [
          ['k', 'v'],
          ['padding-padding-padding.', ''],
        ],
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: false,
        sharedSubscriptionAvailable: true,
        serverKeepAliveS: 5,
        responseInformation: 'i',
        serverReference: 's',
        authenticationMethod: 'm',
        authenticationData: Uint8Array.of(0),
      },
    }),
    // User properties are written together.
    canonical: false,
  },
  {
    says: 'bits 7 to 1 of the flags are 0 [MQTT-3.2.2-1]',
    sender: 'server',
    wire: '20 .. 02 00 00',
    gives: faults.ConnackFlagReserved,
  },
  {
    says: 'bits 7 to 1 of the flags are 0',
    sender: 'server',
    version: 4,
    wire: '20 .. 80 00',
    gives: faults.ConnackFlagReserved,
  },
  {
    says: 'there is no Session Present',
    sender: 'server',
    version: 3,
    wire: '20 .. 01 00',
    gives: faults.ConnackFlagReserved,
  },
  {
    says: 'a refusal has no session present [MQTT-3.2.2-6]',
    sender: 'server',
    wire: '20 .. 01 87 00',
    gives: faults.SessionPresentOnRefusal,
  },
  {
    says: 'a refusal has no session present [MQTT311-3.2.2-4]',
    sender: 'server',
    version: 4,
    wire: '20 .. 01 05',
    gives: faults.SessionPresentOnRefusal,
  },
  {
    says: 'a reason code is one of its own [MQTT-3.2.2-8]',
    sender: 'server',
    wire: '20 .. 00 01 00',
    gives: CONNACK_REASONS.illegal,
  },
  {
    says: 'a return code is one of six [MQTT311-3.2.2-6]',
    sender: 'server',
    version: 4,
    wire: '20 .. 00 06',
    gives: CONNACK_RETURN_CODES.illegal,
  },
  {
    says: 'three bytes are one too many',
    sender: 'server',
    version: 4,
    wire: '20 .. 00 00 00',
    gives: faults.LengthWrongForType,
  },
  {
    says: 'the answer of an older server is told apart',
    sender: 'server',
    wire: '20 .. 00 01',
    gives: faults.ConnackOfOlderVersion,
  },
  {
    says: 'nothing follows the properties',
    sender: 'server',
    wire: '20 .. 00 00 00 00',
    gives: faults.TrailingBytes,
  },
  {
    says: 'properties end where the packet does',
    sender: 'server',
    wire: '20 .. 00 00 03 24 01',
    gives: faults.Truncated,
  },
  {
    says: 'a property ends where the list does',
    sender: 'server',
    wire: '20 .. 00 00 02 13 00 05',
    gives: faults.PropertiesTruncated,
  },
  {
    says: 'a Maximum QoS of 2 is an error',
    sender: 'server',
    wire: '20 .. 00 00 02 24 02',
    gives: PROPERTY_ROW_OF.maximumQos.outOfRange,
  },
  {
    says: 'the length of the properties is as short as can be [MQTT-1.5.5-1]',
    sender: 'server',
    wire: '20 .. 00 00 8000',
    gives: faults.VariableByteIntegerNotMinimal,
  },
  {
    says: 'the length of the properties takes four bytes at most',
    sender: 'server',
    wire: '20 .. 00 00 8080808001',
    gives: faults.VariableByteIntegerTooLong,
  },
  { says: 'it never comes from a client', wire: '20 .. 00 00 00', gives: faults.PacketFromWrongSide },
]);
