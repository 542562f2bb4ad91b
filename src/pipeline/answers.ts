/** What the gateway itself says on the wire, in the client's protocol version; everything else is the server's own bytes. */
import { encodedSize, encodeInto, writeAck } from '../mqtt/encode.ts';
import type { Frame } from '../mqtt/frame.ts';
import type { AckProperties } from '../mqtt/link.ts';
import type { AckType, Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { Reason, returnCodeOf } from '../mqtt/reason.ts';
import { CONNACK_REASONS, DISCONNECT_REASONS, type ReasonRow } from '../mqtt/reason-table.ts';
import { PacketType, type ProtocolVersion } from '../mqtt/wire.ts';
import type { Client } from './client.ts';
import type { Downstream } from './downstream.ts';

/** Longest reason string that is sent; a rule's name can be as long as a file's path. */
const REASON_STRING_MAX = 256;

export class Answers {
  readonly #downstream: Downstream;
  readonly #client: Client;

  constructor(downstream: Downstream, client: Client) {
    this.#downstream = downstream;
    this.#client = client;
  }

  /** Sends a packet that carries no more than the client asked for. */
  packet(packet: Packet): void {
    encodeInto(this.#downstream.batch, packet, this.#client.version);
    this.#downstream.touch();
  }

  /** As `packet`, unless it would be larger than the client takes [MQTT-3.1.2-24]: then false. */
  fitting(packet: Packet): boolean {
    const { version, connect } = this.#client;
    const sizeMaxBytes = connect?.properties.maximumPacketSizeBytes ?? Number.POSITIVE_INFINITY;
    if (encodedSize(packet, version) > sizeMaxBytes) return false;
    this.packet(packet);
    return true;
  }

  /** Sends a packet as the bytes that it came in. */
  frame(frame: Frame): void {
    this.#downstream.batch.append(frame.bytes, frame.start, frame.end);
    this.#downstream.touch();
  }

  /**
   * Sends a packet whose properties are for people. They are left out where the client declined them [MQTT-3.1.2-29] or where
   * they would make the packet larger than it takes [MQTT-3.2.2-19]. False where a CONNACK or a DISCONNECT is too large even so: then
   * there is no such packet [MQTT-3.1.2-24].
   */
  explained(packet: Extract<Packet, { properties: Properties }>): boolean {
    if (this.fitting(packet)) return true;
    const { reasonString: _reason, userProperties: _user, ...rest } = packet.properties;
    const bare = { ...packet, properties: rest };
    if (packet.type === PacketType.Connack || packet.type === PacketType.Disconnect) return this.fitting(bare);
    this.packet(bare);
    return true;
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number, properties: AckProperties = NO_PROPERTIES): void {
    if (reasonCode === Reason.Success) {
      writeAck(this.#downstream.batch, type, packetId, reasonCode, this.#client.version);
      this.#downstream.touch();
      return;
    }
    const explain = this.#client.wantsProblemInformation;
    this.explained({ type, packetId, reasonCode, properties: explain ? properties : NO_PROPERTIES });
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
    if (returnCode !== undefined) this.packet({ ...packet, reasonCode: returnCode, properties: NO_PROPERTIES });
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
