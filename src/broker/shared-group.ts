/** A shared subscription: each message goes to one of its members, in turn [MQTT-4.8.2]. */
import type { QoS } from '../mqtt/wire.ts';
import type { Delivery } from './delivery.ts';
import type { Sharing, Subscription } from './subscription.ts';

export class SharedGroup implements Sharing {
  readonly #members: Subscription[] = [];
  /** Client identifier to place among the members. */
  readonly #places = new Map<string, number>();
  #next = 0;

  get size(): number {
    return this.#members.length;
  }

  /** Adds a member, or replaces its subscription. */
  put(subscription: Subscription): void {
    const { clientId } = subscription.subscriber;
    const place = this.#places.get(clientId) ?? this.#members.length;
    this.#places.set(clientId, place);
    this.#members[place] = subscription;
  }

  remove(clientId: string): void {
    const place = this.#places.get(clientId);
    const last = this.#members.at(-1);
    if (place === undefined || last === undefined) return;
    this.#places.set(last.subscriber.clientId, place);
    this.#members[place] = last;
    this.#members.pop();
    this.#places.delete(clientId);
  }

  /** Whether what is offered could end in a queue that outlives a connection. */
  get persistent(): boolean {
    return this.#members.some((member) => member.subscriber.persistent);
  }

  offer(delivery: Delivery): boolean {
    const { transit } = delivery;
    const member = this.#choose(transit.qos);
    if (member === undefined) return false;
    const qos = Math.min(transit.qos, member.qos) as QoS;
    const retain = transit.retain && member.retainAsPublished;
    member.subscriber.offer(delivery, qos, retain, member.identifiers, this);
    return true;
  }

  /** In turn: the next that can send at once, or else the next that is connected, or else the next whose session waits. */
  #choose(qos: QoS): Subscription | undefined {
    const members = this.#members;
    let connected = -1;
    let waiting = -1;
    for (let i = 0; i < members.length; i++) {
      const at = (this.#next + i) % members.length;
      const { subscriber, qos: granted } = members[at]!;
      if (subscriber.connected) {
        if (subscriber.ready) return this.#take(at);
        if (connected === -1) connected = at;
      } else if (waiting === -1 && qos > 0 && granted > 0) waiting = at;
    }
    return this.#take(connected === -1 ? waiting : connected);
  }

  #take(at: number): Subscription | undefined {
    if (at === -1) return undefined;
    this.#next = at + 1;
    return this.#members[at];
  }
}
