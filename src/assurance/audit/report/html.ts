/** The report as one HTML file: nothing is loaded from elsewhere, no script runs, and it prints well. */
import { escapeMarkup } from '../../../base/markup.ts';
import type { ReportedResult } from './report-schema.ts';
import { type FamilyGroup, type ReportView, scoreSentence, verdictSentence } from './view.ts';

const FIRST_COUNT = 5;

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6670; --line: #d9dee3; --back: #fff; --panel: #f5f7f9;
  --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5af; --line: #39424b; --back: #14181c; --panel: #1d2328;
  --bad: #ff8a80; --warn: #ffca70; --good: #7bd8a0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.verdict { border-left: 6px solid var(--soft); background: var(--panel); padding: .9rem 1.1rem; margin: 1.2rem 0; }
.verdict.findings { border-color: var(--bad); } .verdict.clean { border-color: var(--good); } .verdict.incomplete { border-color: var(--warn); }
.verdict b { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); } td.n { text-align: right; font-variant-numeric: tabular-nums; width: 4rem; }
meter { width: 10rem; height: .8rem; }
article { border: 1px solid var(--line); border-radius: 6px; padding: .7rem 1rem; margin: .6rem 0; break-inside: avoid; }
article h3 { font-size: 1rem; margin: 0; } article dl { display: grid; grid-template-columns: 5.5rem 1fr; gap: .1rem .8rem; margin: .5rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.tag { display: inline-block; min-width: 4.6rem; font-size: .8rem; font-weight: 700; text-transform: uppercase; letter-spacing: .03em; }
.critical, .high { color: var(--bad); } .medium { color: var(--warn); } .low, .info { color: var(--soft); }
code { font: 13px/1.4 ui-monospace, monospace; background: var(--panel); padding: .1rem .35rem; border-radius: 4px; overflow-wrap: anywhere; }
ol li { margin: .5rem 0; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --back: #fff; --panel: #f3f3f3; --bad: #8b0000; --warn: #6b4500; --good: #0b4d27; }
  body { max-width: none; padding: 0; font-size: 10pt; } h2 { break-after: avoid; } @page { margin: 16mm; } }
`;

/** The policy forbids everything that the page does not need, should a hostile text ever get through. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function htmlReport(view: ReportView): string {
  const { report } = view;
  const first = view.first(FIRST_COUNT);
  const open = view.results.filter(({ status }) => status === 'unknown' || status === 'error' || status === 'manual');
  const targets = report.targets.map(({ label }) => escapeMarkup(label)).join(', ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>Security audit of ${report.startedAt.slice(0, 10)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Security audit</h1>
<p class="soft">${report.startedAt.slice(0, 16).replace('T', ' ')} UTC, Sallyport ${escapeMarkup(report.tool.version)}, ${report.targets.length} target${report.targets.length === 1 ? '' : 's'}: ${targets}</p>
</header>
<div class="verdict ${report.gate.verdict}"><p><b>${escapeMarkup(verdictSentence(report))}</b></p><p>${escapeMarkup(scoreSentence(report))}</p></div>
${familyTable(view)}
${first.length === 0 ? '' : `<h2>Mend first</h2>\n<ol>\n${first.map((result) => firstItem(view, result)).join('\n')}\n</ol>`}
${view
  .groups(view.failures)
  .map((group) => familySection(view, group))
  .join('\n')}
${open.length === 0 ? '' : openSection(view, open)}
${waiverSection(view)}
${passedSection(view)}
</body>
</html>
`;
}

