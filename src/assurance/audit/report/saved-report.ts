/** A report that was saved as JSON, read back: as the baseline of another run, or to be compared with another. */
import { z } from 'zod';
import type { Baseline } from './report.ts';
import { type AuditReport, reportSchema } from './report-schema.ts';

/** The report, or in one sentence why it is none. */
export function parseReport(text: string): AuditReport | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  const result = reportSchema.safeParse(value);
  return result.success
    ? result.data
    : (z.prettifyError(result.error).split('\n')[0]?.replace(/^\S /, '') ?? 'it has another form.');
}

/** What failed then is known; waived or not. */
export function baselineOf({ startedAt, results }: AuditReport): Baseline {
  const failures = results.filter(({ status }) => status === 'fail');
  return { madeAt: startedAt, fingerprints: new Set(failures.map(({ fingerprint }) => fingerprint)) };
}
