import { runWireCases } from '../../../test/kit/wire-cases.ts';
import * as faults from '../faults.ts';
import type { SubscribePacket, Subscription } from '../packet.ts';
import { PROPERTY_ROW_OF } from '../properties-table.ts';
import { PacketType } from '../wire.ts';

function subscription(filter: string, rest: Partial<Subscription> = {}): Subscription {
  return { filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0, ...rest };
}
function subscribe(subscriptions: Subscription[], properties: SubscribePacket['properties'] = {}): SubscribePacket {
  return { type: PacketType.Subscribe, packetId: 10, subscriptions, properties };
}

runWireCases('SUBSCRIBE', [
  {
    says: 'filters keep their order',
    version: 4,
    wire: "82 .. 000a 0003 'a/b' 01 0003 'c/#' 02",
    gives: subscribe([subscription('a/b', { qos: 1 }), subscription('c/#', { qos: 2 })]),
  },
  { says: 'one filter', version: 3, wire: "82 .. 000a 0001 '#' 00", gives: subscribe([subscription('#')]) },
  {
    says: 'DUP is allowed',
    version: 3,
    wire: "8a .. 000a 0001 '#' 00",
    gives: subscribe([subscription('#')]),
    canonical: false,
  },
  {
    says: 'options of every kind',
    wire: "82 .. 000a 02 0b 7f 0001 'a' 0d 0001 'b' 12 0001 'c' 20",
    gives: subscribe(
      [
        subscription('a', { qos: 1, noLocal: true, retainAsPublished: true }),
        subscription('b', { qos: 2, retainHandling: 1 }),
        subscription('c', { retainHandling: 2 }),
      ],
      { subscriptionIdentifiers: [127] },
    ),
  },
  {
    says: 'a shared subscription [MQTT-4.8.2-1] [MQTT-4.8.2-2]',
    wire: "82 .. 000a 00 000c '$share/g/a/+' 01",
    gives: subscribe([subscription('$share/g/a/+', { qos: 1 })]),
  },
  {
    says: 'a SUBSCRIBE without filters is an error [MQTT-3.8.3-2]',
    wire: '82 .. 000a 00',
    gives: faults.SubscribeEmpty,
  },
  {
    says: 'a SUBSCRIBE without filters is an error, also behind properties [MQTT-3.8.3-2]',
    wire: "82 .. 000a 07 26 0001 'k' 0001 'v'",
    gives: faults.SubscribeEmpty,
  },
  {
    says: 'a SUBSCRIBE without filters is an error [MQTT311-3.8.3-3]',
    version: 4,
    wire: '82 .. 000a',
    gives: faults.SubscribeEmpty,
  },
  { says: 'options must come', version: 4, wire: "82 .. 000a 0002 'ab'", gives: faults.Truncated },
  { says: 'options must come', wire: "82 .. 000a 00 0002 'ab'", gives: faults.Truncated },
  {
    says: 'options must come for the last filter',
    version: 4,
    wire: "82 .. 000a 0002 'ab' 00 0001 'c'",
    gives: faults.Truncated,
  },
  {
    says: 'reserved option bits are 0 [MQTT-3.8.3-5]',
    wire: "82 .. 000a 00 0001 'a' 40",
    gives: faults.SubscriptionOptionsReserved,
  },
  {
    says: 'reserved option bits are 0 [MQTT311-3.8.3-4]',
    version: 4,
    wire: "82 .. 000a 0001 'a' 04",
    gives: faults.SubscriptionOptionsReserved,
  },
  { says: 'QoS 3 is an error', wire: "82 .. 000a 00 0001 'a' 03", gives: faults.SubscriptionQosInvalid },
  {
    says: 'QoS 3 is malformed [MQTT311-3.8.3-4]',
    version: 4,
    wire: "82 .. 000a 0001 'a' 03",
    gives: faults.SubscriptionQosInvalid,
  },
  { says: 'Retain Handling 3 is an error', wire: "82 .. 000a 00 0001 'a' 30", gives: faults.RetainHandlingInvalid },
  {
    says: 'a shared subscription has no No Local [MQTT-3.8.3-4]',
    wire: "82 .. 000a 00 000a '$share/g/a' 04",
    gives: faults.NoLocalOnShared,
  },
  {
    says: 'packet identifier 0 is an error [MQTT-2.2.1-3]',
    wire: "82 .. 0000 00 0001 'a' 00",
    gives: faults.PacketIdZero,
  },
  {
    says: 'packet identifier 0 is an error [MQTT311-2.3.1-1]',
    version: 4,
    wire: "82 .. 0000 0001 'a' 00",
    gives: faults.PacketIdZero,
  },
  {
    says: 'flags are 0010 [MQTT-3.8.1-1]',
    wire: "80 .. 000a 00 0001 'a' 00",
    gives: faults.SubscribeFlags,
  },
  {
    says: 'flags are 0010 [MQTT311-3.8.1-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]',
    version: 4,
    wire: "8a .. 000a 0001 'a' 00",
    gives: faults.SubscribeFlags,
  },
  {
    says: 'a filter is UTF-8 [MQTT-3.8.3-1]',
    wire: '82 .. 000a 00 0002 c328 00',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a filter is UTF-8 [MQTT311-3.8.3-1]',
    version: 4,
    wire: '82 .. 000a 0002 c328 00',
    gives: faults.TextNotUtf8,
  },
  {
    says: 'a filter is not empty [MQTT-4.7.3-1]',
    wire: "82 .. 000a 00 0001 'a' 00 0000 00",
    gives: faults.FilterEmpty,
  },
  {
    says: '# is last [MQTT311-4.7.1-2]',
    version: 4,
    wire: "82 .. 000a 0003 '#/a' 00",
    gives: faults.FilterHashMisplaced,
  },
  { says: '+ is a whole level [MQTT-4.7.1-2]', wire: "82 .. 000a 00 0002 'a+' 00", gives: faults.FilterPlusMisplaced },
  {
    says: 'a Subscription Identifier comes once',
    wire: "82 .. 000a 04 0b01 0b02 0001 'a' 00",
    gives: PROPERTY_ROW_OF.subscriptionIdentifiers.repeated,
  },
  {
    says: 'a Subscription Identifier is not 0',
    wire: "82 .. 000a 02 0b00 0001 'a' 00",
    gives: PROPERTY_ROW_OF.subscriptionIdentifiers.outOfRange,
  },
  {
    says: 'it never comes from a server',
    sender: 'server',
    wire: "82 .. 000a 00 0001 'a' 00",
    gives: faults.PacketFromWrongSide,
  },
]);
