/** PINGREQ [MQTT5 3.12]: two bytes and nothing in them. */
import type { Fault } from '../fault.ts';
import type { PingreqPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PacketType } from '../wire.ts';

const PINGREQ: PingreqPacket = Object.freeze({ type: PacketType.Pingreq });

export function decodePingreq(reader: Reader): PingreqPacket | Fault {
  return reader.finish() ?? PINGREQ;
}
