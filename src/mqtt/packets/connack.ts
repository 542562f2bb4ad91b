/** CONNACK [MQTT5 3.2]. */
import type { Fault } from '../fault.ts';
import { ConnackFlagReserved, SessionPresentOnRefusal } from '../faults.ts';
import type { ConnackPacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkReason, connackReasons } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

const FLAG_SESSION_PRESENT = 0x01;

export function decodeConnack(reader: Reader, version: ProtocolVersion, sender: Sender): ConnackPacket | Fault {
  const flags = reader.u8();
  const reasonCode = reader.u8();
  if (reader.fault !== undefined) return reader.fault;
  // 3.1 has no Session Present: the whole byte is reserved there.
  if ((flags & (version === 3 ? 0xff : 0xfe)) !== 0) return ConnackFlagReserved; // [MQTT-3.2.2-1]
  const wrongReason = checkReason(connackReasons(version), reasonCode, sender); // [MQTT-3.2.2-8] [MQTT311-3.2.2-6]
  if (wrongReason !== undefined) return wrongReason;
  const sessionPresent = (flags & FLAG_SESSION_PRESENT) !== 0;
  if (sessionPresent && reasonCode !== 0) return SessionPresentOnRefusal; // [MQTT-3.2.2-6] [MQTT311-3.2.2-4]
  const properties = version === 5 ? reader.properties(PropertyContext.Connack) : NO_PROPERTIES;
  return reader.finish() ?? { type: PacketType.Connack, sessionPresent, reasonCode, properties };
}

export function sizeConnack(packet: ConnackPacket, version: ProtocolVersion): number {
  return version === 5 ? 2 + listSize(propertiesSize(packet.properties)) : 2;
}

export function writeConnack(writer: Writer, packet: ConnackPacket, version: ProtocolVersion): void {
  writer.u8(packet.sessionPresent && version > 3 ? FLAG_SESSION_PRESENT : 0);
  writer.u8(packet.reasonCode);
  if (version === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
}
