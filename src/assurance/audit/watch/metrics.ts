/** What the last audit of a watch found, in the text format that node_exporter's textfile collector takes. */
import { FAMILIES } from '../model/check.ts';
import { SEVERITIES } from '../model/severity.ts';
import type { AuditReport } from '../report/report-schema.ts';
import type { FindingChange } from './watch-event.ts';

export type ChangeCounts = Readonly<Record<FindingChange, number>>;

export function auditMetrics(
  { results, score, startedAt, durationMs, gate }: AuditReport,
  changes: ChangeCounts,
): string {
  const open = results.filter(({ status, waiver }) => status === 'fail' && waiver === undefined);
  const families = score.families.filter((family) => family.score !== null);
  const lines = [
    ...gauge(
      'sallyport_audit_findings',
      'Open failures that no waiver covers.',
      SEVERITIES.map((severity) => [`severity="${severity}"`, open.filter((one) => one.severity === severity).length]),
    ),
    ...gauge('sallyport_audit_undecided', 'Results that could not be told.', [['', gate.undecided]]),
    ...gauge('sallyport_audit_score', 'Total, 0 to 100.', score.total === null ? [] : [['', score.total]]),
    ...gauge(
      'sallyport_audit_family_score',
      'Of one family of checks, 0 to 100.',
      families.map(({ letter, score: own }) => [`family="${FAMILIES[letter]}"`, own!]),
    ),
    ...gauge('sallyport_audit_coverage_percent', 'Part of the checks that was assessed.', [
      ['', score.coveragePercent],
    ]),
    ...gauge('sallyport_audit_last_run_timestamp_seconds', 'When the last audit began.', [
      ['', Math.floor(Date.parse(startedAt) / 1000)],
    ]),
    ...gauge('sallyport_audit_duration_seconds', 'How long it took.', [['', durationMs / 1000]]),
    '# HELP sallyport_audit_changes_total Findings that came, went, or came back, since the watch began.',
    '# TYPE sallyport_audit_changes_total counter',
    ...Object.entries(changes).map(([change, count]) => `sallyport_audit_changes_total{change="${change}"} ${count}`),
  ];
  return `${lines.join('\n')}\n`;
}

function gauge(name: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string[] {
  if (values.length === 0) return [];
  const samples = values.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples];
}
