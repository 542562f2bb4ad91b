/** DISCONNECT [MQTT5 3.14]: below 5.0 only a client sends it, and it is empty. */
import type { Fault } from '../fault.ts';
import type { DisconnectPacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { checkReason, DISCONNECT_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

export function decodeDisconnect(reader: Reader, version: ProtocolVersion, sender: Sender): DisconnectPacket | Fault {
  let reasonCode = 0;
  let properties = NO_PROPERTIES;
  if (version === 5 && reader.left > 0) {
    // Nothing at all means a normal end, and one byte that there are no properties [MQTT5 3.14.2.1] [MQTT5 3.14.2.2.1].
    reasonCode = reader.u8();
    const wrongReason = checkReason(DISCONNECT_REASONS, reasonCode, sender); // [MQTT-3.14.2-1]
    if (wrongReason !== undefined) return wrongReason;
    if (reader.left > 0) {
      const { DisconnectByClient, DisconnectByServer } = PropertyContext;
      properties = reader.properties(sender === 'client' ? DisconnectByClient : DisconnectByServer); // [MQTT-3.14.2-2]
    }
  }
  return reader.finish() ?? { type: PacketType.Disconnect, reasonCode, properties };
}

export function sizeDisconnect(packet: DisconnectPacket, version: ProtocolVersion): number {
  if (version < 5) return 0;
  const size = propertiesSize(packet.properties);
  if (size > 0) return 1 + listSize(size);
  return packet.reasonCode === 0 ? 0 : 1;
}

export function writeDisconnect(writer: Writer, packet: DisconnectPacket, version: ProtocolVersion): void {
  if (version < 5) return;
  const size = propertiesSize(packet.properties);
  if (size === 0 && packet.reasonCode === 0) return;
  writer.u8(packet.reasonCode);
  if (size > 0) writeProperties(writer, packet.properties, size);
}
