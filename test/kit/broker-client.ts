/** A client of the embedded broker without sockets: it plays the pipeline, and checks each packet it is handed down. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import type { GatewayEvent } from '../../src/base/events.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { type Broker, type BrokerOptions, createBroker } from '../../src/broker/broker.ts';
import { MemoryStore } from '../../src/broker/store-memory.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import type { AckProperties, DownstreamReceiver, UpstreamLink } from '../../src/mqtt/link.ts';
import type {
  AckType,
  ConnackPacket,
  DisconnectPacket,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
} from '../../src/mqtt/packet.ts';
import { scanPublish, viewToPacket } from '../../src/mqtt/packets/publish.ts';
import type { Properties } from '../../src/mqtt/properties.ts';
import { PublishView } from '../../src/mqtt/publish-view.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import {
  type ConnectInit,
  connect,
  disconnect,
  type Payload,
  type PublishInit,
  publish,
  type SubscriptionInit,
  subscribe,
  unsubscribe,
} from './packets.ts';

/** A broker with a clock that stands still, and what it told. */
export interface Bench {
  readonly broker: Broker;
  readonly clock: ManualClock;
  readonly events: GatewayEvent[];
  client(clientId: string, version?: ProtocolVersion, init?: ClientInit): BrokerClient;
}

export async function makeBench(options: Partial<BrokerOptions> = {}, clock = new ManualClock()): Promise<Bench> {
  const events: GatewayEvent[] = [];
  const broker = await createBroker({
    store: new MemoryStore(),
    clock,
    chance: { bytes: (length) => randomFillSync(Buffer.alloc(length)), below: (below) => below - 1 },
    emit: (event) => events.push(event),
    ...options,
  });
  return {
    broker,
    clock,
    events,
    client: (clientId, version = 5, init = {}) => new BrokerClient(broker, clientId, version, init).connect(),
  };
}

export interface ClientInit extends Omit<ConnectInit, 'clientId'> {
  owner?: string;
  isExclusive?: boolean;
  bridge?: boolean;
  willAuthor?: string;
  /** Acknowledges deliveries from within `publish`, as no pipeline does, but one might. */
  acknowledges?: boolean;
}

/** An acknowledgement that the broker sent. */
export interface Ack {
  type: AckType;
  packetId: number;
  reasonCode: number;
  properties: AckProperties | undefined;
}

export class BrokerClient {
  readonly clientId: string;
  readonly version: ProtocolVersion;
  readonly #init: ClientInit;
  readonly link: UpstreamLink;
  connackPacket: ConnackPacket | undefined;
  /** Deliveries since the last `take`. */
  readonly deliveries: PublishPacket[] = [];
  readonly acks: Ack[] = [];
  readonly subacks: SubackPacket[] = [];
  readonly unsubacks: UnsubackPacket[] = [];
  /** Everything in order: `CONNACK`, `PUBLISH topic`, `SUBACK` … */
  readonly log: string[] = [];
  isClosed = false;
  closedWith: DisconnectPacket | undefined;
  drainedCount = 0;
  /** How many deliveries are taken before `publish` asks to hold. */
  room = Number.POSITIVE_INFINITY;
  onDelivery: ((packet: PublishPacket) => void) | undefined;
  readonly #aliases = new Map<number, string>();
  #lastPacketId = 0;
  readonly #view = new PublishView();

  constructor(broker: Broker, clientId: string, version: ProtocolVersion, init: ClientInit) {
    this.clientId = clientId;
    this.version = version;
    this.#init = init;
    this.link = broker.open(this.#receiver());
  }

  connect(): this {
    const { owner = 'owner', isExclusive = false, bridge = false, willAuthor, ...init } = this.#init;
    const packet = { ...connect(this.version, { ...init, clientId: this.clientId }), bridge };
    this.link.connect(packet, { owner, address: '127.0.0.1', isExclusive, willAuthor });
    return this;
  }

  // --- what the client does ---

  #nextPacketId(): number {
    this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
    return this.#lastPacketId;
  }

