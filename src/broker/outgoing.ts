/**
 * What goes to one client: sent at once where it can be, else queued; and the QoS 1 and 2 exchanges under way. It outlives
 * connections when its session does.
 */
import { PacketType, type QoS } from '../mqtt/wire.ts';
import type { Channel } from './channel.ts';
import type { BrokerContext } from './context.ts';
import type { Delivery } from './delivery.ts';
import { Awaiting, InflightWindow } from './inflight-window.ts';
import type { Message } from './message.ts';
import { MessageQueue } from './message-queue.ts';
import type { OutgoingState, StoredOutgoing } from './store.ts';
import type { Sharing, Subscription } from './subscription.ts';

/** One QoS 1 or 2 message for one client, at one stage. Replaced, never changed. */
interface Outbound extends StoredOutgoing {
  readonly message: Message | undefined;
  /** Who else could take it, if it came by a shared subscription; not kept across restarts. */
  readonly sharing: Sharing | undefined;
}

interface HeldQos0 {
  readonly message: Message;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
}

/** Retained messages that a new subscription asked for, still to be sent. */
interface RetainedBacklog {
  readonly subscription: Subscription;
  readonly messages: Iterator<Message, undefined>;
}

/** What an acknowledgement of the client turned out to be. */
export type AckOutcome = 'known' | 'unknown' | 'mismatched';

export class Outgoing {
  readonly #clientId: string;
  readonly #context: BrokerContext;
  /** Whether the session outlives its connection: then the store hears of every stage. */
  persistent: boolean;
  #channel: Channel | undefined;
  readonly #queue = new MessageQueue<Outbound>();
  readonly #qos0 = new MessageQueue<HeldQos0>();
  readonly #inflight = new InflightWindow<Outbound>();
  /** Of those under way, what this connection has not been sent yet, in order; true where an earlier one has: DUP. */
  readonly #unsent = new Map<number, boolean>();
  /** False while it is not yet safe that those keep their identifiers. */
  #mayRepeat = false;
  /** Messages that will be sent once the store has them. */
  #notYetSafe = 0;
  readonly #retained = new Map<string, RetainedBacklog>();
  #sequence = 0;
  #pumping = false;

  constructor(clientId: string, context: BrokerContext, persistent: boolean) {
    this.#clientId = clientId;
    this.#context = context;
    this.persistent = persistent;
  }

  /** Messages that wait for the client to come back, or to read. */
  get queuedCount(): number {
    return this.#queue.length + this.#qos0.length;
  }

  get queuedBytes(): number {
    return this.#queue.bytes + this.#qos0.bytes;
  }

  /** QoS 1 and 2 messages under way to the client, or to be sent again when it is back. */
  get inflightCount(): number {
    return this.#inflight.count;
  }

  /** A QoS 1 or 2 message would go out at once. */
  get ready(): boolean {
    const channel = this.#channel;
    return channel !== undefined && this.#queue.length === 0 && this.#hasWindow(channel);
  }

  #hasWindow(channel: Channel): boolean {
    const max = Math.min(channel.receiveMaximum, this.#context.ceilings.current.inflightMax);
    return !channel.held && this.#inflight.count < max && this.#unsent.size === 0;
  }

  // --- connection ---

