/** A worker: one gateway among several that share the ports, started and told what to do by the supervising process. */

import { systemChance } from '../../base/chance.ts';
import { systemClock } from '../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../base/events.ts';
import type { RecordingImage } from '../../policy/authorization/learning/recording.ts';
import { NOTHING_RECORDED } from '../../policy/authorization/learning/recording.ts';
import type { Target } from '../../policy/limits/limit-rules.ts';
import type { Claim, SharedOwners } from '../../transports/upstream/client-owners.ts';
import { bansFileOf } from '../bans/ban-store.ts';
import { WorkerBans } from '../bans/worker-bans.ts';
import type { GatewayFigures } from '../clients/gateway-figures.ts';
import type { Config } from '../config/config.ts';
import { SampleBatch } from '../detection/sample-batch.ts';
import { openBrokerAt } from '../embedded-upstream.ts';
import { type SharingGateway, startGateway } from '../gateway.ts';
import type { MetricSample } from '../observability/metrics/metric-sample.ts';
import { ProcessGauges } from '../observability/metrics/process-gauges.ts';
import { type FromWorker, REPLACED, type ToWorker } from './messages.ts';

/** How often the supervisor hears what was asked of shared budgets. */
const DEMANDS_EVERY_MS = 1000;
/** Events that wait for a busy supervisor; beyond it they are counted, not kept. */
const EVENTS_PENDING_MAX = 10_000;
/** What is true of all workers alike is told by the first. */
const TOLD_ONCE: ReadonlySet<GatewayEvent['name']> = new Set([
  'listener.opened',
  'listener.closed',
  'certificate.loaded',
  'certificate.expiring',
  'config.rejected',
]);
/** Told by the supervising process, of all of them. */
const NOT_TOLD: ReadonlySet<GatewayEvent['name']> = new Set([
  'gateway.started',
  'gateway.stopping',
  'gateway.stopped',
  'limit.changed',
  'config.reloaded',
]);

type Start = Extract<ToWorker, { kind: 'start' }>;

/** A supervisor of an older version says no farewell. */
const FAREWELL_MAX_MS = 2000;

function tell(message: FromWorker, onSent?: () => void): void {
  // The channel is gone when the supervisor is: then there is nobody to tell.
  if (process.connected) process.send!(message, undefined, undefined, onSent);
}

function emitter(slot: number): Emit {
  let pending = 0;
  let lost = 0;
  const send = (event: GatewayEvent): void => {
    pending++;
    tell({ kind: 'event', event }, () => pending--);
  };
  return (event) => {
    if (NOT_TOLD.has(event.name) || (slot !== 1 && TOLD_ONCE.has(event.name))) return;
    if (pending >= EVENTS_PENDING_MAX) {
      lost++;
      return;
    }
    if (lost > 0) {
      const says = `${lost} events were not told, because the log could not keep up`;
      lost = 0;
      send({ name: 'ceiling.reached', ceiling: 'workers.eventsPendingMax', limit: EVENTS_PENDING_MAX, says });
    }
    send(event);
  };
}

/** Client identifiers are claimed with the supervisor, which knows those of all workers. */
class RemoteOwners implements SharedOwners {
  readonly #waiting = new Map<number, (granted: boolean) => void>();
  #lastId = 0;

  claim(upstream: string, claim: Claim): Promise<boolean> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      tell({ kind: 'claim', id, upstream, claim });
    });
  }

  answer(id: number, granted: boolean): void {
    this.#waiting.get(id)?.(granted);
    this.#waiting.delete(id);
  }

  release(upstream: string, clientId: string, keptForMs: number | undefined): void {
    tell({ kind: 'release', upstream, clientId, keptForMs });
  }
}

class Worker {
  readonly #bans = new WorkerBans();
  readonly #owners = new RemoteOwners();
  readonly #gauges = new ProcessGauges(systemClock);
  #gateway: SharingGateway | undefined;
  /** What was said while it was starting. */
  readonly #early: ToWorker[] = [];
  #started: Promise<void> | undefined;
  #config: Config | undefined;
  #isLearning = false;

