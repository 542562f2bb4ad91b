/** The clients of one process, as operators see them and act on them. Looks at what connections keep anyway; packets cost nothing more. */
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import { type Client, suspectOf } from '../../pipeline/client.ts';
import type { Connection } from '../../pipeline/connection.ts';
import type { Connections } from '../../pipeline/connections.ts';
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
import { type ClientQuery, filterOf, isBehind, placeOfConnection } from './client-query.ts';
import { FiguresSum, type GatewayFigures } from './gateway-figures.ts';

const FILTERS_SHOWN_MAX = 1000;

export interface ProcessClientsOptions {
  readonly connections: Connections;
  /** Has what went through connections that are gone. */
  readonly traffic: TrafficTotals;
  readonly clock: Clock;
  readonly quarantine: Quarantine;
  readonly inForce: LimitsInForce;
  readonly knownGood: () => KnownGoodRules;
  readonly overloadStage: () => number;
}

/** One process's part of a page: its first clients behind the cursor, and how many there are in all. */
export interface ClientPart {
  readonly clients: readonly ClientSummary[];
  readonly matched: number;
}

/** A connection that an operator has ended. */
export interface EndedClient {
  readonly connectionId: string;
  readonly clientId: string;
}

export class ProcessClients {
  readonly #options: ProcessClientsOptions;

  constructor(options: ProcessClientsOptions) {
    this.#options = options;
  }

  list({ filter, countMax, after, attacks }: ClientQuery): ClientPart {
    const isMeant = filterOf(filter);
    const suspects = new AttackIndex(attacks);
    const clients: ClientSummary[] = [];
    let matched = 0;
    for (const { client } of this.#clients()) {
      if (!isMeant(client)) continue;
      if (filter.verdict !== undefined && this.#verdictOf(client, suspects) !== filter.verdict) continue;
      matched++;
      if (clients.length >= countMax || !isBehind(placeOfConnection(client.downstream.connectionId), after)) continue;
      clients.push(this.#summary(client, suspects));
    }
    return { clients, matched };
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
    return this.#named(id).map(({ client }) => this.#details(client, suspects));
  }

  /**
   * Ends them, as for an administrator: a v5 client hears 0x98, and their Wills are published. Returns whom it ends, within the
   * next turn of the event loop.
   */
  disconnect(id: string, by: string, says: string): EndedClient[] {
    const named = this.#named(id);
    this.#options.clock.after(0, () => {
      for (const connection of named) connection.shut(Reason.AdministrativeAction, by, says);
    });
    return named.map(endedOf);
  }

  /** As `disconnect`, at once, for those of exactly this client identifier that the embedded broker serves. */
  endAtOwnBroker(clientId: string, by: string, says: string): EndedClient[] {
    const meant = [...this.#clients()].filter(({ client }) => client.usesOwnBroker && client.clientId === clientId);
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

  /** Those whose CONNECT was accepted. */
  *#clients(): Generator<Connection> {
    for (const connection of this.#options.connections.values()) {
      if (connection.client.conduct.connectedAtMs !== undefined) yield connection;
    }
  }

  #named(id: string): Connection[] {
    return [...this.#clients()].filter(({ client }) => client.clientId === id || client.downstream.connectionId === id);
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
