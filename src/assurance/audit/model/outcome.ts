/** What an evaluator says of one check on one thing, with the evidence. */

import { shownEvidence } from './evidence-text.ts';
import type { Fact, Source, Unknown, UnknownReason } from './fact.ts';
import type { Severity } from './severity.ts';

/** How we know: read in a configuration, seen on the running system, or tried over the network. */
export type Confidence = 'config' | 'runtime' | 'probe';

/** Who can reach the weakness. */
export type Exposure = 'network' | 'local' | 'loopback';

export interface Evidence {
  /** What is there, secrets taken out. */
  readonly observed: string;
  /** What should be there. */
  readonly expected: string;
  /** How it was looked at: a file, a command line, a handshake. */
  readonly method: string;
  readonly file?: string;
  /** Counted from 1. */
  readonly line?: number;
}

interface OutcomeBase {
  /** What within the target this is about, such as `listener 1883` or a file; absent where it is the target as a whole. */
  readonly subject?: string;
  readonly confidence: Confidence;
  /** Port that this is about: what makes answers of different confidence comparable. */
  readonly port?: number;
}

export interface Pass extends OutcomeBase {
  readonly status: 'pass';
  readonly evidence: Evidence;
}

export interface Fail extends OutcomeBase {
  readonly status: 'fail';
  /** Stable word for the kind of failure, such as `permit-root-login-yes`; part of the finding's fingerprint. */
  readonly reason: string;
  readonly evidence: Evidence;
  /** Where it differs from the check's own. */
  readonly severity?: Severity;
  readonly exposure?: Exposure;
  /** A command for just this finding, where the check's general one can be made exact. */
  readonly command?: string;
}

export interface Manual extends OutcomeBase {
  readonly status: 'manual';
  readonly reason: string;
  /** What a person has to look at, in one sentence. */
  readonly says: string;
}

export interface Unassessed extends OutcomeBase {
  readonly status: 'unknown';
  readonly reason: UnknownReason;
  readonly says: string;
}

export interface NotApplicable extends OutcomeBase {
  readonly status: 'not-applicable';
  readonly reason: string;
  readonly says: string;
}

/** The evaluator itself broke: a bug of ours, which never stops the run. */
export interface Broken extends OutcomeBase {
  readonly status: 'error';
  readonly reason: 'evaluator-threw' | 'collector-threw';
  readonly says: string;
}

export type Outcome = Pass | Fail | Manual | Unassessed | NotApplicable | Broken;
export type Status = Outcome['status'];
export const STATUSES = [
  'fail',
  'error',
  'unknown',
  'manual',
  'pass',
  'not-applicable',
] as const satisfies readonly Status[];

type Place = Partial<Pick<OutcomeBase, 'subject' | 'confidence' | 'port'>>;

/** The evidence of a judgement; `source` gives method, file and line. */
export function evidence(observed: string, expected: string, source: Source): Evidence {
  const isFile = source.from.startsWith('/');
  return {
    observed: shownEvidence(observed),
    expected: shownEvidence(expected),
    method: isFile ? 'read the file' : `ran ${source.from}`,
    ...(isFile ? { file: source.from } : {}),
    ...(source.line === undefined ? {} : { line: source.line }),
  };
}

export function pass(proof: Evidence, place: Place = {}): Pass {
  return { status: 'pass', confidence: 'config', ...place, evidence: proof };
}

export function fail(
  reason: string,
  proof: Evidence,
  more: Place & Partial<Pick<Fail, 'severity' | 'exposure' | 'command'>> = {},
): Fail {
  return { status: 'fail', confidence: 'config', ...more, reason, evidence: proof };
}

export function manual(reason: string, says: string, place: Place = {}): Manual {
  return { status: 'manual', confidence: 'config', ...place, reason, says: shownEvidence(says) };
}

export function notApplicable(reason: string, says: string, place: Place = {}): NotApplicable {
  return { status: 'not-applicable', confidence: 'config', ...place, reason, says: shownEvidence(says) };
}

export function unassessed(fact: Unknown, place: Place = {}): Unassessed {
  return { status: 'unknown', confidence: 'config', ...place, reason: fact.reason, says: shownEvidence(fact.says) };
}

export type Outcomes = Outcome | readonly Outcome[];

/** Judges a fact that has to be there: unknown stays unknown, and a thing that is absent is what `whenAbsent` makes of it. */
export function judge<T>(
  fact: Fact<T>,
  whenKnown: (value: T, source: Source) => Outcomes,
  whenAbsent: (source: Source) => Outcomes,
): Outcomes {
  switch (fact.state) {
    case 'known':
      return whenKnown(fact.value, fact.source);
    case 'absent':
      return whenAbsent(fact.source);
    case 'unknown':
      return unassessed(fact);
  }
}
