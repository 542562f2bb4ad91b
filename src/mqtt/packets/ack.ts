/** The one layout of PUBACK, PUBREC, PUBREL and PUBCOMP [MQTT5 3.4 to 3.7]. */
import type { Fault } from '../fault.ts';
import type { AckPacket, AckType } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkReason, type ReasonRow } from '../reason-table.ts';
import type { ProtocolVersion, Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

/** Reads what follows the fixed header; `reasons` is the row of the packet's type. */
export function decodeAckAs(
  type: AckType,
  reasons: ReasonRow,
  reader: Reader,
  version: ProtocolVersion,
  sender: Sender,
): AckPacket | Fault {
  const packetId = reader.packetId(); // [MQTT-2.2.1-5] [MQTT311-2.3.1-6]
  let reasonCode = 0;
  let properties = NO_PROPERTIES;
  if (version === 5 && reader.left > 0) {
    // A Remaining Length of 2 means success, and one of 3 that there are no properties [MQTT5 3.4.2.1].
    reasonCode = reader.u8();
    const wrongReason = checkReason(reasons, reasonCode, sender);
    if (wrongReason !== undefined) return wrongReason;
    if (reader.left > 0) properties = reader.properties(PropertyContext.Ack);
  }
  return reader.finish() ?? { type, packetId, reasonCode, properties };
}

/** The shortest form: without properties no property length, and with success no reason code either. */
export function sizeAck(packet: AckPacket, version: ProtocolVersion): number {
  if (version < 5) return 2;
  const size = propertiesSize(packet.properties);
  if (size > 0) return 3 + listSize(size);
  return packet.reasonCode === 0 ? 2 : 3;
}

export function writeAckBody(writer: Writer, packet: AckPacket, version: ProtocolVersion): void {
  writer.u16(packet.packetId);
  if (version < 5) return;
  const size = propertiesSize(packet.properties);
  if (size === 0 && packet.reasonCode === 0) return;
  writer.u8(packet.reasonCode);
  if (size > 0) writeProperties(writer, packet.properties, size);
}
