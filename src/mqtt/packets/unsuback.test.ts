import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { UnsubackPacket } from '../packet.ts';
import { UNSUBACK_REASONS } from '../reason-table.ts';
import { PacketType } from '../wire.ts';

function unsuback(reasonCodes: number[], properties: UnsubackPacket['properties'] = {}): UnsubackPacket {
  return { type: PacketType.Unsuback, packetId: 10, reasonCodes, properties };
}

runWireCases('UNSUBACK', [
  { says: 'it has no codes', sender: 'server', version: 4, wire: 'b0 .. 000a', gives: unsuback([]) },
  { says: 'it has no codes', sender: 'server', version: 3, wire: 'b0 .. 000a', gives: unsuback([]) },
  {
    says: 'codes keep their order [MQTT-3.11.3-1]',
    sender: 'server',
    wire: "b0 .. 000a 04 1f 0001 'r' 00 11 87",
    gives: unsuback([0, 0x11, 0x87], { reasonString: 'r' }),
  },
  {
    says: 'one without codes is an error [MQTT-3.11.3-1]',
    sender: 'server',
    wire: 'b0 .. 000a 00',
    gives: faults.UnsubackEmpty,
  },
  {
    says: 'one without codes is an error, also behind properties [MQTT-3.11.3-1]',
    sender: 'server',
    wire: "b0 .. 000a 04 1f 0001 'r'",
    gives: faults.UnsubackEmpty,
  },
  {
    says: 'a reason code is one of its own [MQTT-3.11.3-2]',
    sender: 'server',
    wire: 'b0 .. 000a 00 01',
    gives: UNSUBACK_REASONS.illegal,
  },
  {
    says: 'there is no payload',
    sender: 'server',
    version: 4,
    wire: 'b0 .. 000a 00',
    gives: faults.LengthWrongForType,
  },
  {
    says: 'packet identifier 0 is an error',
    sender: 'server',
    version: 4,
    wire: 'b0 .. 0000',
    gives: faults.PacketIdZero,
  },
  { says: 'it never comes from a client', version: 4, wire: 'b0 .. 000a', gives: faults.PacketFromWrongSide },
]);
