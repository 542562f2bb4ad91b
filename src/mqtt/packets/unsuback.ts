/** UNSUBACK [MQTT5 3.11]: below 5.0 it says nothing but its packet identifier. */
import type { Fault } from '../fault.ts';
import { UnsubackEmpty } from '../faults.ts';
import type { UnsubackPacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkReason, UNSUBACK_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

export function decodeUnsuback(reader: Reader, version: ProtocolVersion, sender: Sender): UnsubackPacket | Fault {
  const packetId = reader.packetId();
  if (version < 5)
    return reader.finish() ?? { type: PacketType.Unsuback, packetId, reasonCodes: [], properties: NO_PROPERTIES };
  const properties = reader.properties(PropertyContext.Unsuback);
  if (reader.fault !== undefined) return reader.fault;
  if (reader.left === 0) return UnsubackEmpty; // [MQTT-3.11.3-1]
  const reasonCodes: number[] = [];
  while (reader.left > 0) {
    const code = reader.u8();
    const wrong = checkReason(UNSUBACK_REASONS, code, sender); // [MQTT-3.11.3-2]
    if (wrong !== undefined) return wrong;
    reasonCodes.push(code);
  }
  return { type: PacketType.Unsuback, packetId, reasonCodes, properties };
}

export function sizeUnsuback(packet: UnsubackPacket, version: ProtocolVersion): number {
  return version === 5 ? 2 + listSize(propertiesSize(packet.properties)) + packet.reasonCodes.length : 2;
}

/** In the order of `reasonCodes` [MQTT-3.11.3-1]. */
export function writeUnsuback(writer: Writer, packet: UnsubackPacket, version: ProtocolVersion): void {
  writer.u16(packet.packetId);
  if (version < 5) return;
  writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  for (const code of packet.reasonCodes) writer.u8(code);
}
