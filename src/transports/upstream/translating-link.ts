/**
 * An MQTT 5 client before a broker that speaks 3.1.1 only. What 3.1.1 cannot do is said in CONNACK and refused where it is asked
 * for all the same; nothing is pretended. docs/upstreams.md has the list.
 */
import { ByteBatch } from '../../base/byte-batch.ts';
import type { Frame } from '../../mqtt/frame.ts';
import type { ClientFacts, DownstreamReceiver, UpstreamLink } from '../../mqtt/link.ts';
import type {
  AckType,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  SubackPacket,
  SubscribePacket,
  Subscription,
  UnsubackPacket,
  UnsubscribePacket,
} from '../../mqtt/packet.ts';
import { type PublishParts, writePublish } from '../../mqtt/packets/publish.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { PublishView } from '../../mqtt/publish-view.ts';
import { Reason, ReturnCode } from '../../mqtt/reason.ts';
import { isSharedFilter } from '../../mqtt/topic.ts';
import { PacketType, SESSION_EXPIRY_NEVER_S } from '../../mqtt/wire.ts';

/** How much of the room for translated packets is kept between them. */
const KEPT_BYTES = 65_536;

/** Both directions' translations are written here; the content lives no longer than one call. */
const batch = new ByteBatch();
const view = new PublishView();
const parts: PublishParts = {
  version: 5,
  dup: false,
  qos: 0,
  retain: false,
  packetId: 0,
  topic: '',
  payload: new Uint8Array(0),
  payloadStart: 0,
  payloadEnd: 0,
  properties: NO_PROPERTIES,
};

/**
 * Deliveries that may wait for the client's window before the broker is not read any more, in bytes; and where even that cannot be done, because
 * the client waits for a packet of the broker's, before the connection ends. Brokers of 3.1.1 mostly have 20 messages under way.
 */
const WAITING_BYTES = 262_144;
const WAITING_MAX_BYTES = 4 * WAITING_BYTES;

/** A delivery that is to be sent later. */
type Waiting = Pick<PublishParts, 'dup' | 'qos' | 'retain' | 'packetId' | 'topic' | 'payload'>;

function sizeOf({ topic, payload }: Waiting): number {
  return topic.length + payload.length + 64;
}

/** The same message in another version's layout, without properties. */
function translated(packet: PublishView, version: 4 | 5): PublishView {
  parts.version = version;
  parts.dup = packet.dup;
  parts.qos = packet.qos;
  parts.retain = packet.retain;
  parts.packetId = packet.packetId;
  parts.topic = packet.topic;
  parts.payload = packet.bytes;
  parts.payloadStart = packet.payloadStart;
  parts.payloadEnd = packet.end;
  batch.clear(KEPT_BYTES);
  writePublish(batch, parts, view);
  return view;
}

/** What has waited, as the client gets it. */
function written({ dup, qos, retain, packetId, topic, payload }: Waiting): PublishView {
  parts.version = 5;
  parts.dup = dup;
  parts.qos = qos;
  parts.retain = retain;
  parts.packetId = packetId;
  parts.topic = topic;
  parts.payload = payload;
  parts.payloadStart = 0;
  parts.payloadEnd = payload.length;
  batch.clear(KEPT_BYTES);
  writePublish(batch, parts, view);
  return view;
}

const REASON_OF: Readonly<Record<number, Reason>> = {
  [ReturnCode.Accepted]: Reason.Success,
  [ReturnCode.UnacceptableProtocolVersion]: Reason.UnsupportedProtocolVersion,
  [ReturnCode.IdentifierRejected]: Reason.ClientIdentifierNotValid,
  [ReturnCode.ServerUnavailable]: Reason.ServerUnavailable,
  [ReturnCode.BadUserNameOrPassword]: Reason.BadUserNameOrPassword,
  [ReturnCode.NotAuthorized]: Reason.NotAuthorized,
};

/** What a subscription asks for that 3.1.1 has no word for. */
function refusalOf(subscription: Subscription, hasIdentifier: boolean): Reason | undefined {
  if (isSharedFilter(subscription.filter)) return Reason.SharedSubscriptionsNotSupported;
  if (hasIdentifier) return Reason.SubscriptionIdentifiersNotSupported;
  const { noLocal, retainAsPublished, retainHandling } = subscription;
  return noLocal || retainAsPublished || retainHandling !== 0 ? Reason.ImplementationSpecificError : undefined;
}

