/** The report as CSV, a line for each result. */
import type { ReportedResult } from './report-schema.ts';
import { csvCell } from './safe-text.ts';
import type { ReportView } from './view.ts';

const COLUMNS = [
  'check',
  'title',
  'status',
  'severity',
  'target',
  'subject',
  'exposure',
  'confidence',
  'reason',
  'observed',
  'expected',
  'method',
  'file',
  'line',
  'remediation',
  'command',
  'priority',
  'fingerprint',
  'waived until',
] as const;

export function csvReport(view: ReportView): string {
  const rows = view.results.map((result) => cellsOf(view, result).map(csvCell).join(','));
  return `${[COLUMNS.join(','), ...rows].join('\r\n')}\r\n`;
}

function cellsOf(view: ReportView, result: ReportedResult): (string | number)[] {
  const { title, remediation } = view.checkOf(result);
  const { evidence } = result;
  return [
    result.check,
    title,
    result.status,
    result.severity,
    result.target,
    result.subject ?? '',
    result.exposure,
    result.confidence,
    result.reason ?? '',
    evidence?.observed ?? result.says ?? '',
    evidence?.expected ?? '',
    evidence?.method ?? '',
    evidence?.file ?? '',
    evidence?.line ?? '',
    remediation.text,
    result.command ?? remediation.command ?? '',
    result.priority,
    result.fingerprint,
    result.waiver?.expires ?? '',
  ];
}
