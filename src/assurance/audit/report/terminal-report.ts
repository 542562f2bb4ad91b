/** The report for people at a terminal: the verdict, what to mend first, then the findings by family. */
import type { ReportedResult } from './report-schema.ts';
import { type ReportView, scoreSentence, verdictSentence } from './view.ts';

export type Paint = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'green', text: string) => string;

const FIRST_COUNT = 5;
const WIDTH = 100;

const SEVERITY_STYLE = { critical: 'red', high: 'red', medium: 'yellow', low: 'dim', info: 'dim' } as const;
const VERDICT_STYLE = { clean: 'green', findings: 'red', incomplete: 'yellow' } as const;

/** Texts in reports have no control characters left; see `shownEvidence`. */
export function terminalReport(view: ReportView, paint: Paint, { isVerbose = false, widthMax = WIDTH } = {}): string {
  const width = Math.min(WIDTH, widthMax);
  const { report } = view;
  const lines = [
    paint(VERDICT_STYLE[report.gate.verdict], paint('bold', verdictSentence(report))),
    scoreSentence(report),
    ...familyTable(view, paint),
  ];
  const first = view.first(FIRST_COUNT);
  if (first.length > 0) {
    lines.push('', paint('bold', 'Mend first'));
    for (const [index, result] of first.entries()) lines.push(...firstLines(view, result, index + 1, { paint, width }));
  }
  for (const { letter, title, results } of view.groups(view.failures)) {
    lines.push('', paint('bold', `${letter}  ${title}`));
    for (const result of results) lines.push(...findingLines(view, result, { paint, width }));
  }
  lines.push(...unassessedLines(view, { paint, width }), ...waiverLines(view, paint));
  if (isVerbose) lines.push(...passedLines(view, { paint, width }));
  lines.push('', paint('dim', tally(view)));
  return lines.join('\n');
}

interface Page {
  readonly paint: Paint;
  readonly width: number;
}

function wrapped(text: string, indent: string, width: number): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > width && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  lines.push(line.trimEnd());
  return lines;
}

function familyTable(view: ReportView, paint: Paint): string[] {
  return view.report.score.families.map(({ letter, title, score, assessed, applicable }) => {
    const shown = score === null ? '  -' : String(score).padStart(3);
    return `  ${letter}  ${title.padEnd(28)} ${shown}  ${paint('dim', `${assessed} of ${applicable} checks assessed`)}`;
  });
}

function severityTag(result: ReportedResult, paint: Paint): string {
  return paint(SEVERITY_STYLE[result.severity], result.severity.padEnd(8));
}

function firstLines(view: ReportView, result: ReportedResult, rank: number, { paint, width }: Page): string[] {
  const { title, remediation } = view.checkOf(result);
  const command = result.command ?? remediation.command;
  return [
    `  ${rank}. ${severityTag(result, paint)} ${result.check}  ${title} (${view.placeOf(result)})`,
    ...wrapped(remediation.text, '     ', width),
    ...(command === undefined ? [] : [`     ${paint('green', `$ ${command}`)}`]),
  ];
}

function findingLines(view: ReportView, result: ReportedResult, { paint, width }: Page): string[] {
  const { title } = view.checkOf(result);
  const marks = [result.waiver === undefined ? '' : ' (waived)', result.isNew === false ? ' (known)' : ''].join('');
  const lines = [`  ${severityTag(result, paint)} ${result.check}  ${title} (${view.placeOf(result)})${marks}`];
  const { evidence } = result;
  if (evidence !== undefined) {
    const where =
      evidence.file === undefined
        ? evidence.method
        : `${evidence.file}${evidence.line === undefined ? '' : `:${evidence.line}`}`;
    lines.push(...wrapped(`found: ${evidence.observed}`, '           ', width));
    lines.push(...wrapped(`want:  ${evidence.expected}`, '           ', width));
    lines.push(`           ${paint('dim', where)}`);
  }
  return lines;
}

function unassessedLines(view: ReportView, { paint, width }: Page): string[] {
  const open = view.results.filter(({ status }) => status === 'unknown' || status === 'error' || status === 'manual');
  if (open.length === 0) return [];
  const lines = ['', paint('bold', 'Not assessed')];
  for (const result of open) {
    const { title } = view.checkOf(result);
    const waived = result.waiver === undefined ? '' : ' (waived)';
    lines.push(
      `  ${result.check}  ${title} (${view.placeOf(result)}): ${paint('yellow', result.reason ?? result.status)}${waived}`,
    );
    if (result.says !== undefined) lines.push(...wrapped(result.says, '       ', width));
  }
  return lines;
}

function waiverLines({ report }: ReportView, paint: Paint): string[] {
  const { unused, expired } = report.waivers;
  return [
    ...expired.map(({ check, owner, expires }) =>
      paint('yellow', `The waiver of ${check} by ${owner} expired on ${expires}: its finding counts again.`),
    ),
    ...unused.map(({ check, owner }) =>
      paint('yellow', `The waiver of ${check} by ${owner} covers nothing: remove it.`),
    ),
  ].flatMap((line, index) => (index === 0 ? ['', line] : [line]));
}

function passedLines(view: ReportView, { paint, width }: Page): string[] {
  const rest = view.results.filter(({ status }) => status === 'pass' || status === 'not-applicable');
  if (rest.length === 0) return [];
  const lines = ['', paint('bold', 'Passed, or does not apply')];
  for (const result of rest) {
    const why = result.status === 'pass' ? (result.evidence?.observed ?? '') : (result.says ?? '');
    const mark = result.status === 'pass' ? paint('green', 'pass') : paint('dim', 'n/a ');
    lines.push(
      `  ${mark} ${result.check}  ${view.checkOf(result).title} (${view.placeOf(result)})`,
      ...wrapped(why, '            ', width),
    );
  }
  return lines;
}

function tally(view: ReportView): string {
  const { report, results } = view;
  const hidden = report.results.length - results.length;
  const counts = (['fail', 'error', 'unknown', 'manual', 'pass', 'not-applicable'] as const)
    .map((status) => [view.count(status), status] as const)
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`);
  const seconds = (report.durationMs / 1000).toFixed(1);
  const shown = hidden > 0 ? `; ${hidden} results are not shown, the verdict is of all` : '';
  return `${counts.join(', ')} in ${seconds} s on ${report.targets.length} target${report.targets.length === 1 ? '' : 's'}${shown}.`;
}
