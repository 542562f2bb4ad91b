/** What one process uses of its machine: memory, processor, descriptors, and how late its event loop is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../../../base/clock.ts';
import { descriptorCount } from '../../overload/measures.ts';
import type { MetricSample } from './metric-sample.ts';

/** The delay is told of the last whole window, whoever asks and how often. */
const WINDOW_MS = 10_000;
const RESOLUTION_MS = 50;
const NANOSECONDS_PER_S = 1e9;
const MICROSECONDS_PER_S = 1e6;
const PERCENTILES = ['50', '99', '100'] as const;

export class ProcessGauges {
  readonly #clock: Clock;
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #delays: readonly MetricSample[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#histogram.enable();
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.#clock.after(WINDOW_MS, () => {
      this.#delays = this.#read();
      this.#histogram.reset();
      this.#arm();
    });
  }

  #read(): MetricSample[] {
    return PERCENTILES.map((percentile) => {
      // The histogram has the whole time between two looks; without any, it has none.
      const seenS =
        this.#histogram.count === 0 ? 0 : this.#histogram.percentile(Number(percentile)) / NANOSECONDS_PER_S;
      return ['sallyport_event_loop_delay_seconds', [percentile], Math.max(0, seenS - RESOLUTION_MS / 1000)];
    });
  }

  samples(): MetricSample[] {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const descriptors = descriptorCount();
    return [
      // Before the first window is over, what there is of it.
      ...(this.#delays.length === 0 ? this.#read() : this.#delays),
      ['sallyport_memory_resident_bytes', [], rss],
      ['sallyport_memory_heap_bytes', [], heapUsed],
      // What the runtime calls external has the buffers in it.
      ['sallyport_memory_external_bytes', [], Math.max(external, arrayBuffers)],
      ['sallyport_cpu_seconds_total', [], (user + system) / MICROSECONDS_PER_S],
      ...(descriptors === undefined ? [] : [['sallyport_open_descriptors', [], descriptors] satisfies MetricSample]),
    ];
  }

  close(): void {
    this.#timer?.cancel();
    this.#histogram.disable();
  }
}
