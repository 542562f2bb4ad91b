/**
 * SUBSCRIBE and UNSUBSCRIBE: what is denied is cut out, the rest goes on, and the SUBACK that comes back is put together again
 * with one code for each filter that was asked for, in order [MQTT-3.8.4-6].
 */
import type { Frame } from '../mqtt/frame.ts';
import type { UpstreamLink } from '../mqtt/link.ts';
import type { SubackPacket, SubscribePacket, Subscription, UnsubackPacket, UnsubscribePacket } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { Reason } from '../mqtt/reason.ts';
import { isBroadFilter, isSharedFilter } from '../mqtt/topic.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { Answers } from './answers.ts';
import { STEPPED_ASIDE, stepAside } from './checks/sequences.ts';
import { subscribeGrant } from './checks/subscribe-grant.ts';
import type { Client } from './client.ts';
import { admitFilter, admitSubscribe } from './order.ts';
import { type ReadGate, Stop } from './read-gate.ts';
import type { RefusalEvents } from './refusal-events.ts';
import { keepsSession, sessionOf } from './upstream-connect.ts';
import type { Close, Denial, Drop } from './verdict.ts';

/** 3.1.1's only failure code in a SUBACK [MQTT311-3.9.3-2]. */
const FAILURE = 0x80;

/** A SUBSCRIBE that the server has not answered yet. */
interface Pending {
  readonly filters: readonly string[];
  /** Codes of the filters that were denied; undefined where the server's code goes. */
  readonly codes: (number | undefined)[];
}

export class Subscriptions {
  readonly #client: Client;
  readonly #answers: Answers;
  readonly #events: RefusalEvents;
  readonly #gate: ReadGate;
  /** By packet identifier; made with the first SUBSCRIBE. */
  #pending: Map<number, Pending> | undefined;
  /** What the gateway sent in the client's name: by packet identifier, the filters of a SUBSCRIBE, none of an UNSUBSCRIBE. */
  #own: Map<number, readonly string[]> | undefined;
  /** Packet identifiers of the client's UNSUBSCRIBEs that the server has not answered yet. */
  #unsubscribing: Set<number> | undefined;
  /** Of the packet that is held back until the server has answered an earlier one with the same. */
  #awaited = 0;
  /** Shared subscriptions as they were asked for; made with the first. */
  #shared: Map<string, SubscribePacket> | undefined;

  constructor(client: Client, answers: Answers, events: RefusalEvents, gate: ReadGate) {
    this.#gate = gate;
    this.#client = client;
    this.#answers = answers;
    this.#events = events;
  }

