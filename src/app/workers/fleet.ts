/** The workers: started together, started again when they die, replaced one by one, told of changes. */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { backoffMs } from '../../base/backoff.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Impact } from '../../pipeline/membership.ts';
import type { ClientSample } from '../../policy/detection/client-sample.ts';
import type { ToldQuarantine } from '../../policy/detection/quarantine.ts';
import type { ClientAnswer, ClientQuestion } from '../clients/gateway-clients.ts';
import type { GatewayFigures } from '../clients/gateway-figures.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import type { Gateway } from '../gateway.ts';
import type { MetricSample } from '../observability/metrics/metric-sample.ts';
import type { ReloadOutcome, ReplacedWorkers } from '../reload-outcome.ts';
import type { Heard, SilentWorker } from '../silent-workers.ts';
import { FleetFigures } from './fleet-figures.ts';
import { FleetLimits } from './fleet-limits.ts';
import { FleetRecordings, type TakenRecordings } from './fleet-recordings.ts';
import { FleetReload } from './fleet-reload.ts';
import { FleetSamples } from './fleet-samples.ts';
import { type FromWorker, REPLACED, type ToWorker } from './messages.ts';
import { askEach } from './questions.ts';
import { type AnswerDeadline, WorkerHandle, type WorkerListener } from './worker-handle.ts';
import { WorkerOwners } from './worker-owners.ts';

/** A worker that dies at once is started again after this long, and after twice as long each further time. */
const RESTART_BASE_MS = 250;
const RESTART_MAX_MS = 30_000;
/** A worker that has lived this long is well. */
const WELL_AFTER_MS = 60_000;
/** An operator who asks does not wait for a worker that is stuck. */
const ANSWER_TIMEOUT_MS = 2_000;
/** A worker that starts reads everything that a reload reads, and has to load its code before. */
const START_TIMEOUT_MS = 60_000;
/** How long after its own drain timeout a worker may take to end. */
const LEAVE_GRACE_MS = 3_000;

const STUCK_AT_RELOAD = 'it does not answer, and has the old settings until it goes on';
const STUCK_AT_RESTART = 'it did not answer, or was too slow to leave, and was ended without a farewell to its clients';

export interface FleetOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  /** Takes what a worker's connection did lately. */
  readonly sample: (sample: ClientSample) => void;
  readonly workers: number;
  readonly configPath: string;
  readonly brokerPath: string;
  /** Puts on disk what a worker that starts reads there. */
  readonly beforeStart: () => void;
  /** Who is in quarantine now. */
  readonly confined: () => readonly ToldQuarantine[];
  /** Whom a response hits among a worker's clients. */
  readonly onImpact: (order: number, worker: number, impact: Impact) => void;
}

export class Fleet implements WorkerListener {
  readonly #options: FleetOptions;
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #owners: WorkerOwners;
  /** All that run, also those that are being replaced or leave: whatever comes into force holds for their clients, too. */
  readonly #living = new Set<WorkerHandle>();
  /** By the process, since a slot is held by two while it is replaced. */
  readonly #numbers = new WeakMap<WorkerHandle, number>();
  readonly #failures = new Map<number, number>();
  readonly #restarts = new Set<Timer>();
  readonly #ticketSecret: Buffer;
  #config: Config;
  #lastNumber = 0;
  #isStopping = false;
  #isLearning = false;
  readonly #recordings: FleetRecordings;
  readonly #reload: FleetReload;
  listeners: Gateway['listeners'] = [];
  readonly limits: FleetLimits;
  readonly #samples: FleetSamples;
  readonly #figures = new FleetFigures<WorkerHandle>();

  constructor(config: Config, options: FleetOptions) {
    this.#config = config;
    this.#options = options;
    this.#owners = new WorkerOwners(options.clock);
    this.#samples = new FleetSamples(options.clock);
    this.#recordings = new FleetRecordings(options.clock);
    this.#reload = new FleetReload(options.clock);
    const { clock, emit } = options;
    this.limits = new FleetLimits(clock, emit, {
      broadcast: (message) => this.broadcast(message),
      reports: async (target) => {
        const { answers, silent } = await this.#askAll<'limit report'>((id) => ({ kind: 'limit report', id, target }));
        return { answers: answers.map(({ report }) => report), silent };
      },
      numbers: () => [...this.#workers.values()].map((worker) => this.#numbers.get(worker) ?? 0),
      tellShares: (number, shares) => {
        for (const worker of this.#workers.values()) {
          if (this.#numbers.get(worker) === number) worker.send({ kind: 'shares', shares });
        }
      },
    });
    this.#ticketSecret = options.chance.bytes(32);
    const entry = import.meta.url.endsWith('.ts') ? './worker-process.ts' : './worker-process.js';
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ exec: fileURLToPath(new URL(entry, import.meta.url)), args: [], serialization: 'advanced' });
  }

