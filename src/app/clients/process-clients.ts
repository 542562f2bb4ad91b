/** The clients of one process, as operators see them and act on them. Looks at what connections keep anyway; packets cost nothing more. */
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import { type Client, suspectOf } from '../../pipeline/client.ts';
import type { Connection } from '../../pipeline/connection.ts';
import { isKnownGood, type KnownGoodRules } from '../../pipeline/known-good.ts';
import { LastSample, ratesSince, type TrafficRates } from '../../pipeline/traffic.ts';
import type { OpenAttack } from '../../policy/detection/attacks.ts';
import type { Quarantine } from '../../policy/detection/quarantine.ts';
import type { Budget } from '../../policy/limits/budget.ts';
import { reportOf } from '../../policy/limits/limit-report.ts';
import type { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import type { TrafficTotals } from '../observability/metrics/traffic-totals.ts';
import { AttackIndex } from './attack-index.ts';
import type { ClientDetails, ClientSummary, ClientVerdict } from './client-facts.ts';
import { type ClientFilter, type ClientQuery, type Cursor, filterOf, placeOfConnection } from './client-query.ts';
import { FiguresSum, type GatewayFigures } from './gateway-figures.ts';
import { numberOf, OpenConnections } from './open-connections.ts';

const FILTERS_SHOWN_MAX = 1000;

export interface ProcessClientsOptions {
  /** Has what went through connections that are gone. */
  readonly traffic: TrafficTotals;
  readonly clock: Clock;
  readonly quarantine: Quarantine;
  readonly inForce: LimitsInForce;
  readonly knownGood: () => KnownGoodRules;
  readonly overloadStage: () => number;
}

/** So many clients are looked at for one page of one process. */
const LOOKED_MAX = 10_000;

/** One process's part of a page: its first clients behind the cursor that fit. */
export interface ClientPart {
  readonly clients: readonly ClientSummary[];
  /** The last one that was looked at; null where there are no more behind it. */
  readonly through: Cursor | null;
  /** How many fit in all; null where there are too many to look at each. */
  readonly matched: number | null;
}

/** A connection that an operator has ended. */
export interface EndedClient {
  readonly connectionId: string;
  readonly clientId: string;
}

export class ProcessClients {
  readonly #options: ProcessClientsOptions;
  /** Those whose CONNECT was accepted. */
  readonly #open = new OpenConnections();

  constructor(options: ProcessClientsOptions) {
    this.#options = options;
  }

  opened(connection: Connection): void {
    this.#open.add(connection);
  }

  gone(client: Client): void {
    this.#open.remove(client);
  }

  /** What is on the page is what it costs, however many are connected. */
  list({ filter, countMax, after, attacks }: ClientQuery): ClientPart {
    const suspects = new AttackIndex(attacks);
    const fits = this.#fitting(filter, suspects);
    const matched = this.#matched(filter, fits);
    const clients: ClientSummary[] = [];
    const [oldest] = this.#open.after(0);
    if (oldest === undefined) return { clients, through: null, matched };
    const { slot } = placeOfConnection(oldest.client.downstream.connectionId);
    if (after.slot > slot) return { clients, through: null, matched };
    let number = after.slot === slot ? after.number : 0;
    let looked = 0;
    for (const { client } of this.#open.after(number)) {
      if (looked++ === LOOKED_MAX) return { clients, through: { slot, number }, matched };
      if (fits(client)) {
        if (clients.length === countMax) return { clients, through: { slot, number }, matched };
        clients.push(this.#summary(client, suspects));
      }
      number = numberOf(client);
    }
    return { clients, through: null, matched };
  }

  /** The verdict is asked last, because it costs most. */
  #fitting(filter: ClientFilter, suspects: AttackIndex): (client: Client) => boolean {
    const isMeant = filterOf(filter);
    const { verdict } = filter;
    return (client) => isMeant(client) && (verdict === undefined || this.#verdictOf(client, suspects) === verdict);
  }

  #matched(filter: ClientFilter, fits: (client: Client) => boolean): number | null {
    const { count } = this.#open;
    if (Object.values(filter).every((value) => value === undefined)) return count;
    if (count > LOOKED_MAX) return null;
    let matched = 0;
    for (const { client } of this.#clients()) if (fits(client)) matched++;
    return matched;
  }

  /** Those with the most traffic now, both ways together; most bytes first. */
  talkers(countMax: number, attacks: readonly OpenAttack[]): ClientSummary[] {
    const nowMs = this.#options.clock.nowMs();
    const loudest: { client: Client; bytes: number }[] = [];
    for (const { client } of this.#clients()) {
      const { bytesInPerSecond, bytesOutPerSecond } = ratesOf(client, nowMs);
      const bytes = bytesInPerSecond + bytesOutPerSecond;
      if (bytes === 0 || (loudest.length === countMax && bytes <= loudest.at(-1)!.bytes)) continue;
      const at = loudest.findIndex((other) => other.bytes < bytes);
      loudest.splice(at === -1 ? loudest.length : at, 0, { client, bytes });
      if (loudest.length > countMax) loudest.pop();
    }
    const suspects = new AttackIndex(attacks);
    return loudest.map(({ client }) => this.#summary(client, suspects));
  }

  /** Those of this client identifier or with this connection identifier: more than one where listeners lead to different brokers. */
  inspect(id: string, attacks: readonly OpenAttack[]): ClientDetails[] {
    const suspects = new AttackIndex(attacks);
    return this.#open.named(id).map(({ client }) => this.#details(client, suspects));
  }

  /**
   * Ends them, as for an administrator: a v5 client hears 0x98, and their Wills are published. Returns whom it ends, within the
   * next turn of the event loop.
   */
  disconnect(id: string, by: string, says: string): EndedClient[] {
    const named = this.#open.named(id);
    this.#options.clock.after(0, () => {
      for (const connection of named) connection.shut(Reason.AdministrativeAction, by, says);
    });
    return named.map(endedOf);
  }

  /** As `disconnect`, at once, for those of exactly this client identifier that the embedded broker serves. */
  endAtOwnBroker(clientId: string, by: string, says: string): EndedClient[] {
    const meant = this.#open.ofClient(clientId).filter(({ client }) => client.usesOwnBroker);
    for (const connection of meant) connection.shut(Reason.AdministrativeAction, by, says);
    return meant.map(endedOf);
  }

  /** All that went through this process, and what goes through it now. */
  figures(): GatewayFigures {
    const nowMs = this.#options.clock.nowMs();
    const sum = new FiguresSum();
    for (const traffic of this.#options.traffic.ended) sum.addCounted(traffic);
    sum.raiseOverloadStage(this.#options.overloadStage());
    for (const { client } of this.#clients()) sum.addClient(client, ratesOf(client, nowMs));
    return sum.total();
  }

  /** Those whose CONNECT was accepted; to be read at once. */
  #clients(): Generator<Connection> {
    return this.#open.after(0);
  }

  #verdictOf(client: Client, suspects: AttackIndex): ClientVerdict {
    if (this.#options.quarantine.holds(suspectOf(client))) return 'quarantined';
    return suspects.meets(suspectOf(client)) ? 'suspect' : 'clear';
  }

  #summary(client: Client, suspects: AttackIndex): ClientSummary {
    const { clock } = this.#options;
    const { downstream, clientId = '', username, identity, version, keepAliveS, subscriptions, upstream = '' } = client;
    const { connectionId, listener, address, port, secure } = downstream;
    const nowMs = clock.nowMs();
    const connectedMs = clock.epochMs() - (nowMs - (client.conduct.connectedAtMs ?? nowMs));
    return {
      connectionId,
      clientId,
      username: identity?.username ?? username ?? null,
      listener,
      upstream,
      address,
      port,
      protocolVersion: version,
      isSecure: secure,
      connectedAt: new Date(Math.round(connectedMs)).toISOString(),
      keepAliveS,
      subscriptions: subscriptions.size,
      isThrottled: client.sendingWaitsFor !== undefined || client.receivingWaitsFor !== undefined,
      verdict: this.#verdictOf(client, suspects),
      ...ratesOf(client, nowMs),
    };
  }

  #details(client: Client, suspects: AttackIndex): ClientDetails {
    const { clock, inForce, knownGood } = this.#options;
    const { downstream, identity, connect, traffic, conduct, clientId = '' } = client;
    const { certificate, secure, tlsVersion, tlsCipher } = downstream;
    const nowMs = clock.nowMs();
    return {
      ...this.#summary(client, suspects),
      cleanStart: connect?.cleanStart ?? true,
      sessionExpiryS: connect?.properties.sessionExpiryIntervalS ?? null,
      willTopic: connect?.will?.topic ?? null,
      identity:
        identity === undefined
          ? null
          : {
              method: identity.method,
              username: identity.username ?? null,
              roles: [...new Set([...(identity.roles ?? []), ...(client.authorization?.roles ?? [])])],
              groups: [...(identity.groups ?? [])],
            },
      tls: secure ? { version: tlsVersion ?? null, cipher: tlsCipher ?? null } : null,
      certificate:
        certificate === undefined
          ? null
          : {
              subject: certificate.subject,
              issuer: certificate.issuer,
              serial: certificate.serial,
              fingerprint: certificate.fingerprint,
              expiresAt: new Date(certificate.notAfterMs).toISOString(),
            },
      filters: [...client.subscriptions].slice(0, FILTERS_SHOWN_MAX),
      totals: {
        messagesIn: traffic.messagesIn,
        messagesOut: traffic.messagesOut,
        bytesIn: traffic.bytesIn,
        bytesOut: traffic.bytesOut,
      },
      inflight: client.inflight,
      inflightMax: client.inflightMax,
      packetsPerSecond: Math.round(conduct.packetsPerSecond(nowMs) * 10) / 10,
      isKnownGood: isKnownGood(client, knownGood(), nowMs),
      waitsToSend: waitOf(client.sendingWaitsFor),
      waitsToReceive: waitOf(client.receivingWaitsFor),
      limits: reportOf(inForce, { scope: 'client', key: clientId }, nowMs).map(({ buckets, ...row }) => ({
        ...row,
        ...(buckets === undefined ? {} : { buckets: buckets.map((bucket) => ({ ...bucket })) }),
      })),
      attacks: suspects.all(suspectOf(client)),
    };
  }
}

function endedOf({ client }: Connection): EndedClient {
  return { connectionId: client.downstream.connectionId, clientId: client.clientId ?? '' };
}

function ratesOf(client: Client, nowMs: number): TrafficRates {
  const { connectedAtMs = nowMs } = client.conduct;
  return ratesSince(client.traffic, client.lastSample ?? new LastSample(connectedAtMs), nowMs);
}

function waitOf(budget: Budget | undefined): ClientDetails['waitsToSend'] {
  if (budget === undefined) return null;
  const { scope, key, limit } = budget;
  return { limit: limit.name, scope, key, value: limit.text, source: limit.source };
}
