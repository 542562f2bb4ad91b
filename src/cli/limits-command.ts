/** `sallyport limits`: what the running gateway limits, for whom, how much of it is left, and a change of it for now. */
import type { ControlRequest } from '../app/control/client.ts';
import type { SilentWorker } from '../app/silent-workers.ts';
import { printable } from '../base/printable.ts';
import type { BucketReport, LimitReport, OverrideReport } from '../policy/limits/limit-report.ts';
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
import { tellSilent } from './silent-text.ts';
import { verbOf } from './subcommand.ts';
import { prose, table } from './table.ts';
import { print, printJson } from './terminal.ts';

const WORDS_MAX = 34;

interface Verb {
  /** @throws {UsageError} */
  readonly request: (words: readonly string[], invocation: Invocation) => ControlRequest;
  readonly resultOf: (answer: never) => unknown;
  readonly describe: (result: never, words: readonly string[]) => string;
}

const VERBS: Readonly<Record<string, Verb>> = {
  set: {
    request: ([target, ...assignments], invocation) => {
      if (target === undefined || assignments.length === 0) {
        throw new UsageError('Name whom and what: limits set client:d42 publish.bytesPerSecond=2KB.');
      }
      const limits = Object.fromEntries(assignments.map(nameAndValue));
      const body = { target, limits, for: textOption(invocation, 'for') };
      return { method: 'PUT', path: '/v1/limits/overrides', body };
    },
    resultOf: (answer: { overrides: OverrideReport[] }) => answer.overrides,
    describe: overrides,
  },
  unset: {
    request: ([target, ...limit]) => {
      if (target === undefined) throw new UsageError('Name whom: limits unset client:d42 [NAME …].');
      return { method: 'DELETE', path: '/v1/limits/overrides', query: { target, limit } };
    },
    resultOf: (answer: { removed: number }) => answer.removed,
    describe: (removed: number) => `Took back ${removed === 1 ? 'one override' : `${removed} overrides`}.`,
  },
  list: {
    request: (words) => {
      if (words.length > 0) throw new UsageError('`limits list` takes no more words.');
      return { method: 'GET', path: '/v1/limits/overrides' };
    },
    resultOf: (answer: { overrides: OverrideReport[] }) => answer.overrides,
    describe: overrides,
  },
  show: {
    request: ([target, ...further]) => {
      if (target === undefined || further.length > 0) throw new UsageError('Name one: limits show client:d42.');
      return { method: 'GET', path: '/v1/limits', query: { target } };
    },
    resultOf: (answer: { limits: LimitReport[] }) => answer.limits,
    describe: (rows: LimitReport[], [target = '']) => limits(rows, target),
  },
};

function nameAndValue(assignment: string): [name: string, value: string] {
  const at = assignment.indexOf('=');
  if (at === -1) throw new UsageError(`"${assignment}" has no value: write it as NAME=VALUE.`);
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}

export const limitsCommand: Command = {
  name: 'limits',
  usage: ['set TARGET NAME=VALUE … [--for TIME]', 'unset TARGET [NAME …]', 'list [--json]', 'show TARGET [--json]'],
  wordsMax: WORDS_MAX,
  description:
    'Changes limits of the running gateway without dropping a connection, and shows what is left of them. TARGET is a scope and whom it means: client:d42, user:ann, address:192.0.2.7, network:192.0.2.0/24, listener:mqtts, role:sensor, topic:video/#, or global; without a name (client, user, address, network, listener) it is every one. What is set replaces what the configuration, the identity or the role says in that scope, until it expires, is taken back, or the gateway ends. `show` prints the limits that hold for a target, where each comes from, the level of its buckets, and what it would take to be throttled.',
  options: {
    for: {
      type: 'string',
      goesWith: ['set'],
      value: 'TIME',
      says: 'how long it lasts, such as 10m (default: until it is taken back)',
    },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport limits set client:d42 publish.bytesPerSecond=2KB --for 10m', 'One client, for ten minutes'],
    ['sallyport limits set client publish.messagesPerSecond="50 burst 200"', 'Every client, until it is taken back'],
    ['sallyport limits set address connects=10/1m,100/1h', 'Two windows at once, for every address'],
    ['sallyport limits show client:d42', 'What holds for it, and how much is left'],
    ['sallyport limits unset client:d42', 'As it was before'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'the target, the name or the value has to be mended'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [word, ...rest] = invocation.words;
    const verb = verbOf('limits', VERBS, word);
    const asked = await askRunning(invocation, verb.request(rest, invocation));
    if ('code' in asked) return asked.code;
    const result = verb.resultOf(asked.result as never);
    if (hasOption(invocation, 'json')) printJson({ ok: true, result });
    else print(verb.describe(result as never, rest));
    const { silentWorkers = [] } = asked.result as { silentWorkers?: readonly SilentWorker[] };
    tellSilent(silentWorkers, 'what is left at them is missing here');
    return ExitCode.Ok;
  },
};

function overrides(rows: readonly OverrideReport[]): string {
  if (rows.length === 0) return 'Nothing is overridden: the configuration, identities and roles hold.';
  return table(
    ['target', 'limit', 'value', 'expires', prose('')],
    rows.map(({ target, limit, value, expiresInMs, source }) => [
      printable(target),
      limit,
      value,
      expiresInMs === undefined ? 'never' : `in ${duration(expiresInMs / 1000)}`,
      printable(source),
    ]),
  );
}

function limits(rows: readonly LimitReport[], target: string): string {
  if (rows.length === 0) return `Nothing but the ceilings of every connection limits ${printable(target)}.`;
  return table(
    ['scope', 'limit', 'value', prose('from'), 'left', prose('to be throttled')],
    rows.map(({ scope, key, limit, value, source, buckets, waiting = 0 }) => [
      key === '' ? scope : `${scope}:${printable(key)}`,
      limit,
      value,
      printable(source),
      (buckets ?? []).map(({ level, burst }) => `${amount(level, limit)} of ${amount(burst, limit)}`).join(', '),
      buckets === undefined ? '' : throttling(buckets, limit, waiting),
    ]),
  );
}

/** What it takes, from now on, to exceed the tightest of the windows. */
function throttling(buckets: readonly BucketReport[], limit: string, waiting: number): string {
  const [tightest] = [...buckets].sort((a, b) => a.level - b.level);
  if (tightest === undefined) return '';
  const { level, perSecond } = tightest;
  const waits = waiting > 0 ? `; ${waiting} wait${waiting === 1 ? 's' : ''}` : '';
  if (level < 1) return `throttled for another ${duration((1 - level) / perSecond)}${waits}`;
  return `more than ${amount(level, limit)} at once, or ${rate(perSecond, limit)} for long${waits}`;
}

function isBytes(limit: string): boolean {
  return limit.endsWith('bytesPerSecond');
}

function amount(count: number, limit: string): string {
  if (!isBytes(limit)) return String(Math.floor(count));
  return Math.abs(count) < 10_000 ? `${Math.floor(count)}B` : `${Math.floor(count / 1000)}KB`;
}

function rate(perSecond: number, limit: string): string {
  if (isBytes(limit) || perSecond >= 1) return `${amount(perSecond, limit)} a second`;
  return perSecond * 60 >= 1 ? `${round(perSecond * 60)} a minute` : `${round(perSecond * 3600)} an hour`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${round(seconds / 3600)} h`;
}
