/** The way to one connected client: its version, its bounds, its topic aliases, and whether it takes more just now. */
import type { DownstreamReceiver } from '../mqtt/link.ts';
import type { ConnectPacket } from '../mqtt/packet.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import { PACKET_SIZE_MAX_BYTES, type ProtocolVersion, type QoS } from '../mqtt/wire.ts';
import type { BrokerContext, Counters } from './context.ts';
import type { Delivery } from './delivery.ts';

export class Channel {
  readonly receiver: DownstreamReceiver;
  readonly version: ProtocolVersion;
  /** QoS 1 and 2 messages it takes at once [MQTT-3.3.4-9]. */
  readonly receiveMaximum: number;
  readonly #packetSizeMaxBytes: number;
  readonly #aliasesMax: number;
  readonly #aliases = new Map<string, number>();
  readonly #counters: Counters;
  /** It reads too slowly: deliveries wait until `UpstreamLink.resume`. */
  held = false;

  constructor(context: BrokerContext, receiver: DownstreamReceiver, packet: ConnectPacket) {
    const { receiveMaximum, maximumPacketSizeBytes, topicAliasMaximum } = packet.properties;
    this.receiver = receiver;
    this.version = packet.protocolVersion;
    this.receiveMaximum = receiveMaximum ?? 0xffff;
    this.#packetSizeMaxBytes = maximumPacketSizeBytes ?? PACKET_SIZE_MAX_BYTES;
    this.#aliasesMax = Math.min(topicAliasMaximum ?? 0, context.ceilings.current.topicAliasesMax);
    this.#counters = context.counters;
  }

  /**
   * The packet for this client, or undefined when it is larger than the client takes: then it counts as delivered
   * [MQTT-3.1.2-24, MQTT-3.1.2-25].
   */
  prepare(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    identifiers: readonly number[],
  ): PublishView | undefined {
    let alias = 0;
    let aliasKnown = false;
    if (this.#aliasesMax > 0) {
      const known = this.#aliases.get(delivery.transit.topic);
      // First come, first served: what a client hears of early it mostly hears of again.
      if (known === undefined && this.#aliases.size < this.#aliasesMax) alias = this.#aliases.size + 1;
      else if (known !== undefined) {
        alias = known;
        aliasKnown = true;
      }
    }
    const view = delivery.shape(this.version, qos, retain, dup, identifiers, alias, aliasKnown);
    if (view === undefined || view.end <= this.#packetSizeMaxBytes) return view;
    if (alias === 0 || aliasKnown) return undefined;
    // Introducing an alias makes a packet longer; it may fit without.
    const plain = delivery.shape(this.version, qos, retain, dup, identifiers, 0, false);
    return plain === undefined || plain.end <= this.#packetSizeMaxBytes ? plain : undefined;
  }

  /** Hands down a packet that `prepare` made. */
  publish(view: PublishView, packetId: number): void {
    if (view.topicAlias !== 0 && view.topicEnd > view.topicStart) this.#aliases.set(view.topic, view.topicAlias);
    if (packetId !== 0) {
      view.packetId = packetId;
      view.bytes[view.packetIdAt] = packetId >>> 8;
      view.bytes[view.packetIdAt + 1] = packetId;
    }
    this.#counters.publishesSent++;
    this.#counters.bytesSent += view.end - view.start;
    if (!this.receiver.publish(view)) this.held = true;
  }
}
