/** Results as Markdown tables, which a terminal shows as well: median, spread, and ratio to the peer of the same run. */
import type { Metric } from '../measures/measure.ts';
import { type Cell, cellOf, type MeasureResult, type RowResult, valuesOf } from './results.ts';
import { median, ratio, spread } from './statistics.ts';

function figure(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function cellText(row: RowResult, cell: Cell, measure: MeasureResult, metric: Metric): string {
  const values = valuesOf(cell, metric.key);
  if (values.length === 0) return '-';
  const parts = [figure(median(values), metric.digits)];
  if (values.length > 1) parts.push(`±${Math.round(spread(values) * 50)}%`);
  const baseline = valuesOf(cellOf(row, measure.baseline), metric.key);
  if (cell.peer !== measure.baseline && baseline.length > 0) parts.push(`(${figure(ratio(values, baseline), 2)}x)`);
  if (cell.samples.some((sample) => !sample.isComplete)) parts.push('LOST');
  return parts.join(' ');
}

export function metricTable(measure: MeasureResult, metric: Metric): string {
  const shown = measure.peers.filter((peer) =>
    measure.rows.some((row) => (cellOf(row, peer.name)?.samples.length ?? 0) > 0),
  );
  const unit = metric.unit === '' ? '' : ` (${metric.unit})`;
  const lines = [
    ['', ...shown.map((peer) => peer.title)],
    ...measure.rows.map((row) => [
      row.title,
      ...shown.map((peer) => cellText(row, cellOf(row, peer.name)!, measure, metric)),
    ]),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(3, ...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`);
  text.splice(1, 0, `|${widths.map((width, i) => `${'-'.repeat(width + 1)}${i === 0 ? '-' : ':'}`).join('|')}|`);
  return [`${metric.title}${unit}, ${metric.better} is better`, '', ...text, ''].join('\n');
}

export function measureText(measure: MeasureResult): string {
  const tables = measure.metrics.map((metric) => metricTable(measure, metric));
  return [`## ${measure.title}`, '', measure.method, '', ...tables].join('\n');
}
