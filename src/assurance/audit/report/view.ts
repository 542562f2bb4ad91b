/** What of a report is shown: filters and orders that all formats share. The gate is never filtered. */
import { FAMILIES, type FamilyLetter, familyOf } from '../model/check.ts';
import { isAtLeast, SEVERITIES, type Severity } from '../model/severity.ts';
import type { AuditReport, ReportedCheck, ReportedResult } from './report-schema.ts';

export interface ViewFilter {
  /** Identifiers of checks or letters of families; absent shows all. */
  readonly only?: readonly string[];
  /** The least severity that is shown. */
  readonly severity?: Severity;
}

export interface FamilyGroup {
  readonly letter: FamilyLetter;
  readonly title: string;
  readonly results: readonly ReportedResult[];
}

export class ReportView {
  readonly report: AuditReport;
  /** In the order of families, then worst first. */
  readonly results: readonly ReportedResult[];
  readonly #checks: ReadonlyMap<string, ReportedCheck>;
  readonly #labels: ReadonlyMap<string, string>;

  constructor(report: AuditReport, { only, severity }: ViewFilter = {}) {
    this.report = report;
    const isShown = (result: ReportedResult): boolean =>
      (only === undefined || only.some((word) => word === result.check || word === result.check.charAt(0))) &&
      (severity === undefined || isAtLeast(result.severity, severity));
    const letters = Object.keys(FAMILIES);
    const rankOf = ({ check, severity: own }: ReportedResult): number =>
      letters.indexOf(check.charAt(0)) * 10 + SEVERITIES.indexOf(own);
    this.results = report.results
      .filter(isShown)
      .sort((a, b) => rankOf(a) - rankOf(b) || (a.check < b.check ? -1 : a.check > b.check ? 1 : 0));
    this.#checks = new Map(report.checks.map((check) => [check.id, check]));
    this.#labels = new Map(report.targets.map(({ id, label }) => [id, label]));
  }

  checkOf(result: ReportedResult): ReportedCheck {
    const check = this.#checks.get(result.check);
    if (check === undefined) throw new RangeError(`the report has no entry for ${result.check}`);
    return check;
  }

  /** The target's label, and within it the subject. */
  placeOf(result: ReportedResult): string {
    const label = this.#labels.get(result.target) ?? result.target;
    return result.subject === undefined ? label : `${label}, ${result.subject}`;
  }

  get failures(): readonly ReportedResult[] {
    return this.results.filter(({ status }) => status === 'fail');
  }

  /** What to mend first: open failures by severity × exposure × ease. */
  first(count: number): readonly ReportedResult[] {
    return this.failures
      .filter(({ waiver, isNew }) => waiver === undefined && isNew !== false)
      .sort((a, b) => b.priority - a.priority)
      .slice(0, count);
  }

  groups(results: readonly ReportedResult[] = this.results): readonly FamilyGroup[] {
    const byLetter = Map.groupBy(results, ({ check }) => familyOf(check));
    return [...byLetter].map(([letter, own]) => ({ letter, title: FAMILIES[letter], results: own }));
  }

  count(status: ReportedResult['status']): number {
    return this.results.filter((result) => result.status === status).length;
  }
}

/** The verdict as one sentence. */
export function verdictSentence({ gate }: AuditReport): string {
  const { verdict, findings, undecided, failOn, isNewOnly } = gate;
  const scope = failOn === 'info' ? '' : ` of severity ${failOn} or worse`;
  const fresh = isNewOnly ? 'new ' : '';
  if (verdict === 'findings') {
    const rest = undecided > 0 ? `; ${undecided} results could not be told` : '';
    return `${findings} ${fresh}${findings === 1 ? 'weakness' : 'weaknesses'}${scope}${rest}.`;
  }
  const nothing = `Nothing ${fresh}weak${isNewOnly ? ', beside what the baseline has,' : ''}`;
  if (verdict === 'clean') return `${nothing}${scope} was found.`;
  return `${nothing} was found, but ${undecided} ${undecided === 1 ? 'result' : 'results'}${scope} could not be told.`;
}

export function scoreSentence({ score }: AuditReport): string {
  const { total, uncapped, cappedBy, grade, coveragePercent } = score;
  const coverage = `coverage ${coveragePercent} %`;
  if (total === null) return `No score, ${coverage}: nothing could be assessed.`;
  const cap = cappedBy === null ? '' : `, held down from ${uncapped} by an open ${cappedBy} finding`;
  const mark = grade === null ? 'no grade: too little was assessed' : `grade ${grade}`;
  return `Score ${total} of 100${cap} (${mark}), ${coverage}.`;
}