  /** Returns the packet identifier. The bytes are overwritten afterwards: whoever kept them is found out. */
  publish(topic: string, payload: Payload = 'x', init: PublishInit = {}): number {
    const qos = init.qos ?? 0;
    const packetId = qos === 0 ? 0 : (init.packetId ?? this.#nextPacketId());
    this.takesMore = this.publishRaw({ ...publish(topic, payload, init), packetId });
    return packetId;
  }

  /** What the last `publish` was answered by the link. */
  takesMore = true;

  publishRaw(packet: PublishPacket): boolean {
    const encoded = encodePacket(packet, this.version);
    const bytes = new Uint8Array(encoded.length + 7);
    bytes.set(encoded, 3);
    const view = this.#view;
    const lengthBytes = bytes.subarray(4).findIndex((byte) => byte < 0x80) + 1;
    const frame = { bytes, start: 3, bodyStart: 4 + lengthBytes, end: 3 + encoded.length };
    assert.equal(scanPublish(view, frame, this.version, 'client'), undefined);
    view.topic = packet.topic;
    const takesMore = this.link.publish(view);
    bytes.fill(0xee);
    return takesMore;
  }

  subscribe(filters: string | (string | SubscriptionInit)[], properties: Properties = {}): number[] {
    const list = (Array.isArray(filters) ? filters : [filters]).map((one) =>
      typeof one === 'string' ? { filter: one } : one,
    );
    const before = this.subacks.length;
    this.link.subscribe(subscribe(this.#nextPacketId(), list, properties));
    return this.subacks[before]?.reasonCodes ?? [];
  }

  unsubscribe(...filters: string[]): number[] {
    const before = this.unsubacks.length;
    this.link.unsubscribe(unsubscribe(this.#nextPacketId(), filters));
    return this.unsubacks[before]?.reasonCodes ?? [];
  }

  ack(type: AckType, packetId: number, reasonCode = 0): void {
    this.link.acknowledge(type, packetId, reasonCode);
  }

  puback(packetId: number): void {
    this.ack(PacketType.Puback, packetId);
  }

  pubrec(packetId: number, reasonCode = 0): void {
    this.ack(PacketType.Pubrec, packetId, reasonCode);
  }

  pubrel(packetId: number): void {
    this.ack(PacketType.Pubrel, packetId);
  }

  pubcomp(packetId: number): void {
    this.ack(PacketType.Pubcomp, packetId);
  }

  disconnect(reasonCode = 0, properties: Properties = {}): void {
    this.link.close(disconnect(reasonCode, properties));
  }

  /** The connection breaks. */
  lose(): void {
    this.link.close(undefined);
  }

  /** The deliveries so far, forgotten here. */
  take(): PublishPacket[] {
    return this.deliveries.splice(0);
  }

  /** As `take`, as `topic=payload`. */
  texts(): string[] {
    return this.take().map((packet) => `${packet.topic}=${textOf(packet)}`);
  }

  // --- what the broker does ---

  #receiver(): DownstreamReceiver {
    return {
      connack: (packet) => this.#onConnack(packet),
      publish: (view) => this.#onPublish(view),
      acknowledge: (type, packetId, reasonCode, properties) => this.#onAck({ type, packetId, reasonCode, properties }),
      suback: (packet) => this.#onSuback(packet),
      unsuback: (packet) => this.#onUnsuback(packet),
      pong: () => void this.log.push('PINGRESP'),
      authenticate: () => assert.fail('a broker without authentication methods sends no AUTH'),
      drained: () => void this.drainedCount++,
      closed: (packet) => this.#onClosed(packet),
    };
  }

  #onConnack(packet: ConnackPacket): void {
    assert.equal(this.connackPacket, undefined, 'one CONNACK a connection');
    this.connackPacket = packet;
    this.log.push('CONNACK');
  }

  #take(packet: PublishPacket): void {
    this.deliveries.push(packet);
    this.log.push(`PUBLISH ${packet.topic}`);
    this.onDelivery?.(packet);
    if (this.#init.acknowledges !== true) return;
    if (packet.qos === 1) this.puback(packet.packetId);
    if (packet.qos === 2) this.pubrec(packet.packetId);
  }

  #onAck(ack: Ack): void {
    this.acks.push(ack);
    this.log.push(`ACK ${ack.type}`);
    if (this.#init.acknowledges === true && ack.type === PacketType.Pubrel) this.pubcomp(ack.packetId);
  }

  #onSuback(packet: SubackPacket): void {
    this.subacks.push(packet);
    this.log.push('SUBACK');
  }

  #onUnsuback(packet: UnsubackPacket): void {
    this.unsubacks.push(packet);
    this.log.push('UNSUBACK');
  }

  #onClosed(packet: DisconnectPacket | undefined): void {
    assert.equal(this.isClosed, false, 'closed once');
    this.isClosed = true;
    this.closedWith = packet;
    this.log.push('CLOSED');
  }

  /** The delivery as the client would read it: the topic from its alias, the payload copied. */
  #onPublish(view: PublishView): boolean {
    assert.equal(this.isClosed, false, 'nothing comes after closed');
    const packet = checkedPacket(view, this.version);
    if (view.topicAlias !== 0) {
      const max = this.#init.properties?.topicAliasMaximum ?? 0;
      assert.ok(view.topicAlias <= max, 'an alias is within the maximum');
      if (packet.topic !== '') this.#aliases.set(view.topicAlias, packet.topic);
      packet.topic = this.#aliases.get(view.topicAlias)!;
    }
    assert.equal(packet.topic, view.topic);
    this.room--;
    this.#take(packet);
    return this.room > 0;
  }
}

/** Reads the bytes afresh: they must be one whole legal packet, and the view must say of them what is so. */
function checkedPacket(view: PublishView, version: ProtocolVersion): PublishPacket {
  const fresh = new PublishView();
  const { bytes, start, bodyStart, end } = view;
  assert.equal(scanPublish(fresh, { bytes, start, bodyStart, end }, version, 'server'), undefined);
  for (const key of Object.keys(fresh) as (keyof PublishView)[]) {
    if (key !== 'topic') assert.equal(view[key], fresh[key], `the view is right about ${key}`);
  }
  return viewToPacket(fresh);
}

export function textOf(packet: PublishPacket): string {
  return Buffer.from(packet.payload).toString();
}
