/** An incident for a terminal: every text of a peer is one printable line. */
import { printable } from '../../../base/printable.ts';
import type { Touched } from './incident.ts';
import { type IncidentReport, isoOf, spanOf } from './incident-report.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow';
/** Colours, or nothing where they are not wanted. */
export type Styled = (style: Style, text: string) => string;

const NAME_SHOWN_MAX = 60;
const SENTENCE_SHOWN_MAX = 400;
const LISTED_MAX = 10;

export function incidentText({ incident, live, advice, verdict }: IncidentReport, styled: Styled): string {
  const { subject, sinceMs, untilMs, records, isCut, refusals, measures, timeline } = incident;
  const lines = [
    styled('bold', `Incident: ${subject.kind} ${shown(subject.value, NAME_SHOWN_MAX)}`),
    styled(
      'dim',
      `${isoOf(sinceMs)} to ${isoOf(untilMs)}, ${isCut ? 'the newest ' : ''}${records} ${records === 1 ? 'record' : 'records'}`,
    ),
    verdict,
  ];
  const part = (title: string, content: readonly string[]): void => {
    if (content.length > 0) lines.push('', styled('bold', title), ...content);
  };
  part(
    'What to do',
    advice.flatMap(({ says, command }) => [
      ...(says === '' ? [] : [`  ${shown(says)}`]),
      ...(command === '' ? [] : [`    ${shown(command)}`]),
    ]),
  );
  part(
    'Bans',
    (live?.bans ?? []).map(
      (ban) =>
        `  ${shown(ban.subject)} until ${ban.expiresAt ?? 'it is removed'}, by ${shown(ban.author)}: ${shown(ban.reason)}`,
    ),
  );
  part(
    'Connected now',
    (live?.clients ?? []).map(
      ({ clientId, username, address, connectedAt }) =>
        `  ${shown(clientId, NAME_SHOWN_MAX)} (user ${shown(username ?? 'none', NAME_SHOWN_MAX)}) from ${address}, since ${connectedAt ?? '?'}`,
    ),
  );
  part(
    'What was refused, and by whom',
    refusals
      .slice(0, LISTED_MAX)
      .flatMap((one) => [
        `  ${styled('yellow', `${one.count} x ${one.name}`)} [${shown(one.by)}] ${shown(one.says)}`,
        ...(one.examples.length === 0
          ? []
          : [styled('dim', `      such as ${one.examples.map((topic) => shown(topic, NAME_SHOWN_MAX)).join(', ')}`)]),
      ]),
  );
  part('What it touched', [
    ...touched('topics', incident.topics),
    ...touched('addresses', incident.addresses),
    ...touched('users', incident.users),
    ...touched('clients', incident.clients),
  ]);
  const entry = ({ count, level, says, ...span }: (typeof timeline)[number]): string => {
    const times = count === 1 ? '' : ` (${count} times)`;
    const text = `${shown(says)}${times}`;
    return `  ${styled('dim', spanOf(span))}  ${level === 'error' ? styled('red', text) : text}`;
  };
  part('What was done about it', measures.map(entry));
  part('Timeline', timeline.map(entry));
  return lines.join('\n');
}

function touched(name: string, values: readonly Touched[]): string[] {
  if (values.length === 0) return [];
  const listed = values.slice(0, LISTED_MAX).map(({ value, count }) => `${shown(value, NAME_SHOWN_MAX)} (${count})`);
  const more = values.length > LISTED_MAX ? `, and ${values.length - LISTED_MAX} more` : '';
  return [`  ${name}: ${listed.join(', ')}${more}`];
}

function shown(text: string, lengthMax = SENTENCE_SHOWN_MAX): string {
  const line = printable(text);
  return line.length > lengthMax ? `${line.slice(0, lengthMax)}…` : line;
}
