/** The CONNACK of a refusal that is the gateway's and not the broker's. */
import type { ConnackPacket } from '../../mqtt/packet.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { type Reason, ReturnCode, returnCodeOf } from '../../mqtt/reason.ts';
import { PacketType, type ProtocolVersion } from '../../mqtt/wire.ts';

export function refusal(version: ProtocolVersion, reasonCode: Reason, says: string): ConnackPacket {
  const packet = { type: PacketType.Connack, sessionPresent: false } as const;
  if (version === 5) return { ...packet, reasonCode, properties: { reasonString: says } };
  const returnCode = returnCodeOf(reasonCode) ?? ReturnCode.ServerUnavailable;
  return { ...packet, reasonCode: returnCode, properties: NO_PROPERTIES };
}
