/** PUBCOMP [MQTT5 3.7]: completes a QoS 2 PUBLISH. */
import type { Fault } from '../fault.ts';
import type { AckPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PUBCOMP_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import { decodeAckAs } from './ack.ts';

export { sizeAck as sizePubcomp, writeAckBody as writePubcomp } from './ack.ts';

/** The reason code must be one of PUBCOMP's [MQTT-3.7.2-1]. */
export function decodePubcomp(reader: Reader, version: ProtocolVersion, sender: Sender): AckPacket | Fault {
  return decodeAckAs(PacketType.Pubcomp, PUBCOMP_REASONS, reader, version, sender);
}
