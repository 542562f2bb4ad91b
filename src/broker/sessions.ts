/** All sessions: how they begin, are taken over, outlive their connection, expire and end. */

import { NumberedOrder } from '../base/numbered-order.ts';
import type { ClientFacts } from '../mqtt/link.ts';
import type { ConnectPacket, Will } from '../mqtt/packet.ts';
import { Reason } from '../mqtt/reason.ts';
import { SESSION_EXPIRY_NEVER_S } from '../mqtt/wire.ts';
import type { BrokerContext } from './context.ts';
import type { KeptSessions } from './kept-session.ts';
import { type Message, restoreMessage, willMessage } from './message.ts';
import type { Router } from './router.ts';
import { Session, type SessionLink } from './session.ts';
import type { StoredMessage, StoredWill, StoreSnapshot } from './store.ts';
import { NO_IDENTIFIERS, Subscription } from './subscription.ts';

export type Opened =
  | { readonly ok: true; readonly session: Session; readonly isPresent: boolean }
  | { readonly ok: false; readonly reason: Reason; readonly says: string };

export class Sessions implements KeptSessions {
  readonly #byClientId = new Map<string, Session>();
  readonly #order = new NumberedOrder<Session>();
  readonly #context: BrokerContext;
  readonly #router: Router;
  #connectedCount = 0;
  #willDelayCount = 0;
  #lastNumber = 0;

  constructor(context: BrokerContext, router: Router) {
    this.#context = context;
    this.#router = router;
  }

  get count(): number {
    return this.#byClientId.size;
  }

  get connectedCount(): number {
    return this.#connectedCount;
  }

  /** Messages that wait, in all sessions. */
  queuedCount(): number {
    let count = 0;
    for (const { outgoing } of this.#byClientId.values()) count += outgoing.queuedCount;
    return count;
  }

  has(clientId: string): boolean {
    return this.#byClientId.has(clientId);
  }

  get(clientId: string): Session | undefined {
    return this.#byClientId.get(clientId);
  }

  after(number: number): Iterable<Session> {
    return this.#order.after(number);
  }

  // --- beginning ---

  /** The session for a CONNECT: the one there is, or a new one [MQTT-3.1.2-4, MQTT-3.1.2-5, MQTT-3.1.2-6]. */
  open(packet: ConnectPacket, clientId: string, client: ClientFacts, link: SessionLink): Opened {
    const known = this.#byClientId.get(clientId);
    if (known !== undefined && known.owner !== client.owner) {
      const says = 'the client identifier belongs to a session of another user';
      return { ok: false, reason: Reason.ClientIdentifierNotValid, says };
    }
    if (known?.link !== undefined && client.isExclusive === true) {
      return { ok: false, reason: Reason.ClientIdentifierNotValid, says: 'the client identifier is connected already' };
    }
    if (known?.link !== undefined) {
      known.link.takenOver();
      this.detach(known, true);
    }
    // A session without expiry has ended with its connection just now.
    const lasting = this.#byClientId.get(clientId);
    if (lasting !== undefined && packet.cleanStart) this.end(lasting);
    const resumed = packet.cleanStart ? undefined : lasting;
    const { sessionsMax } = this.#context.ceilings.current;
    if (resumed === undefined && this.#byClientId.size >= sessionsMax) {
      this.#context.ceilings.reached('sessionsMax', 'a client was refused, because it needs a new session', clientId);
      return { ok: false, reason: Reason.QuotaExceeded, says: 'there is no room for another session' };
    }
    const expiryS = this.expiryOf(packet);
    const session = resumed ?? new Session(++this.#lastNumber, clientId, client.owner, expiryS, this.#context);
    if (resumed === undefined) this.#add(session);
    else this.#resume(session, expiryS);
    session.link = link;
    session.protocolVersion = packet.protocolVersion;
    session.connectedAtMs = this.#context.epochMs();
    session.disconnectedAtMs = undefined;
    session.will = packet.will === undefined ? undefined : storedWill(packet.will, client.willAuthor);
    this.#connectedCount++;
    this.#put(session);
    return { ok: true, session, isPresent: resumed !== undefined };
  }

  #add(session: Session): void {
    this.#byClientId.set(session.clientId, session);
    this.#order.add(session.number, session);
  }

  /** How long the session will outlive the connection. */
  expiryOf(packet: ConnectPacket): number {
    const { sessionExpiryMaxS } = this.#context.ceilings.current;
    if (packet.protocolVersion < 5) return packet.cleanStart ? 0 : sessionExpiryMaxS;
    return Math.min(packet.properties.sessionExpiryIntervalS ?? 0, sessionExpiryMaxS);
  }

  #resume(session: Session, expiryS: number): void {
    session.expiryTimer?.cancel();
    // The client is back before the delay is over: no Will [MQTT-3.1.3-9].
    this.#cancelWill(session);
    if (session.persistent && expiryS === 0) {
      // It goes on, but will not outlive this connection, nor a restart.
      this.#context.store.deleteSession(session.clientId);
      session.stored = false;
    }
    session.expiryS = expiryS;
  }

