/** Where two ways of looking give two answers: a configuration says one thing, and the running system or a probe another. */
import type { CheckInfo } from '../model/check.ts';
import { type Confidence, type Fail, fail, type Pass } from '../model/outcome.ts';
import { type Result, resultOf } from '../model/result.ts';

export const CONTRADICTION: CheckInfo = {
  id: 'X01',
  title: 'Configuration and reality disagree',
  severity: 'high',
  exposure: 'network',
  why: 'What the configuration says is not what runs: another file is in force, the service was not restarted, or something else answers there. Every other answer about this target is in doubt.',
  remediation: {
    text: 'Find out which of the two is right: restart the service so that it reads its configuration, and look for a second file, a second process or a forwarded port.',
    impact: 'A restart disconnects clients for a moment.',
    risk: 'low',
    ease: 'moderate',
  },
  standards: { nist: ['ID.RA-01'], iec: ['CR 7.6'] },
};

type Judged = Result & { readonly outcome: Pass | Fail };

const RANK: Readonly<Record<Confidence, number>> = { config: 0, runtime: 1, probe: 2 };

function isJudged(result: Result): result is Judged {
  return result.outcome.status === 'pass' || result.outcome.status === 'fail';
}

/** Findings of their own, one for each question and port that got different answers by different means. */
export function contradictionsIn(results: readonly Result[]): Result[] {
  const asked = new Map<string, Map<string, Judged>>();
  for (const result of results) {
    if (result.check.question === undefined || result.outcome.port === undefined || !isJudged(result)) continue;
    const key = `${result.check.question} ${result.outcome.port}`;
    const answers = asked.get(key) ?? new Map<string, Judged>();
    asked.set(key, answers);
    // A check may give several outcomes for one port, such as for two versions of TLS: it fails if any of them does.
    const asker = JSON.stringify([result.check.id, result.target.id]);
    const before = answers.get(asker);
    if (before === undefined || (before.outcome.status === 'pass' && result.outcome.status === 'fail'))
      answers.set(asker, result);
  }
  return [...asked].flatMap(([key, byCheck]) => {
    const answers = [...byCheck.values()];
    const sure = answers.reduce((best, answer) =>
      RANK[answer.outcome.confidence] > RANK[best.outcome.confidence] ? answer : best,
    );
    const against = answers.find(
      ({ outcome }) =>
        RANK[outcome.confidence] < RANK[sure.outcome.confidence] && outcome.status !== sure.outcome.status,
    );
    return against === undefined ? [] : [contradiction(key, against, sure)];
  });
}

function contradiction(key: string, told: Judged, seen: Judged): Result {
  const port = seen.outcome.port;
  return resultOf(
    CONTRADICTION,
    told.target,
    fail(
      `${told.outcome.status}-against-${seen.outcome.status}`,
      {
        observed: `${seen.check.id} (${seen.outcome.confidence}, ${seen.target.label}): ${seen.outcome.evidence.observed}`,
        expected: `${told.check.id} (${told.outcome.confidence}, ${told.target.label}): ${told.outcome.evidence.observed}`,
        method: 'compared two checks that ask the same',
      },
      { subject: key, confidence: seen.outcome.confidence, ...(port === undefined ? {} : { port }) },
    ),
  );
}