function familyTable({ report }: ReportView): string {
  const rows = report.score.families.map(({ letter, title, score, assessed, applicable }) => {
    const bar =
      score === null
        ? 'not assessed'
        : `<meter min="0" max="100" low="40" high="80" optimum="100" value="${score}"></meter>`;
    return `<tr><td>${letter}</td><td>${title}</td><td class="n">${score ?? ''}</td><td>${bar}</td><td>${assessed} of ${applicable}</td></tr>`;
  });
  return `<table><thead><tr><th></th><th>Family</th><th>Score</th><th></th><th>Assessed</th></tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function tag({ severity }: ReportedResult): string {
  return `<span class="tag ${severity}">${severity}</span>`;
}

function commandOf(view: ReportView, result: ReportedResult): string {
  const command = result.command ?? view.checkOf(result).remediation.command;
  return command === undefined ? '' : `<br><code>${escapeMarkup(command)}</code>`;
}

function firstItem(view: ReportView, result: ReportedResult): string {
  const { title, remediation } = view.checkOf(result);
  return `<li>${tag(result)} <b>${result.check} ${escapeMarkup(title)}</b> <span class="soft">${escapeMarkup(view.placeOf(result))}</span><br>${escapeMarkup(remediation.text)}${commandOf(view, result)}</li>`;
}

function familySection(view: ReportView, { letter, title, results }: FamilyGroup): string {
  return `<h2>${letter} ${title}</h2>\n${results.map((result) => finding(view, result)).join('\n')}`;
}

function finding(view: ReportView, result: ReportedResult): string {
  const { title, why, remediation, standards } = view.checkOf(result);
  const { evidence, waiver } = result;
  const line = evidence?.line === undefined ? '' : `:${evidence.line}`;
  const where = evidence?.file === undefined ? (evidence?.method ?? '') : `${evidence.file}${line}`;
  const maps = Object.entries(standards)
    .map(([name, clauses]) => `${name.toUpperCase()} ${(clauses ?? []).join(', ')}`)
    .join('; ');
  const rows: (readonly [string, string])[] = [
    ['Found', escapeMarkup(evidence?.observed ?? '')],
    ['Want', escapeMarkup(evidence?.expected ?? '')],
    ['Where', `<code>${escapeMarkup(where)}</code>`],
    ['Why', escapeMarkup(why)],
    ['Cure', escapeMarkup(remediation.text) + commandOf(view, result)],
    ['Impact', escapeMarkup(`${remediation.impact} Risk of the change: ${remediation.risk}.`)],
  ];
  if (maps !== '') rows.push(['Asked by', escapeMarkup(maps)]);
  if (waiver !== undefined)
    rows.push(['Waived', escapeMarkup(`${waiver.reason} (${waiver.owner}, until ${waiver.expires})`)]);
  const known = result.isNew === false ? ' <span class="soft">known from the baseline</span>' : '';
  return `<article><h3>${tag(result)} ${result.check} ${escapeMarkup(title)}${known}</h3><p class="soft">${escapeMarkup(view.placeOf(result))}</p><dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl></article>`;
}

function openSection(view: ReportView, open: readonly ReportedResult[]): string {
  const rows = open.map(
    (result) =>
      `<tr><td>${result.check}</td><td>${escapeMarkup(view.checkOf(result).title)}<br><span class="soft">${escapeMarkup(view.placeOf(result))}</span></td><td>${escapeMarkup(result.reason ?? result.status)}</td><td>${escapeMarkup(result.says ?? '')}</td></tr>`,
  );
  return `<h2>Not assessed</h2>\n<table><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function waiverSection({ report }: ReportView): string {
  const { unused, expired } = report.waivers;
  if (unused.length + expired.length === 0) return '';
  const items = [
    ...expired.map(
      ({ check, owner, expires }) => `${check} by ${owner} expired on ${expires}: its finding counts again.`,
    ),
    ...unused.map(({ check, owner }) => `${check} by ${owner} covers nothing: remove it.`),
  ];
  return `<h2>Waivers</h2>\n<ul>${items.map((item) => `<li>${escapeMarkup(item)}</li>`).join('')}</ul>`;
}

function passedSection(view: ReportView): string {
  const passed = view.results.filter(({ status }) => status === 'pass');
  if (passed.length === 0) return '';
  const rows = passed.map(
    (result) =>
      `<tr><td>${result.check}</td><td>${escapeMarkup(view.checkOf(result).title)}</td><td class="soft">${escapeMarkup(result.evidence?.observed ?? '')}</td></tr>`,
  );
  return `<h2>Passed</h2>\n<table><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}