export class TranslatingLink implements UpstreamLink {
  readonly #receiver: DownstreamReceiver;
  readonly #link: UpstreamLink;
  #sessionExpiryIntervalS = 0;
  #keepsSession = false;
  #packetSizeMaxBytes = Number.POSITIVE_INFINITY;
  /** Deliveries that the client may have unacknowledged: a broker of 3.1.1 does not know [MQTT-3.3.4-9]. */
  #receiveMaximum = 0xffff;
  #unacknowledged = 0;
  /** Those beyond it. The broker is read on meanwhile: behind them may be the PUBREL that makes room, or a PINGRESP. */
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** PUBRECs of the client whose PUBREL has not come. */
  #releasesDue = 0;
  /** The client's side asked to hold. */
  #isHeld = false;
  /** The broker is not read. */
  #isStopped = false;
  /** More waits than may. */
  #isOver = false;
  /** Codes of the filters refused here, by packet identifier; undefined where the broker's code goes. */
  readonly #subscribes = new Map<number, (Reason | undefined)[]>();
  /** How many filters each UNSUBSCRIBE named: 3.1.1 answers without codes. */
  readonly #unsubscribes = new Map<number, number>();
  /** QoS 2 deliveries that are over for the client, by its PUBREC or because it takes none so large: their PUBREL ends here. */
  readonly #ended = new Set<number>();