  /** The connection is open: what its session holds already is held by the client. Returns whether that is, or may be, anything. */
  begin(isResumed: boolean, held: Iterable<string> | undefined): boolean {
    const { connect, sessionFilters } = this.#client;
    if (held !== undefined) {
      for (const filter of held) this.#client.holds(filter);
      return this.#client.subscriptions.size > 0;
    }
    if (isResumed || (connect !== undefined && keepsSession(connect))) {
      const filters = sessionFilters?.begin(sessionOf(this.#client), isResumed);
      if (filters !== undefined) this.#client.holdsWithSession(filters);
    }
    return isResumed;
  }

  end(): void {
    const { connect, sessionFilters, subscriptions } = this.#client;
    if (connect !== undefined) sessionFilters?.end(sessionOf(this.#client), subscriptions, keepsSession(connect));
  }

  /** Undefined when it was dealt with, `wait` where it is to be shown again; otherwise the connection ends with what is returned. */
  subscribe(packet: SubscribePacket, frame: Frame, link: UpstreamLink): Close | Drop | 'wait' | undefined {
    if (this.#awaits(packet.packetId, this.#pending)) return 'wait';
    const verdict = admitSubscribe(this.#client, packet);
    if (verdict.kind !== 'pass' && verdict.excess !== undefined) {
      const outcome = verdict.kind === 'close' ? 'disconnected' : 'refused';
      this.#client.inForce.tell(verdict.excess, outcome, verdict.reason, this.#client.facts());
    }
    if (verdict.kind === 'close' || verdict.kind === 'drop') return verdict;
    const permitted: Subscription[] = [];
    const codes: (number | undefined)[] = [];
    for (const subscription of packet.subscriptions) {
      const denial = verdict.kind === 'pass' ? admitFilter(this.#client, subscription) : verdict;
      if (denial.kind === 'pass') {
        permitted.push(subscription);
        codes.push(undefined);
        if (isBroadFilter(subscription.filter)) this.#client.traffic.broadFilters++;
        this.#client.holds(subscription.filter);
        if (isSharedFilter(subscription.filter)) this.#keepShared(subscription, packet);
      } else {
        codes.push(this.#deniedCode(subscription, denial));
        this.#tell(subscription.filter, denial);
      }
    }
    this.#gate.counted(codes.length - 1);
    if (permitted.length === 0) {
      this.#answers.suback(packet.packetId, codes as number[]);
      return undefined;
    }
    const filters = packet.subscriptions.map((subscription) => subscription.filter);
    this.#client.traffic.subscribes++;
    this.#pending ??= new Map();
    this.#pending.set(packet.packetId, { filters, codes });
    if (permitted.length === codes.length) link.subscribe(packet, frame);
    else link.subscribe({ ...packet, subscriptions: permitted });
    return undefined;
  }

  /**
   * Clients have to use identifiers that are free [MQTT-2.2.1-3] [MQTT311-2.3.1-2]. One that does not is not read on until this one is free:
   * the answers to two packets with the same would not be told apart, and some devices know no other than 1.
   */
  #awaits(packetId: number, unanswered: { has(packetId: number): boolean } | undefined): boolean {
    if (unanswered?.has(packetId) !== true && this.#own?.has(packetId) !== true) return false;
    this.#awaited = packetId;
    this.#gate.shut(Stop.IdentifierInUse);
    return true;
  }

  #answered(packetId: number): void {
    if (packetId !== this.#awaited) return;
    this.#awaited = 0;
    this.#gate.openSoon(Stop.IdentifierInUse);
  }

  /** DEVIATION: MQTT 3.1 has no failure code, so its clients are granted what they asked for and receive nothing. */
  #deniedCode(subscription: Subscription, denial: Denial): number {
    if (this.#client.version === 5) return denial.reason;
    return this.#client.version === 4 ? FAILURE : subscription.qos;
  }

  #keepShared(subscription: Subscription, { properties: { subscriptionIdentifiers } }: SubscribePacket): void {
    const properties = subscriptionIdentifiers === undefined ? NO_PROPERTIES : { subscriptionIdentifiers };
    this.#shared ??= new Map();
    this.#shared.set(subscription.filter, {
      type: PacketType.Subscribe,
      packetId: 0,
      subscriptions: [subscription],
      properties,
    });
  }

  #forget(filter: string): void {
    this.#client.holdsNoMore(filter);
    this.#shared?.delete(filter);
  }

  #tell(filter: string, denial: Denial): void {
    const { reason, by, says } = denial;
    this.#client.conduct.refused();
    if (this.#events.admits()) {
      this.#events.tell({ name: 'subscribe.refused', ...this.#client.facts(), filter, reason, by, says });
    } else if (reason === Reason.NotAuthorized) this.#client.traffic.refusalsUntold++;
  }

  suback(packet: SubackPacket, frame: Frame | undefined): void {
    this.#answered(packet.packetId);
    const own = this.#own?.get(packet.packetId);
    if (own !== undefined) {
      this.#own?.delete(packet.packetId);
      for (const [i, filter] of own.entries()) this.#retaken(filter, packet.reasonCodes[i] ?? FAILURE);
      return;
    }
    const pending = this.#pending?.get(packet.packetId);
    this.#pending?.delete(packet.packetId);
    if (pending === undefined) {
      this.#pass(packet, packet.reasonCodes, frame);
      return;
    }
    let next = 0;
    const codes = pending.codes.map((code, i) => {
      // A server that answers fewer codes than it was asked for has not granted the rest.
      const merged = code ?? packet.reasonCodes[next++] ?? FAILURE;
      const filter = pending.filters[i];
      if (code === undefined && merged >= FAILURE && filter !== undefined) this.#forget(filter);
      return merged;
    });
    const isWhole = packet.reasonCodes.length === codes.length;
    this.#pass(packet, codes, isWhole ? frame : undefined);
  }

  #pass(packet: SubackPacket, codes: number[], frame: Frame | undefined): void {
    this.#answers.passed(frame, frame === undefined ? { ...packet, reasonCodes: codes } : packet);
  }

  /** Giving up a subscription needs no permission. */
  unsubscribe(packet: UnsubscribePacket, frame: Frame, link: UpstreamLink): 'wait' | undefined {
    if (this.#awaits(packet.packetId, this.#unsubscribing)) return 'wait';
    const aside = this.#shared === undefined ? [] : stepAside(this.#client, packet.filters, this.#shared.keys());
    if (aside.length > 0) {
      this.#events.emit(() => ({ name: 'patch.applied', ...this.#client.facts(), ...STEPPED_ASIDE }));
      this.#giveUp(aside, link);
    }
    const again = aside.flatMap((filter) => (packet.filters.includes(filter) ? [] : (this.#shared?.get(filter) ?? [])));
    for (const filter of packet.filters) this.#forget(filter);
    this.#gate.counted(packet.filters.length - 1);
    this.#unsubscribing ??= new Set();
    this.#unsubscribing.add(packet.packetId);
    link.unsubscribe(packet, frame);
    for (const subscribe of again) {
      const filters = subscribe.subscriptions.map(({ filter }) => filter);
      link.subscribe({ ...subscribe, packetId: this.#ownPacketId(filters) });
    }
    return undefined;
  }

  #giveUp(filters: string[], link: UpstreamLink): void {
    link.unsubscribe({
      type: PacketType.Unsubscribe,
      packetId: this.#ownPacketId([]),
      filters,
      properties: NO_PROPERTIES,
    });
  }

  /** The server's answer to a shared subscription that stepped aside. */
  #retaken(filter: string, reason: number): void {
    if (reason < FAILURE || !this.#client.subscriptions.has(filter)) return;
    this.#forget(filter);
    const says = 'the broker did not take it again after the plain one to the same filter was unsubscribed';
    const { by } = STEPPED_ASIDE;
    this.#events.emit(() => ({ name: 'subscription.revoked', ...this.#client.facts(), filter, reason, by, says }));
  }

  unsuback(packet: UnsubackPacket, frame: Frame | undefined): void {
    this.#answered(packet.packetId);
    if (this.#own?.delete(packet.packetId) === true) return;
    this.#unsubscribing?.delete(packet.packetId);
    this.#answers.passed(frame, packet);
  }

  /** After a change of policy: what may no longer be held is given up, in the client's name. */
  recheck(link: UpstreamLink): void {
    for (const filter of this.#client.subscriptions) {
      const verdict = subscribeGrant(this.#client, filter);
      if (verdict.kind === 'pass') continue;
      const { reason, by, says } = verdict;
      this.#forget(filter);
      this.#events.emit(() => ({ name: 'subscription.revoked', ...this.#client.facts(), filter, reason, by, says }));
      this.#giveUp([filter], link);
    }
  }

  /** Clients count up from 1, so the gateway counts down from the top. */
  #ownPacketId(filters: readonly string[]): number {
    this.#own ??= new Map();
    let packetId = 0xffff;
    while (packetId > 1 && this.#isTaken(packetId)) packetId--;
    this.#own.set(packetId, filters);
    return packetId;
  }

  #isTaken(packetId: number): boolean {
    return (
      this.#own?.has(packetId) === true ||
      this.#pending?.has(packetId) === true ||
      this.#unsubscribing?.has(packetId) === true
    );
  }
}
