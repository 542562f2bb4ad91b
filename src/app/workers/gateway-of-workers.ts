/** A gateway of several processes: this one holds what must be one, its workers serve the clients. */

import { join } from 'node:path';
import type { KeptSessions } from '../../broker/kept-session.ts';
import type { OpenLink } from '../../mqtt/link.ts';
import type { LeftWillPolicy } from '../../pipeline/checks/left-will.ts';
import { mergedReport } from '../../policy/authorization/shadow/shadow-tally.ts';
import { Quarantine } from '../../policy/detection/quarantine.ts';
import type { Service } from '../../transports/upstream/target.ts';
import type { TargetStatus } from '../../transports/upstream/target-status.ts';
import { type AuthorStandings, openAuthorStandings } from '../author-standings.ts';
import { loadAuthorization } from '../authorization-files.ts';
import { GatewayClients } from '../clients/gateway-clients.ts';
import type { Config } from '../config/config.ts';
import { DetectionEngine } from '../detection/detection-engine.ts';
import type { Gateway, GatewayOptions, GatewayWatching, ReloadOutcome } from '../gateway.ts';
import type { GatewayLimits } from '../limit-control.ts';
import { brokerSamples } from '../observability/metrics/broker-samples.ts';
import { type MetricSample, mergedSamples } from '../observability/metrics/metric-sample.ts';
import { leftWillPolicy } from '../policies.ts';
import type { ReplacedWorkers } from '../reload-outcome.ts';
import { tellEnd } from '../response/quarantine-of.ts';
import { Responses } from '../response/responses.ts';
import { leadsToEmbedded, prepareUpstreams, type ServiceTold, type TargetsSeen } from '../upstreams.ts';
import { VERSION } from '../version.ts';
import type { ShadowSeen } from '../watching/watching.ts';
import { BrokerHub } from './broker-hub.ts';
import { Fleet } from './fleet.ts';

const BROKER_SOCKET = 'broker.sock';

/** @throws an error whose message tells the operator what to mend; nothing is left open then. */
export async function startGatewayOfWorkers(options: GatewayOptions): Promise<GatewayOfWorkers> {
  const startedMs = options.clock.nowMs();
  const gateway = new GatewayOfWorkers(options);
  await gateway.open();
  const durationMs = Math.round(options.clock.nowMs() - startedMs);
  options.emit({ name: 'gateway.started', version: VERSION, pid: process.pid, durationMs });
  return gateway;
}

export class GatewayOfWorkers implements Gateway {
  readonly #options: GatewayOptions;
  readonly #brokerPath: string;
  readonly #fleet: Fleet;
  /** Sees what the clients of all workers do. */
  readonly #detection: DetectionEngine;
  readonly quarantine: Quarantine;
  readonly clients: GatewayClients;
  readonly #responses: Responses | undefined;
  #config: Config;
  #hub: BrokerHub | undefined;
  /** By which the hub judges Wills. */
  #standings: AuthorStandings | undefined;
  /** Reloads and replacements run one after another. */
  #busy: Promise<unknown> = Promise.resolve();
  #draining: Promise<void> | undefined;
  get limits(): GatewayLimits {
    return this.#fleet.limits;
  }

  readonly upstreams = this.#upstreams();

