/** The report as Markdown, for tickets and pull requests. */
import type { ReportedResult } from './report-schema.ts';
import { escapeMarkdown } from './safe-text.ts';
import { type ReportView, scoreSentence, verdictSentence } from './view.ts';

const FIRST_COUNT = 5;

export function markdownReport(view: ReportView): string {
  const { report } = view;
  const lines = [
    `# Security audit of ${report.startedAt.slice(0, 10)}`,
    '',
    `**${verdictSentence(report)}** ${scoreSentence(report)}`,
    '',
    '| family | score | assessed |',
    '|-|-|-|',
    ...report.score.families.map(
      ({ letter, title, score, assessed, applicable }) =>
        `| ${letter} ${title} | ${score ?? 'none'} | ${assessed} of ${applicable} |`,
    ),
  ];
  const first = view.first(FIRST_COUNT);
  if (first.length > 0) {
    lines.push('', '## Mend first', '');
    for (const [index, result] of first.entries()) lines.push(...firstLines(view, result, index + 1));
  }
  for (const { letter, title, results } of view.groups(view.failures)) {
    lines.push('', `## ${letter} ${title}`, '', '| severity | check | where | found | want |', '|-|-|-|-|-|');
    for (const result of results) lines.push(row(view, result));
  }
  const open = view.results.filter(({ status }) => status === 'unknown' || status === 'error' || status === 'manual');
  if (open.length > 0) {
    lines.push('', '## Not assessed', '', '| check | where | why |', '|-|-|-|');
    for (const result of open) {
      const why = escapeMarkdown(`${result.reason ?? result.status}: ${result.says ?? ''}`);
      lines.push(
        `| ${result.check} ${view.checkOf(result).title} | ${escapeMarkdown(view.placeOf(result))} | ${why} |`,
      );
    }
  }
  const { unused, expired } = report.waivers;
  if (unused.length + expired.length > 0) {
    lines.push('', '## Waivers', '');
    for (const { check, owner, expires } of expired)
      lines.push(`- ${check} by ${escapeMarkdown(owner)} expired on ${expires}: its finding counts again.`);
    for (const { check, owner } of unused)
      lines.push(`- ${check} by ${escapeMarkdown(owner)} covers nothing: remove it.`);
  }
  return `${lines.join('\n')}\n`;
}

/** A code block whose fence is longer than any run of backticks inside. */
function codeBlock(text: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return ['', `   ${fence}sh`, `   ${text.replace(/[\r\n]+/g, ' ')}`, `   ${fence}`, ''];
}

function firstLines(view: ReportView, result: ReportedResult, rank: number): string[] {
  const { title, remediation } = view.checkOf(result);
  const command = result.command ?? remediation.command;
  const head = `${rank}. **${result.check} ${title}** (${result.severity}, ${escapeMarkdown(view.placeOf(result))}): ${escapeMarkdown(remediation.text)}`;
  return command === undefined ? [head] : [head, ...codeBlock(command)];
}

function row(view: ReportView, result: ReportedResult): string {
  const { evidence } = result;
  const marks = [result.waiver === undefined ? '' : ' (waived)', result.isNew === false ? ' (known)' : ''].join('');
  const line = evidence?.line === undefined ? '' : `:${evidence.line}`;
  const where = evidence?.file === undefined ? '' : `, ${evidence.file}${line}`;
  return `| ${result.severity}${marks} | ${result.check} ${view.checkOf(result).title} | ${escapeMarkdown(view.placeOf(result) + where)} | ${escapeMarkdown(evidence?.observed ?? '')} | ${escapeMarkdown(evidence?.expected ?? '')} |`;
}