  /** @throws {OperatorError} in the words of the first worker that cannot start; none is left then. */
  async start(): Promise<void> {
    const slots = Array.from({ length: this.#options.workers }, (_, i) => i + 1);
    try {
      // The first one tells whether it can be done at all.
      const [first = 1, ...others] = slots;
      this.listeners = await this.#startWorker(first);
      await Promise.all(others.map((slot) => this.#startWorker(slot)));
    } catch (error) {
      this.#isStopping = true;
      for (const worker of this.#workers.values()) worker.kill();
      throw new OperatorError(error instanceof Error ? error.message : String(error));
    }
  }

  async #startWorker(slot: number): Promise<Gateway['listeners']> {
    const { clock, emit, workers, configPath, brokerPath, beforeStart } = this.#options;
    beforeStart();
    const worker = new WorkerHandle(slot, clock.nowMs(), this);
    this.#numbers.set(worker, ++this.#lastNumber);
    this.#workers.set(slot, worker);
    this.#living.add(worker);
    this.#samples.started(worker);
    const start = {
      kind: 'start',
      config: this.#config,
      configPath,
      slot,
      workers,
      brokerPath,
      ticketSecret: this.#ticketSecret,
      isLearning: this.#isLearning,
      overrides: this.limits.told(),
      confined: this.#options.confined(),
    } as const;
    const listeners = await worker.start(start, { clock, ms: START_TIMEOUT_MS });
    emit({ name: 'worker.started', slot, pid: worker.pid });
    return listeners;
  }

  // --- what workers say ---

  onMessage(worker: WorkerHandle, message: FromWorker): void {
    const number = this.#numbers.get(worker) ?? 0;
    if (message.kind === 'event') this.#options.emit(message.event);
    else if (message.kind === 'impact') this.#options.onImpact(message.order, number, message.impact);
    else if (message.kind === 'samples') for (const sample of message.samples) this.#options.sample(sample);
    else if (message.kind === 'claim') {
      const { id, upstream, claim } = message;
      const granted = this.#owners.claim(number, upstream, claim);
      worker.send({ kind: 'claimed', id, granted });
    } else if (message.kind === 'demands') this.limits.demanded(number, message.demands);
    else if (message.kind === 'recording left') {
      this.#recordings.left(message.recording);
      worker.send({ kind: 'farewell' });
    } else if (message.kind === 'metric samples left') this.#samples.left(worker, message.samples);
    else if (message.kind === 'figures left') this.#figures.heard(worker, message.figures);
    else if (message.kind === 'release')
      this.#owners.release(number, message.upstream, message.clientId, message.keptForMs);
  }

  onExit(worker: WorkerHandle, code: number | string): void {
    const { slot, pid } = worker;
    this.#living.delete(worker);
    this.#samples.exited(worker);
    this.#figures.exited(worker);
    this.#owners.releaseAll(this.#numbers.get(worker) ?? 0);
    if (this.#isStopping || worker.isLeaving || this.#workers.get(slot) !== worker) return;
    const { clock, chance, emit } = this.#options;
    const livedMs = clock.nowMs() - worker.startedMs;
    const failures = livedMs >= WELL_AFTER_MS ? 1 : (this.#failures.get(slot) ?? 0) + 1;
    this.#failures.set(slot, failures);
    const restartInMs = Math.round(backoffMs(RESTART_BASE_MS, RESTART_MAX_MS, failures, chance));
    emit({ name: 'worker.exited', slot, pid, code: String(code), restartInMs });
    const timer = clock.after(restartInMs, () => {
      this.#restarts.delete(timer);
      // Its end, should it fail again, is heard in `onExit` once more.
      if (!this.#isStopping) void this.#startWorker(slot).catch(() => undefined);
    });
    this.#restarts.add(timer);
  }

  // --- what workers are told ---

  /**
   * Puts a configuration into force. What the first worker that answers refuses, none of them takes.
   * @throws {OperatorError} where none answers.
   */
  async reload(config: Config): Promise<ReloadOutcome> {
    const before = this.#config;
    this.#config = config;
    let outcome: ReloadOutcome | undefined;
    try {
      outcome = await this.#reload.run([...this.#workers.values()], config);
    } finally {
      if (outcome?.ok !== true) this.#config = before;
    }
    if (outcome.ok) for (const silent of outcome.silentWorkers ?? []) this.#tellStuck(silent, STUCK_AT_RELOAD);
    return outcome;
  }

  #tellStuck({ slot, pid }: SilentWorker, says: string): void {
    this.#options.emit({ name: 'worker.stuck', slot, pid, says });
  }

  /**
   * Replaces every worker by a new one that runs the code on disk; a port is never without one that accepts.
   * @throws {OperatorError} when a new one cannot start: the old one stays, and so do those that were not replaced yet.
   */
  async replaceAll(): Promise<ReplacedWorkers> {
    const ended: SilentWorker[] = [];
    for (const slot of [...this.#workers.keys()]) {
      const old = this.#workers.get(slot)!;
      try {
        await this.#startWorker(slot);
      } catch (error) {
        this.#workers.get(slot)!.isLeaving = true;
        this.#workers.set(slot, old);
        throw new OperatorError(error instanceof Error ? error.message : String(error));
      }
      const { pid } = old;
      if (await this.#retire(old)) continue;
      ended.push({ slot, pid });
      this.#tellStuck({ slot, pid }, STUCK_AT_RESTART);
    }
    return { ended };
  }

  /** False where it had to be ended. One that is stuck cannot take leave of its clients: it is not waited for. */
  async #retire(worker: WorkerHandle): Promise<boolean> {
    if (worker.isGone || (await worker.isAnswering(this.#deadline))) return this.#leave(worker, REPLACED);
    worker.isLeaving = true;
    worker.kill();
    await worker.gone();
    return false;
  }

  /** False where it did not go by itself in time. */
  async #leave(worker: WorkerHandle, signal: string): Promise<boolean> {
    let isInTime = true;
    worker.isLeaving = true;
    worker.send({ kind: 'drain', signal });
    const { drainTimeoutMs } = this.#config.shutdown;
    const timer = this.#options.clock.after(drainTimeoutMs + LEAVE_GRACE_MS, () => {
      isInTime = false;
      worker.kill();
    });
    await worker.gone();
    timer.cancel();
    return isInTime;
  }

  broadcast(message: ToWorker): void {
    for (const worker of this.#living) worker.send(message);
  }

  /** Also those that are started later. */
  setLearning(isOn: boolean): void {
    this.#isLearning = isOn;
    this.broadcast({ kind: 'set learning', isOn });
  }

  takeRecordings(isForgetting?: boolean): Promise<TakenRecordings> {
    return this.#recordings.take([...this.#workers.values()], isForgetting);
  }

  /** Of all of them, those that are leaving included. */
  samples(): Promise<MetricSample[]> {
    return this.#samples.samples();
  }

  ask<Kind extends 'upstream status' | 'shadow report'>(
    kind: Kind,
  ): Promise<Heard<Extract<FromWorker, { kind: Kind }>>> {
    return this.#askAll<Kind>((id) => ({ kind, id }));
  }

  get #deadline(): AnswerDeadline {
    return { clock: this.#options.clock, ms: ANSWER_TIMEOUT_MS };
  }

  /** Those that are leaving have clients still; those that are starting have none yet. */
  get #serving(): WorkerHandle[] {
    return [...this.#living].filter(({ isReady }) => isReady);
  }

  #askAll<Kind extends Extract<FromWorker, { id: number }>['kind']>(
    make: (id: number) => ToWorker,
  ): Promise<Heard<Extract<FromWorker, { kind: Kind }>>> {
    return askEach(this.#serving, (worker) => worker.ask<Kind>(make, this.#deadline));
  }

  async askAboutClients(question: ClientQuestion): Promise<Heard<ClientAnswer>> {
    const make = (id: number): ToWorker => ({ kind: 'client question', id, question });
    const { answers, silent, stuck } = await askEach(this.#serving, async (worker) => {
      const answer = (await worker.ask<'client question'>(make, this.#deadline))?.answer;
      if (answer !== undefined && question.kind === 'figures') this.#figures.heard(worker, answer as GatewayFigures);
      return answer;
    });
    return { answers: question.kind === 'figures' ? [this.#figures.total(stuck)] : answers, silent };
  }

  async drain(signal: string): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#restarts) timer.cancel();
    this.limits.close();
    await Promise.all([...this.#workers.values()].map((worker) => this.#leave(worker, signal)));
  }
}
