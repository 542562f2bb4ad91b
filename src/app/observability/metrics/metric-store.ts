/** The metrics of this process as prom-client keeps them: counted by events, replaced by what was sampled, written as text. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { printable } from '../../../base/printable.ts';
import { type MetricSample, SAMPLES_MAX } from './metric-sample.ts';
import { kindOf, type LabelsOf, METRIC_NAMES, type MetricName } from './metric-table.ts';

export type TextFormat = 'prometheus' | 'openmetrics';

/** One number of one metric, for whoever writes them in another way. */
export interface MetricPoint {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: what the number is; `le` is among the labels of a bucket. */
  readonly part?: 'bucket' | 'sum' | 'count';
}

export interface MetricStoreOptions {
  /** Told once for each metric that has as many sets of labels as it may. */
  readonly onFull: (name: MetricName, seriesMax: number) => void;
  /** Sets of labels of one metric; what comes beyond it is counted under `other`. */
  readonly seriesMax?: number;
}

const SERIES_MAX = 500;
const LABEL_LENGTH_MAX = 200;
/** In place of labels for which there is no room. */
export const OTHER = 'other';

/** What was counted of one set of labels since the library was told. */
interface Tally {
  readonly labels: Record<string, string>;
  count: number;
}

export class MetricStore {
  readonly #registry = new Registry();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();
  readonly #series = new Map<MetricName, Set<string>>();
  /**
   * Of counters, by their labels as they came: to the library each step of a counter is an object and a sorted text, and there are
   * thousands between two readings.
   */
  readonly #tallies = new Map<MetricName, Map<string, Tally>>();
  readonly #full = new Set<MetricName>();
  readonly #options: MetricStoreOptions;
  /** Text is written one after another: the library renames its counters while it writes OpenMetrics. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: MetricStoreOptions) {
    this.#options = options;
    const registers = [this.#registry];
    for (const name of METRIC_NAMES) {
      const { type, labels, help, buckets } = kindOf(name);
      const made = { name, help: `${help}.`, labelNames: [...labels], registers };
      if (type === 'counter') this.#counters.set(name, new Counter(made));
      else if (type === 'gauge') this.#gauges.set(name, new Gauge(made));
      else this.#histograms.set(name, new Histogram({ ...made, buckets: [...(buckets ?? [])] }));
    }
  }

  /** Adds to a counter, or to a gauge. What is no number is left out, as with the others: counting never throws. */
  add<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    if (!Number.isFinite(by)) return;
    const counter = this.#counters.get(name);
    if (counter === undefined) this.#gauges.get(name)?.inc(this.#bounded(name, labels), by);
    else if (by >= 0) this.#count(name, counter, labels, by);
  }

  #count(name: MetricName, counter: Counter, labels: Readonly<Record<string, string>>, by: number): void {
    let tallies = this.#tallies.get(name);
    if (tallies === undefined) {
      tallies = new Map();
      this.#tallies.set(name, tallies);
    }
    const key = keyOf(kindOf(name).labels, labels);
    const tally = tallies.get(key);
    if (tally !== undefined) {
      tally.count += by;
      return;
    }
    const bounded = this.#bounded(name, labels);
    counter.inc(bounded, by);
    if (tallies.size >= this.#seriesMax || key.length > LABEL_LENGTH_MAX) return;
    tallies.set(key, { labels: bounded, count: 0 });
  }

  #tellTallies(): void {
    for (const [name, tallies] of this.#tallies) {
      for (const tally of tallies.values()) {
        if (tally.count === 0) continue;
        this.#counters.get(name)!.inc(tally.labels, tally.count);
        tally.count = 0;
      }
    }
  }

  get #seriesMax(): number {
    return this.#options.seriesMax ?? SERIES_MAX;
  }

  set<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    if (!Number.isFinite(value)) return;
    this.#gauges.get(name)?.set(this.#bounded(name, labels), value);
  }

  observe<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    if (!Number.isFinite(value)) return;
    this.#histograms.get(name)?.observe(this.#bounded(name, labels), value);
  }

  /** Puts what was sampled in place of what was sampled before, for every metric that is among it or was. */
  replace(samples: readonly MetricSample[], before: Iterable<MetricName> = []): void {
    const names = new Set<MetricName>(before);
    for (const [name] of samples) names.add(name);
    for (const name of names) {
      this.#counters.get(name)?.reset();
      this.#gauges.get(name)?.reset();
      this.#series.delete(name);
      this.#tallies.delete(name);
    }
    for (const [name, values, value] of samples.slice(0, SAMPLES_MAX)) {
      const labels = Object.fromEntries(kindOf(name).labels.map((label, i) => [label, values[i] ?? '']));
      this.add(name, labels as LabelsOf<typeof name>, value);
    }
  }

  /** Label values are short and printable, and there are only so many of them. */
  #bounded(name: MetricName, labels: Readonly<Record<string, string>>): Record<string, string> {
    const names = Object.keys(labels);
    if (names.length === 0) return {};
    let series = this.#series.get(name);
    if (series === undefined) {
      series = new Set();
      this.#series.set(name, series);
    }
    const bounded: Record<string, string> = {};
    for (const label of names) bounded[label] = labelText(labels[label] ?? '');
    const key = JSON.stringify(bounded);
    if (series.has(key)) return bounded;
    const seriesMax = this.#seriesMax;
    if (series.size < seriesMax) {
      series.add(key);
      return bounded;
    }
    if (!this.#full.has(name)) {
      this.#full.add(name);
      this.#options.onFull(name, seriesMax);
    }
    for (const label of names) bounded[label] = OTHER;
    return bounded;
  }

  /** All of them, in one of the two formats that Prometheus reads. */
  text(format: TextFormat): Promise<string> {
    const text = this.#writing.then(() => {
      this.#tellTallies();
      return format === 'prometheus' ? this.#registry.metrics() : this.#openMetrics();
    });
    this.#writing = text.catch(() => undefined);
    return text;
  }

  async #openMetrics(): Promise<string> {
    const registry = this.#registry as Registry<never>;
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    try {
      return await registry.metrics();
    } finally {
      registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE as never);
      // It takes `_total` off their names, and would leave it off.
      for (const [name, counter] of this.#counters) (counter as Counter & { name: string }).name = name;
    }
  }

  /** All numbers as data. */
  async points(): Promise<Map<MetricName, MetricPoint[]>> {
    this.#tellTallies();
    const points = new Map<MetricName, MetricPoint[]>();
    for (const [name, metric] of [...this.#counters, ...this.#gauges, ...this.#histograms]) {
      const { values } = await metric.get();
      points.set(
        name,
        values.map(({ labels, value, ...rest }) => {
          const part = partOf((rest as { metricName?: string }).metricName);
          return { labels: labels as Record<string, string>, value, ...(part === undefined ? {} : { part }) };
        }),
      );
    }
    return points;
  }
}

function partOf(metricName: string | undefined): MetricPoint['part'] {
  return (['bucket', 'sum', 'count'] as const).find((part) => metricName?.endsWith(`_${part}`) === true);
}

/** Labels are ours or the operator's, and no client's: none has a NUL. */
function keyOf(names: readonly string[], labels: Readonly<Record<string, string>>): string {
  let key = '';
  for (const name of names) key += `\0${labels[name] ?? ''}`;
  return key;
}

function labelText(value: string): string {
  const text = printable(value);
  return text.length > LABEL_LENGTH_MAX ? text.slice(0, LABEL_LENGTH_MAX) : text;
}
