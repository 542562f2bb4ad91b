/** The decoded form of every control packet, one shape for all protocol versions; `properties` is empty below 5.0. */
import type { Properties } from './properties.ts';
import type { PacketType, ProtocolVersion, QoS } from './wire.ts';

export interface Will {
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  /** Will Properties [MQTT5 3.1.3.2]. */
  properties: Properties;
}

export interface ConnectPacket {
  type: typeof PacketType.Connect;
  protocolVersion: ProtocolVersion;
  /** A bridge announces itself by setting the high bit of the protocol level in 3.1 and 3.1.1 (a broker convention). */
  bridge: boolean;
  /** Clean Session (3.x) or Clean Start (5.0). */
  cleanStart: boolean;
  keepAliveS: number;
  /** May be empty. */
  clientId: string;
  will?: Will;
  username?: string;
  password?: Uint8Array;
  properties: Properties;
}

export interface ConnackPacket {
  type: typeof PacketType.Connack;
  sessionPresent: boolean;
  /** A v5 reason code on 5.0, a return code (0 to 5) below. */
  reasonCode: number;
  properties: Properties;
}

export interface PublishPacket {
  type: typeof PacketType.Publish;
  dup: boolean;
  qos: QoS;
  retain: boolean;
  /** Empty when a topic alias stands for it. */
  topic: string;
  /** 1 to 65535 for QoS 1 and 2; 0 for QoS 0, where none is sent. */
  packetId: number;
  payload: Uint8Array;
  properties: Properties;
}

export type AckType =
  | typeof PacketType.Puback
  | typeof PacketType.Pubrec
  | typeof PacketType.Pubrel
  | typeof PacketType.Pubcomp;

export interface AckPacket {
  type: AckType;
  packetId: number;
  /** 0 below 5.0. */
  reasonCode: number;
  properties: Properties;
}

/** 0: send retained at subscribe; 1: only if the subscription is new; 2: do not send [MQTT5 3.8.3.1]. */
export type RetainHandling = 0 | 1 | 2;

export interface Subscription {
  filter: string;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
}

export interface SubscribePacket {
  type: typeof PacketType.Subscribe;
  packetId: number;
  subscriptions: Subscription[];
  properties: Properties;
}

export interface SubackPacket {
  type: typeof PacketType.Suback;
  packetId: number;
  /** One a filter, in the order of the SUBSCRIBE. */
  reasonCodes: number[];
  properties: Properties;
}

export interface UnsubscribePacket {
  type: typeof PacketType.Unsubscribe;
  packetId: number;
  filters: string[];
  properties: Properties;
}

export interface UnsubackPacket {
  type: typeof PacketType.Unsuback;
  packetId: number;
  /** One a filter on 5.0; empty below, where UNSUBACK has no payload. */
  reasonCodes: number[];
  properties: Properties;
}

export interface PingreqPacket {
  type: typeof PacketType.Pingreq;
}

export interface PingrespPacket {
  type: typeof PacketType.Pingresp;
}

export interface DisconnectPacket {
  type: typeof PacketType.Disconnect;
  /** 0 below 5.0. */
  reasonCode: number;
  properties: Properties;
}

export interface AuthPacket {
  type: typeof PacketType.Auth;
  reasonCode: number;
  properties: Properties;
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
