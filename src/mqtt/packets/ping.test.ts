import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import { PacketType } from '../wire.ts';

for (const version of [3, 4, 5] as const) {
  runWireCases('PINGREQ', [
    { says: 'it is empty', version, wire: 'c0 00', gives: { type: PacketType.Pingreq } },
    { says: 'a body is an error', version, wire: 'c0 01 00', gives: faults.LengthWrongForType },
    {
      says: 'flags are 0 [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]',
      version,
      wire: 'c1 00',
      gives: faults.FlagsReserved,
    },
    {
      says: 'it never comes from a server',
      version,
      sender: 'server',
      wire: 'c0 00',
      gives: faults.PacketFromWrongSide,
    },
  ]);
  runWireCases('PINGRESP', [
    { says: 'it is empty', version, sender: 'server', wire: 'd0 00', gives: { type: PacketType.Pingresp } },
    { says: 'a body is an error', version, sender: 'server', wire: 'd0 01 00', gives: faults.LengthWrongForType },
    { says: 'flags are 0 [MQTT-2.1.3-1]', version, sender: 'server', wire: 'd2 00', gives: faults.FlagsReserved },
    { says: 'it never comes from a client', version, wire: 'd0 00', gives: faults.PacketFromWrongSide },
  ]);
}
