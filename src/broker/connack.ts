/** CONNACK: what the broker tells a client about the session and about what it allows. */
import type { ConnackPacket, ConnectPacket } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { Reason, returnCodeOf } from '../mqtt/reason.ts';
import { PacketType } from '../mqtt/wire.ts';

export interface Acceptance {
  readonly sessionPresent: boolean;
  readonly receiveMaximum: number;
  /** What is in force, which may be less than was asked for. */
  readonly sessionExpiryIntervalS: number;
  /** Set when the client came without an identifier. */
  readonly assignedClientIdentifier: string | undefined;
  readonly responseInformation: string | undefined;
}

export function acceptance(packet: ConnectPacket, accepted: Acceptance): ConnackPacket {
  const { sessionPresent } = accepted;
  const type = PacketType.Connack;
  if (packet.protocolVersion < 5) {
    // MQTT 3.1 has no such flag: the byte is reserved there.
    return {
      type,
      sessionPresent: sessionPresent && packet.protocolVersion === 4,
      reasonCode: 0,
      properties: NO_PROPERTIES,
    };
  }
  const properties: Properties = { receiveMaximum: accepted.receiveMaximum };
  const { sessionExpiryIntervalS, assignedClientIdentifier, responseInformation } = accepted;
  if (sessionExpiryIntervalS !== (packet.properties.sessionExpiryIntervalS ?? 0)) {
    properties.sessionExpiryIntervalS = sessionExpiryIntervalS;
  }
  if (assignedClientIdentifier !== undefined) properties.assignedClientIdentifier = assignedClientIdentifier;
  if (responseInformation !== undefined && packet.properties.requestResponseInformation === true) {
    properties.responseInformation = responseInformation;
  }
  return { type, sessionPresent, reasonCode: Reason.Success, properties };
}

/** Undefined where the client's version has no word for the reason: the connection is then just closed [MQTT311-3.2.2-6]. */
export function refusal(packet: ConnectPacket, reason: Reason, says: string): ConnackPacket | undefined {
  const type = PacketType.Connack;
  if (packet.protocolVersion === 5) {
    return { type, sessionPresent: false, reasonCode: reason, properties: { reasonString: says } };
  }
  const returnCode = returnCodeOf(reason);
  if (returnCode === undefined) return undefined;
  return { type, sessionPresent: false, reasonCode: returnCode, properties: NO_PROPERTIES };
}
