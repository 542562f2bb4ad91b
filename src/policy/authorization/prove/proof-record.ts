/** The outcome of an assertion as plain data, for programs. */
import type { Subject } from '../decision.ts';
import { describeGrant } from '../grant-words.ts';
import type { Action } from '../policy-form.ts';
import { describeBroken, topicOf } from './proof-words.ts';
import type { Proof } from './prover.ts';

export interface ProofRecord {
  readonly file: string;
  readonly line: number;
  readonly assertion: string;
  readonly outcome: Proof['outcome'];
  /** What is wrong; absent where it holds. */
  readonly says?: string;
  /** A client that breaks it. */
  readonly counterexample?: {
    readonly subject: Subject;
    readonly action: Action;
    readonly topic: string;
    readonly qos: number;
    readonly retain: boolean;
    readonly payloadBytes: number;
    /** ISO 8601. */
    readonly at: string;
    /** The grant that decides; absent where none does. */
    readonly by:
      | { readonly file: string; readonly line: number; readonly role: string; readonly grant: string }
      | undefined;
  };
}

export function proofRecord(proof: Proof): ProofRecord {
  const { assertion, outcome } = proof;
  const { file, line, text } = assertion;
  if (outcome === 'holds') return { file, line, assertion: text, outcome };
  const { says } = describeBroken(proof);
  if (outcome === 'undecided') return { file, line, assertion: text, outcome, says };
  const { situation, by } = proof.counterexample;
  const { subject, facts, epochMs } = situation;
  const grant = by && { file: by.grant.file, line: by.grant.line, role: by.role.name, grant: describeGrant(by.grant) };
  const at = new Date(epochMs).toISOString();
  const counterexample = {
    subject,
    action: assertion.action,
    topic: topicOf(situation, assertion),
    ...facts,
    at,
    by: grant,
  };
  return { file, line, assertion: text, outcome, says, counterexample };
}
