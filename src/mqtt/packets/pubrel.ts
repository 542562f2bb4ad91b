/** PUBREL [MQTT5 3.6]: releases a QoS 2 PUBLISH. */
import type { Fault } from '../fault.ts';
import type { AckPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PUBREL_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import { decodeAckAs } from './ack.ts';

export { sizeAck as sizePubrel, writeAckBody as writePubrel } from './ack.ts';

/** The reason code must be one of PUBREL's [MQTT-3.6.2-1]. */
export function decodePubrel(reader: Reader, version: ProtocolVersion, sender: Sender): AckPacket | Fault {
  return decodeAckAs(PacketType.Pubrel, PUBREL_REASONS, reader, version, sender);
}
