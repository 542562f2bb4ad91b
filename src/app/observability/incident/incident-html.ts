/** An incident as one HTML file: nothing is loaded from elsewhere, no script runs, and it prints well. */
import { escapeMarkup } from '../../../base/markup.ts';
import { printable } from '../../../base/printable.ts';
import type { Touched } from './incident.ts';
import { type IncidentReport, isoOf, spanOf } from './incident-report.ts';

/** The policy forbids everything that the page does not need, should a hostile text ever get through. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6670; --line: #d9dee3; --back: #fff; --panel: #f5f7f9; --warn: #8a5a00; --error: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5af; --line: #39424b; --back: #14181c; --panel: #1d2328; --warn: #ffca70; --error: #ff8a80; } }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } .soft { color: var(--soft); }
.verdict { border-left: 6px solid var(--warn); background: var(--panel); padding: .8rem 1rem; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } td.n { text-align: right; } td.t { white-space: nowrap; overflow-wrap: normal; }
tr.warn td:first-child { border-left: 3px solid var(--warn); padding-left: .5rem; } tr.error td:first-child { border-left: 3px solid var(--error); padding-left: .5rem; }
code { font: 13px/1.4 ui-monospace, monospace; background: var(--panel); padding: .1rem .35rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } @page { margin: 16mm; } }
`;

export function incidentHtml(report: IncidentReport, version: string): string {
  const { incident, live, advice, verdict } = report;
  const { subject, sinceMs, untilMs, records, isCut, refusals, measures, timeline } = incident;
  const heading = `${subject.kind} ${subject.value}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>Incident: ${shown(heading)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Incident: ${shown(heading)}</h1>
<p class="soft">${isoOf(sinceMs)} to ${isoOf(untilMs)}, ${isCut ? 'the newest ' : ''}${records} records of the journal, Sallyport ${shown(version)}</p>
<p class="verdict">${shown(verdict)}</p>
${part('What to do', advice.map(adviceItem).join('\n'))}
${part(
  'Bans',
  (live?.bans ?? []).length === 0
    ? ''
    : rows(
        ['who', 'until', 'by', 'why'],
        live!.bans.map((ban) => [ban.subject, ban.expiresAt ?? 'it is removed', ban.author, ban.reason]),
      ),
)}
${part(
  'Connected now',
  (live?.clients ?? []).length === 0
    ? ''
    : rows(
        ['client', 'user', 'address', 'since'],
        live!.clients.map((client) => [
          client.clientId,
          client.username ?? '',
          client.address,
          client.connectedAt ?? '',
        ]),
      ),
)}
${part(
  'What was refused, and by whom',
  refusals.length === 0
    ? ''
    : rows(
        ['times', 'what', 'by', 'why', 'such as', 'when'],
        refusals.map((one) => [String(one.count), one.name, one.by, one.says, one.examples.join(', '), spanOf(one)]),
      ),
)}
${part(
  'What it touched',
  touched([
    ['topics', incident.topics],
    ['addresses', incident.addresses],
    ['users', incident.users],
    ['clients', incident.clients],
  ]),
)}
${part('What was done about it', timelineTable(measures))}
${part('Timeline', timelineTable(timeline))}
</body>
</html>
`;
}

/** One line, with nothing that could turn the direction of the text or hide in it, and no markup. */
function shown(text: string): string {
  return escapeMarkup(printable(text));
}

function adviceItem({ says, command }: IncidentReport['advice'][number]): string {
  const lines = [...(says === '' ? [] : [shown(says)]), ...(command === '' ? [] : [`<code>${shown(command)}</code>`])];
  return `<p>${lines.join('<br>')}</p>`;
}

function part(title: string, content: string): string {
  return content === '' ? '' : `<h2>${title}</h2>\n${content}`;
}

function rows(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const cells = (line: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${line.map((cell) => `<${tag}>${shown(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>\n${cells(head, 'th')}\n${lines.map((line) => cells(line, 'td')).join('\n')}\n</table>`;
}

function touched(all: readonly (readonly [name: string, values: readonly Touched[]])[]): string {
  const lines = all.flatMap(([name, values]) => values.map(({ value, count }) => [name, value, String(count)]));
  return lines.length === 0 ? '' : rows(['', 'which', 'times'], lines);
}

function timelineTable(timeline: IncidentReport['incident']['timeline']): string {
  if (timeline.length === 0) return '';
  const lines = timeline.map(
    (one) =>
      `<tr class="${one.level}"><td class="t">${spanOf(one)}</td><td class="n">${one.count}</td><td class="t">${shown(one.name)}</td><td>${shown(one.says)}</td></tr>`,
  );
  return `<table>\n<tr><th>when</th><th>times</th><th>what</th><th></th></tr>\n${lines.join('\n')}\n</table>`;
}
