/** `sallyport events`: what has happened lately, and what happens. */
import { stripVTControlCharacters } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { printable, printableJson, printableLines } from '../base/printable.ts';
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
import { readEvents, type StreamRecord } from './event-reader.ts';
import { controlSocketOf } from './gateway-question.ts';
import { momentOf } from './moment.ts';
import { pause } from './pause.ts';
import { print, printError, printJson, styled, terminalColumns } from './terminal.ts';
import { wrapped } from './wrapped.ts';

/** How soon it looks again for a gateway that has gone. */
const AGAIN_MS = 1000;

export const eventsCommand: Command = {
  name: 'events',
  usage: ['[--follow] [--since TIME] [--event NAME] … [--level L] [--client ID] …'],
  wordsMax: 0,
  description:
    'Shows the events that the running gateway keeps in memory, the latest ten thousand, and with --follow those that happen from now on. With --follow it outlives a restart of the gateway, and says how many events it has missed where it was too slow. With filters only what fits is shown; a ban or a detection is an event of whom it is about. The log and the journal have what is older: `sallyport journal search`.',
  options: {
    follow: { type: 'boolean', short: 'f', says: 'go on with what happens, until it is interrupted' },
    since: { type: 'string', value: 'TIME', says: 'from this time on, such as 2026-07-06T08:00Z, or 10m ago as 10m' },
    event: {
      type: 'string',
      short: 'e',
      value: 'NAME',
      multiple: true,
      says: 'of this name, such as publish.refused or ban.*; may be given more than once',
    },
    level: { type: 'string', value: 'LEVEL', says: 'debug, info, warn or error: this one and what is louder' },
    client: { type: 'string', short: 'i', value: 'ID', says: 'of this client identifier; * stands for any characters' },
    user: { type: 'string', short: 'u', value: 'NAME', says: 'of this user' },
    address: { type: 'string', short: 'a', value: 'ADDRESS', says: 'from this address or network' },
    listener: { type: 'string', short: 'l', value: 'NAME', says: 'on this listener' },
    ...PLACE_OPTIONS,
    json: { ...JSON_OPTION, says: 'print each event as a line of JSON' },
  },
  examples: [
    ['sallyport events --follow', 'Whatever happens'],
    ['sallyport events --since 10m --level warn', 'What was refused or broke in the last ten minutes'],
    ['sallyport events -f -e "*.refused" -a 192.0.2.0/24', 'Refusals of one network, live'],
    ['sallyport events -f --json -i pump-7', 'One client, for a program'],
  ],
  exitCodes: [
    [0, 'all was shown'],
    [2, 'a filter has to be mended, or the gateway does not answer'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const socket = await controlSocketOf(invocation);
    const query = queryOf(invocation);
    const isFollowing = hasOption(invocation, 'follow');
    const write = hasOption(invocation, 'json') ? writeJson : writeLine;
    let lastId: number | undefined;
    let isKnown = false;
    for (;;) {
      const onRecord = (record: StreamRecord): void => {
        isKnown = true;
        lastId = record.id;
        write(record);
      };
      const end = await readEvents(socket, query, lastId, onRecord, systemClock);
      if (end.kind === 'refused' || (end.kind === 'failed' && !isKnown))
        return fail(invocation, end.says, ExitCode.Usage);
      if (end.kind === 'ended' && !isFollowing) return ExitCode.Ok;
      if (end.kind === 'not running' && !isKnown) {
        const says = `No gateway is running on ${socket}. Start one with \`sallyport start\`.`;
        return fail(invocation, says, ExitCode.NotRunning);
      }
      if (end.kind === 'ended') {
        isKnown = true;
        printError('The gateway has gone; waiting for it to come back.');
      }
      await pause(AGAIN_MS).over;
    }
  },
};

function fail(invocation: Invocation, says: string, code: number): number {
  if (hasOption(invocation, 'json')) printJson({ ok: false, says });
  else printError(printableLines(says));
  return code;
}

/** @throws {UsageError} for a time that is none. */
function queryOf(invocation: Invocation): Readonly<Record<string, string | readonly string[] | undefined>> {
  const since = textOption(invocation, 'since');
  const { event } = invocation.options;
  const isFollowing = hasOption(invocation, 'follow');
  const sinceMs = since === undefined ? undefined : momentOf(since, systemClock.epochMs(), '--since');
  if (sinceMs !== undefined && sinceMs < 0) throw new UsageError('--since is before there were gateways.');
  return {
    event: Array.isArray(event) ? event : undefined,
    level: textOption(invocation, 'level'),
    clientId: textOption(invocation, 'client'),
    username: textOption(invocation, 'user'),
    address: textOption(invocation, 'address'),
    listener: textOption(invocation, 'listener'),
    since: sinceMs === undefined ? undefined : new Date(sinceMs).toISOString(),
    follow: isFollowing ? undefined : 'false',
  };
}

function writeJson({ id, event, data }: StreamRecord): void {
  print(printableJson(JSON.stringify(event === 'gap' ? { id, event, ...data } : { id, ...data })));
}

const STYLES = { debug: 'dim', info: 'dim', warn: 'yellow', error: 'red' } as const;

function writeLine({ event, data }: StreamRecord): void {
  if (event === 'gap') {
    printError(`${Number(data['lost'])} events had gone by before they could be shown.`);
    return;
  }
  const { time, level, msg } = data;
  const style = STYLES[String(level) as keyof typeof STYLES] ?? 'dim';
  print(eventLine({ time: String(time), event, style, says: String(msg) }));
}

interface EventLine {
  readonly time: string;
  readonly event: string;
  readonly style: (typeof STYLES)[keyof typeof STYLES];
  readonly says: string;
}

/** What it says is on lines of its own where it has no room behind the time and the name. */
export function eventLine({ time, event, style, says }: EventLine, widthMax = terminalColumns()): string {
  const [when, name, text] = [printable(time), printable(event), printable(says)];
  const head = (shown: string): string => `${styled('dim', when)} ${styled(style, shown)}`;
  const line = `${head(name.padEnd(24))} ${text}`;
  if (stripVTControlCharacters(line).length <= widthMax) return line;
  return `${head(name)}\n  ${wrapped(text, 2, widthMax)}`;
}
