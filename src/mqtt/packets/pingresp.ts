/** PINGRESP [MQTT5 3.13]: two bytes and nothing in them. */
import type { Fault } from '../fault.ts';
import type { PingrespPacket } from '../packet.ts';
import type { Reader } from '../reader.ts';
import { PacketType } from '../wire.ts';

const PINGRESP: PingrespPacket = Object.freeze({ type: PacketType.Pingresp });

export function decodePingresp(reader: Reader): PingrespPacket | Fault {
  return reader.finish() ?? PINGRESP;
}
