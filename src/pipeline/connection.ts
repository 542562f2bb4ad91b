/** One client's connection: its states, its deadlines, and the way of each packet through it. */
import type { Chance } from '../base/chance.ts';
import { decodePacket } from '../mqtt/decode.ts';
import { Deframer, FrameStatus } from '../mqtt/deframer.ts';
import { type Fault, isFault } from '../mqtt/fault.ts';
import { PacketIdZero, ProtocolVersionUnsupported } from '../mqtt/faults.ts';
import type { Frame } from '../mqtt/frame.ts';
import type { DownstreamReceiver, UpstreamLink } from '../mqtt/link.ts';
import type { AckType, AuthPacket, ConnackPacket, ConnectPacket, DisconnectPacket } from '../mqtt/packet.ts';
import { peekProtocolVersion } from '../mqtt/packets/connect.ts';
import { scanPublish } from '../mqtt/packets/publish.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketOrder } from '../mqtt/sequence.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import { Answers, type AnswersTarget } from './answers.ts';
import { Authentication, type AuthenticationServices, type AuthenticationTarget } from './authentication.ts';
import { type Cause, causeOfDisconnect, causeOfEnd, connectTimeout, UNAVAILABLE, UPSTREAM_GONE } from './cause.ts';
import { IDENTITY_EXPIRED, lapseOf } from './checks/authenticate.ts';
import { provisionalClientId } from './checks/client-identifier.ts';
import { shortenedWillDelay, WILL_DELAY_SHORTENED } from './checks/sequences.ts';
import { admitWill, willRefusal } from './checks/will.ts';
import { Client } from './client.ts';
import { shapeConnack } from './connack.ts';
import { clientConnected, connectionClosed, packetFaulted } from './connection-events.ts';
import { Deadlines, type Latecomer } from './deadlines.ts';
import type { Downstream, DownstreamEnd, DownstreamHandler } from './downstream.ts';
import { Egress, type EgressTarget } from './egress.ts';
import { admitConnect, admitIdentity } from './order.ts';
import type { ConnectionPolicy } from './policy.ts';
import { Publishing } from './publishing.ts';
import { ReadGate, Stop } from './read-gate.ts';
import { RefusalEvents } from './refusal-events.ts';
import { rightsOf } from './rights.ts';
import { Subscriptions } from './subscriptions.ts';
import { Throttle, type ThrottleTarget } from './throttle.ts';
import { upstreamConnect, upstreamFacts, withoutSecrets } from './upstream-connect.ts';
import { type Denial, refuse } from './verdict.ts';

export interface ConnectionServices extends AuthenticationServices {
  readonly chance: Chance;
  /** Makes the link to the server; which one, may depend on who the client is. */
  readonly openLink: (receiver: DownstreamReceiver, client: Client) => UpstreamLink;
  readonly limits: LimitsInForce;
  /** Told once, when the CONNECT was accepted. */
  readonly onOpened?: (connection: Connection) => void;
  /** Told once, when the socket has gone. */
  readonly onGone: (connection: Connection) => void;
}

/**
 * `connecting`: no whole CONNECT yet. `authenticating` and `opening`: it waits for the identity, then for the server's CONNACK.
 * `open`: packets flow. `closing`: our last words are on their way. `closed`: the socket has gone.
 */
type State = 'connecting' | 'authenticating' | 'opening' | 'open' | 'closing' | 'closed';

/** The packet that decoding PUBLISHes of all connections shares: its content lives no longer than one call. */
const view = new PublishView();

