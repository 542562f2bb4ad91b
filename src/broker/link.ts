/** One connected client, as the broker serves it: each of its packets, and the answer to it. */
import { type Chance, readableToken } from '../base/chance.ts';
import type { AckProperties, ClientFacts, DownstreamReceiver, UpstreamLink } from '../mqtt/link.ts';
import type {
  AckType,
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  SubscribePacket,
  Subscription as SubscriptionRequest,
  UnsubscribePacket,
} from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketType, type ProtocolVersion } from '../mqtt/wire.ts';
import type { Acknowledgements, Publisher } from './acknowledgements.ts';
import { Channel } from './channel.ts';
import { acceptance, refusal } from './connack.ts';
import type { BrokerContext } from './context.ts';
import type { Router } from './router.ts';
import type { Session, SessionLink } from './session.ts';
import type { Sessions } from './sessions.ts';
import { NO_IDENTIFIERS, Subscription } from './subscription.ts';
import { parseFilter } from './subscription-tree.ts';

export interface LinkServices {
  readonly context: BrokerContext;
  readonly router: Router;
  readonly sessions: Sessions;
  readonly acknowledgements: Acknowledgements;
  readonly chance: Chance;
  readonly responseInformation: (clientId: string) => string | undefined;
  /** Brings the `$SYS` topics up to date before somebody subscribes to them. */
  readonly refreshSysTopics: () => void;
}

const ASSIGNED_LENGTH = 20;
/** Failure in the SUBACK of 3.1.1 [MQTT311-3.9.3-2]. */
const FAILURE = 0x80;

const NOT_SAFE = 'the message could not be written to disk';
const ACK_SAYS: ReadonlyMap<number, string> = new Map([
  [Reason.NotAuthorized, "topics that begin with $SYS/ are the broker's own"],
  [Reason.TopicNameInvalid, 'topics that begin with $ are not open to clients'],
  [Reason.QuotaExceeded, 'the message could not be kept: the broker is at a ceiling or its disk refuses'],
]);

export class BrokerLink implements UpstreamLink, SessionLink, Publisher {
  readonly #services: LinkServices;
  readonly #receiver: DownstreamReceiver;
  /** Set while the client is connected; without it every call is ignored. */
  #session: Session | undefined;
  #begun = false;
  #version: ProtocolVersion = 4;
  /** The Receive Maximum that the client was told. */
  #receiveMaximum = 0;
  /** QoS 1 and 2 messages of this connection whose exchange has not ended [MQTT-3.3.4-7]. */
  #outstanding = 0;
  /** Acknowledgements that wait for the store. */
  #unsettled = 0;
  /** We asked the caller to stop reading. */
  #stopped = false;
  #wantsReasons = true;
  #connectExpiryS = 0;
  #isBridge = false;
  /** New subscriptions whose retained messages wait until the SUBACK is safe; one that replaces such a one owes them in its place. */
  #owesRetained: Set<Subscription> | undefined;

  constructor(services: LinkServices, receiver: DownstreamReceiver) {
    this.#services = services;
    this.#receiver = receiver;
  }

  // --- connection ---

