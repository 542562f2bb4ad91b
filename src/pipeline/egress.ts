/** Server to client: each delivery is authorized anew, then its bytes go out as they came. */

import type { Clock } from '../base/clock.ts';
import { encodedSize, encodeInto } from '../mqtt/encode.ts';
import type { Frame } from '../mqtt/frame.ts';
import type { AckProperties, DownstreamReceiver, UpstreamLink } from '../mqtt/link.ts';
import type {
  AckType,
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
} from '../mqtt/packet.ts';
import { viewToPacket } from '../mqtt/packets/publish.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { Budget } from '../policy/limits/budget.ts';
import { type Excess, excessOf } from '../policy/limits/excess.ts';
import type { Meter } from '../policy/limits/meter.ts';
import type { Answers } from './answers.ts';
import { receiveGrant } from './checks/receive-grant.ts';
import type { Client } from './client.ts';
import type { Downstream } from './downstream.ts';
import { type ReadGate, Stop } from './read-gate.ts';
import type { RefusalEvents } from './refusal-events.ts';
import type { SlowReader } from './slow-reader.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Throttle } from './throttle.ts';
import { type Denial, refuse } from './verdict.ts';

/** What the connection does with the rest of what a server says. */
export interface EgressTarget {
  onConnack(packet: ConnackPacket, held: Iterable<string> | undefined): void;
  /** A QoS 1 or 2 exchange of the client's has gone a step. */
  onAcknowledged(type: AckType, packetId: number, reasonCode: number): void;
  onLinkClosed(disconnect: DisconnectPacket | undefined, frame: Frame | undefined): void;
}

/** The connection's other parts, which have their share in what a server says. */
export interface EgressParts {
  readonly answers: Answers;
  readonly events: RefusalEvents;
  readonly subscriptions: Subscriptions;
  readonly reader: SlowReader;
  readonly throttle: Throttle;
  readonly gate: ReadGate;
  readonly target: EgressTarget;
}

/** Then it counts as delivered [MQTT-3.1.2-25]. */
const TOO_LARGE = refuse(
  Reason.PacketTooLarge,
  'client:maximumPacketSize',
  'with its topic in place of an alias that the client does not know, the packet is larger than it takes',
);

const BEYOND_MAXIMUM = refuse(
  Reason.PacketTooLarge,
  'client:maximumPacketSize',
  'the server sent a packet that is larger than the client takes',
);

const PINGRESP = Uint8Array.of(0xd0, 0x00);

export class Egress implements DownstreamReceiver {
  readonly #client: Client;
  readonly #downstream: Downstream;
  readonly #clock: Clock;
  readonly #answers: Answers;
  readonly #events: RefusalEvents;
  readonly #subscriptions: Subscriptions;
  readonly #reader: SlowReader;
  readonly #throttle: Throttle;
  readonly #gate: ReadGate;
  readonly #target: EgressTarget;
  /** Set right after the link was opened with this receiver. */
  link: UpstreamLink | undefined;
  #open = true;
  /** What the kernel had not taken when this tick's batch was begun. */
  #bufferedBytes = 0;
  /** Topics that the client knows by an alias; made with the first alias. */
  #aliases: Map<number, string> | undefined;
  /** QoS 2 deliveries that were withheld after PUBREC: their PUBREL is answered here. */
  #withheld: Set<number> | undefined;
  #owed: { type: AckType; packetId: number }[] | undefined;

  constructor(client: Client, downstream: Downstream, clock: Clock, parts: EgressParts) {
    this.#client = client;
    this.#downstream = downstream;
    this.#clock = clock;
    this.#answers = parts.answers;
    this.#events = parts.events;
    this.#subscriptions = parts.subscriptions;
    this.#reader = parts.reader;
    this.#throttle = parts.throttle;
    this.#gate = parts.gate;
    this.#target = parts.target;
  }

