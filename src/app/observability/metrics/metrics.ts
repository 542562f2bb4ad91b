/** The metrics of the whole gateway: counted as events come, sampled when somebody asks. */
import type { Clock } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { EventMetrics } from './event-metrics.ts';
import { type MetricSample, mergedSamples } from './metric-sample.ts';
import { type MetricPoint, MetricStore, type TextFormat } from './metric-store.ts';
import type { MetricName } from './metric-table.ts';
import { ProcessGauges } from './process-gauges.ts';

/** Gives the numbers of a part of the gateway as of now. */
export type SampleSource = () => readonly MetricSample[] | Promise<readonly MetricSample[]>;

export interface MetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  /** Hears that a ceiling of the metrics was reached. */
  readonly emit: Emit;
}

export class Metrics {
  readonly #store: MetricStore;
  readonly #events: EventMetrics;
  readonly #process: ProcessGauges;
  readonly #sources: SampleSource[] = [];
  readonly #own: readonly MetricSample[];
  #sampled = new Set<MetricName>();
  #collecting: Promise<void> | undefined;

  constructor({ clock, version, emit }: MetricsOptions) {
    this.#store = new MetricStore({
      onFull: (name, seriesMax) => {
        const says = `the metric ${name} has as many sets of labels as it may; what comes beyond them is counted as other`;
        emit({ name: 'ceiling.reached', ceiling: 'metrics.seriesMax', limit: seriesMax, says });
      },
    });
    this.#events = new EventMetrics(this.#store, () => clock.epochMs());
    this.#process = new ProcessGauges(clock);
    this.#own = [
      ['sallyport_build_info', [version, process.versions.node], 1],
      ['sallyport_start_timestamp_seconds', [], clock.epochMs() / 1000],
    ];
  }

  /** Counts an event. Never throws, never waits. */
  get take(): Emit {
    return this.#events.take;
  }

  addSource(source: SampleSource): void {
    this.#sources.push(source);
  }

  /** Asks every source; those who ask at the same time are answered together. */
  #collect(): Promise<void> {
    this.#collecting ??= this.#collectNow().finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async #collectNow(): Promise<void> {
    const asked = this.#sources.map(async (source) => source());
    const answers = await Promise.allSettled(asked);
    const told = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const samples = mergedSamples([this.#own, this.#process.samples(), ...told]);
    this.#store.replace(samples, this.#sampled);
    this.#sampled = new Set(samples.map(([name]) => name));
  }

  /** As Prometheus reads it. */
  async text(format: TextFormat = 'prometheus'): Promise<string> {
    await this.#collect();
    return this.#store.text(format);
  }

  async points(): Promise<Map<MetricName, MetricPoint[]>> {
    await this.#collect();
    return this.#store.points();
  }

  close(): void {
    this.#process.close();
  }
}
