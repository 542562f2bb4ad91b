/** What the gateway itself says on the wire, in the client's protocol version; everything else is the server's own bytes. */
import { encodedSize, encodeInto, writeAck } from '../mqtt/encode.ts';
import type { Frame } from '../mqtt/frame.ts';
import type { AckProperties } from '../mqtt/link.ts';
import type { AckType, Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { Reason, returnCodeOf } from '../mqtt/reason.ts';
import { CONNACK_REASONS, DISCONNECT_REASONS, type ReasonRow } from '../mqtt/reason-table.ts';
import { PacketType, type ProtocolVersion } from '../mqtt/wire.ts';
import type { Cause } from './cause.ts';
import type { Client } from './client.ts';
import type { Downstream } from './downstream.ts';

/** Longest reason string that is sent; a rule's name can be as long as a file's path. */
const REASON_STRING_MAX = 256;

export interface AnswersTarget {
  /** Something that the client has to hear is larger than it takes: nothing more can be said to it [MQTT-3.1.2-24]. */
  onTooLarge(cause: Cause): void;
}

const TOO_LARGE: Cause = {
  reason: Reason.PacketTooLarge,
  by: 'client:maximumPacketSize',
  says: 'what it has to be answered is larger than the client takes',
};

type Explained = Extract<Packet, { properties: Properties }>;

export class Answers {
  readonly #downstream: Downstream;
  readonly #client: Client;
  readonly #target: AnswersTarget;

  constructor(downstream: Downstream, client: Client, target: AnswersTarget) {
    this.#downstream = downstream;
    this.#client = client;
    this.#target = target;
  }

  #packet(packet: Packet): void {
    encodeInto(this.#downstream.batch, packet, this.#client.version);
    this.#downstream.touch();
  }

  /** Sends a packet, unless it would be larger than the client takes [MQTT-3.1.2-24]: then false. */
  fitting(packet: Packet): boolean {
    const { version, maximumPacketSizeBytes } = this.#client;
    if (encodedSize(packet, version) > maximumPacketSizeBytes) return false;
    this.#packet(packet);
    return true;
  }

  /** False where the client takes no packet of that size. */
  #frame(frame: Frame): boolean {
    if (frame.end - frame.start > this.#client.maximumPacketSizeBytes) return false;
    this.#downstream.batch.append(frame.bytes, frame.start, frame.end);
    this.#downstream.touch();
    return true;
  }

  /** Sends the server's packet as the bytes that it came in; where those are too many for the client, as `explained` does. */
  passed(frame: Frame | undefined, packet: Explained): void {
    if (frame === undefined || !this.#frame(frame)) this.explained(packet);
  }

  /**
   * Sends a packet whose properties are for people. They are left out where the client declined them [MQTT-3.1.2-29] or where
   * they would make the packet larger than it takes [MQTT-3.2.2-19] [MQTT-3.9.2-1] [MQTT-3.9.2-2]. False where it is too large even so
   * [MQTT-3.1.2-24]: then there is no such packet, and what is no CONNACK or DISCONNECT ends the connection.
   */
  explained(packet: Explained): boolean {
    const isAnyway = packet.type === PacketType.Connack || packet.type === PacketType.Disconnect;
    if ((isAnyway || this.#client.wantsProblemInformation) && this.fitting(packet)) return true;
    const { reasonString: _reason, userProperties: _user, ...rest } = packet.properties;
    if (this.fitting({ ...packet, properties: rest })) return true;
    if (!isAnyway) this.#target.onTooLarge(TOO_LARGE);
    return false;
  }

  acknowledge(
    type: AckType,
    packetId: number,
    reasonCode: number,
    properties: AckProperties = NO_PROPERTIES,
    frame?: Frame,
  ): void {
    if (frame !== undefined && this.#frame(frame)) return;
    if (reasonCode === Reason.Success) {
      writeAck(this.#downstream.batch, type, packetId, reasonCode, this.#client.version);
      this.#downstream.touch();
      return;
    }
    this.explained({ type, packetId, reasonCode, properties });
  }

  /** A refused PUBLISH or a withdrawn exchange, with its reason in words. */
  refuse(type: AckType, packetId: number, reasonCode: number, says: string): void {
    this.acknowledge(type, packetId, reasonCode, { reasonString: says.slice(0, REASON_STRING_MAX) });
  }

  suback(packetId: number, reasonCodes: number[], properties: Properties = NO_PROPERTIES): void {
    this.explained({ type: PacketType.Suback, packetId, reasonCodes, properties });
  }

  /** Refuses a CONNECT. 3.x hears a return code where there is one, and otherwise nothing [MQTT311-3.2.2-6]. */
  refuseConnect(version: ProtocolVersion, reason: number, says: string): void {
    const packet = { type: PacketType.Connack, sessionPresent: false } as const;
    if (version === 5) {
      const properties = { reasonString: says.slice(0, REASON_STRING_MAX) };
      this.explained({ ...packet, reasonCode: speakable(reason, CONNACK_REASONS), properties });
      return;
    }
    const returnCode = returnCodeOf(reason);
    if (returnCode !== undefined) this.#packet({ ...packet, reasonCode: returnCode, properties: NO_PROPERTIES });
  }

  /** DISCONNECT with a reason; below 5.0 a server has no such packet. */
  disconnect(reason: number, says: string): void {
    if (this.#client.version !== 5) return;
    const properties = reason === Reason.Success ? NO_PROPERTIES : { reasonString: says.slice(0, REASON_STRING_MAX) };
    this.explained({ type: PacketType.Disconnect, reasonCode: speakable(reason, DISCONNECT_REASONS), properties });
  }
}

/** A decision's reason, or the general one where this packet has no such code; the reason string says it all the same. */
function speakable(reason: number, codes: ReasonRow): number {
  if (codes.byServer[reason] === 1) return reason;
  // CONNACK has no word for a server that shuts down.
  return reason === Reason.ServerShuttingDown ? Reason.ServerUnavailable : Reason.UnspecifiedError;
}
