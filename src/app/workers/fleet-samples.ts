/**
 * The numbers of all workers as one. A worker that does not answer in time is taken as it was the time before; of one that has ended
 * its counters stay, so that they never go back.
 */
import type { Clock } from '../../base/clock.ts';
import { countersOf, type MetricSample, mergedSamples, SAMPLES_MAX } from '../observability/metrics/metric-sample.ts';

const ANSWER_WITHIN_MS = 1000;

/** A worker, as far as it is asked for numbers. Undefined where it is gone. */
export interface SampledWorker {
  askSamples(): Promise<readonly MetricSample[] | undefined>;
}

interface Known {
  last: readonly MetricSample[];
  /** One question at a time: a worker that hangs is not asked again and again. */
  asking: Promise<void> | undefined;
}

export class FleetSamples {
  readonly #clock: Clock;
  readonly #workers = new Map<SampledWorker, Known>();
  #ended: MetricSample[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  started(worker: SampledWorker): void {
    this.#workers.set(worker, { last: [], asking: undefined });
  }

  /** The last that a worker says before it ends. */
  left(worker: SampledWorker, samples: readonly MetricSample[]): void {
    const known = this.#workers.get(worker);
    if (known !== undefined) known.last = samples.slice(0, SAMPLES_MAX);
  }

  exited(worker: SampledWorker): void {
    const known = this.#workers.get(worker);
    this.#workers.delete(worker);
    if (known !== undefined) this.#ended = mergedSamples([this.#ended, countersOf(known.last)]).slice(0, SAMPLES_MAX);
  }

  async samples(): Promise<MetricSample[]> {
    const answers = await Promise.all([...this.#workers].map(([worker, known]) => this.#ask(worker, known)));
    const silent = answers.filter((isInTime) => !isInTime).length;
    const lasts = [...this.#workers.values()].map(({ last }) => last);
    return [...mergedSamples([this.#ended, ...lasts]), ['sallyport_workers_silent', [], silent]];
  }

  /** Whether it has answered in time. */
  async #ask(worker: SampledWorker, known: Known): Promise<boolean> {
    known.asking ??= worker.askSamples().then((samples) => {
      known.asking = undefined;
      if (samples !== undefined) known.last = samples.slice(0, SAMPLES_MAX);
    });
    const { asking } = known;
    return new Promise((resolve) => {
      const timer = this.#clock.after(ANSWER_WITHIN_MS, () => resolve(false));
      void asking.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}
