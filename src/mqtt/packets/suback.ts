/** SUBACK [MQTT5 3.9]. */
import type { Fault } from '../fault.ts';
import { SubackEmpty } from '../faults.ts';
import type { SubackPacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkReason, subackReasons } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

export function decodeSuback(reader: Reader, version: ProtocolVersion, sender: Sender): SubackPacket | Fault {
  const packetId = reader.packetId();
  const properties = version === 5 ? reader.properties(PropertyContext.Suback) : NO_PROPERTIES;
  if (reader.fault !== undefined) return reader.fault;
  // One code for each filter, and a SUBSCRIBE has at least one [MQTT-3.8.4-6] [MQTT311-3.8.4-5]; clients have stumbled over
  // none (CVE-2024-10525).
  if (reader.left === 0) return SubackEmpty;
  const reasons = subackReasons(version);
  const reasonCodes: number[] = [];
  while (reader.left > 0) {
    const code = reader.u8();
    const wrong = checkReason(reasons, code, sender); // [MQTT-3.9.3-2] [MQTT311-3.9.3-2]
    if (wrong !== undefined) return wrong;
    reasonCodes.push(code);
  }
  return { type: PacketType.Suback, packetId, reasonCodes, properties };
}

export function sizeSuback(packet: SubackPacket, version: ProtocolVersion): number {
  return 2 + (version === 5 ? listSize(propertiesSize(packet.properties)) : 0) + packet.reasonCodes.length;
}

/** In the order of `reasonCodes` [MQTT-3.9.3-1] [MQTT311-3.9.3-1]. Below 5.0 every failure is 0x80, the only one there. */
export function writeSuback(writer: Writer, packet: SubackPacket, version: ProtocolVersion): void {
  writer.u16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  for (const code of packet.reasonCodes) writer.u8(version < 5 && code > 0x80 ? 0x80 : code);
}
