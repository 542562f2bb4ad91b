/** The running program: the broker behind, the listeners in front, connections between, and policies that a reload swaps. */
import type { Chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import { Reason } from '../mqtt/reason.ts';
import type { LeftWillPolicy } from '../pipeline/checks/left-will.ts';
import { Connection, type ConnectionServices } from '../pipeline/connection.ts';
import { Connections } from '../pipeline/connections.ts';
import type { Downstream } from '../pipeline/downstream.ts';
import type { Impact } from '../pipeline/membership.ts';
import type { ConnectionPolicy } from '../pipeline/policy.ts';
import type { Quarantine } from '../policy/detection/quarantine.ts';
import { HashQueue } from '../policy/identity/hash-queue.ts';
import { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import { type AcceptGate, acceptGates } from '../transports/accept-gate.ts';
import { type Listener, openListener } from '../transports/listener.ts';
import type { ListenerOptions } from '../transports/listener-options.ts';
import type { Service } from '../transports/upstream/target.ts';
import { letBackgroundYield } from './background-threads.ts';
import { banGate } from './bans/ban-gate.ts';
import type { BansInForce } from './bans/bans.ts';
import { Expulsion } from './bans/expulsion.ts';
import { CertificateGuards, type PreparedGuards } from './certificates/certificate-guards.ts';
import { type PreparedStaples, Staples } from './certificates/staples.ts';
import { ChainInForce } from './chain-in-force.ts';
import { answerOf, type ClientAnswer, type ClientQuestion, GatewayClients } from './clients/gateway-clients.ts';
import { ProcessClients } from './clients/process-clients.ts';
import type { Config, ListenerConfig } from './config/config.ts';
import { settingsThatDiffer } from './config/differing-settings.ts';
import { OperatorError } from './config/problem.ts';
import { connectGate } from './connect-gate.ts';
import { makeDescriptorRoom } from './descriptor-room.ts';
import { DetectionEngine } from './detection/detection-engine.ts';
import { Sampler } from './detection/sampler.ts';
import { openOwnBroker } from './embedded-upstream.ts';
import type { Chain } from './identity-methods.ts';
import { KeySets } from './key-sets.ts';
import { LeftWills } from './left-wills.ts';
import { type GatewayLimits, limitControl } from './limit-control.ts';
import { limitRulesOf } from './limit-rules.ts';
import { listenerOptions } from './listener-files.ts';
import type { FlightRecorder } from './observability/flight-recorder/flight-recorder.ts';
import { openFlightRecorder } from './observability/flight-recorder/open-recorder.ts';
import { gatewaySamples } from './observability/metrics/gateway-samples.ts';
import type { MetricSample } from './observability/metrics/metric-sample.ts';
import { TrafficTotals } from './observability/metrics/traffic-totals.ts';
import { systemMeasures } from './overload/measures.ts';
import { Overload } from './overload/overload.ts';
import { leftWillPolicy, loadPolicies, policyFor } from './policies.ts';
import type { ReloadOutcome, ReplacedWorkers } from './reload-outcome.ts';
import { Enforcement } from './response/enforcement.ts';
import { quarantineOf } from './response/quarantine-of.ts';
import { type ResponseOrder, Responses } from './response/responses.ts';
import type { AttackDetected, SharedWork } from './shared-work.ts';
import { refuseTakenPorts } from './taken-ports.ts';
import {
  type PreparedUpstreams,
  prepareUpstreams,
  type ServiceTold,
  type TargetsSeen,
  Upstreams,
} from './upstreams.ts';
import { VERSION } from './version.ts';
import { type GatewayWatching, type PreparedShadow, Watching } from './watching/watching.ts';

export interface GatewayOptions {
  readonly config: Config;
  readonly configPath: string;
  /** Reads the configuration anew, for a reload. */
  readonly loadConfig: () => Promise<Config>;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly bans: BansInForce;
  /** What a process is told that serves the same ports as others; a gateway of one process has none of it. */
  readonly shared?: SharedWork;
}

/** How long a worker that leaves waits for the CONNECT of a client whose connection it has taken. */
const CONNECT_GRACE_MS = 1000;

export type { AttackDetected, GatewayWatching, ReloadOutcome, SharedWork };

export interface Gateway {
  /** Those that are open, with their actual ports. */
  readonly listeners: readonly { name: string; type: string; address: string; port: number }[];
  /** Never rejects: a configuration that is wrong is refused whole, and the old one stays in force. */
  reload(): Promise<ReloadOutcome>;
  /** Brokers behind, and an operator's word on one of them. */
  readonly upstreams: Pick<Upstreams, 'openOwn' | 'sessions' | 'tellSysTree'> & {
    status(): TargetsSeen | Promise<TargetsSeen>;
    setService(upstream: string, target: string, service: Service): ServiceTold | Promise<ServiceTold>;
  };
  readonly watching: GatewayWatching;
  readonly clients: GatewayClients;
  readonly quarantine: Quarantine;
  /** Does what a response asks for, and tells whom it hits; undefined where others do it. */
  enforce?(order: ResponseOrder): Impact;
  /** What operators, and responses to attacks, set for now. */
  readonly limits: GatewayLimits;
  /** Its numbers as of now, for metrics. */
  samples(): MetricSample[] | Promise<MetricSample[]>;
  /**
   * Replaces the processes that serve the clients, one after another; `ended` are those that were stuck, or slow to leave.
   * @throws {OperatorError} when there are none, or when a new one cannot start.
   */
  replaceWorkers(): Promise<ReplacedWorkers>;
  /** Ends in order, within the configured time: no new connections, clients told, queues on disk. */
  drain(signal: string): Promise<void>;
}

/** One of several processes: what they share is shared out among them. */
export interface SharingGateway extends Gateway {
  answerAboutClients(question: ClientQuestion): ClientAnswer;
  samples(): MetricSample[];
  /** The process that detects has found something, maybe among the clients of this one. */
  attackDetected(event: AttackDetected): void;
  /** What it may use of shared budgets, by `scopeKey`; of the rest it has an even part. */
  setShares(shares: ReadonlyMap<string, number>): void;
  /** What was asked of those since they were last taken. */
  takeDemands(): Map<string, number>;
  /** Where another process has taken over, no client is refused: those that are being connected are ended afterwards. */
  drain(signal: string, isReplaced?: boolean): Promise<void>;
}

/** @throws an error whose message tells the operator what to mend; nothing is left open then. */
export async function startGateway(options: GatewayOptions): Promise<SharingGateway> {
  const startedMs = options.clock.nowMs();
  const running = new RunningGateway(options);
  await running.open();
  const durationMs = Math.round(options.clock.nowMs() - startedMs);
  options.emit({ name: 'gateway.started', version: VERSION, pid: process.pid, durationMs });
  return running;
}

/** Everything that a configuration becomes before any of it takes effect. */
interface Prepared {
  readonly config: Config;
  readonly chain: Chain;
  readonly policies: ReadonlyMap<string, ConnectionPolicy>;
  readonly listeners: readonly ListenerOptions[];
  readonly upstreams: PreparedUpstreams;
  readonly guards: PreparedGuards;
  readonly staples: PreparedStaples;
  readonly shadow: PreparedShadow | undefined;
  readonly leftWills: LeftWillPolicy;
}

class RunningGateway implements SharingGateway {
  readonly #options: GatewayOptions;
  readonly #connections = new Connections();
  readonly #traffic = new TrafficTotals();
  readonly #detection: DetectionEngine | undefined;
  readonly #sampler: Sampler;
  readonly #queue: HashQueue;
  readonly #keySets: KeySets;
  /** In the order in which they are asked: bans, budgets of addresses, overload. */
  readonly #gate: AcceptGate;
  readonly #inForce: LimitsInForce;
  readonly limits: GatewayLimits;
  readonly #overload: Overload;
  /** In each process the same. */
  readonly quarantine: Quarantine;
  readonly #enforcement: Enforcement;
  /** A worker's detections are answered by the process that started it. */
  readonly #responses: Responses | undefined;
  readonly #expulsion: Expulsion;
  readonly #ownClients: ProcessClients;
  #recorder: FlightRecorder | undefined;
  readonly clients: GatewayClients;
  readonly #listeners = new Map<string, Listener>();
  readonly upstreams: Upstreams;
  readonly #guards: CertificateGuards;
  readonly #staples: Staples;
  readonly #watching: Watching;
  readonly #leftWills: LeftWills;
  #isLearning = false;
  readonly watching: GatewayWatching = {
    shadow: () => ({ report: this.#watching.shadowReport(), silent: [] }),
    setLearning: (isOn) => this.#setLearning(isOn),
    takeRecordings: () => ({ recordings: [this.#watching.takeRecording()], silent: [] }),
  };
  #config: Config;
  readonly #chain: ChainInForce;
  #policies: ReadonlyMap<string, ConnectionPolicy> = new Map();
  #generation = 0;
  /** Reloads run one after another. */
  #reloading: Promise<unknown> = Promise.resolve();
  #draining: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { clock, chance, shared, config, bans } = options;
    this.#config = config;
    const tell: Emit = (event) => {
      options.emit(event);
      this.#recorder?.observe(event);
    };
    // A worker's events and samples are looked at by the process that started it, which sees those of all.
    this.#detection =
      shared === undefined
        ? new DetectionEngine(config.detection, {
            clock,
            chance,
            emit: tell,
            responder: { respond: (detection) => this.#responses?.respond(detection) },
          })
        : undefined;
    const emit = this.#detection?.emit ?? tell;
    this.#options = { ...options, emit };
    this.#sampler = new Sampler(this.#connections, clock, (sample) => {
      if (shared === undefined) this.#detection?.sample(sample);
      else shared.sample(sample);
    });
    bans.index.allowed = config.bans.allow;
    this.#expulsion = new Expulsion(this.#connections, clock);
    bans.follow({ banned: (ban) => this.#recorder?.banned(ban), lifted: () => undefined });
    bans.follow(this.#expulsion);
    const { hashConcurrency, hashQueueMax } = config.authentication;
    this.#chain = new ChainInForce(clock);
    this.#keySets = new KeySets({ clock, emit });
    this.#queue = new HashQueue({ clock, emit, runningMax: hashConcurrency, waitingMax: hashQueueMax });
    this.#inForce = new LimitsInForce({ clock, emit, processes: shared?.processes ?? 1 });
    this.limits = limitControl(this.#inForce, clock);
    this.quarantine = quarantineOf(this.#connections, clock, bans.book === undefined ? undefined : options.emit);
    this.#ownClients = new ProcessClients({
      traffic: this.#traffic,
      clock,
      quarantine: this.quarantine,
      inForce: this.#inForce,
      knownGood: () => this.#config.overload.knownGood,
      overloadStage: () => this.#overload.stage,
    });
    this.clients = new GatewayClients(
      async (question) => ({ answers: [this.answerAboutClients(question)], silent: [] }),
      (countMax) => this.#detection?.openAttacks(countMax) ?? [],
    );
    this.#enforcement = new Enforcement(this.#connections, clock, () => this.#config.overload.knownGood);
    this.#responses =
      bans.book === undefined
        ? undefined
        : new Responses({
            config: config.response,
            clock,
            emit: options.emit,
            book: bans.book,
            limits: this.limits,
            quarantine: this.quarantine,
            enforce: (order) => this.#responses?.onImpact(order.id, 0, this.enforce(order)),
          });
    this.#gate = acceptGates([banGate(bans.index), connectGate(this.#inForce)]);
    this.#overload = this.#makeOverload(emit);
    this.#staples = new Staples({ clock, chance, emit });
    this.#watching = new Watching(clock, emit);
    this.#leftWills = new LeftWills({ clock, emit });
    this.#guards = new CertificateGuards({
      clock,
      chance,
      emit,
      recheck: () => this.#connections.recheckCertificates(),
    });
    this.upstreams = new Upstreams({
      clock,
      chance,
      emit,
      openEmbedded: shared?.openEmbedded ?? openOwnBroker,
      mayPublishWill: this.#leftWills.mayPublish,
      ...(shared === undefined ? {} : { sharedOwners: shared.owners }),
    });
  }

  #makeOverload(emit: Emit): Overload {
    return new Overload(
      this.#config.overload,
      {
        connections: () => this.#connections.values(),
        listeners: () =>
          [...this.#listeners.values()].map(({ name, options, connections }) => ({
            name,
            connectionsMax: options.connectionsMax ?? Number.POSITIVE_INFINITY,
            connections,
          })),
        setScale: (scale) => {
          if (this.#inForce.scale !== scale) this.#inForce.scale = scale;
        },
      },
      { clock: this.#options.clock, emit },
    );
  }

  /** What a response asks of this process. */
  enforce(order: ResponseOrder): Impact {
    return this.#enforcement.enforce(order);
  }

  answerAboutClients(question: ClientQuestion): ClientAnswer {
    return answerOf(this.#ownClients, this.#recorder, question);
  }

  attackDetected(event: AttackDetected): void {
    this.#recorder?.observe(event);
  }

  get listeners(): Gateway['listeners'] {
    return [...this.#listeners.values()].map(({ name, type, address, port }) => ({ name, type, address, port }));
  }

  async open(): Promise<void> {
    await Promise.all([letBackgroundYield(), makeDescriptorRoom()]);
    this.#recorder = await openFlightRecorder(this.#config, this.#options);
    const prepared = await this.#prepare(this.#config);
    this.#policies = prepared.policies;
    this.#chain.replace(prepared.chain, this.#config.limits.connectTimeoutMs);
    this.#inForce.setRules(limitRulesOf(this.#config));
    this.#guards.commit(prepared.guards);
    this.#staples.commit(prepared.staples);
    this.#watching.commit(prepared.shadow);
    this.#leftWills.policy = prepared.leftWills;
    await this.upstreams.openBroker(this.#config, prepared.upstreams);
    this.upstreams.apply(this.#config, prepared.upstreams);
    try {
      for (const options of prepared.listeners) await this.#openListener(options);
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    const { processes = 1 } = this.#options.shared ?? {};
    const waitingBytes = (): number => this.upstreams.waitingBytes();
    this.#overload.start(systemMeasures(() => this.#config.overload, waitingBytes, processes));
  }

  async #closeAll(): Promise<void> {
    for (const listener of this.#listeners.values()) await listener.stopAccepting();
    this.#connections.destroyAll();
    await this.upstreams.close();
    this.#closeServices();
  }

  #closeServices(): void {
    this.#guards.close();
    this.#staples.close();
    this.#chain.close();
    this.#inForce.close();
    this.#overload.close();
    this.#sampler.close();
    this.#expulsion.close();
    this.quarantine.close();
    this.#detection?.close();
  }

  /** Reads and builds everything, and changes nothing. */
  async #prepare(config: Config): Promise<Prepared> {
    const listeners = await Promise.all(config.listeners.map((listener) => listenerOptions(this.#shareOf(listener))));
    const upstreams = await prepareUpstreams(config);
    const staples = this.#staples.prepare(listeners);
    const guards = await this.#guards.prepare(
      config,
      (name) => listeners.find((listener) => listener.name === name)?.tls?.clientCaPem,
    );
    // Last, because the chain is the one thing here that may hold something open.
    const { clock, chance, emit } = this.#options;
    const built = await loadPolicies(config, {
      queue: this.#queue,
      keySets: this.#keySets,
      clock,
      chance,
      emit,
      onUsersChanged: (method, usernames) => this.#connections.recheckIdentities(method, usernames),
    });
    const shadow = this.#watching.prepare(built.candidate);
    const watched = { ...built, authorizer: this.#watching.over(built.authorizer, shadow) };
    const generation = this.#generation + 1;
    const tlsOf = (name: string) => listeners.find((listener) => listener.name === name)?.tls;
    const shut = { bans: this.#options.bans.index, quarantine: this.quarantine };
    const policies = new Map(
      config.listeners.map((listener) => {
        const psk = tlsOf(listener.name)?.psk?.file;
        return [listener.name, policyFor(listener, config, watched, guards, psk, generation, shut)];
      }),
    );
    const leftWills = leftWillPolicy(config, built, policies, shut);
    return { config, chain: built.chain, policies, listeners, upstreams, guards, staples, shadow, leftWills };
  }

  /** Connections are dealt out to the processes evenly, so each has its part of the ceiling. */
  #shareOf(listener: ListenerConfig): ListenerConfig {
    const { processes = 1 } = this.#options.shared ?? {};
    return { ...listener, connectionsMax: Math.ceil(listener.connectionsMax / processes) };
  }

  async #openListener(options: ListenerOptions): Promise<void> {
    const { clock, chance, emit, shared } = this.#options;
    const services: ConnectionServices = {
      clock,
      chance,
      emit,
      limits: this.#inForce,
      openLink: (receiver, client) => this.upstreams.open(receiver, client),
      onOpened: (opened) => this.#ownClients.opened(opened),
      onGone: (gone) => {
        for (const one of [this.#sampler, this.#traffic, this.#overload, this.#ownClients]) one.gone(gone.client);
        this.#connections.remove(gone);
      },
    };
    const listener = await openListener(
      options,
      (downstream) => {
        // INVARIANT: a listener is opened only with its policy in place, and closed before that goes.
        const policy = this.#policies.get(options.name)!;
        const make = (seen: Downstream): Connection => {
          const connection = new Connection(seen, policy, services);
          this.#connections.add(connection);
          return connection;
        };
        return this.#recorder?.accept(downstream, make) ?? make(downstream);
      },
      {
        clock,
        chance,
        emit,
        gate: this.#gate,
        admission: this.#overload.admission,
        stapleFor: (certificate) => this.#staples.responseFor(certificate),
        ...(shared === undefined
          ? {}
          : { ticketSecret: shared.ticketSecret, connectionIdPrefix: shared.connectionIdPrefix }),
      },
    );
    this.#listeners.set(options.name, listener);
  }

  samples(): MetricSample[] {
    return gatewaySamples({
      connections: this.#connections,
      traffic: this.#traffic,
      listeners: this.#listeners.values(),
      hashQueue: this.#queue,
      overload: this.#overload,
      guards: this.#guards,
      upstreams: this.upstreams,
      quarantine: this.quarantine,
    });
  }

  setShares(shares: ReadonlyMap<string, number>): void {
    this.#inForce.setShares(shares);
  }

  takeDemands(): Map<string, number> {
    return this.#inForce.demands();
  }

  reload(): Promise<ReloadOutcome> {
    const outcome = this.#reloading.then(() => this.#reload());
    this.#reloading = outcome;
    return outcome;
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#draining !== undefined) return { ok: false, says: 'The gateway is shutting down.' };
    try {
      const prepared = await this.#prepare(await this.#options.loadConfig());
      const outcome = await this.#swapOrClose(prepared);
      this.#options.emit({ name: 'config.reloaded', ...outcome });
      return { ok: true, ...outcome };
    } catch (error) {
      const says = error instanceof Error ? error.message : String(error);
      this.#options.emit({ name: 'config.rejected', says });
      return { ok: false, says };
    }
  }

  async #swapOrClose(prepared: Prepared): Promise<{ generation: number; changed: string[]; restartNeeded: string[] }> {
    try {
      await this.upstreams.openBroker(prepared.config, prepared.upstreams);
      const outcome = await this.#swap(prepared);
      this.#chain.replace(prepared.chain, prepared.config.limits.connectTimeoutMs);
      return outcome;
    } catch (error) {
      prepared.chain.close();
      throw error;
    }
  }

  /**
   * Puts what was prepared into force. Listeners come first, because they alone can still fail: new ones are opened and kept
   * ones are given their certificates; if one fails, those that were changed get their old settings back.
   */
  async #swap(prepared: Prepared): Promise<{ generation: number; changed: string[]; restartNeeded: string[] }> {
    const { config, policies, listeners } = prepared;
    const before = this.#config;
    const oldPolicies = this.#policies;
    const kept = listeners.filter((options) => this.#keeps(before, config, options.name));
    const fresh = listeners.filter((options) => !this.#listeners.has(options.name));
    const moved = listeners.filter((options) => this.#listeners.has(options.name) && !kept.includes(options));
    if (moved.length > 0) {
      const names = moved.map((options) => options.name).join(', ');
      throw new Error(
        `The address, port or type of listener ${names} has changed, which needs a restart; or give it another name and port.`,
      );
    }
    refuseTakenPorts(
      fresh,
      [...this.#listeners.values()].filter(({ name }) => !policies.has(name)),
    );
    const undo: (() => Promise<void>)[] = [];
    this.#policies = new Map([...oldPolicies, ...policies]);
    try {
      for (const options of kept) {
        const listener = this.#listeners.get(options.name)!;
        const old = listener.options;
        await listener.update(options);
        undo.push(async () => listener.update(old));
      }
      for (const options of fresh) {
        await this.#openListener(options);
        undo.push(() => this.#closeListener(options.name));
      }
    } catch (error) {
      this.#policies = oldPolicies;
      for (const step of undo.reverse()) await step();
      throw error;
    }
    for (const name of [...this.#listeners.keys()]) {
      if (!policies.has(name)) await this.#closeListener(name);
    }
    this.#policies = policies;
    this.#config = config;
    this.#generation++;
    this.#detection?.configure(config.detection);
    this.#responses?.apply(config.response);
    this.#recorder?.configure(config.flightRecorder);
    this.#overload.configure(config.overload);
    this.#options.bans.index.allowed = config.bans.allow;
    this.upstreams.apply(config, prepared.upstreams);
    this.#guards.commit(prepared.guards);
    this.#staples.commit(prepared.staples);
    this.#watching.commit(prepared.shadow);
    this.#leftWills.policy = prepared.leftWills;
    if (this.#isLearning) this.#watching.setLearning(config.authorization.learn);
    this.#inForce.setRules(limitRulesOf(config));
    this.#connections.applyPolicies((listener) => policies.get(listener));
    return { generation: this.#generation, ...settingsThatDiffer(before, config) };
  }

  /** A listener stays when only its settings have changed. */
  #keeps(before: Config, after: Config, name: string): boolean {
    const old = before.listeners.find((listener) => listener.name === name);
    const next = after.listeners.find((listener) => listener.name === name);
    return old?.type === next?.type && old?.address === next?.address && old?.port === next?.port && old !== undefined;
  }

  async #closeListener(name: string): Promise<void> {
    const listener = this.#listeners.get(name);
    this.#listeners.delete(name);
    await listener?.stopAccepting();
    for (const connection of this.#connections.ofListener(name)) {
      connection.shut(Reason.AdministrativeAction, 'config:listeners', 'the listener was removed');
    }
  }

  #setLearning(isOn: boolean): void {
    this.#isLearning = isOn;
    this.#watching.setLearning(isOn ? this.#config.authorization.learn : undefined);
    this.#connections.decideAnew();
  }

  async replaceWorkers(): Promise<ReplacedWorkers> {
    throw new OperatorError(
      'There are no workers to replace: this gateway is one process. Set `workers` above 1, or start it anew.',
    );
  }

  drain(signal: string, isReplaced = false): Promise<void> {
    this.#draining ??= this.#drain(signal, isReplaced);
    return this.#draining;
  }

  async #drain(signal: string, isReplaced: boolean): Promise<void> {
    const { clock, emit } = this.#options;
    const startedMs = clock.nowMs();
    emit({ name: 'gateway.stopping', signal, connections: this.#connections.count });
    const graceMs = isReplaced ? CONNECT_GRACE_MS : 0;
    await Promise.all(Array.from(this.#listeners.values(), (one) => one.stopAccepting(graceMs)));
    const cause = { reason: Reason.ServerShuttingDown, by: 'gateway:shutdown', says: 'the gateway is shutting down' };
    if (isReplaced) {
      this.#connections.leaveAll(cause);
      clock.after(CONNECT_GRACE_MS, () => this.#connections.leaveAll(cause));
    } else this.#connections.shutAll(cause.reason, cause.by, cause.says);
    const late = await Promise.race([
      this.#connections.whenEmpty().then(() => false),
      new Promise<boolean>((resolve) => clock.after(this.#config.shutdown.drainTimeoutMs, () => resolve(true))),
    ]);
    const connectionsCut = late ? this.#connections.count : 0;
    this.#connections.destroyAll();
    await this.upstreams.close();
    await this.#recorder?.settled();
    this.#closeServices();
    emit({ name: 'gateway.stopped', durationMs: Math.round(clock.nowMs() - startedMs), connectionsCut });
  }
}