  readonly watching: GatewayWatching = {
    shadow: () => this.#shadowReport(),
    setLearning: (isOn) => this.#fleet.setLearning(isOn),
    takeRecordings: (isForgetting) => this.#fleet.takeRecordings(isForgetting),
  };

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#config = options.config;
    const { config, configPath, clock, chance } = options;
    this.#detection = new DetectionEngine(config.detection, {
      clock,
      chance,
      emit: (event) => {
        options.emit(event);
        if (event.name === 'attack.detected' && this.#config.flightRecorder.isEnabled) {
          this.#fleet.broadcast({ kind: 'attack detected', event });
        }
      },
      responder: { respond: (detection) => this.#responses?.respond(detection) },
    });
    const { emit } = this.#detection;
    this.quarantine = new Quarantine({
      clock,
      onChange: (subject, change, forMs) => {
        if (change === 'entered') this.#fleet.broadcast({ kind: 'confine', confined: { subject, forMs } });
        else this.#fleet.broadcast({ kind: 'release confined', subject });
        tellEnd(options.emit, subject, change);
      },
    });
    this.#brokerPath = join(config.dataDirectory, BROKER_SOCKET);
    this.#fleet = new Fleet(config, {
      clock,
      chance,
      emit,
      sample: (sample) => this.#detection.sample(sample),
      configPath,
      brokerPath: this.#brokerPath,
      workers: config.workers,
      confined: () => this.quarantine.told(),
      onImpact: (order, worker, impact) => this.#responses?.onImpact(order, worker, impact),
      beforeStart: () => options.bans.flush?.(),
    });
    this.clients = new GatewayClients(
      (question) => this.#fleet.askAboutClients(question),
      (countMax) => this.#detection.openAttacks(countMax),
    );
    this.#tellBans();
    this.#responses =
      options.bans.book === undefined
        ? undefined
        : new Responses({
            config: config.response,
            clock,
            emit: options.emit,
            book: options.bans.book,
            limits: this.limits,
            quarantine: this.quarantine,
            enforce: (order) => this.#fleet.broadcast({ kind: 'response', order }),
          });
  }

  /** Every worker knows every ban. One that is just starting reads what was there before from the disk. */
  #tellBans(): void {
    this.#options.bans.follow({
      banned: (ban) => this.#fleet.broadcast({ kind: 'banned', ban }),
      lifted: ({ subject }) => this.#fleet.broadcast({ kind: 'ban lifted', subject }),
    });
  }

  async samples(): Promise<MetricSample[]> {
    const stats = this.#hub?.stats();
    const own: MetricSample[] = [['sallyport_quarantined', [], this.quarantine.size]];
    return mergedSamples([await this.#fleet.samples(), own, stats === undefined ? [] : brokerSamples(stats)]);
  }

  #upstreams(): Gateway['upstreams'] {
    const hub = (): BrokerHub | undefined => this.#hub;
    return {
      status: () => this.#upstreamStatus(),
      setService: (upstream, target, service) => this.#setService(upstream, target, service),
      tellSysTree: (values) => hub()?.tellSysTree(values),
      get openOwn(): OpenLink | undefined {
        return hub()?.openOwn;
      },
      get sessions(): KeptSessions | undefined {
        return hub()?.sessions;
      },
    };
  }

  get listeners(): Gateway['listeners'] {
    return this.#fleet.listeners;
  }

  async open(): Promise<void> {
    await this.#openHub(this.#config);
    try {
      await this.#fleet.start();
    } catch (error) {
      await this.#hub?.close();
      this.#standings?.close();
      throw error;
    }
  }

  async #openHub(config: Config): Promise<void> {
    if (this.#hub !== undefined || !leadsToEmbedded(await prepareUpstreams(config))) return;
    const services = { ...this.#options, emit: this.#detection.emit };
    const standings = await openAuthorStandings(config, services);
    try {
      const wills = await this.#leftWillPolicy(config, standings);
      this.#hub = await BrokerHub.open(this.#brokerPath, config, wills, services);
      this.#standings = standings;
    } catch (error) {
      standings.close();
      throw error;
    }
  }

  /** Workers come and go; the Wills that clients of theirs have left are judged here. */
  async #leftWillPolicy(config: Config, { byListener }: AuthorStandings): Promise<LeftWillPolicy> {
    const { authorizer, confined } = await loadAuthorization(config, this.#options.clock);
    const shut = { bans: this.#options.bans.index, quarantine: this.quarantine };
    return leftWillPolicy(config, { authorizer, confined }, byListener, shut);
  }

  reload(): Promise<ReloadOutcome> {
    return this.#inTurn(() => this.#reload());
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const done = this.#busy.then(run);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#draining !== undefined) return { ok: false, says: 'The gateway is shutting down.' };
    /** Closed at the end: those that were not put into force, or those that were until now. */
    let leaving: AuthorStandings | undefined;
    try {
      const config = await this.#options.loadConfig();
      await this.#openHub(config);
      const { clock, chance } = this.#options;
      if (this.#hub !== undefined) {
        leaving = await openAuthorStandings(config, { clock, chance, emit: this.#detection.emit });
      }
      const wills = leaving === undefined ? undefined : await this.#leftWillPolicy(config, leaving);
      const outcome = await this.#fleet.reload(config);
      if (!outcome.ok) return outcome;
      if (wills !== undefined) {
        this.#hub?.update(config, wills);
        [this.#standings, leaving] = [leaving, this.#standings];
      }
      this.#detection.configure(config.detection);
      this.#responses?.apply(config.response);
      this.#config = config;
      // Last: whoever hears it may count on the new settings everywhere.
      const { generation, changed, restartNeeded } = outcome;
      this.#options.emit({ name: 'config.reloaded', generation, changed, restartNeeded });
      return outcome;
    } catch (error) {
      const says = error instanceof Error ? error.message : String(error);
      this.#options.emit({ name: 'config.rejected', says });
      return { ok: false, says };
    } finally {
      leaving?.close();
    }
  }

  replaceWorkers(): Promise<ReplacedWorkers> {
    return this.#inTurn(() => this.#fleet.replaceAll());
  }

  /** Of all workers together: the worst state that one of them sees, and the sum of their connections. */
  async #upstreamStatus(): Promise<TargetsSeen> {
    const rows = new Map<string, TargetStatus>();
    const { answers, silent } = await this.#fleet.ask('upstream status');
    for (const row of answers.flatMap(({ status }) => status)) {
      const key = `${row.upstream} ${row.target}`;
      const known = rows.get(key);
      const worse = known !== undefined && known.state !== 'up' ? known : row;
      rows.set(key, { ...worse, connections: row.connections + (known?.connections ?? 0) });
    }
    return { targets: [...rows.values()], silent };
  }

  async #setService(upstream: string, target: string, service: Service): Promise<ServiceTold> {
    const { targets, silent } = await this.#upstreamStatus();
    const isKnown = targets.some((row) => row.upstream === upstream && row.target === target);
    if (isKnown) this.#fleet.broadcast({ kind: 'set service', upstream, target, service });
    return { isKnown, silent };
  }

  async #shadowReport(): Promise<ShadowSeen> {
    const { answers, silent } = await this.#fleet.ask('shadow report');
    return { report: mergedReport(answers.flatMap(({ report }) => report ?? [])), silent };
  }

  drain(signal: string): Promise<void> {
    this.#draining ??= this.#drain(signal);
    return this.#draining;
  }

  async #drain(signal: string): Promise<void> {
    const { clock, emit } = this.#options;
    const startedMs = clock.nowMs();
    emit({ name: 'gateway.stopping', signal, connections: this.#hub?.connections ?? 0 });
    await this.#fleet.drain(signal);
    await this.#hub?.close();
    this.#standings?.close();
    this.#detection.close();
    this.quarantine.close();
    emit({ name: 'gateway.stopped', durationMs: Math.round(clock.nowMs() - startedMs), connectionsCut: 0 });
  }
}