  /** Writes the session's row if a restart will need it: because it lasts, or because somebody must publish its Will. */
  #put(session: Session): void {
    if (!session.persistent && session.will === undefined) return;
    session.stored = true;
    this.#context.store.putSession(session.row);
  }

  /** Who leaves the Will has been proven anew. */
  renewWill(session: Session, author: string | undefined): void {
    if (session.will === undefined) return;
    session.will = { ...session.will, author };
    this.#put(session);
  }

  // --- end of a connection ---

  /** The connection is gone; `publishWill` unless the client took its leave [MQTT-3.1.2-8, MQTT-3.1.2-10]. */
  detach(session: Session, publishWill: boolean): void {
    if (session.link === undefined) return;
    session.link = undefined;
    this.#connectedCount--;
    session.outgoing.detach();
    session.disconnectedAtMs = this.#context.epochMs();
    if (!publishWill) session.will = undefined;
    if (session.expiryS === 0) {
      this.end(session);
      return;
    }
    this.#wait(session, 0);
    if (!session.ended) this.#put(session);
  }

  /** Starts what runs while the client is away, of which `elapsedMs` have passed. */
  #wait(session: Session, elapsedMs: number): void {
    const { clock, ceilings } = this.#context;
    if (session.expiryS !== SESSION_EXPIRY_NEVER_S) {
      session.expiryTimer = clock.after(session.expiryS * 1000 - elapsedMs, () => this.end(session));
    }
    if (session.will === undefined) return;
    const delayMs = session.will.delayS * 1000 - elapsedMs;
    const full = this.#willDelayCount >= ceilings.current.willDelaysMax;
    if (delayMs <= 0 || full) {
      if (delayMs > 0) ceilings.reached('willDelaysMax', 'a Will was published without its delay', session.clientId);
      this.#publishWill(session);
      return;
    }
    this.#willDelayCount++;
    session.willTimer = clock.after(delayMs, () => {
      this.#publishWill(session);
      this.#put(session);
    });
  }

  #cancelWill(session: Session): void {
    if (session.willTimer === undefined) return;
    session.willTimer.cancel();
    session.willTimer = undefined;
    this.#willDelayCount--;
  }

  #publishWill(session: Session): void {
    this.#cancelWill(session);
    const { will } = session;
    session.will = undefined;
    // What clients may not publish, their Wills may not either.
    if (will === undefined || will.topic.startsWith('$')) return;
    const { messageIds, epochMs, mayPublishWill } = this.#context;
    // Much may have changed since its author was there.
    if (mayPublishWill?.(will, session.clientId) === false) return;
    this.#router.publishMessage(willMessage(will, session.clientId, messageIds, epochMs()));
  }

  /** The session is over: it expired, or a clean start discards it. A Will whose delay runs is due now [MQTT-3.1.2-8]. */
  end(session: Session): void {
    if (session.ended) return;
    session.ended = true;
    session.expiryTimer?.cancel();
    this.#byClientId.delete(session.clientId);
    this.#order.remove(session.number);
    for (const filter of session.subscriptions.keys()) this.#router.subscriptions.remove(session.clientId, filter);
    this.#publishWill(session);
    for (const { message, sharing } of session.outgoing.orphans()) this.#router.redistribute(message, sharing);
    session.outgoing.clear();
    if (session.stored) this.#context.store.deleteSession(session.clientId);
  }

  remove(clientId: string): boolean {
    const session = this.#byClientId.get(clientId);
    if (session === undefined) return false;
    session.link?.removed();
    this.detach(session, true);
    this.end(session);
    return true;
  }

  // --- subscriptions ---

  subscribe(session: Session, subscription: Subscription): void {
    session.subscriptions.set(subscription.filter, subscription);
    this.#router.subscriptions.put(subscription);
    if (session.persistent) this.#context.store.putSubscription(session.clientId, subscription);
  }

  /** False when there was none. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false;
    session.outgoing.dropRetained(filter);
    this.#router.subscriptions.remove(session.clientId, filter);
    if (session.persistent) this.#context.store.deleteSubscription(session.clientId, filter);
    return true;
  }

  // --- the program's end and start ---

  /** Ends all connections. Wills are left to the next start, as the specification allows [MQTT5 3.1.2.5]. */
  shutDown(): void {
    const disconnectedAtMs = this.#context.epochMs();
    for (const session of this.#byClientId.values()) {
      session.expiryTimer?.cancel();
      this.#cancelWill(session);
      const { link } = session;
      if (link === undefined) continue;
      session.link = undefined;
      session.disconnectedAtMs = disconnectedAtMs;
      this.#put(session);
      link.shutDown();
    }
    this.#connectedCount = 0;
  }

  /** Takes over what the store has read back. Time went on meanwhile: for expiries, for delays, for messages. */
  restore(snapshot: StoreSnapshot): void {
    const messages = new Map<number, Message>();
    const restored = (stored: StoredMessage): Message => {
      let message = messages.get(stored.id);
      if (message === undefined) {
        message = restoreMessage(stored);
        messages.set(stored.id, message);
        this.#context.messageIds.last = Math.max(this.#context.messageIds.last, stored.id);
      }
      return message;
    };
    for (const message of snapshot.retained) this.#router.retained.restore(restored(message));
    const sessions = snapshot.sessions.map((stored) => this.#restoreSession(stored, restored));
    // Only when all are there can what is due now reach everybody.
    const epochMs = this.#context.epochMs();
    for (const session of sessions) {
      // Connected when the process died: the absence begins now.
      session.disconnectedAtMs ??= epochMs;
      const elapsedMs = Math.max(0, epochMs - session.disconnectedAtMs);
      const isOver = session.expiryS !== SESSION_EXPIRY_NEVER_S && elapsedMs >= session.expiryS * 1000;
      if (isOver) this.end(session);
      else {
        this.#wait(session, elapsedMs);
        this.#put(session);
      }
    }
  }

  #restoreSession(stored: StoreSnapshot['sessions'][number], restored: (message: StoredMessage) => Message): Session {
    const { clientId, owner, sessionExpiryIntervalS, disconnectedAtMs, will } = stored.session;
    const session = new Session(++this.#lastNumber, clientId, owner, sessionExpiryIntervalS, this.#context);
    session.stored = true;
    session.disconnectedAtMs = disconnectedAtMs;
    session.will = will;
    this.#add(session);
    for (const subscription of stored.subscriptions) {
      const { subscriptionIdentifier } = subscription;
      const identifiers = subscriptionIdentifier === 0 ? NO_IDENTIFIERS : [subscriptionIdentifier];
      const live = new Subscription(session, subscription, identifiers);
      session.subscriptions.set(live.filter, live);
      this.#router.subscriptions.put(live);
    }
    for (const outgoing of stored.outgoing) {
      session.outgoing.restore(outgoing, outgoing.message === undefined ? undefined : restored(outgoing.message));
    }
    for (const packetId of stored.incoming) session.incoming.add(packetId);
    return session;
  }
}

/** Its payload is copied by the decoder, so it may be kept. */
function storedWill({ topic, payload, qos, retain, properties }: Will, author: string | undefined): StoredWill {
  const { willDelayIntervalS = 0, ...forwarded } = properties;
  return { topic, payload, qos, retain, properties: forwarded, delayS: willDelayIntervalS, author };
}