  connect(packet: ConnectPacket, client: ClientFacts): void {
    if (this.#begun) {
      // A second CONNECT is a Protocol Error [MQTT-3.1.0-2].
      this.#end(Reason.ProtocolError, 'CONNECT was sent twice');
      return;
    }
    this.#begun = true;
    if (packet.properties.authenticationMethod !== undefined) {
      this.#refuse(packet, Reason.BadAuthenticationMethod, 'enhanced authentication is not supported');
      return;
    }
    if (packet.clientId === '' && packet.protocolVersion < 5 && !packet.cleanStart) {
      // A session that lasts needs a name to be found by [MQTT311-3.1.3-8].
      this.#refuse(packet, Reason.ClientIdentifierNotValid, 'an empty client identifier needs a clean session');
      return;
    }
    const { sessions, context } = this.#services;
    const clientId = packet.clientId === '' ? this.#assignClientId() : packet.clientId;
    const opened = sessions.open(packet, clientId, client, this);
    if (!opened.ok) {
      this.#refuse(packet, opened.reason, opened.says);
      return;
    }
    const { session, isPresent } = opened;
    const channel = new Channel(context, this.#receiver, packet);
    this.#session = session;
    this.#version = packet.protocolVersion;
    this.#receiveMaximum = context.ceilings.current.receiveMaximum;
    this.#wantsReasons = packet.properties.requestProblemInformation ?? true;
    this.#connectExpiryS = packet.properties.sessionExpiryIntervalS ?? 0;
    this.#isBridge = packet.bridge;
    this.#receiver.connack(
      acceptance(packet, {
        sessionPresent: isPresent,
        receiveMaximum: this.#receiveMaximum,
        sessionExpiryIntervalS: session.expiryS,
        assignedClientIdentifier: packet.clientId === '' ? clientId : undefined,
        responseInformation: this.#services.responseInformation(clientId),
      }),
      session.subscriptions.keys(),
    );
    // The receiver may have hung up on what it heard.
    if (this.#session === session) session.outgoing.attach(channel);
  }

  /** An identifier of our own making, unknown until now [MQTT-3.1.3-6, MQTT-3.1.3-7]. */
  #assignClientId(): string {
    for (;;) {
      const clientId = `auto-${readableToken(this.#services.chance, ASSIGNED_LENGTH)}`;
      if (!this.#services.sessions.has(clientId)) return clientId;
    }
  }

  #refuse(packet: ConnectPacket, reason: Reason, says: string): void {
    const connack = refusal(packet, reason, says);
    if (connack === undefined) this.#receiver.closed(undefined);
    else this.#receiver.connack(connack);
  }

  close(disconnect: DisconnectPacket | undefined): void {
    this.#begun = true;
    const session = this.#leave();
    if (session === undefined) return;
    const expiryS = disconnect?.properties.sessionExpiryIntervalS;
    // An expiry where CONNECT had none makes it no valid DISCONNECT: the connection then counts as lost [MQTT5 3.14.2.2.2].
    const isValid = expiryS === undefined || expiryS === 0 || this.#connectExpiryS > 0;
    if (expiryS !== undefined && isValid) {
      session.expiryS = Math.min(expiryS, this.#services.context.ceilings.current.sessionExpiryMaxS);
    }
    const isNormal = disconnect?.reasonCode === Reason.Success && isValid;
    this.#services.sessions.detach(session, !isNormal);
  }

  renewed({ willAuthor }: ClientFacts): void {
    if (this.#session !== undefined) this.#services.sessions.renewWill(this.#session, willAuthor);
  }

  /** From here on every call is ignored, and nothing is called back. */
  #leave(): Session | undefined {
    const session = this.#session;
    this.#session = undefined;
    return session;
  }

  /** Ends it from our side, which publishes the Will [MQTT-3.1.2-8]. */
  #end(reason: Reason, says: string): void {
    const session = this.#leave();
    if (session === undefined) return;
    this.#tellClosed(reason, says);
    this.#services.sessions.detach(session, true);
  }

