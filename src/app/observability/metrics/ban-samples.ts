/** How many bans are in force. */
import type { BanIndex } from '../../../policy/detection/bans/ban-index.ts';
import type { MetricSample } from './metric-sample.ts';

export function banSamples(index: BanIndex): MetricSample[] {
  return Object.entries(index.sizes()).map(([kind, count]) => ['sallyport_bans', [kind], count]);
}
