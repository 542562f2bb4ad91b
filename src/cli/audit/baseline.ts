/** `sallyport audit baseline` and `audit compare`: what was there before, and what has changed since. */

import { visible } from '../../assurance/audit/model/evidence-text.ts';
import { isAtLeast } from '../../assurance/audit/model/severity.ts';
import { compareReports } from '../../assurance/audit/report/comparison.ts';
import { FORMATS } from '../../assurance/audit/report/formats.ts';
import type { ReportedResult } from '../../assurance/audit/report/report-schema.ts';
import { ReportView, scoreSentence, verdictSentence } from '../../assurance/audit/report/view.ts';
import { hasOption, type Invocation, UsageError } from '../command.ts';
import { print, printJson, styled } from '../terminal.ts';
import { auditReport, jobsOf, withContext } from './audit-run.ts';
import { AuditExit, severityOption } from './options.ts';
import { loadReport, writeReport } from './report-files.ts';

/** Writes a report for `--baseline` of later runs; findings are no failure of this one. */
export async function makeBaseline(invocation: Invocation): Promise<number> {
  const [, file, extra] = invocation.words;
  if (file === undefined || extra !== undefined) throw new UsageError('Name the file to write: audit baseline FILE.');
  return withContext(invocation, async (context) => {
    const report = await auditReport(invocation, context, await jobsOf(context));
    await writeReport(file, FORMATS.json(new ReportView(report)));
    print(`${file} is written. ${verdictSentence(report)} ${scoreSentence(report)}`);
    return AuditExit.Clean;
  });
}

export async function compareFiles(invocation: Invocation): Promise<number> {
  const [, before, after, extra] = invocation.words;
  if (before === undefined || after === undefined || extra !== undefined)
    throw new UsageError('Name two JSON reports: audit compare EARLIER LATER.');
  const failOn = severityOption(invocation, 'fail-on') ?? 'low';
  const [earlier, later] = [await loadReport(before), await loadReport(after)];
  const comparison = compareReports(earlier, later);
  if (hasOption(invocation, 'json')) printJson(comparison);
  else {
    const [old, young] = [new ReportView(earlier), new ReportView(later)];
    print(`Score ${comparison.scoreBefore ?? 'none'} before, ${comparison.scoreAfter ?? 'none'} after.`);
    show('New', 'red', comparison.appeared, young);
    show('Mended', 'green', comparison.mended, old);
    show('Failed before, cannot be told now', 'yellow', comparison.lost, old);
    print(`${comparison.remaining.length} failed before and fail still.`);
  }
  const isWorse = comparison.appeared.some(
    ({ severity, waiver }) => waiver === undefined && isAtLeast(severity, failOn),
  );
  if (isWorse) return AuditExit.Findings;
  return comparison.lost.some(({ severity }) => isAtLeast(severity, failOn)) ? AuditExit.Incomplete : AuditExit.Clean;
}

function show(
  title: string,
  style: 'red' | 'green' | 'yellow',
  results: readonly ReportedResult[],
  view: ReportView,
): void {
  if (results.length === 0) return;
  print(styled(style, title));
  for (const result of results) {
    const where = visible(view.placeOf(result));
    print(`  ${result.severity.padEnd(8)} ${result.check}  ${visible(view.checkOf(result).title)} (${where})`);
  }
}
