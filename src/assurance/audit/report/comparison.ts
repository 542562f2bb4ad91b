/** What changed between two reports: new failures, mended ones, and what can no longer be told. */
import type { AuditReport, ReportedResult } from './report-schema.ts';

export interface Comparison {
  /** Failures of the later report that the earlier one has not. */
  readonly appeared: readonly ReportedResult[];
  /** Failures of the earlier report whose check now passes or has nothing to be about. */
  readonly mended: readonly ReportedResult[];
  /** Failures of the earlier report of which the later cannot tell: no reason to be glad. */
  readonly lost: readonly ReportedResult[];
  /** Failures of both, as the later has them. */
  readonly remaining: readonly ReportedResult[];
  readonly scoreBefore: number | null;
  readonly scoreAfter: number | null;
}

/** Of the same check and the same thing, however it failed. */
function placeKey({ check, target, subject }: ReportedResult): string {
  return JSON.stringify([check, target, subject ?? '']);
}

export function compareReports(earlier: AuditReport, later: AuditReport): Comparison {
  const failuresOf = ({ results }: AuditReport): ReportedResult[] => results.filter(({ status }) => status === 'fail');
  const before = new Map(failuresOf(earlier).map((result) => [result.fingerprint, result]));
  const after = new Map(failuresOf(later).map((result) => [result.fingerprint, result]));
  const gone = [...before.values()].filter(({ fingerprint }) => !after.has(fingerprint));
  const untold = new Set<string>();
  const judged = new Set<string>();
  for (const result of later.results) {
    const isTold = result.status === 'pass' || result.status === 'not-applicable' || result.status === 'fail';
    (isTold ? judged : untold).add(placeKey(result));
    // A target or check that was not told of as a whole says nothing of its parts.
    if (!isTold) untold.add(placeKey({ ...result, subject: '' }));
  }
  const audited = new Set(later.targets.map(({ id }) => id));
  const isLost = (result: ReportedResult): boolean =>
    !audited.has(result.target) ||
    untold.has(placeKey(result)) ||
    (!judged.has(placeKey(result)) && untold.has(placeKey({ ...result, subject: '' })));
  return {
    appeared: [...after.values()].filter(({ fingerprint }) => !before.has(fingerprint)),
    mended: gone.filter((result) => !isLost(result)),
    lost: gone.filter(isLost),
    remaining: [...after.values()].filter(({ fingerprint }) => before.has(fingerprint)),
    scoreBefore: earlier.score.total,
    scoreAfter: later.score.total,
  };
}
