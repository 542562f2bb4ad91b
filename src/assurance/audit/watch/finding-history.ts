/** Which weaknesses are open, and which were mended: what tells a new one from one that has come back. */
import { z } from 'zod';
import { compareReports } from '../report/comparison.ts';
import { type AuditReport, type ReportedResult, reportSchema } from '../report/report-schema.ts';
import type { FindingChange } from './watch-event.ts';

/** The oldest are forgotten: one that comes back after that is new. */
const MENDED_MAX = 10_000;

export const historySchema = z.strictObject({
  format: z.literal('sallyport-audit-watch'),
  version: z.literal(1),
  /** Failures that were there at the last audit, or could not be told since. */
  open: reportSchema.shape.results,
  /** Fingerprints of failures that were there once and then were not. */
  mended: z.array(z.string()).max(MENDED_MAX),
});
export type History = z.infer<typeof historySchema>;

export interface ChangedFinding {
  readonly change: FindingChange;
  readonly result: ReportedResult;
}

export interface NextHistory {
  readonly history: History;
  readonly changes: readonly ChangedFinding[];
}

/** Where there is no history, the report is what everything later is held against, and nothing of it is a change. */
export function nextHistory(history: History | undefined, report: AuditReport): NextHistory {
  const mended = new Set(history?.mended);
  if (history === undefined) return { history: historyOf(failuresOf(report), mended), changes: [] };
  const { appeared, mended: gone, lost } = compareReports({ ...report, results: [...history.open] }, report);
  const changes: ChangedFinding[] = [
    ...appeared.map(
      (result): ChangedFinding => ({
        change: mended.has(result.fingerprint) ? 'regressed' : 'new',
        result,
      }),
    ),
    ...gone.map((result): ChangedFinding => ({ change: 'mended', result })),
  ];
  for (const { fingerprint } of appeared) mended.delete(fingerprint);
  for (const { fingerprint } of gone) mended.add(fingerprint);
  // What cannot be told any more is not mended: it stays open until it can.
  return { history: historyOf([...failuresOf(report), ...lost], mended), changes };
}

/** A report that was saved as a baseline is a history in which nothing was mended yet. */
export function historyFrom(report: AuditReport): History {
  return historyOf(failuresOf(report), new Set());
}

function failuresOf({ results }: AuditReport): ReportedResult[] {
  return results.filter(({ status }) => status === 'fail');
}

function historyOf(open: readonly ReportedResult[], mended: ReadonlySet<string>): History {
  return { format: 'sallyport-audit-watch', version: 1, open: [...open], mended: [...mended].slice(-MENDED_MAX) };
}
