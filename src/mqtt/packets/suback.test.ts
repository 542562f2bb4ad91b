import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWireCases } from '../../../test/kit/wire-cases.ts';
import { encodePacket } from '../encode.ts';
import * as faults from '../faults.ts';
import type { SubackPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { SUBACK_REASONS, SUBACK_RETURN_CODES } from '../reason-table.ts';
import { PacketType } from '../wire.ts';

function suback(reasonCodes: number[], properties: SubackPacket['properties'] = {}): SubackPacket {
  return { type: PacketType.Suback, packetId: 10, reasonCodes, properties };
}

runWireCases('SUBACK', [
  {
    says: 'codes keep their order [MQTT311-3.9.3-1]',
    sender: 'server',
    version: 4,
    wire: '90 .. 000a 00 02 80 01',
    gives: suback([0, 2, 0x80, 1]),
  },
  { says: 'a failure is taken', sender: 'server', version: 3, wire: '90 .. 000a 80', gives: suback([0x80]) },
  {
    says: 'codes keep their order [MQTT-3.9.3-1] [MQTT-3.8.4-7]',
    sender: 'server',
    wire: "90 .. 000a 04 1f 0001 'r' 00 87 a2",
    gives: suback([0, 0x87, 0xa2], { reasonString: 'r' }),
  },
  {
    says: 'one without codes is an error [MQTT311-3.8.4-5]',
    sender: 'server',
    version: 4,
    wire: '90 .. 000a',
    gives: faults.SubackEmpty,
  },
  {
    says: 'one without codes is an error [MQTT-3.8.4-6]',
    sender: 'server',
    wire: '90 .. 000a 00',
    gives: faults.SubackEmpty,
  },
  {
    says: 'one without codes is an error, also behind properties [MQTT-3.8.4-6]',
    sender: 'server',
    wire: "90 .. 000a 04 1f 0001 'r'",
    gives: faults.SubackEmpty,
  },
  {
    says: 'a return code is one of four [MQTT311-3.9.3-2]',
    sender: 'server',
    version: 4,
    wire: '90 .. 000a 87',
    gives: SUBACK_RETURN_CODES.illegal,
  },
  {
    says: 'a reason code is one of its own [MQTT-3.9.3-2]',
    sender: 'server',
    wire: '90 .. 000a 00 00 03',
    gives: SUBACK_REASONS.illegal,
  },
  {
    says: 'packet identifier 0 is an error [MQTT-2.2.1-6] [MQTT311-2.3.1-7]',
    sender: 'server',
    version: 4,
    wire: '90 .. 0000 00',
    gives: faults.PacketIdZero,
  },
  {
    says: 'a Subscription Identifier is not allowed',
    sender: 'server',
    wire: '90 .. 000a 02 0b01 00',
    gives: PROPERTY_ROW_OF.subscriptionIdentifiers.notAllowed(0),
  },
  { says: 'it never comes from a client', version: 4, wire: '90 .. 000a 00', gives: faults.PacketFromWrongSide },
]);

test('below 5.0 every failure is written as 0x80 [MQTT311-3.9.3-2]', () => {
  assert.equal(encodePacket(suback([1, 0x87, 0x8f]), 4).toString('hex'), '9005000a018080');
  assert.equal(encodePacket(suback([1, 0x87, 0x8f]), 5).toString('hex'), '9006000a0001878f');
});
