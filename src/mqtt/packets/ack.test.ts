import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWireCases, type WireCase } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { AckPacket, AckType } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import {
  checkReason,
  PUBACK_REASONS,
  PUBCOMP_REASONS,
  PUBREC_REASONS,
  PUBREL_REASONS,
  type ReasonRow,
} from '../reason-table.ts';
import { PacketType } from '../wire.ts';

/** The clause of each on its reason codes: [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]. */
const TYPES: [name: string, type: AckType, first: string, reasons: ReasonRow, failure: number][] = [
  ['PUBACK', PacketType.Puback, '40', PUBACK_REASONS, 0x87],
  ['PUBREC', PacketType.Pubrec, '50', PUBREC_REASONS, 0x87],
  ['PUBREL', PacketType.Pubrel, '62', PUBREL_REASONS, 0x92],
  ['PUBCOMP', PacketType.Pubcomp, '70', PUBCOMP_REASONS, 0x92],
];

for (const [name, type, first, reasons, failure] of TYPES) {
  const ack = (reasonCode = 0, properties: AckPacket['properties'] = {}): AckPacket => ({
    type,
    packetId: 0x1234,
    reasonCode,
    properties,
  });
  const failureHex = Buffer.of(failure).toString('hex');
  const cases: WireCase[] = [
    {
      says: 'it carries the packet identifier [MQTT-2.2.1-5] [MQTT311-2.3.1-6]',
      version: 4,
      wire: `${first} .. 1234`,
      gives: ack(),
    },
    { says: 'it carries the packet identifier', version: 3, wire: `${first} .. 1234`, gives: ack() },
    { says: 'the shortest form means success', wire: `${first} .. 1234`, gives: ack() },
    { says: 'a reason code needs no properties', wire: `${first} .. 1234 ${failureHex}`, gives: ack(failure) },
    { says: 'success may be spelt out', wire: `${first} .. 1234 00`, gives: ack(), canonical: false },
    { says: 'no properties may be spelt out', wire: `${first} .. 1234 00 00`, gives: ack(), canonical: false },
    {
      says: 'properties follow',
      wire: `${first} .. 1234 00 0b 1f 0001 'r' 26 0001 'k' 0001 'v'`,
      gives: ack(0, { reasonString: 'r', userProperties: [['k', 'v']] }),
    },
    {
      says: 'packet identifier 0 is an error [MQTT-2.2.1-3] [MQTT-2.2.1-4]',
      wire: `${first} .. 0000`,
      gives: faults.PacketIdZero,
    },
    {
      says: 'packet identifier 0 is an error [MQTT311-2.3.1-1]',
      version: 4,
      wire: `${first} .. 0000`,
      gives: faults.PacketIdZero,
    },
    { says: 'an unknown reason code is an error', wire: `${first} .. 1234 7f`, gives: reasons.illegal },
    { says: 'a reason code of others is an error', wire: `${first} .. 1234 8d`, gives: reasons.illegal },
    {
      says: 'there is no reason code',
      version: 4,
      wire: `${first} .. 1234 00`,
      gives: faults.LengthWrongForType,
    },
    { says: 'one byte is too few', wire: `${first} .. 12`, gives: faults.LengthWrongForType },
    {
      says: 'a Server Reference is not allowed',
      wire: `${first} .. 1234 00 04 1c 0001 's'`,
      gives: PROPERTY_ROW_OF.serverReference.notAllowed(0),
    },
    {
      says: 'a Reason String comes once',
      wire: `${first} .. 1234 00 08 1f 0001 'r' 1f 0001 'r'`,
      gives: PROPERTY_ROW_OF.reasonString.repeated,
    },
    { says: 'nothing follows the properties', wire: `${first} .. 1234 00 00 00`, gives: faults.TrailingBytes },
    { says: 'properties end in the packet', wire: `${first} .. 1234 00 04 1f 0000`, gives: faults.Truncated },
  ];
  runWireCases(name, cases);
  runWireCases(
    `${name} of a server`,
    cases.slice(0, 5).map((one) => ({ ...one, sender: 'server' as const })),
  );
}

runWireCases('PUBREL flags', [
  { says: '0000 is malformed [MQTT-3.6.1-1]', wire: '60 02 0001', gives: faults.PubrelFlags },
  { says: '0000 is malformed [MQTT311-3.6.1-1]', version: 4, wire: '60 02 0001', gives: faults.PubrelFlags },
  { says: 'DUP is malformed [MQTT311-3.6.1-1]', version: 4, wire: '6a 02 0001', gives: faults.PubrelFlags },
  {
    says: 'DUP is allowed',
    version: 3,
    wire: '6a 02 0001',
    gives: { type: PacketType.Pubrel, packetId: 1, reasonCode: 0, properties: {} },
    canonical: false,
  },
]);

test("that nobody subscribes is the server's to say [MQTT-3.4.2-1] [MQTT-3.5.2-1]", () => {
  for (const row of [PUBACK_REASONS, PUBREC_REASONS]) {
    assert.equal(checkReason(row, 0x10, 'server'), undefined);
    assert.equal(checkReason(row, 0x10, 'client'), row.illegal);
  }
});
