/** Folds what another scanner has found into the finding of our own that says the same, so that it counts once. */
import { HOST } from '../host/host-subject.ts';
import { notApplicable } from '../model/outcome.ts';
import { type Result, resultOf } from '../model/result.ts';
import { checkLike } from './same-questions.ts';

/**
 * Only where our own check fails as well. Where it passes, one of the two is wrong or the report is older than the cure: the scanner's
 * finding stays until it has looked again.
 */
export function foldScannerFindings(results: readonly Result[]): Result[] {
  const failing = new Set(
    results
      .filter(({ target, outcome }) => target.id === HOST.id && outcome.status === 'fail')
      .map(({ check }) => check.id),
  );
  return results.map((result) => {
    const { check, target, outcome } = result;
    if (target.kind !== 'scanner-report' || outcome.status !== 'fail' || outcome.subject === undefined) return result;
    const [id = '', ...about] = outcome.subject.split(' ');
    const same = checkLike(id, about.join(' '));
    if (same === undefined || !failing.has(same)) return result;
    const says = `${same} of this audit has found the same: ${outcome.evidence.observed}`;
    return resultOf(check, target, notApplicable('found-by-ours', says, { subject: outcome.subject }));
  });
}
