import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { DisconnectPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { checkReason, DISCONNECT_REASONS } from '../reason-table.ts';
import { PacketType } from '../wire.ts';

function disconnect(reasonCode = 0, properties: DisconnectPacket['properties'] = {}): DisconnectPacket {
  return { type: PacketType.Disconnect, reasonCode, properties };
}

runWireCases('DISCONNECT', [
  { says: 'it is empty', version: 4, wire: 'e0 00', gives: disconnect() },
  { says: 'it is empty', version: 3, wire: 'e0 00', gives: disconnect() },
  { says: 'the shortest form is a normal end', wire: 'e0 00', gives: disconnect() },
  { says: 'a reason code needs no properties', wire: 'e0 01 04', gives: disconnect(4) },
  { says: 'a normal end may be spelt out', wire: 'e0 01 00', gives: disconnect(), canonical: false },
  { says: 'no properties may be spelt out', wire: 'e0 02 00 00', gives: disconnect(), canonical: false },
  {
    says: 'a client sets its session expiry',
    wire: "e0 .. 00 10 11 0000003c 1f 0001 'r' 26 0001 'k' 0001 'v'",
    gives: disconnect(0, { sessionExpiryIntervalS: 60, reasonString: 'r', userProperties: [['k', 'v']] }),
  },
  {
    says: 'a server names another',
    sender: 'server',
    wire: "e0 .. 9d 04 1c 0001 's'",
    gives: disconnect(0x9d, { serverReference: 's' }),
  },
  {
    says: 'a server sets no session expiry [MQTT-3.14.2-2]',
    sender: 'server',
    wire: 'e0 .. 8b 05 11 00000000',
    gives: faults.SessionExpiryFromServer,
  },
  {
    says: 'flags are 0 [MQTT-3.14.1-1]',
    wire: 'e1 00',
    gives: faults.DisconnectFlags,
  },
  { says: 'flags are 0 [MQTT311-3.14.1-1]', version: 4, wire: 'e2 00', gives: faults.FlagsReserved },
  { says: 'it has no body', version: 4, wire: 'e0 01 00', gives: faults.LengthWrongForType },
  { says: 'no server sends it', version: 4, sender: 'server', wire: 'e0 00', gives: faults.PacketFromWrongSide },
  {
    says: 'an unknown reason code is an error [MQTT-3.14.2-1]',
    wire: 'e0 01 01',
    gives: DISCONNECT_REASONS.illegal,
  },
  {
    says: 'a client does not say what only servers say [MQTT-3.14.2-1]',
    wire: 'e0 01 8e',
    gives: DISCONNECT_REASONS.illegal,
  },
  {
    says: 'a server has no Will to ask for [MQTT-3.14.2-1]',
    sender: 'server',
    wire: 'e0 01 04',
    gives: DISCONNECT_REASONS.illegal,
  },
  {
    says: 'a Receive Maximum is not allowed',
    wire: 'e0 .. 00 03 21 0001',
    gives: PROPERTY_ROW_OF.receiveMaximum.notAllowed(0),
  },
  { says: 'properties end in the packet', wire: 'e0 .. 00 05 11 000000', gives: faults.Truncated },
  { says: 'nothing follows the properties', wire: 'e0 .. 00 00 00', gives: faults.TrailingBytes },
]);

test('every reason code of the specification belongs to one side or both [MQTT-3.14.2-1]', () => {
  const legal = (sender: 'client' | 'server') =>
    Array.from({ length: 256 }, (_, code) => code).filter((code) => !checkReason(DISCONNECT_REASONS, code, sender));
  assert.deepEqual(
    legal('client'),
    [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
  );
  assert.equal(legal('server').length, 29);
});
