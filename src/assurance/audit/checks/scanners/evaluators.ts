/** How the family L judges: a finding an outcome, under the scanner's own identifier, with the age of the report. */
import type { Evaluate } from '../../model/check.ts';
import { type Source, unknown } from '../../model/fact.ts';
import {
  evidence,
  fail,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import type { ScannerFacts } from '../../scanners/facts.ts';
import type { ScannerFinding, ScannerReport } from '../../scanners/scanner-report.ts';
import type { SCANNERS } from './catalogue.ts';

const DAY_MS = 86_400_000;
const AGE_MAX_DAYS = 90;
/** Lynis writes local times without their zone. */
const AHEAD_MAX_MS = DAY_MS;
const UNTOLD_SHOWN = 10;

function ageDays({ endedMs }: ScannerReport, nowMs: number): number | undefined {
  return endedMs === undefined ? undefined : Math.max(0, Math.floor((nowMs - endedMs) / DAY_MS));
}

/** What a report that was cut short, is empty or is old cannot answer. */
function reasonNotToRely(report: ScannerReport, nowMs: number): Outcome | undefined {
  if (!report.isWhole) return unassessed(unknown('malformed', `The scan of ${report.scanner} never came to its end.`));
  const days = ageDays(report, nowMs);
  if (days === undefined)
    return unassessed(unknown('malformed', `The report of ${report.scanner} does not say when it was made.`));
  if (days > AGE_MAX_DAYS)
    return unassessed(unknown('stale', `The report of ${report.scanner} is ${days} days old: run it again.`));
  return undefined;
}

/** The findings of one degree; `nothing` is the evidence where there are none. */
function findings(
  { report, nowMs }: ScannerFacts,
  scanner: ScannerReport['scanner'],
  degree: ScannerFinding['degree'],
  expected: string,
): Outcomes {
  return judge(
    report,
    (value, source) => {
      if (value.scanner !== scanner)
        return notApplicable('other-scanner', `This is a report of ${value.scanner}, not of ${scanner}.`);
      const unreliable = reasonNotToRely(value, nowMs);
      if (unreliable !== undefined) return unreliable;
      const age = `${value.scanner}, ${ageDays(value, nowMs)} days ago`;
      const found = value.findings
        .filter((one) => one.degree === degree)
        .map((one): Outcome => {
          const at: Source = one.line === undefined ? source : { ...source, line: one.line };
          const proof = evidence(`${one.id}: ${one.title} (${age})`, expected, at);
          return fail(degree, proof, { subject: subjectOf(one), severity: one.severity });
        });
      const untold = degree === 'failed-rule' ? untoldOf(value) : [];
      if (found.length + untold.length > 0) return [...found, ...untold];
      if (value.judged === 0)
        return unassessed(unknown('unsupported', `The scan of ${scanner} came to no answer about this host.`));
      return pass(
        evidence(`${value.judged} tests, none with a ${degree.replace('-', ' ')} (${age})`, expected, source),
      );
    },
    ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)),
  );
}

/** The scanner's own identifier, and where one test asks of several things, which: the same from scan to scan. */
function subjectOf({ id, about }: ScannerFinding): string {
  return about === undefined ? id : `${id} ${about}`;
}

function untoldOf({ untold, scanner }: ScannerReport): Outcome[] {
  if (untold.length === 0) return [];
  const shown = untold.slice(0, UNTOLD_SHOWN).join(', ');
  const more = untold.length > UNTOLD_SHOWN ? ', and more' : '';
  return [
    unassessed(unknown('command-failed', `${scanner} could not tell ${untold.length} rules: ${shown}${more}.`), {
      subject: 'rules that could not be told',
    }),
  ];
}

export const SCANNER_EVALUATORS: { readonly [Id in keyof typeof SCANNERS]: Evaluate<ScannerFacts> } = {
  L01: (facts) => findings(facts, 'Lynis', 'warning', 'no warning'),
  L02: (facts) => findings(facts, 'Lynis', 'suggestion', 'no suggestion'),
  L03: (facts) => findings(facts, 'OpenSCAP', 'failed-rule', 'the rule holds'),

  L04: ({ report }) =>
    judge(
      report,
      ({ scanner, isWhole, judged, notApplicable: skipped, untold }, source) => {
        const told = `${judged} judged, ${skipped} not applicable, ${untold.length} untold`;
        const proof = evidence(told, 'an end, and something that was judged', source);
        if (!isWhole) return fail('cut-short', { ...proof, observed: `the scan of ${scanner} never ended` });
        if (judged > 0) return pass(proof);
        return fail(skipped > 0 && untold.length === 0 ? 'all-not-applicable' : 'nothing-judged', proof);
      },
      ({ from }) => notApplicable('no-report', `${from} is not there.`),
    ),

  L05: ({ report, nowMs }) =>
    judge(
      report,
      (value, source) => {
        const days = ageDays(value, nowMs);
        if (value.endedMs === undefined || days === undefined)
          return unassessed(unknown('malformed', 'The report does not say when the scan ended.'));
        const proof = evidence(`${days} days old`, `at most ${AGE_MAX_DAYS} days old`, source);
        if (value.endedMs > nowMs + AHEAD_MAX_MS)
          return fail('date-in-future', { ...proof, observed: 'it is dated in the future' });
        return days <= AGE_MAX_DAYS ? pass(proof) : fail('report-old', proof);
      },
      ({ from }) => notApplicable('no-report', `${from} is not there.`),
    ),
};
