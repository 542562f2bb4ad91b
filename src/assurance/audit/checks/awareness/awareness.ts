/** The family W, and the attestations as the target that it is about. */
import { defineFamily, type Family } from '../../model/check.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import type { Target } from '../../model/target.ts';
import { AWARENESS } from './catalogue.ts';
import { type AttestationFacts, AWARENESS_EVALUATORS } from './evaluators.ts';

export const awareness: Family<AttestationFacts> = defineFamily('W', AWARENESS, AWARENESS_EVALUATORS);

const ATTESTATIONS: Target = { kind: 'attestations', id: 'attestations', label: 'attestations', place: 'audit file' };

export const attestationSubject: Subject = defineSubject({
  kind: 'attestations',
  families: [awareness],
  discover: async () => [ATTESTATIONS],
  targetAt: () => ATTESTATIONS,
  collect: async (_target, { declared, clock }) => ({ attestations: declared.attestations, nowMs: clock.epochMs() }),
});
