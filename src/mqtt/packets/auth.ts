/** AUTH [MQTT5 3.15], of 5.0 alone. */
import type { Fault } from '../fault.ts';
import { AuthenticationMethodMissing } from '../faults.ts';
import type { AuthPacket } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { Reader } from '../reader.ts';
import { AUTH_REASONS, checkReason } from '../reason-table.ts';
import { PacketType, type Sender } from '../wire.ts';
import type { Writer } from '../writer.ts';

export function decodeAuth(reader: Reader, sender: Sender): AuthPacket | Fault {
  // An empty AUTH means success without properties, which only a server says [MQTT5 3.15.2.1] [MQTT-3.15.2-1].
  const isEmpty = reader.left === 0;
  const reasonCode = isEmpty ? 0 : reader.u8();
  const wrongReason = checkReason(AUTH_REASONS, reasonCode, sender); // [MQTT-3.15.2-1]
  if (wrongReason !== undefined) return wrongReason;
  const properties = isEmpty ? NO_PROPERTIES : reader.properties(PropertyContext.Auth);
  const fault = reader.finish();
  if (fault !== undefined) return fault;
  if (!isEmpty && properties.authenticationMethod === undefined) return AuthenticationMethodMissing; // [MQTT5 3.15.2.2.2]
  return { type: PacketType.Auth, reasonCode, properties };
}

export function sizeAuth(packet: AuthPacket): number {
  const size = propertiesSize(packet.properties);
  return packet.reasonCode === 0 && size === 0 ? 0 : 1 + listSize(size);
}

export function writeAuth(writer: Writer, packet: AuthPacket): void {
  const size = propertiesSize(packet.properties);
  if (packet.reasonCode === 0 && size === 0) return;
  writer.u8(packet.reasonCode);
  writeProperties(writer, packet.properties, size);
}
