/** How the family W judges: by the age of attestations, with a reminder before they lapse. */
import type { Attestations } from '../../audit-file/schema.ts';
import type { Evaluate } from '../../model/check.ts';
import { evidence, fail, manual, type Outcome, pass } from '../../model/outcome.ts';
import type { AWARENESS } from './catalogue.ts';

export interface AttestationFacts {
  readonly attestations: Attestations;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
export const YEAR_DAYS = 365;
const REMIND_DAYS = 30;

/** Of one attestation that holds for `validDays`. */
export function judgeAttestation(
  { attestations, nowMs }: AttestationFacts,
  key: keyof Attestations,
  validDays = YEAR_DAYS,
): Outcome {
  const attestation = attestations[key];
  if (attestation === undefined)
    return manual('not-attested', `Nobody has said so: attestations.${key} is missing in the audit file.`);
  const ageDays = Math.floor((nowMs - Date.parse(attestation.date)) / DAY_MS);
  const kept = attestation.evidence === undefined ? '' : `, evidence: ${attestation.evidence}`;
  const proof = evidence(`${attestation.date}, by ${attestation.by}${kept}`, `at most ${validDays} days ago`, {
    from: `attestations.${key}`,
  });
  const told = { ...proof, method: `attestations.${key} of the audit file` };
  if (ageDays < 0) return fail('date-in-future', told);
  if (ageDays > validDays) return fail('lapsed', told);
  const leftDays = validDays - ageDays;
  if (leftDays <= REMIND_DAYS) {
    const when = leftDays === 0 ? 'today' : leftDays === 1 ? 'tomorrow' : `in ${leftDays} days`;
    return manual(
      'lapses-soon',
      `The attestation of ${attestation.date} by ${attestation.by} lapses ${when}: do it again.`,
    );
  }
  return pass(told);
}

export const AWARENESS_EVALUATORS: { readonly [Id in keyof typeof AWARENESS]: Evaluate<AttestationFacts> } = {
  W01: (facts) => judgeAttestation(facts, 'policy'),
  W02: (facts) => judgeAttestation(facts, 'training'),
  W03: (facts) => judgeAttestation(facts, 'drill'),
  W04: (facts) => judgeAttestation(facts, 'disclosure'),
  W05: (facts) => judgeAttestation(facts, 'rotation'),
};
