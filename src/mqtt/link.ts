/**
 * The contract between one client's connection and whatever plays the server to it: the embedded broker, or a socket to
 * another broker. It stands here, beside the packets it speaks of, so that either side can hold it without knowing the other.
 *
 * The connection calls `UpstreamLink`; the link calls `DownstreamReceiver`. Neither may throw on what the other handed over.
 * A link may answer within the call or later; it never calls back after `close` returned or after it called `closed`.
 */
import type { Frame } from './frame.ts';
import type {
  AckType,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  SubackPacket,
  SubscribePacket,
  UnsubackPacket,
  UnsubscribePacket,
} from './packet.ts';
import type { Properties } from './properties.ts';
import type { PublishView } from './publish-view.ts';

/** Who the client turned out to be; the link may bind what it keeps to it. */
export interface ClientFacts {
  /**
   * The identity that owns the session. A client that names another owner's client identifier is refused with 0x85, so that
   * nobody steals or destroys another's session.
   */
  owner: string;
  /** Refuse it, with 0x85, while the client identifier is connected, rather than end the older connection [MQTT-3.1.4-3]. */
  isExclusive?: boolean;
  /** Remote address, for what the upstream tells of its clients. */
  address: string;
  /**
   * There where the CONNECT has a Will: who leaves it, in words that only whoever judges the Will later has to understand. Kept with
   * the Will, also on disk.
   */
  willAuthor?: string | undefined;
}

/** Client to server. Methods that return a boolean ask the caller, by false, to stop reading until `drained`. */
export interface UpstreamLink {
  /** First call, once. The client identifier is never empty. The answer is a CONNACK, or `closed`. */
  connect(packet: ConnectPacket, client: ClientFacts): void;
  /** A permitted PUBLISH, with `topic` in full; borrowed until this returns. Topic aliases are the caller's own business. */
  publish(packet: PublishView): boolean;
  /** PUBACK, PUBREC, PUBREL or PUBCOMP of the client; `frame` as in `subscribe`. */
  acknowledge(type: AckType, packetId: number, reasonCode: number, frame?: Frame): void;
  /** `frame` is the packet as it came, absent where policy changed it. */
  subscribe(packet: SubscribePacket, frame?: Frame): void;
  unsubscribe(packet: UnsubscribePacket, frame?: Frame): void;
  ping(): void;
  authenticate(packet: AuthPacket): void;
  /** The client has proven anew who it is: what was told with the CONNECT is now this. Absent where nothing of it is kept. */
  renewed?(client: ClientFacts): void;
  /**
   * The client is gone: with its DISCONNECT, or undefined when the connection was lost or closed by us, which publishes the
   * Will. After this the link is silent.
   */
  close(disconnect: DisconnectPacket | undefined): void;
  /** The client's side takes deliveries again, after `publish` of the receiver returned false. */
  resume(): void;
}

/** Details of an acknowledgement that only 5.0 carries; absent on the hot path. */
export type AckProperties = Pick<Properties, 'reasonString' | 'userProperties'>;

/**
 * Server to client. Where a method takes a `frame`, that is the packet as the server sent it, in the client's version: a link that
 * has it hands it over, and what policy does not change goes on as the bytes it came in.
 */
export interface DownstreamReceiver {
  /** `held`: filters of the session that was resumed, where the server tells; to be read at once. */
  connack(packet: ConnackPacket, held?: Iterable<string>): void;
  /**
   * A delivery, borrowed until this returns; `bytes` are the packet to send in the client's version, `topic` is in full.
   * False: hold further deliveries until `resume`. This one was taken all the same.
   */
  publish(packet: PublishView): boolean;
  acknowledge(type: AckType, packetId: number, reasonCode: number, properties?: AckProperties, frame?: Frame): void;
  suback(packet: SubackPacket, frame?: Frame): void;
  unsuback(packet: UnsubackPacket, frame?: Frame): void;
  pong(): void;
  authenticate(packet: AuthPacket, frame?: Frame): void;
  /** After `publish` of the link returned false: read on. */
  drained(): void;
  /** The server ends it: with its DISCONNECT (to a v5 client it is passed on), or undefined when it just went away. */
  closed(disconnect: DisconnectPacket | undefined, frame?: Frame): void;
}

/** Makes the link of one connection. */
export type OpenLink = (receiver: DownstreamReceiver) => UpstreamLink;
