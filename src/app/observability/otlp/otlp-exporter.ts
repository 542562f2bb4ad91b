/**
 * Events and metrics on their way to an OpenTelemetry collector: events in batches, through a bounded queue; metrics once in a while,
 * each time as they are. A collector that is away or slow costs the oldest events, which are counted, and nothing else.
 */
import { hostname } from 'node:os';
import { backoffMs } from '../../../base/backoff.ts';
import type { Chance } from '../../../base/chance.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../../base/events.ts';
import { Fifo } from '../../../base/fifo.ts';
import type { Config } from '../../config/config.ts';
import { readSecret } from '../../config/secret.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import { tlsOptionsOf } from '../../identity-backends/backend-tls.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { CollectorStats } from '../syslog/collectors.ts';
import { type OtlpClient, type OtlpOutcome, openOtlpClient } from './otlp-client.ts';
import { logsRequest, metricsRequest, type Resource, type TimedEvent } from './otlp-json.ts';

type OtlpConfig = Config['otlp'];

export interface OtlpServices {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Hears that the collector is away, or back, and what the end of the gateway has cost it. */
  readonly emit: Emit;
  readonly version: string;
  readonly metrics: Pick<Metrics, 'points'>;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Events that come alone wait this long for others. */
const GATHER_MS = 1000;
const BACKOFF_BASE_MS = 1000;
const BACKOFF_MAX_MS = 60_000;
/** For what waits when the gateway ends. */
const CLOSE_TIMEOUT_MS = 1000;

/** Undefined where the configuration names no collector. @throws {OperatorError} when a file that it names cannot be read. */
export async function openOtlp(config: OtlpConfig, services: OtlpServices): Promise<OtlpExporter | undefined> {
  const { url, tls, timeoutMs, compression } = config;
  if (url === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const { name, value } of config.headers) headers[name.toLowerCase()] = await readSecret(value, process.env);
  const client = openOtlpClient({
    url,
    tls: url.startsWith('https:') ? await tlsOptionsOf(tls, new URL(url).hostname.replace(/^\[|\]$/g, '')) : {},
    headers,
    timeoutMs,
    isCompressed: compression === 'gzip',
    clock: services.clock,
  });
  return new OtlpExporter({ ...config, url }, services, client);
}

export class OtlpExporter {
  readonly #config: OtlpConfig & { readonly url: string };
  readonly #services: OtlpServices;
  readonly #client: OtlpClient;
  readonly #resource: Resource;
  readonly #startedAtMs: number;
  readonly #queue = new Fifo<TimedEvent>();
  readonly #leastLevel: number;
  /** Taken out of the queue, and not yet taken by the collector. */
  #batch: TimedEvent[] = [];
  #sending: Promise<void> | undefined;
  #timer: Timer | undefined;
  #metricsTimer: Timer | undefined;
  #isMetricsUnderWay = false;
  #failures = 0;
  #notBeforeMs = 0;
  #lost = 0;
  /** Of those lost, how many were told of. */
  #lostTold = 0;
  #isClosed = false;

  constructor(config: OtlpConfig & { readonly url: string }, services: OtlpServices, client: OtlpClient) {
    this.#config = config;
    this.#services = services;
    this.#client = client;
    const host = hostname();
    this.#resource = { version: services.version, host, instance: `${host}:${process.pid}` };
    this.#startedAtMs = services.clock.epochMs();
    this.#leastLevel = LEVELS.indexOf(config.level);
    if (config.metrics) this.#armMetrics();
  }