  #tellClosed(reasonCode: Reason, says: string): void {
    this.#receiver.closed({ type: PacketType.Disconnect, reasonCode, properties: { reasonString: says } });
  }

  takenOver(): void {
    this.#leave();
    this.#tellClosed(Reason.SessionTakenOver, 'another connection with this client identifier has come');
  }

  shutDown(): void {
    this.#leave();
    this.#tellClosed(Reason.ServerShuttingDown, 'the broker is shutting down');
  }

  removed(): void {
    this.#leave();
    this.#tellClosed(Reason.AdministrativeAction, 'an operator has removed the session');
  }

  ping(): void {
    if (this.#session !== undefined) this.#receiver.pong();
  }

  /** No method was agreed on, so there is nothing to go on with [MQTT-4.12.0-7]. */
  authenticate(_packet: AuthPacket): void {
    this.#end(Reason.ProtocolError, 'AUTH was sent without an authentication method in CONNECT');
  }

  resume(): void {
    this.#session?.outgoing.resume();
  }

  // --- publishing ---

  publish(packet: PublishView): boolean {
    const session = this.#session;
    if (session === undefined) return true;
    const { context, router } = this.#services;
    const { qos, packetId } = packet;
    context.counters.publishesReceived++;
    context.counters.bytesReceived += packet.end - packet.start;
    if (qos === 0) {
      router.publish(packet, session.clientId);
      return true;
    }
    const isRepeated = qos === 2 && session.incoming.has(packetId);
    if (!isRepeated && this.#outstanding >= this.#receiveMaximum && this.#version === 5) {
      this.#end(Reason.ReceiveMaximumExceeded, `more than ${this.#receiveMaximum} messages are under way`);
      return true;
    }
    const acknowledgement = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    // A QoS 2 message is routed once, however often it comes before its PUBREL [MQTT-4.3.3-10, MQTT-4.3.3-12].
    if (isRepeated) this.#answer(acknowledgement, packetId, Reason.Success);
    else {
      this.#outstanding++;
      this.#publishNew(session, packet, acknowledgement);
    }
    if (this.#unsettled < this.#receiveMaximum || this.#session === undefined) return true;
    this.#stopped = true;
    return false;
  }

  #publishNew(session: Session, packet: PublishView, acknowledgement: AckType): void {
    const { context, router } = this.#services;
    const { qos, packetId } = packet;
    const needsStore = qos === 2 && session.persistent && !context.store.healthy();
    const reason = needsStore ? undefined : router.publish(packet, session.clientId);
    if (reason === undefined) {
      // What cannot be promised is not acknowledged. 3.x can only be told by the end of the connection, and sends it again on
      // the next [MQTT311-4.8.0-2].
      if (this.#version === 5) this.#refusePublish(acknowledgement, packetId);
      else this.#end(Reason.QuotaExceeded, NOT_SAFE);
      return;
    }
    // 3.x knows no refusal: what a client may not publish is acknowledged and goes nowhere [MQTT311-3.3.5-2].
    const isTaken = reason < 0x80 || this.#version < 5;
    if (qos === 2 && isTaken) {
      session.incoming.add(packetId);
      if (session.persistent) context.store.putIncoming(session.clientId, packetId);
    }
    this.#answer(acknowledgement, packetId, reason);
  }

  /** At once, and out of turn: the acknowledgements before it wait for the disk that refuses. */
  #refusePublish(type: AckType, packetId: number): void {
    this.#outstanding--;
    const properties = this.#wantsReasons ? { reasonString: NOT_SAFE } : undefined;
    this.#receiver.acknowledge(type, packetId, Reason.QuotaExceeded, properties);
  }

  #answer(type: AckType, packetId: number, reasonCode: number): void {
    this.#unsettled++;
    this.#services.acknowledgements.push(this, type, packetId, reasonCode);
  }

  settle(type: AckType, packetId: number, reasonCode: number): void {
    this.#unsettled--;
    if (this.#session === undefined) return;
    const isEnd = type !== PacketType.Pubrec || reasonCode >= 0x80;
    if (isEnd && this.#outstanding > 0) this.#outstanding--;
    if (this.#version === 5) this.#receiver.acknowledge(type, packetId, reasonCode, this.#explain(reasonCode));
    else this.#receiver.acknowledge(type, packetId, 0);
    if (this.#stopped && this.#unsettled * 2 <= this.#receiveMaximum) {
      this.#stopped = false;
      this.#receiver.drained();
    }
  }

  #explain(reasonCode: number): AckProperties | undefined {
    if (reasonCode < 0x80 || !this.#wantsReasons) return undefined;
    const reasonString = ACK_SAYS.get(reasonCode);
    return reasonString === undefined ? undefined : { reasonString };
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number): void {
    const session = this.#session;
    if (session === undefined) return;
    if (type === PacketType.Pubrel) {
      this.#onPubrel(session, packetId);
      return;
    }
    const { outgoing } = session;
    let outcome = 'known';
    if (type === PacketType.Puback) outcome = outgoing.puback(packetId);
    else if (type === PacketType.Pubcomp) outcome = outgoing.pubcomp(packetId);
    else outcome = outgoing.pubrec(packetId, reasonCode >= 0x80);
    if (outcome === 'mismatched') {
      this.#end(Reason.ProtocolError, `packet identifier ${packetId} was acknowledged with the wrong packet`);
    } else if (outcome === 'unknown' && type === PacketType.Pubrec && reasonCode < 0x80) {
      // The client is at a loss with it: let it go on [MQTT5 3.6.2.1].
      const reason = this.#version === 5 ? Reason.PacketIdentifierNotFound : Reason.Success;
      this.#receiver.acknowledge(PacketType.Pubrel, packetId, reason);
    }
  }

  /** The client gives the identifier free; forgetting it must be safe before the client uses it again [MQTT-4.3.3-11]. */
  #onPubrel(session: Session, packetId: number): void {
    if (session.incoming.delete(packetId)) {
      if (session.persistent) this.#services.context.store.deleteIncoming(session.clientId, packetId);
      this.#answer(PacketType.Pubcomp, packetId, Reason.Success);
    } else {
      this.#answer(
        PacketType.Pubcomp,
        packetId,
        this.#version === 5 ? Reason.PacketIdentifierNotFound : Reason.Success,
      );
    }
  }

  // --- subscribing ---

  subscribe(packet: SubscribePacket): void {
    const session = this.#session;
    if (session === undefined) return;
    if (packet.subscriptions.some(({ filter }) => filter.includes('$SYS'))) this.#services.refreshSysTopics();
    const identifier = packet.properties.subscriptionIdentifiers?.[0];
    const identifiers = identifier === undefined ? NO_IDENTIFIERS : [identifier];
    const retained: Subscription[] = [];
    const reasonCodes = packet.subscriptions.map((request) =>
      this.#subscribeOne(session, request, identifiers, retained),
    );
    this.#onceSafe(session, () => {
      this.#receiver.suback({
        type: PacketType.Suback,
        packetId: packet.packetId,
        reasonCodes,
        properties: NO_PROPERTIES,
      });
      for (const subscription of retained) {
        this.#owesRetained?.delete(subscription);
        // It may have been given up meanwhile; or replaced, and then its successor owes them.
        if (session.subscriptions.get(subscription.filter) !== subscription) continue;
        session.outgoing.offerRetained(subscription, this.#services.router.retainedMatching(subscription.filter));
      }
    });
  }

  /** The code for SUBACK; what asks for retained messages is added to `retained`. */
  #subscribeOne(
    session: Session,
    request: SubscriptionRequest,
    identifiers: readonly number[],
    retained: Subscription[],
  ): number {
    const { context, sessions } = this.#services;
    const { filter, qos, retainHandling } = request;
    const parsed = parseFilter(filter);
    if (parsed === undefined) return this.#refusedCode(Reason.TopicFilterInvalid, qos);
    if (session.persistent && !context.store.healthy()) return this.#refusedCode(Reason.QuotaExceeded, qos);
    const existing = session.subscriptions.get(filter);
    const isNew = existing === undefined;
    if (isNew && session.subscriptions.size >= context.ceilings.current.subscriptionsPerSessionMax) {
      context.ceilings.reached('subscriptionsPerSessionMax', 'a subscription was refused', session.clientId);
      return this.#refusedCode(Reason.QuotaExceeded, qos);
    }
    // Bridges of 3.x say by their protocol level that they want what v5 has options for.
    const options = this.#isBridge ? { ...request, noLocal: true, retainAsPublished: true } : request;
    const subscription = new Subscription(session, options, identifiers);
    sessions.subscribe(session, subscription);
    // Retained messages do not go to shared subscriptions [MQTT5 4.8.2]; the rest is as the client asked
    // [MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11].
    const isOwed = existing !== undefined && this.#owesRetained?.delete(existing) === true;
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew) || isOwed;
    if (parsed.share === undefined && isWanted) {
      this.#owesRetained ??= new Set();
      this.#owesRetained.add(subscription);
      retained.push(subscription);
    }
    return qos;
  }

  /** DEVIATION: 3.1 has no failure code; its clients are granted what they asked for, and receive nothing. */
  #refusedCode(reason: Reason, asked: number): number {
    if (this.#version === 5) return reason;
    return this.#version === 4 ? FAILURE : asked;
  }

  unsubscribe(packet: UnsubscribePacket): void {
    const session = this.#session;
    if (session === undefined) return;
    const codes = packet.filters.map((filter) =>
      this.#services.sessions.unsubscribe(session, filter) ? Reason.Success : Reason.NoSubscriptionExisted,
    );
    const reasonCodes = this.#version === 5 ? codes : [];
    this.#onceSafe(session, () => {
      const type = PacketType.Unsuback;
      this.#receiver.unsuback({ type, packetId: packet.packetId, reasonCodes, properties: NO_PROPERTIES });
    });
  }

  /** A subscription that outlives the connection is a promise too. */
  #onceSafe(session: Session, answer: () => void): void {
    const { store } = this.#services.context;
    if (!session.persistent || !store.healthy()) {
      answer();
      return;
    }
    store.whenSafe(() => {
      if (this.#session === session) answer();
    });
  }
}
