import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { AuthPacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { AUTH_REASONS } from '../reason-table.ts';
import { PacketType } from '../wire.ts';

function auth(reasonCode: number, properties: AuthPacket['properties'] = {}): AuthPacket {
  return { type: PacketType.Auth, reasonCode, properties };
}

runWireCases('AUTH', [
  {
    says: 'method and data',
    wire: "f0 .. 18 08 15 0001 'm' 16 0001 00",
    gives: auth(0x18, { authenticationMethod: 'm', authenticationData: Uint8Array.of(0) }),
  },
  {
    says: 'a client begins anew',
    wire: "f0 .. 19 04 15 0001 'm'",
    gives: auth(0x19, { authenticationMethod: 'm' }),
  },
  { says: 'a server says success in two bytes', sender: 'server', wire: 'f0 00', gives: auth(0) },
  {
    says: 'a server says success',
    sender: 'server',
    wire: "f0 .. 00 08 15 0001 'm' 1f 0001 'r'",
    gives: auth(0, { authenticationMethod: 'm', reasonString: 'r' }),
  },
  { says: 'flags are 0 [MQTT-3.15.1-1]', wire: 'f1 00', gives: faults.AuthFlags },
  { says: 'a client does not say success [MQTT-3.15.2-1]', wire: 'f0 00', gives: AUTH_REASONS.illegal },
  {
    says: 'a server does not begin anew [MQTT-3.15.2-1]',
    sender: 'server',
    wire: "f0 .. 19 04 15 0001 'm'",
    gives: AUTH_REASONS.illegal,
  },
  { says: 'an unknown reason code is an error [MQTT-3.15.2-1]', wire: 'f0 .. 01 00', gives: AUTH_REASONS.illegal },
  { says: 'a reason code needs properties', wire: 'f0 .. 18', gives: faults.Truncated },
  { says: 'a method must come', wire: 'f0 .. 18 00', gives: faults.AuthenticationMethodMissing },
  {
    says: 'a method comes once',
    wire: "f0 .. 18 08 15 0001 'm' 15 0001 'm'",
    gives: PROPERTY_ROW_OF.authenticationMethod.repeated,
  },
  {
    says: 'a Topic Alias is not allowed',
    wire: 'f0 .. 18 03 23 0001',
    gives: PROPERTY_ROW_OF.topicAlias.notAllowed(0),
  },
  { says: 'it is reserved', version: 4, wire: 'f0 00', gives: faults.PacketTypeReserved },
  { says: 'it is reserved', version: 3, wire: 'f0 00', gives: faults.PacketTypeReserved },
]);
