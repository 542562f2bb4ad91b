/** One client's session: what the broker remembers of it between its packets, and perhaps between its connections. */
import type { Timer } from '../base/clock.ts';
import type { ProtocolVersion, QoS } from '../mqtt/wire.ts';
import type { BrokerContext } from './context.ts';
import type { Delivery } from './delivery.ts';
import type { KeptSession } from './kept-session.ts';
import { Outgoing } from './outgoing.ts';
import type { StoredSession, StoredWill } from './store.ts';
import type { Sharing, Subscriber, Subscription } from './subscription.ts';

/** The connection that a session is used by. */
export interface SessionLink {
  /** Another connection of the same client has come [MQTT-3.1.4-3]. */
  takenOver(): void;
  /** The broker stops. */
  shutDown(): void;
  /** An operator has removed the session. */
  removed(): void;
}

export class Session implements Subscriber, KeptSession {
  readonly number: number;
  readonly clientId: string;
  readonly owner: string;
  readonly outgoing: Outgoing;
  /** By filter in full. */
  readonly subscriptions = new Map<string, Subscription>();
  /** QoS 2 messages of the client that were routed and not yet released. */
  readonly incoming = new Set<number>();
  #expiryS: number;
  will: StoredWill | undefined;
  link: SessionLink | undefined;
  protocolVersion: ProtocolVersion | undefined;
  connectedAtMs: number | undefined;
  disconnectedAtMs: number | undefined;
  expiryTimer: Timer | undefined;
  willTimer: Timer | undefined;
  /** The store has a row of it. */
  stored = false;
  /** It is over; a routing that was under way may still offer it something. */
  ended = false;

  constructor(number: number, clientId: string, owner: string, expiryS: number, context: BrokerContext) {
    this.number = number;
    this.clientId = clientId;
    this.owner = owner;
    this.#expiryS = expiryS;
    this.outgoing = new Outgoing(clientId, context, expiryS > 0);
  }

  /** Session Expiry Interval; 0 ends it with its connection. */
  get expiryS(): number {
    return this.#expiryS;
  }

  set expiryS(expiryS: number) {
    this.#expiryS = expiryS;
    this.outgoing.persistent = expiryS > 0;
  }

  get persistent(): boolean {
    return this.#expiryS > 0;
  }

  get connected(): boolean {
    return this.link !== undefined;
  }

  get ready(): boolean {
    return this.outgoing.ready;
  }

  offer(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    sharing: Sharing | undefined,
  ): void {
    if (!this.ended) this.outgoing.offer(delivery, qos, retain, identifiers, sharing);
  }

  /** As the store keeps it. */
  get row(): StoredSession {
    return {
      clientId: this.clientId,
      owner: this.owner,
      sessionExpiryIntervalS: this.#expiryS,
      disconnectedAtMs: this.disconnectedAtMs,
      will: this.will,
    };
  }
}
