/** An outcome in its place: which check, which target, and a fingerprint that stays the same from run to run. */
import { createHash } from 'node:crypto';
import type { CheckInfo } from './check.ts';
import type { Exposure, Outcome } from './outcome.ts';
import { SEVERITY_WEIGHT, type Severity } from './severity.ts';
import type { Target } from './target.ts';

export interface Result {
  readonly check: CheckInfo;
  readonly target: Target;
  readonly outcome: Outcome;
  /** Of this result, which may differ from its check's. */
  readonly severity: Severity;
  readonly exposure: Exposure;
  /** 16 hexadecimal digits over check, target, subject and kind of failure; what was observed and where it stands are not part of it. */
  readonly fingerprint: string;
}

export function resultOf(check: CheckInfo, target: Target, outcome: Outcome): Result {
  const isFail = outcome.status === 'fail';
  const parts = [check.id, target.id, outcome.subject ?? '', isFail ? outcome.reason : outcome.status];
  return {
    check,
    target,
    outcome,
    severity: (isFail ? outcome.severity : undefined) ?? check.severity,
    exposure: (isFail ? outcome.exposure : undefined) ?? check.exposure,
    fingerprint: createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16),
  };
}

const EXPOSURE_FACTOR: Readonly<Record<Exposure, number>> = { network: 3, local: 2, loopback: 1 };
const EASE_FACTOR = { easy: 3, moderate: 2, hard: 1 } as const;

/** What to mend first: severity × exposure × ease. */
export function priorityOf({ check, severity, exposure }: Result): number {
  return SEVERITY_WEIGHT[severity] * EXPOSURE_FACTOR[exposure] * EASE_FACTOR[check.remediation.ease];
}
