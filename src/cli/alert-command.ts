/** `sallyport alert`: what fires, who is told of it, and what is to be silent. */

import { inPath } from '../app/control/client.ts';
import type { AlertListing, AlertRecord, SilenceRecord } from '../app/observability/alerts/alert-desk.ts';
import type { TestOutcome } from '../app/observability/alerts/alerts.ts';
import { parseMatcher } from '../app/observability/alerts/silences.ts';
import { parseDurationMs } from '../base/duration.ts';
import { printable } from '../base/printable.ts';
import {
  type Command,
  ExitCode,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  textOption,
  UsageError,
} from './command.ts';
import { askRunning } from './gateway-question.ts';
import { verbOf } from './subcommand.ts';
import { prose, table } from './table.ts';
import { print, printError, printJson, styled } from './terminal.ts';

type Verb = (invocation: Invocation, words: readonly string[]) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { list, test, silence, unsilence, silences };
const SUBJECT_SHOWN_MAX = 60;
const MATCHERS_MAX = 8;

export const alertCommand: Command = {
  name: 'alert',
  usage: [
    'list [--json]',
    'test [--receiver NAME] [--json]',
    'silence MATCHER... --for DURATION --reason TEXT',
    'unsilence ID',
    'silences [--json]',
  ],
  wordsMax: MATCHERS_MAX + 1,
  description:
    'Shows the alerts that fire and the last that are over, tests the receivers, and holds alerts back for some time. MATCHER is label=value or label!=value, where * stands for anything; the labels are alert, severity, subjectKind and subject. A silenced alert still fires: only nobody is told.',
  options: {
    ...PLACE_OPTIONS,
    receiver: { type: 'string', goesWith: ['test'], short: 'r', value: 'NAME', says: 'only this receiver' },
    for: {
      type: 'string',
      goesWith: ['silence'],
      value: 'DURATION',
      says: 'how long, such as 30m, 2h or 7d',
    },
    reason: { type: 'string', goesWith: ['silence'], value: 'TEXT', says: 'why, for those who wonder' },
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport alert list', 'What is the matter now'],
    ['sallyport alert test', 'Is everybody told who should be, and what did each receiver answer?'],
    ['sallyport alert silence subject=192.0.2.7 --for 2h --reason "our own scanner"', 'Be quiet about one address'],
    ['sallyport alert silence alert=SallyportUpstream* --for 30m --reason "brokers are updated"', 'During maintenance'],
    ['sallyport alert silences', 'What is held back, by whose word and until when'],
  ],
  exitCodes: [
    [0, 'shown; every receiver has answered; done'],
    [1, 'a receiver could not be told'],
    [2, 'the command line, or nothing to do that with'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [verb, ...words] = invocation.words;
    return verbOf('alert', VERBS, verb)(invocation, words);
  },
};

function noWords(words: readonly string[], verb: string): void {
  if (words.length > 0) throw new UsageError(`\`alert ${verb}\` takes no more words.`);
}

async function list(invocation: Invocation, words: readonly string[]): Promise<number> {
  noWords(words, 'list');
  const asked = await askRunning(invocation, { method: 'GET', path: '/v1/alerts' });
  if ('code' in asked) return asked.code;
  const listing = asked.result as AlertListing;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: listing });
  else printListing(listing);
  return ExitCode.Ok;
}

function printListing({ firing, resolved, receivers }: AlertListing): void {
  if (firing.length === 0) print('Nothing fires.');
  else print(alertTable(firing));
  for (const { says, alert, runbook } of firing) print(`\n${styled('bold', alert)}  ${printable(says)}\n  ${runbook}`);
  if (resolved.length > 0) print(`\n${styled('dim', 'over:')}\n${alertTable(resolved)}`);
  if (receivers.length === 0) {
    print('\nNobody is told: name receivers under alerts.receivers in the configuration.');
    return;
  }
  const rows = receivers.map(({ name, type, isDown, waiting, delivered, lost, says }) => [
    name,
    type,
    isDown ? 'away' : 'well',
    String(delivered),
    String(waiting),
    String(lost),
    printable(says),
  ]);
  print(`\n${table(['receiver', 'type', 'state', 'told', 'waiting', 'lost', prose('says')], rows)}`);
}

