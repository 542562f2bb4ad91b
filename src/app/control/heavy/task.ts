/**
 * Questions whose answer may take seconds of work: about a policy, or of the journal. They are answered in a thread, so that nobody
 * who looks holds up traffic.
 */
import { systemClock, withEpoch } from '../../../base/clock.ts';
import { parseAssertionFile } from '../../../policy/authorization/assertion-file.ts';
import type { Subject } from '../../../policy/authorization/decision.ts';
import { decode } from '../../../policy/authorization/policy-build.ts';
import { type Explanation, explain, type Question } from '../../../policy/authorization/policy-explain.ts';
import { parsePolicyFile } from '../../../policy/authorization/policy-file.ts';
import type { Policy } from '../../../policy/authorization/policy-form.ts';
import { diffPolicies, type RoleDifference } from '../../../policy/authorization/prove/policy-diff.ts';
import { type PolicyWarning, policyWarnings } from '../../../policy/authorization/prove/policy-warnings.ts';
import { type ProofRecord, proofRecord } from '../../../policy/authorization/prove/proof-record.ts';
import { proveAll } from '../../../policy/authorization/prove/prover.ts';
import { readPolicy } from '../../authorization-files.ts';
import type { Incident, IncidentAsked } from '../../observability/incident/incident.ts';
import { incidentIn } from '../../observability/incident/journal-incident.ts';
import { type Found, searchJournal } from '../../observability/journal/search.ts';
import type { Wanted } from '../../observability/journal/search-index.ts';

/** A policy by its file, or by its text, whose faults are then named by `name`. */
export type PolicySource = { readonly file: string } | { readonly name: string; readonly text: string };

export interface PolicyTest {
  readonly assertions: readonly ProofRecord[];
  readonly warnings: readonly PolicyWarning[];
}

/** What can be asked, and what the answer to each is. */
export interface HeavyTasks {
  readonly explain: {
    readonly asked: {
      readonly policy: PolicySource;
      readonly subject: Subject;
      readonly question: Question;
      readonly atEpochMs: number;
    };
    readonly answer: Explanation;
  };
  readonly test: {
    readonly asked: {
      readonly policy: PolicySource;
      readonly assertions: string | undefined;
      /** As in `WarningOptions`. */
      readonly givenRole: string | undefined;
    };
    readonly answer: PolicyTest;
  };
  readonly diff: {
    readonly asked: { readonly before: PolicySource; readonly after: PolicySource };
    readonly answer: readonly RoleDifference[];
  };
  readonly journal: {
    readonly asked: { readonly directory: string; readonly wanted: Wanted };
    readonly answer: Found;
  };
  readonly incident: {
    readonly asked: { readonly directory: string; readonly about: IncidentAsked };
    readonly answer: Incident;
  };
}
export type HeavyTask = keyof HeavyTasks;

type Answering = {
  readonly [Task in HeavyTask]: (asked: HeavyTasks[Task]['asked']) => Promise<HeavyTasks[Task]['answer']>;
};

/** @throws {OperatorError} or {FileFaultError} with what the operator has to mend. */
export const answers: Answering = {
  async explain({ policy, subject, question, atEpochMs }) {
    const clock = withEpoch(systemClock, () => atEpochMs);
    return explain(await policyOf(policy), subject, question, clock);
  },
  async test({ policy, assertions: text, givenRole }) {
    const read = await policyOf(policy);
    const further = text === undefined ? [] : parseAssertionFile(text, 'assertions', read);
    return {
      assertions: proveAll(read, [...read.assertions, ...further]).map(proofRecord),
      warnings: policyWarnings(read, { givenRole }),
    };
  },
  async diff({ before, after }) {
    return diffPolicies(await policyOf(before), await policyOf(after));
  },
  journal: ({ directory, wanted }) => searchJournal(directory, wanted),
  incident: ({ directory, about }) => incidentIn(directory, about),
};

async function policyOf(source: PolicySource): Promise<Policy> {
  if ('text' in source) return parsePolicyFile(source.text, source.name);
  return parsePolicyFile(decode(await readPolicy(source.file), source.file), source.file);
}
