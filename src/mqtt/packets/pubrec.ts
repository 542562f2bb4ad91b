/** PUBREC [MQTT5 3.5]: says that a QoS 2 PUBLISH was received. */
import type { Fault } from '../fault.ts';
import type { AckPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PUBREC_REASONS } from '../reason-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../wire.ts';
import { decodeAckAs } from './ack.ts';

export { sizeAck as sizePubrec, writeAckBody as writePubrec } from './ack.ts';

/** The reason code must be one of PUBREC's [MQTT-3.5.2-1]. */
export function decodePubrec(reader: Reader, version: ProtocolVersion, sender: Sender): AckPacket | Fault {
  return decodeAckAs(PacketType.Pubrec, PUBREC_REASONS, reader, version, sender);
}
