/** PUBACK [MQTT5 3.4]: acknowledges a QoS 1 PUBLISH. */
import type { Fault } from '../fault.ts';
import type { AckPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PUBACK_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import { decodeAckAs } from './ack.ts';

export { sizeAck as sizePuback, writeAckBody as writePuback } from './ack.ts';

/** The reason code must be one of PUBACK's [MQTT-3.4.2-1]. */
export function decodePuback(reader: Reader, version: ProtocolVersion, sender: Sender): AckPacket | Fault {
  return decodeAckAs(PacketType.Puback, PUBACK_REASONS, reader, version, sender);
}
