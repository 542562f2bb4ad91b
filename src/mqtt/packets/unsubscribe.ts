/** UNSUBSCRIBE [MQTT5 3.10]. */
import type { Fault } from '../fault.ts';
import { UnsubscribeEmpty } from '../faults.ts';
import type { UnsubscribePacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkTopicFilter } from '../topic.ts';
import { PacketType, type ProtocolVersion } from '../wire.ts';
import { textSize, type Writer } from '../writer.ts';

export function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): UnsubscribePacket | Fault {
  const packetId = reader.packetId(); // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
  const properties = version === 5 ? reader.properties(PropertyContext.Unsubscribe) : NO_PROPERTIES;
  if (reader.fault !== undefined) return reader.fault;
  if (reader.left === 0) return UnsubscribeEmpty; // [MQTT-3.10.3-2] [MQTT311-3.10.3-2]
  const filters: string[] = [];
  while (reader.left > 0) {
    const filter = reader.text(); // [MQTT-3.10.3-1] [MQTT311-3.10.3-1]
    if (reader.fault !== undefined) return reader.fault;
    const wrong = checkTopicFilter(filter);
    if (wrong !== undefined) return wrong;
    filters.push(filter);
  }
  return { type: PacketType.Unsubscribe, packetId, filters, properties };
}

export function sizeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): number {
  let size = 2 + (version === 5 ? listSize(propertiesSize(packet.properties)) : 0);
  for (const filter of packet.filters) size += textSize(filter);
  return size;
}

export function writeUnsubscribe(writer: Writer, packet: UnsubscribePacket, version: ProtocolVersion): void {
  writer.u16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  for (const filter of packet.filters) writer.text(filter);
}
