/** `sallyport top`: what goes on, as it changes. */
import type { ClientSummary } from '../app/clients/client-facts.ts';
import type { RefusedTo } from '../app/clients/recent-refusals.ts';
import type { GatewayStatus } from '../app/status/gateway-status.ts';
import { printable } from '../base/printable.ts';
import { shownName } from './client-text.ts';
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
import { askQuietly, askRunning } from './gateway-question.ts';
import { LiveScreen } from './live-screen.ts';
import { bytesText, durationText, rateText, shortNumber } from './quantities.ts';
import { table } from './table.ts';
import { print, printJson, styled } from './terminal.ts';

interface Top {
  readonly status: GatewayStatus;
  readonly talkers: readonly ClientSummary[];
  readonly refusals: readonly RefusedTo[];
}

const INTERVAL_DEFAULT_S = 2;
/** Of a snapshot. */
const ROWS_DEFAULT = 10;
/** The lines above the tables, their titles and heads. */
const OTHER_LINES = 11;

export const topCommand: Command = {
  name: 'top',
  usage: ['[--interval SECONDS]', '--once [--json]'],
  wordsMax: 0,
  description:
    'Shows live what goes through the gateway: rates, the clients with the most traffic, and to whom most was refused in the last minute. On a terminal it redraws in place and fits its size; q or Ctrl-C ends it. Anywhere else, and with --once or --json, it prints one snapshot.',
  options: {
    interval: {
      type: 'string',
      value: 'SECONDS',
      says: `how often it looks, 1 to 60 (default: ${INTERVAL_DEFAULT_S})`,
    },
    once: { type: 'boolean', says: 'print one snapshot and end' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport top', 'Live, until q'],
    ['sallyport top --once', 'As it is now'],
    ['sallyport top --json', 'The same for programs'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'the gateway does not answer'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const intervalMs = intervalOf(invocation) * 1000;
    const isJson = hasOption(invocation, 'json');
    const { stdin, stdout } = process;
    if (isJson || hasOption(invocation, 'once') || !stdin.isTTY || !stdout.isTTY) {
      const asked = await askRunning(invocation, requestOf(ROWS_DEFAULT));
      if ('code' in asked) return asked.code;
      const top = asked.result as Top;
      if (isJson) printJson({ ok: true, result: top });
      else print(pageOf(top, ROWS_DEFAULT).join('\n'));
      return ExitCode.Ok;
    }
    // The first answer decides whether there is anything to show.
    const asked = await askRunning(invocation, requestOf(ROWS_DEFAULT));
    if ('code' in asked) return asked.code;
    await showLive(invocation, intervalMs, asked.result as Top);
    return ExitCode.Ok;
  },
};

function requestOf(count: number) {
  return { method: 'GET', path: '/v1/top', query: { count: String(count) } } as const;
}

/** @throws {UsageError} */
function intervalOf(invocation: Invocation): number {
  const given = textOption(invocation, 'interval');
  if (given === undefined) return INTERVAL_DEFAULT_S;
  const seconds = Number(given);
  if (/^\d+(\.\d)?$/.test(given) && seconds >= 1 && seconds <= 60) return seconds;
  throw new UsageError('--interval takes seconds from 1 to 60.');
}

/** Columns of a table: its lines are counted, and the screen takes what it has room for. */
const SCREEN_CUTS = Number.POSITIVE_INFINITY;

async function showLive(invocation: Invocation, intervalMs: number, first: Top): Promise<void> {
  let top = first;
  let trouble = '';
  const screen = new LiveScreen(process.stdin, process.stdout, (rows) => {
    const perTable = Math.max(1, Math.floor((rows - OTHER_LINES) / 2));
    const hint = trouble === '' ? styled('dim', 'q quits') : styled('red', printable(trouble));
    return [...pageOf(top, perTable), '', hint];
  });
  await screen.show(intervalMs, async () => {
    const asked = await askQuietly(invocation, requestOf(100));
    if (asked.kind === 'answered') {
      top = asked.result as Top;
      trouble = '';
    } else trouble = asked.kind === 'not running' ? 'the gateway has gone; waiting for it to come back' : asked.says;
  });
}

export function pageOf({ status, talkers, refusals }: Top, rows: number): string[] {
  const { version, uptimeMs, isHealthy, clients, refusals: refused, bans, attacks, overloadStage, troubles } = status;
  const { silentWorkers } = status;
  const verdict = isHealthy ? styled('green', 'well') : styled('red', 'not well');
  const words = [
    `${clients} clients`,
    `${refused} refused`,
    `${bans} banned`,
    attacks === 0 ? 'no attack' : styled('red', `${attacks} attacks`),
    overloadStage === 0 ? 'no overload' : styled('red', `overload stage ${overloadStage}`),
    ...silentWorkers.map(({ slot }) => styled('red', `worker ${slot} does not answer`)),
    ...(troubles.length === 0 ? [] : [styled('red', `${troubles.length} broken`)]),
  ];
  return [
    `Sallyport ${version}, ${verdict}, up for ${durationText(uptimeMs)}`,
    words.join(', '),
    `in ${rateText(status.messagesInPerSecond, status.bytesInPerSecond)}; out ${rateText(status.messagesOutPerSecond, status.bytesOutPerSecond)}`,
    '',
    styled('bold', 'Most traffic'),
    ...talkerTable(talkers.slice(0, rows)).split('\n'),
    '',
    styled('bold', 'Most refused in the last minute'),
    ...refusalTable(refusals.slice(0, rows)).split('\n'),
  ];
}

function talkerTable(talkers: readonly ClientSummary[]): string {
  if (talkers.length === 0) return 'Nobody sends or receives anything.';
  return table(
    ['client', 'user', 'address', 'in/s', 'out/s', 'bytes in/s', 'bytes out/s', 'verdict'],
    talkers.map((client) => [
      shownName(client.clientId, 32),
      shownName(client.username, 20),
      client.address,
      shortNumber(client.messagesInPerSecond),
      shortNumber(client.messagesOutPerSecond),
      bytesText(client.bytesInPerSecond),
      bytesText(client.bytesOutPerSecond),
      client.isThrottled ? `${client.verdict}, throttled` : client.verdict,
    ]),
    SCREEN_CUTS,
  );
}

function refusalTable(refusals: readonly RefusedTo[]): string {
  if (refusals.length === 0) return 'Nothing was refused.';
  return table(
    ['times', 'address', 'client', 'by', ''],
    refusals.map(({ count, address, clientId, by, says }) => [
      String(count),
      address,
      shownName(clientId, 32),
      shownName(by, 40),
      printable(says),
    ]),
    SCREEN_CUTS,
  );
}