  publish(packet: PublishView): boolean {
    if (!this.#open) return true;
    const verdict = receiveGrant(this.#client, packet);
    if (verdict.kind !== 'pass') {
      this.#withhold(packet, verdict);
      return true;
    }
    if (packet.end - packet.start > this.#client.maximumPacketSizeBytes) {
      this.#withhold(packet, BEYOND_MAXIMUM);
      return true;
    }
    const meter = this.#client.membership?.deliver;
    const lacking = meter === undefined ? undefined : this.#lacking(meter, packet);
    if (lacking !== undefined && packet.qos === 0 && lacking.action === 'drop') {
      this.#drop(packet, excessOf(lacking));
      return true;
    }
    const isKnown = packet.topicAlias === 0 || this.#aliasIsKnown(packet);
    const whole = isKnown ? undefined : { ...viewToPacket(packet), topic: packet.topic };
    if (whole !== undefined && this.#isTooLarge(whole)) {
      this.#aliases?.delete(packet.topicAlias);
      this.#withhold(packet, TOO_LARGE);
      return true;
    }
    this.#client.traffic.countOut(packet.qos, packet.end - packet.start);
    const { batch } = this.#downstream;
    if (batch.length === 0) this.#bufferedBytes = this.#downstream.bufferedBytes();
    if (whole === undefined) batch.append(packet.bytes, packet.start, packet.end);
    else encodeInto(batch, whole, this.#client.version);
    this.#downstream.touch();
    const isFull = this.#bufferedBytes + batch.length > this.#client.limits.outputBufferMaxBytes;
    if (isFull) this.#reader.hold();
    if (lacking === undefined) return !isFull;
    // It was taken all the same, and is paid back before the next.
    meter?.chargeAnyway(1, packet.end - packet.start, this.#clock.nowMs());
    this.#throttle.hold(lacking);
    return false;
  }

  /** The server kept to the client's Maximum Packet Size with the alias alone [MQTT-3.1.2-24]. */
  #isTooLarge(packet: PublishPacket): boolean {
    const { version, maximumPacketSizeBytes } = this.#client;
    return encodedSize(packet, version) > maximumPacketSizeBytes;
  }

  #lacking(meter: Meter, packet: PublishView): Budget | undefined {
    return meter.charge(1, packet.end - packet.start, this.#clock.nowMs());
  }

  #drop({ topic, qos }: PublishView, excess: Excess): void {
    const { by, says } = excess;
    const reason = Reason.QuotaExceeded;
    this.#client.inForce.tell(excess, 'dropped', reason, this.#client.facts());
    this.#events.emit(() => ({ name: 'delivery.dropped', ...this.#client.facts(), topic, qos, reason, by, says }));
  }

  /**
   * Whether the bytes can go as they are. An alias that was introduced by a delivery which we withheld means nothing to the
   * client, so the topic is put back [MQTT-3.3.2-7].
   */
  #aliasIsKnown(packet: PublishView): boolean {
    this.#aliases ??= new Map();
    const introduces = packet.topicEnd > packet.topicStart;
    const known = introduces || this.#aliases.get(packet.topicAlias) === packet.topic;
    this.#aliases.set(packet.topicAlias, packet.topic);
    return known;
  }

  /** The client never sees it; the server, which has done its duty, sees it acknowledged. */
  #withhold(packet: PublishView, denial: Denial): void {
    const { topic, qos, packetId } = packet;
    const { reason, by, says } = denial;
    this.#events.emit(() => ({ name: 'delivery.withheld', ...this.#client.facts(), topic, qos, reason, by, says }));
    if (qos === 0) return;
    if (qos === 2) {
      this.#withheld ??= new Set();
      this.#withheld.add(packetId);
    }
    this.#owe(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId);
  }

  /** Acknowledges to the server after it has finished delivering: a link is not called from within its own call. */
  #owe(type: AckType, packetId: number): void {
    if (this.#owed === undefined) {
      this.#owed = [];
      queueMicrotask(() => this.#settle());
    }
    this.#owed.push({ type, packetId });
  }

  #settle(): void {
    const owed = this.#owed ?? [];
    this.#owed = undefined;
    for (const { type, packetId } of owed) {
      if (!this.#open) return;
      this.link?.acknowledge(type, packetId, Reason.Success);
    }
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number, properties?: AckProperties, frame?: Frame): void {
    if (!this.#open) return;
    if (type === PacketType.Pubrel && this.#withheld?.delete(packetId)) {
      this.#owe(PacketType.Pubcomp, packetId);
      return;
    }
    this.#answers.acknowledge(type, packetId, reasonCode, properties, frame);
    this.#target.onAcknowledged(type, packetId, reasonCode);
  }

  connack(packet: ConnackPacket, held?: Iterable<string>): void {
    if (this.#open) this.#target.onConnack(packet, held);
  }

  suback(packet: SubackPacket, frame?: Frame): void {
    if (this.#open) this.#subscriptions.suback(packet, frame);
  }

  unsuback(packet: UnsubackPacket, frame?: Frame): void {
    if (this.#open) this.#subscriptions.unsuback(packet, frame);
  }

  pong(): void {
    if (!this.#open) return;
    this.#downstream.batch.append(PINGRESP, 0, PINGRESP.length);
    this.#downstream.touch();
  }

  authenticate(packet: AuthPacket, frame?: Frame): void {
    if (this.#open) this.#answers.passed(frame, packet);
  }

  drained(): void {
    if (this.#open) this.#gate.open(Stop.LinkFull);
  }

  closed(disconnect: DisconnectPacket | undefined, frame?: Frame): void {
    if (this.#open) this.#target.onLinkClosed(disconnect, frame);
  }

  /** Nothing more goes to the client, whatever the link still says. */
  shut(): void {
    this.#open = false;
  }
}
