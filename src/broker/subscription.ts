/** One subscription of one session, and what routing needs to know of whoever holds it. */
import type { RetainHandling } from '../mqtt/packet.ts';
import type { QoS } from '../mqtt/wire.ts';
import type { Delivery } from './delivery.ts';
import type { StoredSubscription } from './store.ts';

/** Where a message of a shared subscription goes when the session that was chosen ends before it has it. */
export interface Sharing {
  /** False when no member is left that can take it. */
  offer(delivery: Delivery): boolean;
}

/** A session as routing sees it. */
export interface Subscriber {
  readonly clientId: string;
  /** Outlives its connection, so what is queued for it may have to be on disk. */
  readonly persistent: boolean;
  readonly connected: boolean;
  /** A QoS 1 or 2 message would go out at once. */
  readonly ready: boolean;
  /** Sends or queues. `sharing` is set for a shared subscription's message. */
  offer(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    sharing: Sharing | undefined,
  ): void;
}

/** Most subscriptions have no identifier: they share this. */
export const NO_IDENTIFIERS: readonly number[] = Object.freeze([]);

/**
 * Replaced, never changed. Where several subscriptions of one session match a topic, routing sees one that is merged from
 * them, with `overlapping` set.
 */
export class Subscription implements StoredSubscription {
  readonly subscriber: Subscriber;
  /** In full, with `$share/name/` where it is shared. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  readonly identifiers: readonly number[];
  readonly overlapping: readonly Subscription[] | undefined;

  constructor(
    subscriber: Subscriber,
    options: Omit<StoredSubscription, 'subscriptionIdentifier'>,
    identifiers: readonly number[],
    overlapping?: readonly Subscription[],
  ) {
    this.subscriber = subscriber;
    this.filter = options.filter;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.identifiers = identifiers;
    this.overlapping = overlapping;
  }

  get subscriptionIdentifier(): number {
    return this.identifiers[0] ?? 0;
  }

  /** Whether a message would be treated the same under `other`. */
  equals(other: Subscription): boolean {
    return (
      this.subscriber === other.subscriber &&
      this.filter === other.filter &&
      this.qos === other.qos &&
      this.noLocal === other.noLocal &&
      this.retainAsPublished === other.retainAsPublished &&
      this.subscriptionIdentifier === other.subscriptionIdentifier
    );
  }
}

/**
 * One subscription in place of all that match: a message is delivered once, at the highest QoS, with every identifier
 * [MQTT-3.3.4-2, MQTT-3.3.4-3, MQTT-3.3.4-4].
 */
export function mergeSubscriptions(overlapping: readonly Subscription[]): Subscription {
  const first = overlapping[0]!;
  if (overlapping.length === 1) return first;
  const options = {
    filter: first.filter,
    qos: Math.max(...overlapping.map(({ qos }) => qos)) as QoS,
    noLocal: overlapping.some(({ noLocal }) => noLocal),
    // The flag says more than its absence: it is kept if any of them asked for it.
    retainAsPublished: overlapping.some(({ retainAsPublished }) => retainAsPublished),
    retainHandling: first.retainHandling,
  };
  const identifiers = overlapping.flatMap((subscription) => subscription.identifiers);
  return new Subscription(
    first.subscriber,
    options,
    identifiers.length === 0 ? NO_IDENTIFIERS : identifiers,
    overlapping,
  );
}
