/** SUBSCRIBE [MQTT5 3.8]. */
import type { Fault } from '../fault.ts';
import {
  NoLocalOnShared,
  RetainHandlingInvalid,
  SubscribeEmpty,
  SubscriptionOptionsReserved,
  SubscriptionQosInvalid,
} from '../faults.ts';
import type { RetainHandling, SubscribePacket, Subscription } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkTopicFilter, isSharedFilter } from '../topic.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../wire.ts';
import { textSize, type Writer } from '../writer.ts';

const OPTION_NO_LOCAL = 0x04;
const OPTION_RETAIN_AS_PUBLISHED = 0x08;

export function decodeSubscribe(reader: Reader, version: ProtocolVersion): SubscribePacket | Fault {
  const packetId = reader.packetId(); // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
  const properties = version === 5 ? reader.properties(PropertyContext.Subscribe) : NO_PROPERTIES;
  if (reader.fault !== undefined) return reader.fault;
  if (reader.left === 0) return SubscribeEmpty; // [MQTT-3.8.3-2] [MQTT311-3.8.3-3]
  const subscriptions: Subscription[] = [];
  while (reader.left > 0) {
    const filter = reader.text(); // [MQTT-3.8.3-1] [MQTT311-3.8.3-1]
    const options = reader.u8();
    if (reader.fault !== undefined) return reader.fault;
    const wrong = checkTopicFilter(filter) ?? checkOptions(filter, options, version);
    if (wrong !== undefined) return wrong;
    subscriptions.push({
      filter,
      qos: (options & 3) as QoS,
      noLocal: (options & OPTION_NO_LOCAL) !== 0,
      retainAsPublished: (options & OPTION_RETAIN_AS_PUBLISHED) !== 0,
      retainHandling: (options >> 4) as RetainHandling,
    });
  }
  return { type: PacketType.Subscribe, packetId, subscriptions, properties };
}

function checkOptions(filter: string, options: number, version: ProtocolVersion): Fault | undefined {
  const reserved = version === 5 ? 0xc0 : 0xfc;
  if ((options & reserved) !== 0) return SubscriptionOptionsReserved; // [MQTT-3.8.3-5] [MQTT311-3.8.3-4]
  if ((options & 3) === 3) return SubscriptionQosInvalid; // [MQTT5 3.8.3.1] [MQTT311-3.8.3-4]
  if (options >> 4 === 3) return RetainHandlingInvalid; // [MQTT5 3.8.3.1]
  if ((options & OPTION_NO_LOCAL) !== 0 && isSharedFilter(filter)) return NoLocalOnShared; // [MQTT-3.8.3-4]
  return undefined;
}

export function sizeSubscribe(packet: SubscribePacket, version: ProtocolVersion): number {
  let size = 2 + (version === 5 ? listSize(propertiesSize(packet.properties)) : 0);
  for (const subscription of packet.subscriptions) size += textSize(subscription.filter) + 1;
  return size;
}

export function writeSubscribe(writer: Writer, packet: SubscribePacket, version: ProtocolVersion): void {
  writer.u16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    writer.text(filter);
    let options: number = qos;
    if (version === 5) {
      if (noLocal) options |= OPTION_NO_LOCAL;
      if (retainAsPublished) options |= OPTION_RETAIN_AS_PUBLISHED;
      options |= retainHandling << 4;
    }
    writer.u8(options);
  }
}
