import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { UnsubscribePacket } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { PacketType } from '../wire.ts';

function unsubscribe(filters: string[], properties: UnsubscribePacket['properties'] = {}): UnsubscribePacket {
  return { type: PacketType.Unsubscribe, packetId: 10, filters, properties };
}

runWireCases('UNSUBSCRIBE', [
  {
    says: 'filters keep their order',
    version: 4,
    wire: "a2 .. 000a 0003 'a/b' 0001 '#'",
    gives: unsubscribe(['a/b', '#']),
  },
  {
    says: 'DUP is allowed',
    version: 3,
    wire: "aa .. 000a 0001 'a'",
    gives: unsubscribe(['a']),
    canonical: false,
  },
  {
    says: 'properties precede',
    wire: "a2 .. 000a 07 26 0001 'k' 0001 'v' 0001 'a'",
    gives: unsubscribe(['a'], { userProperties: [['k', 'v']] }),
  },
  { says: 'one without filters is an error [MQTT-3.10.3-2]', wire: 'a2 .. 000a 00', gives: faults.UnsubscribeEmpty },
  {
    says: 'one without filters is an error, also behind properties [MQTT-3.10.3-2]',
    wire: "a2 .. 000a 07 26 0001 'k' 0001 'v'",
    gives: faults.UnsubscribeEmpty,
  },
  {
    says: 'one without filters is an error [MQTT311-3.10.3-2]',
    version: 4,
    wire: 'a2 .. 000a',
    gives: faults.UnsubscribeEmpty,
  },
  {
    says: 'a filter is UTF-8 [MQTT-3.10.3-1]',
    wire: 'a2 .. 000a 00 0001 ff',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a filter is UTF-8 [MQTT311-3.10.3-1]',
    version: 4,
    wire: 'a2 .. 000a 0001 ff',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a filter is not empty [MQTT-4.7.3-1] [MQTT311-4.7.3-1]',
    version: 4,
    wire: "a2 .. 000a 0001 'a' 0000",
    gives: faults.FilterEmpty,
  },
  {
    says: 'a share needs its filter [MQTT-4.8.2-2]',
    wire: "a2 .. 000a 00 0008 '$share/g'",
    gives: faults.ShareWithoutFilter,
  },
  { says: 'flags are 0010 [MQTT-3.10.1-1]', wire: "a0 .. 000a 00 0001 'a'", gives: faults.UnsubscribeFlags },
  {
    says: 'flags are 0010 [MQTT311-3.10.1-1]',
    version: 4,
    wire: "a0 .. 000a 0001 'a'",
    gives: faults.UnsubscribeFlags,
  },
  {
    says: 'packet identifier 0 is an error [MQTT-2.2.1-3]',
    wire: "a2 .. 0000 00 0001 'a'",
    gives: faults.PacketIdZero,
  },
  {
    says: 'packet identifier 0 is an error [MQTT311-2.3.1-1]',
    version: 4,
    wire: "a2 .. 0000 0001 'a'",
    gives: faults.PacketIdZero,
  },
  { says: 'a filter ends in the packet', version: 4, wire: "a2 .. 000a 0004 'abc'", gives: faults.Truncated },
  {
    says: 'a Reason String is not allowed',
    wire: "a2 .. 000a 04 1f 0001 'r' 0001 'a'",
    gives: PROPERTY_ROW_OF.reasonString.notAllowed(0),
  },
  {
    says: 'it never comes from a server',
    sender: 'server',
    wire: "a2 .. 000a 00 0001 'a'",
    gives: faults.PacketFromWrongSide,
  },
]);