function alertTable(alerts: readonly AlertRecord[]): string {
  const rows = alerts.map((one) => [
    one.alert,
    one.severity,
    subjectOf(one),
    one.startsAt,
    one.endsAt ?? one.lastAt,
    String(one.count),
    one.isSilenced ? 'silenced' : '',
  ]);
  return table(['alert', 'severity', 'about', 'since', 'last', 'events', ''], rows);
}

function subjectOf({ subjectKind, subject }: AlertRecord): string {
  const text = printable(subjectKind === '' ? 'the gateway' : `${subjectKind} ${subject}`);
  return text.length > SUBJECT_SHOWN_MAX ? `${text.slice(0, SUBJECT_SHOWN_MAX)}…` : text;
}

async function test(invocation: Invocation, words: readonly string[]): Promise<number> {
  noWords(words, 'test');
  const body = { receiver: textOption(invocation, 'receiver') };
  const asked = await askRunning(invocation, { method: 'POST', path: '/v1/alerts/test', body });
  if ('code' in asked) return asked.code;
  const { outcomes } = asked.result as { outcomes: readonly TestOutcome[] };
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: outcomes });
  else {
    const rows = outcomes.map(({ receiver, type, ok, says, durationMs }) => [
      receiver,
      type,
      ok ? 'told' : 'FAILED',
      `${durationMs} ms`,
      printable(says),
    ]);
    print(table(['receiver', 'type', '', 'took', prose('answer')], rows));
  }
  return outcomes.every(({ ok }) => ok) ? ExitCode.Ok : ExitCode.Negative;
}

async function silence(invocation: Invocation, words: readonly string[]): Promise<number> {
  if (words.length === 0) throw new UsageError('Say what: `sallyport alert silence alert=SallyportBruteForce …`.');
  for (const word of words) parseMatcher(word);
  const duration = textOption(invocation, 'for');
  if (duration === undefined) throw new UsageError('Say for how long: --for 2h.');
  if (!(parseDurationMs(duration)! > 0)) {
    throw new UsageError(`--for ${duration} is no duration: give one such as 30m, 2h or 7d.`);
  }
  const reason = textOption(invocation, 'reason');
  if (reason === undefined || reason.trim() === '') throw new UsageError('Say why: --reason "our own scanner".');
  const body = { matchers: words, for: duration, reason };
  const asked = await askRunning(invocation, { method: 'POST', path: '/v1/silences', body });
  if ('code' in asked) return asked.code;
  const made = asked.result as SilenceRecord;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: made });
  else print(`Silent until ${made.until}. End it with \`sallyport alert unsilence ${made.id}\`.`);
  return ExitCode.Ok;
}

async function unsilence(invocation: Invocation, words: readonly string[]): Promise<number> {
  const [id, ...more] = words;
  if (id === undefined || more.length > 0) {
    throw new UsageError('Say which: `sallyport alert unsilence ID`; `sallyport alert silences` lists them.');
  }
  const asked = await askRunning(invocation, { method: 'DELETE', path: `/v1/silences/${inPath(id)}` });
  if ('code' in asked) return asked.code;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: asked.result });
  else print('It is over.');
  return ExitCode.Ok;
}

async function silences(invocation: Invocation, words: readonly string[]): Promise<number> {
  noWords(words, 'silences');
  const asked = await askRunning(invocation, { method: 'GET', path: '/v1/silences' });
  if ('code' in asked) return asked.code;
  const all = (asked.result as { silences: readonly SilenceRecord[] }).silences;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: all });
  else if (all.length === 0) printError('Nothing is silenced.');
  else {
    const rows = all.map(({ id, matchers, until, by, reason }) => [
      id,
      printable(matchers.join(' ')),
      until,
      printable(by),
      printable(reason),
    ]);
    print(table(['id', 'what', 'until', 'by', prose('why')], rows));
  }
  return ExitCode.Ok;
}