export class Connection
  implements DownstreamHandler, Latecomer, EgressTarget, ThrottleTarget, AuthenticationTarget, AnswersTarget
{
  readonly client: Client;
  readonly #downstream: Downstream;
  readonly #services: ConnectionServices;
  readonly #deframer: Deframer;
  readonly #order = new PacketOrder('client');
  readonly #answers: Answers;
  readonly #events: RefusalEvents;
  /** Undefined when it is over for good: only what was an exchange can be done anew. */
  #authentication: Authentication | undefined;
  readonly #publishing: Publishing;
  readonly #subscriptions: Subscriptions;
  readonly #egress: Egress;
  readonly #gate: ReadGate;
  readonly #deadlines: Deadlines;
  readonly #throttle: Throttle;
  readonly #startedMs: number;
  #state: State = 'connecting';
  /** Why it ends as soon as it is open. */
  #leaving: Cause | undefined;
  #link: UpstreamLink | undefined;
  #pumping = false;
  #cause: Cause | undefined;
  #broughtNoClientId = false;
  /** Size of the CONNECT, which is kept until it is answered. */
  #connectBytes = 0;
  /** Topic of the Will that is published if the connection ends now. */
  #will: string | undefined;

  constructor(downstream: Downstream, policy: ConnectionPolicy, services: ConnectionServices) {
    this.#downstream = downstream;
    this.#services = services;
    this.#startedMs = services.clock.nowMs();
    this.client = new Client(downstream.facts, policy, services.limits);
    this.#deframer = new Deframer({ sender: 'client', packetSizeMaxBytes: this.client.packetSizeMaxBytes });
    this.#gate = new ReadGate(downstream, services.clock, this.client.conduct, this);
    this.#deadlines = new Deadlines(this.client, downstream, this.#gate, services.clock, this);
    this.#throttle = new Throttle(this.client, services.clock, this.#gate, this);
    this.#answers = new Answers(downstream, this.client, this);
    this.#events = new RefusalEvents(services.emit, services.clock);
    this.#authentication = new Authentication(this.client, services, this);
    this.#publishing = new Publishing(this.client, this.#answers, this.#events);
    this.#subscriptions = new Subscriptions(this.client, this.#answers, this.#events, this.#gate);
    this.#egress = new Egress(this.client, downstream, services.clock, {
      answers: this.#answers,
      events: this.#events,
      subscriptions: this.#subscriptions,
      reader: this.#deadlines.reader,
      throttle: this.#throttle,
      gate: this.#gate,
      target: this,
    });
    this.#deadlines.awaitConnect();
    services.emit({ name: 'connection.accepted', ...this.client.facts() });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  // --- bytes in ---

  onBytes(buffer: Uint8Array, size = buffer.length): void {
    if (this.#state === 'closing' || this.#state === 'closed' || this.client.isCondemned) return;
    this.#deframer.push(buffer, size);
    this.#pump(size);
  }

  /** Takes whole packets out of the deframer until it is empty, or until the connection has to wait or has ended. */
  #pump(bytes = 0): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let packets = 0;
    const nowMs = this.#gate.begin();
    if (this.client.membership !== undefined) this.client.membership.nowMs = nowMs;
    while (
      !this.#gate.isHeld &&
      (this.#state === 'open' ||
        this.#state === 'connecting' ||
        (this.#state === 'authenticating' && this.#authentication?.awaitsClient))
    ) {
      const status = this.#deframer.next();
      if (status === FrameStatus.Fault) this.#onFault(this.#deframer.fault!);
      if (status !== FrameStatus.Frame) break;
      this.#onFrame();
      this.#gate.counted(1);
      packets++;
    }
    this.#pumping = false;
    // The chunk is only borrowed: what came behind a CONNECT without an answer is kept, and what is too much for now.
    const isWaiting = this.#state === 'authenticating' || this.#state === 'opening';
    if (isWaiting || this.#gate.isHeld) this.#deframer.hold();
    if (this.#state === 'open') this.#deadlines.received(nowMs, bytes, packets, this.#deframer.heldBytes);
    else this.#downstream.keeps?.(this.#deframer.heldBytes + this.#connectBytes);
  }

  #onFrame(): void {
    const frame = this.#deframer;
    const type = frame.bytes[frame.start]! >> 4;
    const misplaced = this.#order.next(type as PacketType);
    if (misplaced !== undefined) this.#onFault(misplaced);
    else if (type === PacketType.Publish) this.#onPublish();
    else if (type >= PacketType.Puback && type <= PacketType.Pubcomp && frame.end - frame.bodyStart === 2)
      this.#onBareAck(type as AckType);
    else this.#onOther();
  }

  #onPublish(): void {
    const { client } = this;
    const fault = scanPublish(view, this.#deframer, client.version, 'client', client.decodeRules, client.topics);
    if (fault !== undefined) {
      this.#onFault(fault);
      return;
    }
    const outcome = this.#publishing.publish(view, this.#link!);
    if (outcome === true) {
      // A 3.x client knows no window: it is slowed down until the server has caught up.
      if (client.inflight >= client.inflightMax && client.version !== 5) this.#gate.shut(Stop.InflightFull);
    } else if (outcome === false) {
      this.#gate.shut(Stop.LinkFull);
    } else if (outcome !== undefined) {
      if (isFault(outcome)) this.#onFault(outcome);
      else if (outcome.kind === 'close') this.#end(outcome);
      else {
        this.#deframer.putBack();
        this.#throttle.delay(outcome);
      }
    }
  }

  /** An acknowledgement that is only a packet identifier, as nearly all are: no packet object is made for it. */
  #onBareAck(type: AckType): void {
    const { bytes, bodyStart } = this.#deframer;
    const packetId = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
    if (packetId === 0) this.#onFault(PacketIdZero);
    else this.#onAck(type, packetId, Reason.Success);
  }

  #onAck(type: AckType, packetId: number, reasonCode: number): void {
    if (type === PacketType.Pubrel && this.#publishing.release(packetId)) return;
    this.#link!.acknowledge(type, packetId, reasonCode, this.#deframer);
  }

  #onOther(): void {
    const packet = decodePacket(this.#deframer, this.client.version, 'client', this.client.decodeRules);
    if (isFault(packet)) {
      this.#onFault(packet);
      return;
    }
    const misplaced = this.#order.check(packet);
    if (misplaced !== undefined) {
      this.#onFault(misplaced);
      return;
    }
    switch (packet.type) {
      case PacketType.Connect:
        this.#onConnect(packet);
        return;
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        this.#onAck(packet.type, packet.packetId, packet.reasonCode);
        return;
      case PacketType.Subscribe: {
        const denial = this.#subscriptions.subscribe(packet, this.#deframer, this.#link!);
        if (denial === 'wait') this.#deframer.putBack();
        else if (denial !== undefined) this.#end(denial);
        return;
      }
      case PacketType.Unsubscribe:
        if (this.#subscriptions.unsubscribe(packet, this.#deframer, this.#link!) === 'wait') this.#deframer.putBack();
        return;
      case PacketType.Pingreq:
        this.client.conduct.pinged();
        this.#link!.ping();
        return;
      case PacketType.Disconnect:
        this.#onDisconnect(packet);
        return;
      case PacketType.Auth:
        // Until CONNACK there is nothing else to read; afterwards traffic goes on.
        if (this.#state === 'authenticating') this.#gate.shut(Stop.Connecting);
        this.#authentication?.take(packet);
        return;
      default:
        // INVARIANT: the deframer has refused what only a server sends.
        return;
    }
  }

  // --- CONNECT ---

  #onConnect(packet: ConnectPacket): void {
    const { client } = this;
    client.version = packet.protocolVersion;
    client.connect = packet;
    client.maximumPacketSizeBytes = packet.properties.maximumPacketSizeBytes ?? Number.POSITIVE_INFINITY;
    this.#connectBytes = this.#deframer.end - this.#deframer.start;
    const { username } = packet;
    // A token in the user name's place is for the method alone: no event may repeat it.
    client.username = username === undefined || client.policy.authenticator.isSecret(username) ? undefined : username;
    client.shownUsername = client.username;
    this.#broughtNoClientId = packet.clientId === '';
    if (this.#broughtNoClientId) packet.clientId = provisionalClientId(this.#services.chance);
    client.clientId = packet.clientId;
    this.#deframer.version = packet.protocolVersion;
    const verdict = admitConnect(client, packet);
    if (verdict.kind !== 'pass') {
      this.#refuseConnect(verdict);
      return;
    }
    this.#state = 'authenticating';
    this.#gate.shut(Stop.Connecting);
    this.#deadlines.awaitConnect();
    this.#authentication?.begin(packet);
  }

  /** An AUTH of ours; until the connection is open, the client's answer is what is read next. */
  sendAuth(packet: AuthPacket): boolean {
    if (!this.#answers.fitting(packet)) return false;
    this.#order.observe(packet);
    if (this.#state === 'authenticating') {
      this.#gate.open(Stop.Connecting);
      // The answer may have come already. It is taken when the exchange knows that it waits for one.
      queueMicrotask(() => this.#pump());
    }
    return true;
  }

  onAuthenticated(denial: Denial | undefined): void {
    if (this.#state !== 'authenticating') return;
    this.#throttle.authenticated(denial);
    const verdict = denial ?? admitIdentity(this.client, this.#broughtNoClientId, this.#services.chance);
    if (verdict.kind === 'pass') {
      this.#deadlines.identified();
      this.#openLink(this.client.connect!);
    } else this.#refuseConnect(verdict, { told: denial !== undefined && denial.excess === undefined });
  }

  /** The client has authenticated anew: what it may do is what its new identity may do. */
  onRenewed(denial: Denial | undefined): void {
    if (this.#state !== 'open') return;
    this.#throttle.authenticated(denial);
    if (denial !== undefined) {
      this.#end(denial);
      return;
    }
    this.#deadlines.identified();
    this.#link?.renewed?.(upstreamFacts(this.client));
    this.#reauthorize();
  }

  #openLink(packet: ConnectPacket): void {
    const { client } = this;
    const { username } = client;
    client.authorization = rightsOf(client);
    const excluded = this.#throttle.join();
    if (excluded !== undefined) {
      this.#refuseConnect(excluded);
      return;
    }
    const refusal = willRefusal(client, packet, this.#services.emit);
    if (refusal !== undefined) {
      this.#refuseConnect(refusal, { told: true });
      return;
    }
    this.#state = 'opening';
    this.#link = this.#services.openLink(this.#egress, client);
    this.#egress.link = this.#link;
    const shortened = shortenedWillDelay(client, packet);
    if (shortened !== undefined) {
      this.#services.emit({ name: 'patch.applied', ...client.facts(), ...WILL_DELAY_SHORTENED });
    }
    const connect = upstreamConnect(shortened ?? packet, client.limits);
    client.connect = withoutSecrets(packet, username);
    this.#link.connect(connect, upstreamFacts(client));
  }

  #refuseConnect(denial: Denial, { told = false, answer = denial.says } = {}): void {
    const { reason, by, says, excess } = denial;
    if (excess !== undefined) this.#throttle.tell(excess, 'refused', reason);
    if (!told) this.#services.emit({ name: 'connect.refused', ...this.client.facts(), reason, by, says });
    this.#answers.refuseConnect(this.client.version, reason, answer);
    this.#finish({ reason, by, says });
  }

  onConnack(packet: ConnackPacket, held: Iterable<string> | undefined): void {
    if (this.#state !== 'opening') return;
    this.#order.observe(packet);
    if (packet.reasonCode !== Reason.Success) {
      const says = packet.properties.reasonString ?? `the upstream refused with code ${packet.reasonCode}`;
      const cause = { reason: packet.reasonCode, by: 'upstream', says };
      this.#services.emit({ name: 'connect.refused', ...this.client.facts(), ...cause });
      this.#answers.explained(packet);
      this.#link = undefined;
      this.#finish(cause);
      return;
    }
    const { client } = this;
    const given = this.#broughtNoClientId ? client.clientId : undefined;
    const { properties, ...shaped } = shapeConnack(client, packet, given);
    if (!this.#answers.explained({ ...shaped, properties: { ...properties, ...this.#authentication?.closing } })) {
      this.withdraw('client:maximumPacketSize', 'the client takes no CONNACK of such a size', Reason.PacketTooLarge);
      return;
    }
    if (this.#authentication?.isExchange === false) this.#authentication = undefined;
    this.#state = 'open';
    this.#downstream.established();
    this.#deadlines.opened(this.#subscriptions.begin(packet.sessionPresent, held));
    this.#services.emit(clientConnected(client, packet.sessionPresent));
    this.#services.onOpened?.(this);
    this.#will = client.connect?.will?.topic;
    this.#gate.open(Stop.Connecting);
    // Packets that came behind the CONNECT are still in the deframer. They wait until the link's own call has returned.
    queueMicrotask(() => (this.#leaving === undefined ? this.#pump() : this.#end(this.#leaving)));
  }

  // --- endings ---

  #onDisconnect(packet: DisconnectPacket): void {
    if (packet.reasonCode === Reason.Success) this.#will = undefined; // [MQTT-3.14.4-3]
    this.#link?.close(packet);
    this.#link = undefined;
    this.#finish(causeOfDisconnect(packet));
  }

  /** What the client sent breaks the protocol. */
  #onFault(fault: Fault): void {
    const event = packetFaulted(this.client, fault, this.#deframer, this.#state === 'connecting');
    this.#services.emit(event);
    const { reason, by, says } = event;
    const cause = { reason, by, says };
    if (this.#state === 'authenticating') {
      this.#answers.refuseConnect(this.client.version, fault.reason, fault.says);
      this.#finish(cause);
    } else if (this.#state === 'connecting') {
      // Only a CONNECT is owed an answer; whatever else came first is met with silence [MQTT-3.1.4-1]. A version that nobody
      // knows is answered in 3.1.1's form, which says no more than that [MQTT311-3.1.2-2] [MQTT-3.1.2-2].
      const version = fault === ProtocolVersionUnsupported ? 4 : peekProtocolVersion(this.#deframer);
      if (version !== undefined) {
        this.client.version = version;
        this.#answers.refuseConnect(version, fault.reason, says);
      }
      this.#finish(cause);
    } else {
      this.#end(cause);
    }
  }

  /** Ends an accepted connection, with a DISCONNECT where the version has one; the Will is published. */
  #end(cause: Cause): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#state === 'open') this.#answers.disconnect(cause.reason, cause.says);
    this.#finish(cause);
  }

  /** No more packets either way; the last bytes go out and the socket closes. */
  #finish(cause: Cause): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#cause ??= { reason: cause.reason, by: cause.by, says: cause.says };
    this.#release();
    this.#state = 'closing';
    this.#downstream.end();
  }

  #release(): void {
    this.#egress.shut();
    this.#deadlines.cancel();
    this.#throttle.leave();
    this.#authentication?.cancel();
    const link = this.#link;
    this.#link = undefined;
    link?.close(undefined);
  }

  onLinkClosed(disconnect: DisconnectPacket | undefined, frame: Frame | undefined): void {
    this.#link = undefined;
    const says = disconnect?.properties.reasonString;
    if (this.#state === 'opening') {
      this.#refuseConnect(refuse(Reason.ServerUnavailable, 'upstream', says ?? UNAVAILABLE), { answer: UNAVAILABLE });
      return;
    }
    if (disconnect === undefined) {
      this.#end(UPSTREAM_GONE);
      return;
    }
    if (frame !== undefined) this.#answers.passed(frame, disconnect);
    else if (this.client.version === 5) this.#answers.explained(disconnect);
    this.#finish({ reason: disconnect.reasonCode, by: 'upstream', says: says ?? 'the upstream ended the connection' });
  }

  onClosed(end: DownstreamEnd): void {
    if (this.#state === 'closed') return;
    this.#gate.finish();
    this.#release();
    this.#subscriptions.end();
    this.#state = 'closed';
    const closed = connectionClosed(this.client, end, this.#cause ?? causeOfEnd(end), {
      durationMs: this.#services.clock.nowMs() - this.#startedMs,
      suppressed: this.#events.untold,
      will: this.#will,
    });
    this.#services.emit(closed);
    this.#services.onGone(this);
  }

  /** Ends it from outside: shutdown, an operator, a limit. */
  shut(reason: number, by: string, says: string): void {
    if (this.#state === 'authenticating' || this.#state === 'opening') this.#refuseConnect(refuse(reason, by, says));
    else this.#end({ reason, by, says });
  }

  /** As `shut`, but refuses nobody: what is being opened ends once it is open; without a CONNECT, at the second call. */
  leave(cause: Cause): void {
    if (this.#state === 'open' || (this.#state === 'connecting' && this.#leaving !== undefined)) this.#end(cause);
    else this.#leaving = cause;
  }

  /** Closes without waiting for anybody. */
  destroy(): void {
    this.#downstream.destroy();
  }

  // --- deadlines ---

  onConnectTimeout(): void {
    const dallies = this.#authentication?.awaitsClient === true;
    if (this.#state === 'connecting') {
      const cause = connectTimeout(this.#state, dallies);
      this.#services.emit({ name: 'connect.refused', ...this.client.facts(), ...cause });
      this.#finish(cause);
    } else if (this.#state === 'authenticating' || this.#state === 'opening') {
      const { reason, by, says } = connectTimeout(this.#state, dallies);
      this.#refuseConnect(refuse(reason, by, says));
    }
  }

  /** The link that said it is in the midst of a call of its own. */
  onTooLarge(cause: Cause): void {
    this.client.isCondemned = true;
    this.#egress.shut();
    queueMicrotask(() => this.#end(cause));
  }

  onLate(cause: Cause): void {
    this.#end(cause);
  }

  onStuck(cause: Cause): void {
    this.#cause ??= cause;
    this.#downstream.destroy();
  }

  // --- backpressure ---

  onAcknowledged(type: AckType, packetId: number, reasonCode: number): void {
    this.#publishing.acknowledged(type, packetId, reasonCode);
    const { inflight, inflightMax } = this.client;
    if (this.#gate.isShutFor(Stop.InflightFull) && inflight * 2 <= inflightMax) this.#gate.open(Stop.InflightFull);
  }

  onBlocked(): void {
    this.#deadlines.reader.blocked();
  }

  onDrain(): void {
    if (this.#deadlines.reader.release()) this.deliverOn();
  }

  deliverOn(): void {
    if (!this.#deadlines.reader.holds && !this.#throttle.holds) this.#link?.resume();
  }

  readOn(): void {
    if (!this.client.isCondemned) this.#pump();
  }

  // --- change of policy ---

  onLimits(): void {
    this.#deframer.packetSizeMaxBytes = this.client.packetSizeMaxBytes;
  }

  onExpired(): void {
    this.withdraw(IDENTITY_EXPIRED.by, IDENTITY_EXPIRED.says);
  }

  /** Puts a new policy into force on the open connection: what it no longer allows ends now. */
  applyPolicy(policy: ConnectionPolicy): void {
    const { client } = this;
    client.policy = policy;
    this.onLimits();
    if (this.recheckIdentity()) this.#reauthorize();
  }

  /** Ends the connection when its identity would not be established again; true when it stays. */
  recheckIdentity(): boolean {
    if (this.client.identity === undefined || this.#link === undefined) return false;
    const lapse = lapseOf(this.client, this.#services.emit);
    if (lapse !== undefined) this.withdraw(lapse.by, lapse.says);
    return lapse === undefined;
  }

  /** By the same policy, for the same identity: nothing that was decided is remembered. */
  decideAnew(): void {
    if (this.client.identity !== undefined && this.#link !== undefined) this.#reauthorize();
  }

  /** What the client may do is decided anew: by another policy, or for another proof of who it is. */
  #reauthorize(): void {
    const { client } = this;
    client.authorization = rightsOf(client);
    client.rights++;
    const excluded = this.#throttle.join();
    if (excluded !== undefined) {
      this.withdraw(excluded.by, excluded.says);
      return;
    }
    const will = client.connect?.will;
    const outcome = will === undefined ? undefined : admitWill(client, will);
    if (outcome !== undefined && outcome.kind !== 'pass') {
      this.withdraw(outcome.by, 'the Will is no longer authorized');
      return;
    }
    this.#subscriptions.recheck(this.#link!);
  }

  /** The right to be here has gone, and with it the right to a Will: it is discarded. */
  withdraw(by: string, says: string, reason: number = Reason.NotAuthorized): void {
    const link = this.#link;
    this.#link = undefined;
    this.#will = undefined;
    link?.close({ type: PacketType.Disconnect, reasonCode: Reason.Success, properties: NO_PROPERTIES });
    this.shut(reason, by, says);
  }
}