  handle(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        this.#started = this.#start(message);
        return;
      case 'reload':
        void this.#reload(message.id, message.config);
        return;
      case 'drain':
        void this.#drain(message.signal);
        return;
      case 'farewell':
        tell({ kind: 'farewell' }, () => process.exit(0));
        return;
      case 'upstream status':
        void this.#tellUpstreamStatus(message.id);
        return;
      case 'set service':
        void this.#gateway?.upstreams.setService(message.upstream, message.target, message.service);
        return;
      case 'shadow report':
        void this.#tellShadowReport(message.id);
        return;
      case 'recording':
        void this.#tellRecording(message.id);
        return;
      case 'metric samples':
        tell({ kind: 'metric samples', id: message.id, samples: this.#samples() });
        return;
      case 'override': {
        const { target, limit, forMs } = message.override;
        this.#gateway?.limits.override(target, limit, forMs);
        // One that is starting still will be told by its start's own list; what comes after that it has to be told here.
        if (this.#gateway === undefined) this.#early.push(message);
        return;
      }
      case 'unset override':
        this.#gateway?.limits.unset(message.target, message.name);
        if (this.#gateway === undefined) this.#early.push(message);
        return;
      case 'confine':
      case 'release confined':
        this.#quarantine(message);
        return;
      case 'limit report':
        void this.#tellLimitReport(message.id, message.target);
        return;
      case 'client question':
        this.#tellAboutClients(message);
        return;
      case 'shares':
        this.#gateway?.setShares(new Map(message.shares));
        return;
      case 'set learning':
        this.#isLearning = message.isOn;
        this.#gateway?.watching.setLearning(message.isOn);
        return;
      case 'response': {
        const impact = this.#gateway?.enforce?.(message.order);
        if (impact !== undefined) tell({ kind: 'impact', order: message.order.id, impact });
        return;
      }
      case 'attack detected':
        this.#gateway?.attackDetected(message.event);
        return;
      case 'banned':
        this.#bans.put(message.ban);
        return;
      case 'ban lifted':
        this.#bans.lift(message.subject);
        return;
      case 'claimed':
        this.#owners.answer(message.id, message.granted);
        return;
    }
  }

  async #start({
    config,
    configPath,
    slot,
    workers,
    brokerPath,
    ticketSecret,
    isLearning,
    overrides,
    confined,
  }: Start): Promise<void> {
    this.#config = config;
    this.#isLearning = isLearning;
    const emit = emitter(slot);
    const batch = new SampleBatch(systemClock, emit, (samples) => tell({ kind: 'samples', samples }));
    try {
      this.#bans.load(bansFileOf(config.dataDirectory), systemClock);
      this.#gateway = await startGateway({
        config,
        configPath,
        // What is in force is the supervisor's to say: it has read and checked the file for all.
        loadConfig: async () => this.#config!,
        emit,
        clock: systemClock,
        chance: systemChance,
        bans: this.#bans,
        shared: {
          processes: workers,
          openEmbedded: openBrokerAt(brokerPath),
          owners: this.#owners,
          ticketSecret,
          connectionIdPrefix: `w${slot}-`,
          sample: (sample) => batch.add(sample),
        },
      });
      for (const { target, limit, forMs } of overrides) this.#gateway.limits.override(target, limit, forMs);
      for (const { subject, forMs } of confined) this.#gateway.quarantine.confine(subject, forMs);
      for (const message of this.#early.splice(0)) this.handle(message);
      this.#tellDemands();
      // What was said while it was starting holds.
      if (this.#isLearning) this.#gateway.watching.setLearning(true);
      tell({ kind: 'ready', listeners: this.#gateway.listeners });
    } catch (error) {
      tell({ kind: 'failed', says: error instanceof Error ? error.message : String(error) }, () => process.exit(1));
    }
  }

  #quarantine(message: Extract<ToWorker, { kind: 'confine' | 'release confined' }>): void {
    if (this.#gateway === undefined) this.#early.push(message);
    else if (message.kind === 'release confined') this.#gateway.quarantine.release(message.subject);
    else this.#gateway.quarantine.confine(message.confined.subject, message.confined.forMs);
  }

  async #reload(id: number, config: Config): Promise<void> {
    await this.#started;
    const before = this.#config;
    this.#config = config;
    const outcome = await this.#gateway!.reload();
    if (!outcome.ok) this.#config = before;
    tell({ kind: 'reloaded', id, outcome });
  }

  async #tellUpstreamStatus(id: number): Promise<void> {
    tell({ kind: 'upstream status', id, status: (await this.#gateway?.upstreams.status())?.targets ?? [] });
  }

  async #tellLimitReport(id: number, target: Target): Promise<void> {
    tell({ kind: 'limit report', id, report: (await this.#gateway?.limits.report(target))?.limits ?? [] });
  }

  /** One that is starting has no clients, and says so at once. */
  #tellAboutClients({ id, question }: Extract<ToWorker, { kind: 'client question' }>): void {
    tell({ kind: 'client question', id, answer: this.#gateway?.answerAboutClients(question) });
  }

  #tellDemands(): void {
    systemClock.after(DEMANDS_EVERY_MS, () => {
      const demands = this.#gateway?.takeDemands();
      if (demands !== undefined && demands.size > 0) tell({ kind: 'demands', demands: [...demands] });
      this.#tellDemands();
    });
  }

  async #tellShadowReport(id: number): Promise<void> {
    tell({ kind: 'shadow report', id, report: (await this.#gateway?.watching.shadow())?.report });
  }

  async #takeRecording(): Promise<RecordingImage> {
    const [recording = NOTHING_RECORDED] = (await this.#gateway?.watching.takeRecordings())?.recordings ?? [];
    return recording;
  }

  async #tellRecording(id: number): Promise<void> {
    const recording = await this.#takeRecording();
    tell({ kind: 'recording', id, recording });
  }

  #samples(): MetricSample[] {
    return [...this.#gauges.samples(), ...(this.#gateway?.samples() ?? [])];
  }

  async #drain(signal: string): Promise<void> {
    await this.#gateway?.drain(signal, signal === REPLACED);
    tell({ kind: 'metric samples left', samples: this.#samples() });
    const figures = this.#gateway?.answerAboutClients({ kind: 'figures' }) as GatewayFigures | undefined;
    if (figures !== undefined) tell({ kind: 'figures left', figures });
    const recording = await this.#takeRecording();
    // A connection may be on its way to us still, and would be lost with us: what is sent to us ends with the farewell.
    tell({ kind: 'recording left', recording }, () => systemClock.after(FAREWELL_MAX_MS, () => process.exit(0)));
    if (!process.connected) process.exit(0);
  }
}

const worker = new Worker();
process.on('message', (message: ToWorker) => worker.handle(message));
// Without its supervisor a worker has no broker, no log and nobody who would restart it.
process.on('disconnect', () => process.exit(1));
// Signals of the terminal go to the whole group; the supervisor decides what becomes of them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
