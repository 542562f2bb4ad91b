/**
 * What the embedded broker keeps across restarts, behind one narrow interface: write-behind operations that return at once,
 * and one question, "is everything so far on disk?".
 */

import type { RetainHandling } from '../mqtt/packet.ts';
import type { Properties } from '../mqtt/properties.ts';
import type { QoS } from '../mqtt/wire.ts';

/** An application message at rest. Frozen by convention: one object is shared by every queue it stands in. */
export interface StoredMessage {
  /** Unique while the process lives; a store may use it to write a message that stands in many queues once. */
  readonly id: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Those that are forwarded: payload format, content type, response topic, correlation data, user properties. */
  readonly properties: Properties;
  /** Epoch milliseconds at which it expires; undefined never. */
  readonly expiresAtMs: number | undefined;
  /** Client identifier of the publisher, for No Local. */
  readonly publisher: string;
}

export interface StoredSubscription {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  /** 0 when absent. */
  readonly subscriptionIdentifier: number;
}

export interface StoredWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties;
  readonly delayS: number;
  /** As in `ClientFacts.willAuthor`. */
  readonly author?: string | undefined;
}

export interface StoredSession {
  readonly clientId: string;
  readonly owner: string;
  readonly sessionExpiryIntervalS: number;
  /** Epoch milliseconds at which the client went away; undefined while it is connected. */
  readonly disconnectedAtMs: number | undefined;
  /** A Will that is due to be published, while its delay runs or the client is connected. */
  readonly will: StoredWill | undefined;
}

/** Where an outgoing QoS 1 or 2 message stands. `queued`: no packet identifier yet. */
export type OutgoingState = 'queued' | 'published' | 'released';

export interface StoredOutgoing {
  /** Grows within a session: the order of delivery. */
  readonly sequence: number;
  /** 0 while queued. */
  readonly packetId: number;
  readonly state: OutgoingState;
  /** QoS of this delivery, which may be lower than the message's. */
  readonly qos: QoS;
  /** Retain flag of this delivery. */
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /** Absent once released: only the identifier matters then. */
  readonly message: StoredMessage | undefined;
}

export interface StoreSnapshot {
  sessions: {
    session: StoredSession;
    subscriptions: StoredSubscription[];
    /** In order of sequence. */
    outgoing: StoredOutgoing[];
    /** Packet identifiers of QoS 2 messages received from the client and not yet released. */
    incoming: number[];
  }[];
  retained: StoredMessage[];
}

/** All writes return at once, keep their order, and coalesce: what is made and removed between two commits never touches the disk. */
export interface Store {
  /** Reads everything back; called once, before anything else. */
  load(): Promise<StoreSnapshot>;
  putSession(session: StoredSession): void;
  /** Removes the session with its subscriptions, its queue and its packet identifiers. */
  deleteSession(clientId: string): void;
  putSubscription(clientId: string, subscription: StoredSubscription): void;
  deleteSubscription(clientId: string, filter: string): void;
  putOutgoing(clientId: string, outgoing: StoredOutgoing): void;
  deleteOutgoing(clientId: string, sequence: number): void;
  putIncoming(clientId: string, packetId: number): void;
  deleteIncoming(clientId: string, packetId: number): void;
  putRetained(message: StoredMessage): void;
  deleteRetained(topic: string): void;
  /**
   * Calls `run` once everything written so far is as safe as this store promises: at once for `memory` and `relaxed`, after
   * the commit for `durable`. While the disk refuses, `run` is not called.
   */
  whenSafe(run: () => void): void;
  /** False while commits fail: the broker then refuses what it would have to promise. */
  healthy(): boolean;
  /** Commits what is pending and closes; resolves when it is on disk. */
  close(): Promise<void>;
}
