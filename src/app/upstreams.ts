/** All upstreams of the gateway, the embedded broker among them, and which of them each client goes to. */
import type { Chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type { BrokerStats } from '../broker/broker.ts';
import type { MayPublishWill } from '../broker/context.ts';
import type { KeptSessions } from '../broker/kept-session.ts';
import type { DownstreamReceiver, OpenLink, UpstreamLink } from '../mqtt/link.ts';
import type { Client } from '../pipeline/client.ts';
import { isConfined } from '../pipeline/rights.ts';
import { SessionFilters } from '../pipeline/session-filters.ts';
import type { SharedOwners } from '../transports/upstream/client-owners.ts';
import { type Route, routeFor } from '../transports/upstream/routes.ts';
import type { Service } from '../transports/upstream/target.ts';
import type { TargetStatus } from '../transports/upstream/target-status.ts';
import { Upstream } from '../transports/upstream/upstream.ts';
import type { UpstreamOptions } from '../transports/upstream/upstream-options.ts';
import type { Config } from './config/config.ts';
import { EMBEDDED, plainUpstream, UNNAMED } from './config/upstream-schema.ts';
import type { EmbeddedUpstream, OpenEmbedded } from './embedded-upstream.ts';
import type { SilentWorker } from './silent-workers.ts';
import { upstreamOptions } from './upstream-files.ts';

interface Services {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly openEmbedded: OpenEmbedded;
  readonly mayPublishWill: MayPublishWill;
  /** Where several processes share the brokers. */
  readonly sharedOwners?: SharedOwners;
}

/** A configuration's upstreams, read and checked, before any of it takes effect. */
export interface PreparedUpstreams {
  readonly options: readonly UpstreamOptions[];
  readonly routes: readonly Route[];
  readonly fallback: string;
  /** Where those are sent who are in quarantine, whatever the routes say; undefined: where they always went. */
  readonly decoy: string | undefined;
}

/** Reads what the upstreams of a configuration name. Throws as `upstreamOptions` does. */
export async function prepareUpstreams(config: Config): Promise<PreparedUpstreams> {
  const isUrl = config.upstream.includes('://');
  const configs = isUrl ? [...config.upstreams, plainUpstream(config.upstream)] : config.upstreams;
  return {
    options: await Promise.all(configs.map(upstreamOptions)),
    routes: config.routes,
    fallback: isUrl ? UNNAMED : config.upstream,
    decoy: config.response.quarantine.upstream,
  };
}

/** Whether any client is sent to the embedded broker. */
export function leadsToEmbedded({ routes, fallback, decoy }: Omit<PreparedUpstreams, 'options'>): boolean {
  return fallback === EMBEDDED || decoy === EMBEDDED || routes.some(({ upstream }) => upstream === EMBEDDED);
}

export interface TargetsSeen {
  readonly targets: readonly TargetStatus[];
  /** Workers whose part of it is missing. */
  readonly silent: readonly SilentWorker[];
}

export interface ServiceTold {
  /** There is such a target. */
  readonly isKnown: boolean;
  /** Workers that take it up when they go on. */
  readonly silent: readonly SilentWorker[];
}

export class Upstreams {
  readonly #services: Services;
  readonly #upstreams = new Map<string, Upstream>();
  #embedded: EmbeddedUpstream | undefined;
  #routes: readonly Route[] = [];
  #fallback = EMBEDDED;
  #decoy: string | undefined;
  readonly #sessionFilters: SessionFilters;

  constructor(services: Services) {
    this.#services = services;
    this.#sessionFilters = new SessionFilters(services);
  }

  /**
   * Opens the embedded broker where the new configuration sends anybody to it and it is not open yet: the one step that can
   * fail, before anything is changed. It stays open, for the clients that it has, until the end.
   * @throws {StoreError} when what is on disk cannot be used.
   */
  async openBroker(config: Config, prepared: PreparedUpstreams): Promise<void> {
    if (this.#embedded !== undefined) return;
    if (leadsToEmbedded(prepared)) this.#embedded = await this.#services.openEmbedded(config, this.#services);
  }

  /** Puts a configuration into force. Upstreams that keep their name live on; links stay where they are. */
  apply(config: Config, { options, routes, fallback, decoy }: PreparedUpstreams): void {
    const names = new Set(options.map(({ name }) => name));
    for (const [name, upstream] of this.#upstreams) {
      if (names.has(name)) continue;
      upstream.retire();
      this.#upstreams.delete(name);
    }
    for (const one of options) {
      const upstream = this.#upstreams.get(one.name);
      if (upstream === undefined) this.#upstreams.set(one.name, new Upstream(one, this.#services));
      else upstream.update(one);
    }
    this.#routes = routes;
    this.#fallback = fallback;
    this.#decoy = decoy;
    this.#embedded?.update(config);
  }

  /** The link of one client's connection. */
  open(receiver: DownstreamReceiver, client: Client): UpstreamLink {
    const decoy = isConfined(client) ? this.#decoy : undefined;
    const name = decoy ?? routeFor(this.#routes, client)?.upstream ?? this.#fallback;
    client.usesDecoy = decoy !== undefined;
    if (decoy !== undefined) this.#services.emit({ name: 'quarantine.diverted', ...client.facts(), upstream: decoy });
    // INVARIANT: a configuration whose routes lead nowhere is refused, and the broker is opened before a route leads to it.
    client.upstream = name;
    client.usesOwnBroker = name === EMBEDDED;
    client.sessionFilters = this.#sessionFilters;
    return client.usesOwnBroker
      ? this.#embedded!.open(receiver, client)
      : this.#upstreams.get(name)!.open(receiver, client);
  }

  /** What waits to be sent to brokers, in bytes. */
  waitingBytes(): number {
    let bytes = 0;
    for (const upstream of this.#upstreams.values()) bytes += upstream.waitingBytes();
    return bytes;
  }

  status(): TargetsSeen {
    return { targets: this.targets(), silent: [] };
  }

  targets(): TargetStatus[] {
    return [...this.#upstreams.values()].flatMap((upstream) => upstream.status());
  }

  latencies(): { upstream: string; target: string; dials: number; dialMs: number }[] {
    return [...this.#upstreams].flatMap(([name, upstream]) =>
      upstream.latencies().map((latency) => ({ upstream: name, ...latency })),
    );
  }

  /** Into the tree `$SYS` of the embedded broker, where this process has it. */
  tellSysTree(values: Iterable<readonly [name: string, value: string]>): void {
    this.#embedded?.tell?.(values);
  }

  /** What the embedded broker holds, where this process has it. */
  brokerStats(): BrokerStats | undefined {
    return this.#embedded?.stats?.();
  }

  /** For sessions of the gateway's own at the broker within; undefined where clients are not sent there from this process. */
  get openOwn(): OpenLink | undefined {
    return this.#embedded?.openOwn;
  }

  /** Those that the embedded broker keeps, where this process has it. */
  get sessions(): KeptSessions | undefined {
    return this.#embedded?.sessions;
  }

  /** An operator's word on one target. */
  setService(upstream: string, target: string, service: Service): ServiceTold {
    return { isKnown: this.#upstreams.get(upstream)?.setService(target, service) ?? false, silent: [] };
  }

  async close(): Promise<void> {
    for (const upstream of this.#upstreams.values()) upstream.retire();
    await this.#embedded?.close();
  }
}