  /** Takes an event whose texts are bounded. Never throws, never waits. */
  readonly emit: Emit = (event: GatewayEvent) => {
    if (!this.#config.logs || this.#isClosed || LEVELS.indexOf(EVENT_LEVELS[event.name]) < this.#leastLevel) return;
    if (this.#queue.length >= this.#config.queueMax) {
      this.#queue.shift();
      this.#lost++;
    }
    this.#queue.push({ event, atMs: this.#services.clock.epochMs() });
    if (this.#queue.length >= this.#config.batchMax) this.#pump();
    else this.#arm(GATHER_MS);
  };

  stats(): CollectorStats {
    const queued = this.#queue.length + this.#batch.length;
    return { collector: this.#config.url, queued, lost: this.#lost, isUp: this.#failures === 0 };
  }

  #arm(delayMs: number): void {
    this.#timer ??= this.#services.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#sending !== undefined) return;
    const waitMs = this.#notBeforeMs - this.#services.clock.nowMs();
    if (waitMs > 0 && !this.#isClosed) {
      this.#arm(waitMs);
      return;
    }
    while (this.#batch.length < this.#config.batchMax && this.#queue.length > 0) this.#batch.push(this.#queue.shift()!);
    if (this.#batch.length === 0) return;
    const request = logsRequest(this.#resource, this.#batch);
    this.#sending = this.#client.send('/v1/logs', request).then((outcome) => {
      this.#sending = undefined;
      this.#onLogsOutcome(outcome);
    });
  }

  #onLogsOutcome(outcome: OtlpOutcome): void {
    if (outcome.kind === 'again') {
      this.#onFailure(outcome.says, outcome.afterMs);
      if (!this.#isClosed) this.#arm(0);
      return;
    }
    this.#lost += outcome.kind === 'refused' ? this.#batch.length : outcome.rejected;
    this.#batch = [];
    if (outcome.kind === 'refused') this.#onFailure(outcome.says, 0);
    else this.#onSuccess();
    if (this.#queue.length >= this.#config.batchMax || this.#isClosed) this.#pump();
    else if (this.#queue.length > 0) this.#arm(GATHER_MS);
  }

  #onFailure(says: string, afterMs: number): void {
    const { clock, chance, emit } = this.#services;
    this.#failures++;
    const waitMs = Math.max(afterMs, backoffMs(BACKOFF_BASE_MS, BACKOFF_MAX_MS, this.#failures, chance));
    this.#notBeforeMs = clock.nowMs() + waitMs;
    if (this.#failures > 1 || this.#isClosed) return;
    emit({ name: 'collector.failed', collector: this.#config.url, says });
  }

  #onSuccess(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#notBeforeMs = 0;
    const lost = this.#lost - this.#lostTold;
    this.#lostTold = this.#lost;
    this.#services.emit({ name: 'collector.recovered', collector: this.#config.url, lost });
  }

  // --- metrics ---

  #armMetrics(): void {
    this.#metricsTimer = this.#services.clock.after(this.#config.metricsIntervalMs, () => {
      void this.#sendMetrics();
      this.#armMetrics();
    });
  }

  /** Counters are whole each time: what one round loses the next one brings. */
  async #sendMetrics(): Promise<void> {
    const { clock, metrics } = this.#services;
    if (this.#isMetricsUnderWay || this.#isClosed || clock.nowMs() < this.#notBeforeMs) return;
    this.#isMetricsUnderWay = true;
    const points = await metrics.points();
    const request = metricsRequest(this.#resource, points, this.#startedAtMs, clock.epochMs());
    const outcome = await this.#client.send('/v1/metrics', request);
    this.#isMetricsUnderWay = false;
    if (this.#isClosed) return;
    if (outcome.kind === 'taken') this.#onSuccess();
    else this.#onFailure(outcome.says, outcome.kind === 'again' ? outcome.afterMs : 0);
  }

  /** Resolves when what waits is out, or has had its time; what is lost then is told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#metricsTimer?.cancel();
    if (this.#failures === 0) {
      this.#pump();
      const empty = this.#untilEmpty();
      await Promise.race([
        empty,
        new Promise<void>((resolve) => this.#services.clock.after(CLOSE_TIMEOUT_MS, resolve)),
      ]);
    }
    this.#lost += this.#queue.length + this.#batch.length;
    this.#queue.clear();
    this.#batch = [];
    this.#client.close();
    const lost = this.#lost - this.#lostTold;
    this.#lostTold = this.#lost;
    if (lost > 0) this.#services.emit({ name: 'collector.abandoned', collector: this.#config.url, lost });
  }

  async #untilEmpty(): Promise<void> {
    while (this.#sending !== undefined && this.#failures === 0) await this.#sending;
  }
}
