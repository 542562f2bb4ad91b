/** What is known of one client while it is connected: the state that checks read and the connection writes. */
import type { ConnectionFacts } from '../base/events.ts';
import type { ConnectPacket } from '../mqtt/packet.ts';
import type { DecodeRules } from '../mqtt/rules.ts';
import type { ProtocolVersion } from '../mqtt/wire.ts';
import type { ClientAuthorization, Subject } from '../policy/authorization/decision.ts';
import type { Suspect } from '../policy/detection/bans/ban-index.ts';
import type { Identity } from '../policy/identity/identity.ts';
import type { Budget } from '../policy/limits/budget.ts';
import type { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import type { Membership } from '../policy/limits/membership.ts';
import { Conduct } from './conduct.ts';
import type { DownstreamFacts } from './downstream.ts';
import { type EffectiveLimits, limitsFor } from './effective-limits.ts';
import type { OpenExchanges } from './open-exchanges.ts';
import type { ConnectionLimits, ConnectionPolicy } from './policy.ts';
import type { SessionFilters } from './session-filters.ts';
import { TopicCache } from './topic-cache.ts';
import { type LastSample, Traffic } from './traffic.ts';

const NO_FILTERS: ReadonlySet<string> = new Set();

export class Client {
  readonly downstream: DownstreamFacts;
  /** The limits of everybody. */
  readonly inForce: LimitsInForce;
  /** Its part in the limits that are shared and that came with its identity; undefined until that is known. */
  membership: Membership | undefined;
  #policy: ConnectionPolicy;
  #effective: EffectiveLimits;
  /** Until CONNECT has told, 3.1.1. */
  version: ProtocolVersion = 4;
  clientId: string | undefined;
  username: string | undefined;
  /** As the CONNECT has it; the identity may have another. */
  shownUsername: string | undefined;
  identity: Identity | undefined;
  /** Set once authenticated; nothing is permitted before. */
  authorization: ClientAuthorization | undefined;
  /** Grows when what it may do may have changed: decisions from before count no more. */
  rights = 0;
  /** The CONNECT, without its password; undefined before it has come. */
  connect: ConnectPacket | undefined;
  /** The largest packet that the client takes [MQTT-3.1.2-24]. */
  maximumPacketSizeBytes = Number.POSITIVE_INFINITY;
  /** The keep-alive that is enforced. */
  keepAliveS = 0;
  /** Receive Maximum that is enforced on the client: ours or the upstream's, whichever is smaller. */
  inflightMax: number;
  /** QoS 1 and 2 messages of the client that are not acknowledged yet. */
  inflight = 0;
  /** What its next packet waits for, and what its next delivery does; set by the throttle. */
  sendingWaitsFor: Budget | undefined;
  receivingWaitsFor: Budget | undefined;
  #subscriptions: Set<string> | undefined;
  readonly conduct = new Conduct();
  readonly traffic = new Traffic();
  /** QoS 2 exchanges with the server; made with the first. */
  exchanges: OpenExchanges | undefined;
  /** Its end is decided, and only has to wait for its turn: what it sends is not heard any more. */
  isCondemned = false;
  /** Name of the upstream that it was led to; undefined before it was. */
  upstream: string | undefined;
  /** Whether that is the embedded broker. */
  usesOwnBroker = false;
  /** Remembers what sessions hold at servers that do not tell. */
  sessionFilters: SessionFilters | undefined;
  /** Its link leads to where those are sent who are in quarantine. */
  usesDecoy = false;
  /** Made when it is looked at for the first time. */
  lastSample: LastSample | undefined;
  #topics: TopicCache | undefined;

  constructor(downstream: DownstreamFacts, policy: ConnectionPolicy, inForce: LimitsInForce) {
    this.downstream = downstream;
    this.inForce = inForce;
    this.#policy = policy;
    this.#effective = limitsFor(policy, undefined);
    this.inflightMax = policy.limits.inflightMax;
  }

  /** Filters held, as the client wrote them. */
  get subscriptions(): ReadonlySet<string> {
    return this.#subscriptions ?? NO_FILTERS;
  }

  holds(filter: string): void {
    this.#subscriptions ??= new Set();
    this.#subscriptions.add(filter);
  }

  /** From now on that is the set of filters held. */
  holdsWithSession(filters: Set<string>): void {
    this.#subscriptions = filters;
  }

  holdsNoMore(filter: string): void {
    this.#subscriptions?.delete(filter);
  }

  get policy(): ConnectionPolicy {
    return this.#policy;
  }

  set policy(policy: ConnectionPolicy) {
    this.#policy = policy;
    this.settleLimits();
  }

  /** Its ceilings: those of the policy, or what is said of this client in particular. */
  get limits(): ConnectionLimits {
    return this.#effective.limits;
  }

  /** The largest packet that is taken for now: little is kept for strangers. */
  get packetSizeMaxBytes(): number {
    const { connectSizeMaxBytes, packetSizeMaxBytes } = this.limits;
    return this.membership === undefined ? Math.min(connectSizeMaxBytes, packetSizeMaxBytes) : packetSizeMaxBytes;
  }

  get decodeRules(): DecodeRules {
    return this.#effective.decodeRules;
  }

  /** After a change of the policy, or of the membership. */
  settleLimits(): void {
    this.#effective = limitsFor(this.#policy, this.membership?.ceilings);
  }

  /** Made with the first PUBLISH: most subscribers never need one. */
  get topics(): TopicCache {
    this.#topics ??= new TopicCache();
    return this.#topics;
  }

  /** Undefined where it has not published yet. */
  get topicsKnown(): TopicCache | undefined {
    return this.#topics;
  }

  /** A fresh copy for an event. */
  facts(): ConnectionFacts {
    const { connectionId, listener, address, port } = this.downstream;
    const facts: ConnectionFacts = { connectionId, listener, address, port };
    if (this.connect !== undefined) facts.protocolVersion = this.version;
    if (this.clientId !== undefined) facts.clientId = this.clientId;
    if (this.username !== undefined) facts.username = this.username;
    return facts;
  }

  /** May it be told why, in reason strings and user properties? [MQTT-3.1.2-29] */
  get wantsProblemInformation(): boolean {
    return this.version === 5 && this.connect?.properties.requestProblemInformation !== false;
  }
}

/** The client as authorization sees it. */
export function subjectOf({ downstream }: Client, identity: Identity): Subject {
  const { username, clientId, roles = [], groups = [], attributes = {} } = identity;
  const { listener, address, secure } = downstream;
  return { username, clientId, roles, groups, attributes, listener, address, secure };
}

/** The client as bans and the quarantine see it. */
export function suspectOf({ downstream, identity, username, clientId }: Client): Suspect {
  return {
    address: downstream.address,
    username: identity?.username ?? username,
    clientId,
    fingerprint: downstream.certificate?.fingerprint,
  };
}