  constructor(receiver: DownstreamReceiver, open: (receiver: DownstreamReceiver) => UpstreamLink) {
    this.#receiver = receiver;
    this.#link = open({
      connack: (packet) => this.#onConnack(packet),
      publish: (packet) => this.#onPublish(packet),
      acknowledge: (type, packetId, _reasonCode, _properties, frame) => this.#onAcknowledge(type, packetId, frame),
      suback: (packet) => this.#onSuback(packet),
      unsuback: (packet) => this.#onUnsuback(packet),
      pong: () => receiver.pong(),
      // 3.1.1 has no AUTH.
      authenticate: () => undefined,
      drained: () => receiver.drained(),
      closed: (disconnect) => receiver.closed(disconnect),
    });
  }

  // --- from the client ---

  connect(packet: ConnectPacket, client: ClientFacts): void {
    const { properties, will, password, username, ...rest } = packet;
    this.#sessionExpiryIntervalS = properties.sessionExpiryIntervalS ?? 0;
    this.#packetSizeMaxBytes = properties.maximumPacketSizeBytes ?? Number.POSITIVE_INFINITY;
    this.#receiveMaximum = properties.receiveMaximum ?? 0xffff;
    // Clean Session is both at once: it begins anew, and leaves nothing behind.
    this.#keepsSession = !packet.cleanStart && this.#sessionExpiryIntervalS > 0;
    this.#link.connect(
      {
        ...rest,
        protocolVersion: 4,
        cleanStart: !this.#keepsSession,
        properties: NO_PROPERTIES,
        ...(will === undefined ? {} : { will: { ...will, properties: NO_PROPERTIES } }),
        // 3.1.1 has no password without a user name.
        ...(username === undefined && password === undefined ? {} : { username: username ?? '' }),
        ...(password === undefined ? {} : { password }),
      },
      client,
    );
  }

  publish(packet: PublishView): boolean {
    return this.#link.publish(translated(packet, 4));
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number): void {
    const isRefusal = type === PacketType.Pubrec && reasonCode >= 0x80;
    if (isRefusal) this.#ended.add(packetId);
    else if (type === PacketType.Pubrec) this.#releasesDue++;
    this.#link.acknowledge(type, packetId, Reason.Success);
    const isEnd = type === PacketType.Puback || type === PacketType.Pubcomp || isRefusal;
    if (isEnd && this.#unacknowledged > 0) this.#unacknowledged--;
    this.#goOn();
  }

  /** Sends what has waited, as far as there is room, and reads on. */
  #goOn(): void {
    while (!this.#isHeld && this.#unacknowledged < this.#receiveMaximum) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= sizeOf(next);
      this.#deliver(written(next));
    }
    if (!this.#isStopped || !this.#mayRead) return;
    this.#isStopped = false;
    this.#link.resume();
  }

  get #mayRead(): boolean {
    return !this.#isHeld && (this.#waitingBytes <= WAITING_BYTES || this.#releasesDue > 0);
  }

  subscribe(packet: SubscribePacket): void {
    const { packetId, subscriptions, properties } = packet;
    const hasIdentifier = properties.subscriptionIdentifiers !== undefined;
    const codes = subscriptions.map((subscription) => refusalOf(subscription, hasIdentifier));
    const permitted = subscriptions.filter((_, i) => codes[i] === undefined);
    if (permitted.length === 0) {
      const reasonCodes = codes.map((code) => code ?? Reason.UnspecifiedError);
      this.#receiver.suback({ type: PacketType.Suback, packetId, reasonCodes, properties: NO_PROPERTIES });
      return;
    }
    this.#subscribes.set(packetId, codes);
    this.#link.subscribe({ ...packet, subscriptions: permitted, properties: NO_PROPERTIES });
  }

  unsubscribe(packet: UnsubscribePacket): void {
    this.#unsubscribes.set(packet.packetId, packet.filters.length);
    this.#link.unsubscribe({ ...packet, properties: NO_PROPERTIES });
  }

  ping(): void {
    this.#link.ping();
  }

  /** No method was agreed on, so there is nothing to go on with [MQTT-4.12.0-7]. */
  authenticate(_packet: AuthPacket): void {
    this.#link.close(undefined);
    const properties = { reasonString: 'AUTH was sent without an authentication method in CONNECT' };
    this.#receiver.closed({ type: PacketType.Disconnect, reasonCode: Reason.ProtocolError, properties });
  }

  close(disconnect: DisconnectPacket | undefined): void {
    // In 3.1.1 DISCONNECT always discards the Will; to have it published is to go without a word.
    const isNormal = disconnect?.reasonCode === Reason.Success;
    this.#link.close(isNormal ? { ...disconnect, properties: NO_PROPERTIES } : undefined);
  }

  resume(): void {
    this.#isHeld = false;
    this.#goOn();
  }

  // --- from the broker ---

  #onConnack(packet: ConnackPacket): void {
    const reasonCode = REASON_OF[packet.reasonCode] ?? Reason.UnspecifiedError;
    if (reasonCode !== Reason.Success) {
      this.#receiver.connack({ ...packet, reasonCode, properties: NO_PROPERTIES });
      return;
    }
    // A session of 3.1.1 is kept for good, or not at all.
    const sessionExpiryIntervalS = this.#keepsSession ? SESSION_EXPIRY_NEVER_S : 0;
    this.#receiver.connack({
      ...packet,
      reasonCode,
      properties: {
        subscriptionIdentifiersAvailable: false,
        sharedSubscriptionAvailable: false,
        ...(this.#sessionExpiryIntervalS === 0 ? {} : { sessionExpiryIntervalS }),
      },
    });
  }

  #onPublish(packet: PublishView): boolean {
    const delivery = translated(packet, 5);
    const { qos, packetId } = delivery;
    if (delivery.end - delivery.start > this.#packetSizeMaxBytes) {
      // A server drops what is too large for the client, as if it had been delivered [MQTT-3.1.2-25].
      if (qos === 2) this.#ended.add(packetId);
      if (qos > 0) this.#owe(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId);
      return true;
    }
    const hasRoom = this.#unacknowledged < this.#receiveMaximum && this.#waiting.length === 0;
    if (qos === 0 || hasRoom) this.#deliver(delivery);
    else this.#keep(delivery);
    this.#isStopped = !this.#mayRead;
    return !this.#isStopped;
  }

  #deliver(delivery: PublishView): void {
    if (delivery.qos > 0) this.#unacknowledged++;
    this.#isHeld = !this.#receiver.publish(delivery);
  }

  #keep({ dup, qos, retain, packetId, topic, bytes, payloadStart, end }: PublishView): void {
    const waiting = { dup, qos, retain, packetId, topic, payload: Uint8Array.from(bytes.subarray(payloadStart, end)) };
    this.#waiting.push(waiting);
    this.#waitingBytes += sizeOf(waiting);
    if (this.#waitingBytes <= WAITING_MAX_BYTES || this.#isOver) return;
    this.#isOver = true;
    queueMicrotask(() => {
      this.#link.close(undefined);
      const properties = {
        reasonString: 'the broker sends more than may wait for the client, which is to release a message first',
      };
      this.#receiver.closed({ type: PacketType.Disconnect, reasonCode: Reason.QuotaExceeded, properties });
    });
  }

  /** Acknowledges to the broker in the client's name: a link is not called from within its own call. */
  #owe(type: AckType, packetId: number): void {
    queueMicrotask(() => this.#link.acknowledge(type, packetId, Reason.Success));
  }

  #onAcknowledge(type: AckType, packetId: number, frame: Frame | undefined): void {
    const isRelease = type === PacketType.Pubrel;
    if (isRelease && this.#ended.delete(packetId)) {
      this.#owe(PacketType.Pubcomp, packetId);
      return;
    }
    if (isRelease && this.#releasesDue > 0) this.#releasesDue--;
    // Two bytes of packet identifier mean success in either version.
    this.#receiver.acknowledge(type, packetId, Reason.Success, undefined, frame);
  }

  #onSuback(packet: SubackPacket): void {
    const codes = this.#subscribes.get(packet.packetId) ?? [];
    this.#subscribes.delete(packet.packetId);
    let next = 0;
    const reasonCodes = codes.map((code) => code ?? packet.reasonCodes[next++] ?? Reason.UnspecifiedError);
    this.#receiver.suback({ ...packet, reasonCodes, properties: NO_PROPERTIES });
  }

  #onUnsuback(packet: UnsubackPacket): void {
    const count = this.#unsubscribes.get(packet.packetId) ?? 1;
    this.#unsubscribes.delete(packet.packetId);
    const reasonCodes = new Array<number>(count).fill(Reason.Success);
    this.#receiver.unsuback({ ...packet, reasonCodes, properties: NO_PROPERTIES });
  }
}