  /** The client is there: first what was under way is sent again, in order [MQTT-4.4.0-1, MQTT-4.6.0-5], then what waits. */
  attach(channel: Channel): void {
    this.#channel = channel;
    this.#unsent.clear();
    const underWay = this.#inflight.values().sort((a, b) => a.sequence - b.sequence);
    for (const { packetId } of underWay) this.#unsent.set(packetId, true);
    this.#mayRepeat = false;
    this.#onceSafe(channel, () => {
      this.#mayRepeat = true;
      this.pump();
    });
    this.pump();
  }

  /**
   * Exactly once, also over a crash of ours: a client may hear of a packet identifier, or of its release, only when we will
   * remember what it stands for [MQTT5 4.3.3]. `run` is not called for a client that has gone meanwhile.
   */
  #onceSafe(channel: Channel, run: () => void): void {
    if (!this.persistent) {
      run();
      return;
    }
    this.#context.store.whenSafe(() => {
      if (this.#channel === channel) run();
    });
  }

  /** The client is gone. QoS 0 messages that it did not take go with it. */
  detach(): void {
    this.#channel = undefined;
    this.#qos0.clear();
    this.#unsent.clear();
  }

  resume(): void {
    if (this.#channel === undefined) return;
    this.#channel.held = false;
    this.pump();
  }

  // --- messages ---

  offer(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    sharing: Sharing | undefined,
  ): void {
    const channel = this.#channel;
    if (qos > 0) {
      if (channel !== undefined && this.#queue.length === 0 && this.#hasWindow(channel)) {
        this.#send(channel, delivery, qos, retain, identifiers, sharing);
      } else {
        this.#enqueue(delivery, qos, retain, identifiers, sharing);
      }
    } else if (channel !== undefined) {
      if (channel.held || this.#qos0.length > 0) this.#hold(delivery, retain, identifiers);
      else this.#sendQos0(channel, delivery, retain, identifiers);
    }
  }

  #sendQos0(channel: Channel, delivery: Delivery, retain: boolean, identifiers: readonly number[]): void {
    const view = channel.prepare(delivery, 0, retain, false, identifiers);
    if (view !== undefined) channel.publish(view, 0);
  }

  #send(
    channel: Channel,
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    sharing: Sharing | undefined,
    sequence = 0,
  ): void {
    const view = channel.prepare(delivery, qos, retain, false, identifiers);
    if (view === undefined) {
      if (sequence > 0) this.#forget(sequence);
      return;
    }
    const awaiting = qos === 1 ? Awaiting.Puback : Awaiting.Pubrec;
    if (!this.persistent && sharing === undefined) {
      // Nobody will ask for it again: its identifier is all there is to keep.
      channel.publish(view, this.#inflight.take(awaiting, undefined));
      return;
    }
    const outbound: Outbound = {
      sequence: sequence === 0 ? ++this.#sequence : sequence,
      packetId: this.#inflight.next(),
      state: 'published',
      qos,
      retain,
      subscriptionIdentifiers: identifiers,
      message: delivery.transit.keep(),
      sharing,
    };
    this.#inflight.put(outbound.packetId, awaiting, outbound);
    if (this.persistent) this.#context.store.putOutgoing(this.#clientId, outbound);
    // QoS 1 need not wait, since it may come twice; but it does not overtake what does.
    if (!this.persistent || (qos === 1 && this.#notYetSafe === 0)) channel.publish(view, outbound.packetId);
    else this.#sendOnceSafe(channel, outbound);
  }

  #sendOnceSafe(channel: Channel, outbound: Outbound): void {
    const { packetId } = outbound;
    this.#notYetSafe++;
    this.#context.store.whenSafe(() => {
      this.#notYetSafe--;
      if (this.#channel !== channel || this.#inflight.value(packetId) !== outbound) return;
      if (!channel.held) this.#sendUnderWay(channel, outbound, false);
      else this.#unsent.set(packetId, false);
    });
  }

  #sendUnderWay(channel: Channel, outbound: Outbound, dup: boolean): void {
    const { packetId, qos, retain, subscriptionIdentifiers, message } = outbound;
    if (message === undefined) return;
    const { deliveries } = this.#context;
    const delivery = deliveries.enter();
    this.#load(delivery, message);
    const view = channel.prepare(delivery, qos, retain, dup, subscriptionIdentifiers);
    if (view === undefined) this.#complete(packetId);
    else channel.publish(view, packetId);
    deliveries.leave();
  }

  #load(delivery: Delivery, message: Message): void {
    delivery.transit.fromMessage(message, this.#context.epochMs);
    delivery.begin();
  }

  #enqueue(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    sharing: Sharing | undefined,
  ): void {
    const { ceilings, counters, store } = this.#context;
    const { queuedMessagesMax, queuedBytesMax } = ceilings.current;
    const { sizeBytes } = delivery.transit;
    if (this.#queue.fullFor(sizeBytes, queuedMessagesMax, queuedBytesMax) !== undefined) this.#dropExpired();
    const full = this.#queue.fullFor(sizeBytes, queuedMessagesMax, queuedBytesMax);
    if (full !== undefined) {
      counters.deliveriesDropped++;
      const ceiling = full === 'messages' ? 'queuedMessagesMax' : 'queuedBytesMax';
      ceilings.reached(ceiling, 'a message was not queued for a client that is away or slow', this.#clientId);
      return;
    }
    const outbound: Outbound = {
      sequence: ++this.#sequence,
      packetId: 0,
      state: 'queued',
      qos,
      retain,
      subscriptionIdentifiers: identifiers,
      message: delivery.transit.keep(),
      sharing,
    };
    this.#queue.push(outbound);
    if (this.persistent) store.putOutgoing(this.#clientId, outbound);
  }

  /** Those at the head that have expired make room. */
  #dropExpired(): void {
    const epochMs = this.#context.epochMs();
    while (this.#queue.peek()?.message?.expiredAt(epochMs) === true) this.#forget(this.#queue.shift()!.sequence);
  }

  #forget(sequence: number): void {
    if (this.persistent) this.#context.store.deleteOutgoing(this.#clientId, sequence);
  }

  #hold(delivery: Delivery, retain: boolean, identifiers: readonly number[]): void {
    const { ceilings, counters } = this.#context;
    const { qos0QueueMax, qos0QueuedBytesMax } = ceilings.current;
    const full = this.#qos0.fullFor(delivery.transit.sizeBytes, qos0QueueMax, qos0QueuedBytesMax);
    if (full !== undefined) {
      counters.deliveriesDropped++;
      const ceiling = full === 'messages' ? 'qos0QueueMax' : 'qos0QueuedBytesMax';
      ceilings.reached(ceiling, 'a QoS 0 message for a client that reads too slowly was dropped', this.#clientId);
      return;
    }
    this.#qos0.push({ message: delivery.transit.keep(), retain, identifiers });
  }

  /** Sends what a new subscription matches of the retained messages, as fast as the client takes them [MQTT-3.3.1-9]. */
  offerRetained(subscription: Subscription, messages: Iterator<Message, undefined>): void {
    this.#retained.set(subscription.filter, { subscription, messages });
    this.pump();
  }

  dropRetained(filter: string): void {
    this.#retained.delete(filter);
  }

  // --- sending what waits ---

  pump(): void {
    if (this.#pumping || this.#channel === undefined) return;
    this.#pumping = true;
    const { deliveries } = this.#context;
    const delivery = deliveries.enter();
    for (;;) {
      const channel: Channel | undefined = this.#channel;
      if (channel === undefined || channel.held || !this.#sendNext(channel, delivery)) break;
    }
    deliveries.leave();
    this.#pumping = false;
  }

  /** False when nothing waits that can go now. */
  #sendNext(channel: Channel, delivery: Delivery): boolean {
    return (
      this.#sendNextUnderWay(channel) ||
      this.#sendNextQos0(channel, delivery) ||
      this.#sendNextQueued(channel, delivery) ||
      this.#sendNextRetained(channel, delivery)
    );
  }

  #sendNextUnderWay(channel: Channel): boolean {
    if (!this.#mayRepeat) return false;
    const next = this.#unsent.entries().next().value;
    if (next === undefined) return false;
    const max = Math.min(channel.receiveMaximum, this.#context.ceilings.current.inflightMax);
    if (this.#inflight.count - this.#unsent.size >= max) return false;
    const [packetId, dup] = next;
    this.#unsent.delete(packetId);
    const outbound = this.#inflight.value(packetId);
    if (outbound?.state === 'released') channel.receiver.acknowledge(PacketType.Pubrel, packetId, 0);
    else if (outbound !== undefined) this.#sendUnderWay(channel, outbound, dup);
    return true;
  }

  #sendNextQos0(channel: Channel, delivery: Delivery): boolean {
    const next = this.#qos0.shift();
    if (next === undefined) return false;
    if (next.message.expiredAt(this.#context.epochMs())) return true;
    this.#load(delivery, next.message);
    this.#sendQos0(channel, delivery, next.retain, next.identifiers);
    return true;
  }

  #sendNextQueued(channel: Channel, delivery: Delivery): boolean {
    if (this.#queue.length === 0 || !this.#hasWindow(channel)) return false;
    const { sequence, qos, retain, subscriptionIdentifiers, message, sharing } = this.#queue.shift()!;
    // It has waited too long: nothing of it goes out [MQTT-3.3.2-5].
    if (message === undefined || message.expiredAt(this.#context.epochMs())) {
      this.#forget(sequence);
      return true;
    }
    this.#load(delivery, message);
    this.#send(channel, delivery, qos, retain, subscriptionIdentifiers, sharing, sequence);
    return true;
  }

  #sendNextRetained(channel: Channel, delivery: Delivery): boolean {
    const backlog = this.#retained.values().next().value;
    // Whether the next one needs the window is known only when it is taken out, and it cannot be put back.
    if (backlog === undefined || (backlog.subscription.qos > 0 && !this.#hasWindow(channel))) return false;
    const { subscription } = backlog;
    const message = backlog.messages.next().value;
    if (message === undefined) {
      if (this.#retained.get(subscription.filter) === backlog) this.#retained.delete(subscription.filter);
      return true;
    }
    if (subscription.noLocal && message.publisher === this.#clientId) return true;
    const qos = Math.min(message.qos, subscription.qos) as QoS;
    this.#load(delivery, message);
    if (qos === 0) this.#sendQos0(channel, delivery, true, subscription.identifiers);
    else this.#send(channel, delivery, qos, true, subscription.identifiers, undefined);
    return true;
  }

  // --- acknowledgements ---

  /** QoS 1 is done [MQTT-4.3.2-3]. A reason code of 0x80 or more ends it just the same. */
  puback(packetId: number): AckOutcome {
    const outcome = this.#judge(packetId, Awaiting.Puback);
    if (outcome === 'known') this.#complete(packetId);
    return outcome;
  }

  /** QoS 2, half way: PUBREL goes out, or the client refuses and that is the end of it [MQTT-4.3.3-4]. */
  pubrec(packetId: number, refused: boolean): AckOutcome {
    // PUBREC again: the client has not seen our PUBREL.
    if (this.#inflight.awaiting(packetId) === Awaiting.Pubcomp && !refused) {
      this.#sendPubrel(packetId);
      return 'known';
    }
    const outcome = this.#judge(packetId, Awaiting.Pubrec);
    if (outcome !== 'known') return outcome;
    if (refused) this.#complete(packetId);
    else this.#release(packetId);
    return outcome;
  }

  pubcomp(packetId: number): AckOutcome {
    const outcome = this.#judge(packetId, Awaiting.Pubcomp);
    if (outcome === 'known') this.#complete(packetId);
    return outcome;
  }

  #judge(packetId: number, expected: Awaiting): AckOutcome {
    const awaiting = this.#inflight.awaiting(packetId);
    if (awaiting === expected) return 'known';
    return awaiting === Awaiting.Nothing ? 'unknown' : 'mismatched';
  }

  /** From here on only the identifier matters: the message must not be sent again [MQTT-4.3.3-5, MQTT-4.3.3-6]. */
  #release(packetId: number): void {
    const published = this.#inflight.value(packetId);
    this.#unsent.delete(packetId);
    if (published === undefined) {
      this.#inflight.put(packetId, Awaiting.Pubcomp, undefined);
    } else {
      const state: OutgoingState = 'released';
      const released = { ...published, state, message: undefined, sharing: undefined };
      this.#inflight.put(packetId, Awaiting.Pubcomp, released);
      if (this.persistent) this.#context.store.putOutgoing(this.#clientId, released);
    }
    this.#sendPubrel(packetId);
  }

  /** After PUBREL the client forgets the identifier; if we forgot that, we would send the message a second time. */
  #sendPubrel(packetId: number): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    if (this.persistent) this.#pubrelOnceSafe(channel, packetId);
    else channel.receiver.acknowledge(PacketType.Pubrel, packetId, 0);
  }

  #pubrelOnceSafe(channel: Channel, packetId: number): void {
    this.#onceSafe(channel, () => channel.receiver.acknowledge(PacketType.Pubrel, packetId, 0));
  }

  #complete(packetId: number): void {
    const outbound = this.#inflight.value(packetId);
    if (outbound !== undefined) this.#forget(outbound.sequence);
    this.#inflight.release(packetId);
    this.#unsent.delete(packetId);
    if (this.#queue.length > 0 || this.#unsent.size > 0 || this.#retained.size > 0) this.pump();
  }

  // --- the session's end and its return ---

  /**
   * Messages of shared subscriptions that another member may take now that this session ends. A QoS 2 message under way may be
   * known to the client already, so it dies with the session [MQTT-4.8.2-5].
   */
  *orphans(): Generator<{ message: Message; sharing: Sharing }> {
    const underWay = this.#inflight.values().sort((a, b) => a.sequence - b.sequence);
    for (const outbound of [...underWay, ...this.#queue]) {
      const { message, sharing, state, qos } = outbound;
      if (message !== undefined && sharing !== undefined && (state === 'queued' || qos === 1))
        yield { message, sharing };
    }
  }

  clear(): void {
    this.#queue.clear();
    this.#retained.clear();
  }

  /** Takes over what the store has read back. */
  restore(stored: StoredOutgoing, message: Message | undefined): void {
    const outbound: Outbound = { ...stored, message, sharing: undefined };
    this.#sequence = Math.max(this.#sequence, stored.sequence);
    if (stored.state === 'queued') {
      this.#queue.push(outbound);
      return;
    }
    const awaiting = stored.qos === 1 ? Awaiting.Puback : Awaiting.Pubrec;
    this.#inflight.put(stored.packetId, stored.state === 'released' ? Awaiting.Pubcomp : awaiting, outbound);
  }
}
