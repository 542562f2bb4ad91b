/** Numbers as one process has them at a moment, in a form that goes between processes, and how those of several become one. */
import { kindOf, METRICS, type MetricName } from './metric-table.ts';

/** Values of the labels are in the order of the table. */
export type MetricSample = readonly [name: MetricName, labels: readonly string[], value: number];

/** More than any process has; what comes beyond it is left out. */
export const SAMPLES_MAX = 5000;

const keyOf = ([name, labels]: MetricSample): string => `${name} ${JSON.stringify(labels)}`;

/** One sample for each metric and set of labels, by the rule of the metric. */
export function mergedSamples(processes: Iterable<readonly MetricSample[]>): MetricSample[] {
  const merged = new Map<string, MetricSample>();
  for (const samples of processes) {
    for (const sample of samples) {
      const key = keyOf(sample);
      const known = merged.get(key);
      const [name, labels, value] = sample;
      merged.set(key, known === undefined ? sample : [name, labels, combined(name, known[2], value)]);
    }
  }
  return [...merged.values()];
}

function combined(name: MetricName, a: number, b: number): number {
  const { merge = 'sum' } = kindOf(name);
  if (merge === 'max') return Math.max(a, b);
  return merge === 'min' ? Math.min(a, b) : a + b;
}

/** What remains of a process that has ended: counters never go back. */
export function countersOf(samples: readonly MetricSample[]): MetricSample[] {
  return samples.filter(([name]) => METRICS[name].type === 'counter');
}
