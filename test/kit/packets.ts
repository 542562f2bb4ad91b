/** Builders of whole packets from the few fields a test cares about; everything left out takes its plainest value. */
import type {
  AckPacket,
  AckType,
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  PublishPacket,
  SubscribePacket,
  Subscription,
  UnsubscribePacket,
  Will,
} from '../../src/mqtt/packet.ts';
import type { Properties } from '../../src/mqtt/properties.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../../src/mqtt/wire.ts';

/** Text stands for its UTF-8 bytes. */
export type Payload = string | Uint8Array;

export function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}

export interface WillInit {
  topic: string;
  payload?: Payload;
  qos?: QoS;
  retain?: boolean;
  properties?: Properties;
}

export interface ConnectInit {
  clientId?: string;
  cleanStart?: boolean;
  keepAliveS?: number;
  username?: string;
  password?: Payload;
  will?: WillInit;
  properties?: Properties;
}

export function connect(version: ProtocolVersion, init: ConnectInit = {}): ConnectPacket {
  const packet: ConnectPacket = {
    type: PacketType.Connect,
    protocolVersion: version,
    bridge: false,
    cleanStart: init.cleanStart ?? true,
    keepAliveS: init.keepAliveS ?? 60,
    clientId: init.clientId ?? '',
    properties: init.properties ?? {},
  };
  if (init.will !== undefined) packet.will = willOf(init.will);
  if (init.username !== undefined) packet.username = init.username;
  if (init.password !== undefined) packet.password = bytesOf(init.password);
  return packet;
}

function willOf(init: WillInit): Will {
  return {
    topic: init.topic,
    payload: bytesOf(init.payload ?? ''),
    qos: init.qos ?? 0,
    retain: init.retain ?? false,
    properties: init.properties ?? {},
  };
}

export type PublishInit = Partial<Pick<PublishPacket, 'dup' | 'qos' | 'retain' | 'packetId' | 'properties'>>;

export function publish(topic: string, payload: Payload, init: PublishInit = {}): PublishPacket {
  return {
    type: PacketType.Publish,
    dup: false,
    qos: 0,
    retain: false,
    topic,
    packetId: 0,
    payload: bytesOf(payload),
    properties: {},
    ...init,
  };
}

export type SubscriptionInit = Pick<Subscription, 'filter'> & Partial<Subscription>;

export function subscribe(packetId: number, filters: SubscriptionInit[], properties: Properties = {}): SubscribePacket {
  return {
    type: PacketType.Subscribe,
    packetId,
    subscriptions: filters.map((init) => ({
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      ...init,
    })),
    properties,
  };
}

export function unsubscribe(packetId: number, filters: string[], properties: Properties = {}): UnsubscribePacket {
  return { type: PacketType.Unsubscribe, packetId, filters, properties };
}

export function ack(type: AckType, packetId: number, reasonCode = 0, properties: Properties = {}): AckPacket {
  return { type, packetId, reasonCode, properties };
}

export function disconnect(reasonCode = 0, properties: Properties = {}): DisconnectPacket {
  return { type: PacketType.Disconnect, reasonCode, properties };
}

export function auth(reasonCode: number, properties: Properties = {}): AuthPacket {
  return { type: PacketType.Auth, reasonCode, properties };
}
