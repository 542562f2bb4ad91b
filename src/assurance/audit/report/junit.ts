/** The report as JUnit XML, for build servers: a suite for each target and family, a case for each result. */
import { escapeMarkup } from '../../../base/markup.ts';
import type { ReportedResult } from './report-schema.ts';
import type { FamilyGroup, ReportView } from './view.ts';

export function junitReport(view: ReportView): string {
  const byTarget = Map.groupBy(view.results, ({ target }) => target);
  const suites = [...byTarget].flatMap(([target, results]) =>
    view.groups(results).map((group) => suite(view, target, group)),
  );
  const seconds = (view.report.durationMs / 1000).toFixed(3);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport audit" time="${seconds}">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function countOf(results: readonly ReportedResult[], isCounted: (result: ReportedResult) => boolean): number {
  return results.filter(isCounted).length;
}

const isFailure = ({ status, waiver }: ReportedResult): boolean => status === 'fail' && waiver === undefined;
const isError = ({ status }: ReportedResult): boolean => status === 'error';

function suite(view: ReportView, target: string, { letter, title, results }: FamilyGroup): string {
  const failures = countOf(results, isFailure);
  const errors = countOf(results, isError);
  const skipped = countOf(results, (result) => result.status !== 'pass' && !isFailure(result) && !isError(result));
  return [
    `  <testsuite name="${escapeMarkup(`${target}: ${letter} ${title}`)}" tests="${results.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" timestamp="${view.report.startedAt.slice(0, 19)}">`,
    ...results.map((result) => testCase(view, result)),
    '  </testsuite>',
  ].join('\n');
}

function testCase(view: ReportView, result: ReportedResult): string {
  const { title, remediation } = view.checkOf(result);
  const { evidence } = result;
  const subject = result.subject === undefined ? '' : ` (${result.subject})`;
  const name = escapeMarkup(`${result.check} ${title}${subject}`);
  const open = `    <testcase classname="${escapeMarkup(result.target)}" name="${name}"`;
  if (result.status === 'pass') return `${open}/>`;
  const says = result.says ?? evidence?.observed ?? '';
  const message = escapeMarkup(`${result.severity}: ${says}`);
  if (isFailure(result)) {
    const where = evidence?.file === undefined ? (evidence?.method ?? '') : `${evidence.file}:${evidence.line ?? 1}`;
    const text = [
      `Found: ${evidence?.observed}`,
      `Want: ${evidence?.expected}`,
      `Where: ${where}`,
      remediation.text,
      result.command ?? remediation.command ?? '',
    ];
    return `${open}><failure type="${escapeMarkup(result.reason ?? 'fail')}" message="${message}">${escapeMarkup(text.join('\n').trim())}</failure></testcase>`;
  }
  if (isError(result))
    return `${open}><error type="${escapeMarkup(result.reason ?? 'error')}" message="${message}"/></testcase>`;
  const why =
    result.waiver === undefined
      ? `${result.status}: ${says}`
      : `waived until ${result.waiver.expires} by ${result.waiver.owner}: ${result.waiver.reason}`;
  return `${open}><skipped message="${escapeMarkup(why)}"/></testcase>`;
}
