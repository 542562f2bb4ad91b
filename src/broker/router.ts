/** Takes a published message to everybody whose subscription matches it, and to the retained messages. */
import type { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import type { QoS } from '../mqtt/wire.ts';
import type { BrokerContext } from './context.ts';
import type { Delivery } from './delivery.ts';
import type { Message, Transit } from './message.ts';
import { RetainedStore } from './retained-store.ts';
import { mergeSubscriptions, type Sharing, type Subscription } from './subscription.ts';
import { type Match, SubscriptionTree } from './subscription-tree.ts';

const DOLLAR = 0x24;

export class Router {
  readonly subscriptions = new SubscriptionTree();
  readonly retained: RetainedStore;
  /** Those of the broker itself. */
  readonly #own: RetainedStore;
  readonly #context: BrokerContext;

  constructor(context: BrokerContext) {
    this.#context = context;
    this.retained = new RetainedStore(context.store, context.clock, context.ceilings);
    this.#own = new RetainedStore(context.store, context.clock, context.ceilings);
  }

  /**
   * A client's message. The answer is a v5 reason code; undefined means that the message would have had to be kept and the
   * disk refuses, so that it was not taken.
   */
  publish(view: PublishView, publisher: string): Reason | undefined {
    const { topic } = view;
    if (topic.charCodeAt(0) === DOLLAR) {
      return topic.startsWith('$SYS/') ? Reason.NotAuthorized : Reason.TopicNameInvalid;
    }
    const match = this.subscriptions.match(topic);
    if (view.qos > 0 && !this.#context.store.healthy() && needsStore(view, match)) return undefined;
    const { deliveries, epochMs } = this.#context;
    const delivery = deliveries.enter();
    delivery.transit.fromView(view, publisher, epochMs);
    const isRetained = !view.retain || this.#retain(delivery.transit);
    const count = this.#route(delivery, match);
    deliveries.leave();
    if (!isRetained) return Reason.QuotaExceeded;
    return count === 0 ? Reason.NoMatchingSubscribers : Reason.Success;
  }

  /** A Will. */
  publishMessage(message: Message): void {
    this.#withDelivery(message, (delivery) => {
      if (message.retain) this.#retain(delivery.transit);
      this.#route(delivery, this.subscriptions.match(message.topic));
    });
  }

  /** A message of the broker's own: retained, but no ceiling counts it and no restart needs it. */
  publishOwn(message: Message): void {
    this.#own.restore(message);
    this.#withDelivery(message, (delivery) => this.#route(delivery, this.subscriptions.match(message.topic)));
  }

  /** Gives the message of a session that ended to another member of the shared subscription. */
  redistribute(message: Message, sharing: Sharing): void {
    this.#withDelivery(message, (delivery) => {
      delivery.begin();
      sharing.offer(delivery);
    });
  }

  #withDelivery(message: Message, run: (delivery: Delivery) => void): void {
    const { deliveries, epochMs } = this.#context;
    const delivery = deliveries.enter();
    delivery.transit.fromMessage(message, epochMs);
    run(delivery);
    deliveries.leave();
  }

  /** What a new subscription to `filter` is sent. Topics that begin with $ are the broker's own, and no wildcard meets both. */
  retainedMatching(filter: string): Iterator<Message, undefined> {
    return (filter.charCodeAt(0) === DOLLAR ? this.#own : this.retained).matching(filter);
  }

  /** False when there is no room [MQTT-3.3.1-5, MQTT-3.3.1-6, MQTT-3.3.1-7]. */
  #retain(transit: Transit): boolean {
    const { topic, sizeBytes } = transit;
    if (transit.payloadStart === transit.payloadEnd) {
      this.retained.delete(topic);
      return true;
    }
    if (this.retained.hasRoom(topic, sizeBytes)) {
      this.retained.put(transit.keep());
      return true;
    }
    const { ceilings } = this.#context;
    const full = this.retained.count >= ceilings.current.retainedMessagesMax;
    const ceiling = full ? 'retainedMessagesMax' : 'retainedBytesMax';
    ceilings.reached(ceiling, 'a message was delivered but not retained', transit.publisher);
    return false;
  }

  /** How many sessions it was offered to. */
  #route(delivery: Delivery, match: Match): number {
    delivery.begin();
    const { transit } = delivery;
    const { subscriptions, groups } = match;
    let count = 0;
    for (let i = 0; i < subscriptions.length; i++) {
      let subscription = subscriptions[i]!;
      if (subscription.noLocal && subscription.subscriber.clientId === transit.publisher) {
        const allowed = withoutNoLocal(subscription);
        if (allowed === undefined) continue;
        subscription = allowed;
      }
      const { subscriber, qos, retainAsPublished, identifiers } = subscription;
      const deliveryQos = Math.min(qos, transit.qos) as QoS;
      subscriber.offer(delivery, deliveryQos, retainAsPublished && transit.retain, identifiers, undefined);
      count++;
    }
    for (let i = 0; i < groups.length; i++) if (groups[i]!.offer(delivery)) count++;
    return count;
  }
}

/** What is left of a client's subscriptions for a message of its own [MQTT-3.8.3-3]. */
function withoutNoLocal(subscription: Subscription): Subscription | undefined {
  const allowed = subscription.overlapping?.filter(({ noLocal }) => !noLocal) ?? [];
  return allowed.length === 0 ? undefined : mergeSubscriptions(allowed);
}

function needsStore(view: PublishView, match: Match): boolean {
  return (
    view.retain ||
    match.subscriptions.some(({ subscriber, qos }) => subscriber.persistent && qos > 0) ||
    match.groups.some((group) => group.persistent)
  );
}
