/** Writes the table of docs/metrics.md from the table of metrics: `node scripts/metrics.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { kindOf, METRIC_NAMES, type MetricName } from '../src/app/observability/metrics/metric-table.ts';

export const METRICS_PAGE = new URL('../docs/metrics.md', import.meta.url);

const OPEN = '<!-- metrics -->';
const CLOSE = '<!-- /metrics -->';
const UNITS = {
  seconds: 'seconds',
  bytes: 'bytes',
  ratio: 'ratio',
  timestamp: 'seconds since 1970',
  number: '',
} as const;

function row(name: MetricName): string {
  const { type, labels, unit, help, watch = '' } = kindOf(name);
  const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), UNITS[unit], `${help}.`, watch];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function renderTable(): string {
  const head = ['metric', 'type', 'labels', 'unit', 'meaning', 'what to watch'];
  return [`| ${head.join(' | ')} |`, `|${'-|'.repeat(head.length)}`, ...METRIC_NAMES.map(row)].join('\n');
}

/** The page with its table written anew; the prose around it stays. */
export function renderMetricsPage(page: string): string {
  const from = page.indexOf(OPEN) + OPEN.length;
  const until = page.indexOf(CLOSE);
  if (until < from) throw new Error(`docs/metrics.md has no place for the table: ${OPEN} and ${CLOSE}`);
  return `${page.slice(0, from)}\n\n${renderTable()}\n\n${page.slice(until)}`;
}

if (import.meta.main) writeFileSync(METRICS_PAGE, renderMetricsPage(readFileSync(METRICS_PAGE, 'utf8')));
