/** `sallyport quarantine`: who is confined, for how long still, and letting them go. */
import type { QuarantineRecord, Released } from '../app/response/quarantine-desk.ts';
import { printable } from '../base/printable.ts';
import { PAGE_OPTIONS, pageEnd, pageQuery } from './asking-verbs.ts';
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
import { durationText } from './quantities.ts';
import { verbOf } from './subcommand.ts';
import { table } from './table.ts';
import { print, printJson } from './terminal.ts';

interface Listing {
  readonly total: number;
  readonly quarantined: readonly QuarantineRecord[];
  readonly next: string | null;
}

const VERBS: Readonly<Record<string, (invocation: Invocation, words: readonly string[]) => Promise<number>>> = {
  list,
  release,
};

export const quarantineCommand: Command = {
  name: 'quarantine',
  usage: ['list [--json]', 'release SUBJECT [--reason TEXT]'],
  wordsMax: 2,
  verbUnsaid: 'list',
  description:
    'Lists who is in quarantine, whether connected or not: clients, users, addresses, networks and certificates that a detector or an operator has confined to the role of response.quarantine.role, or sends to the decoy, with the time that is left. `release` lets one of them go before that; SUBJECT is as the list has it, or as `sallyport ban` takes it. `sallyport clients quarantine` puts a client in; `sallyport clients release` lets it out and takes its limits for now back, too; `sallyport clients list --verdict quarantined` shows connected clients that are confined.',
  options: {
    ...PAGE_OPTIONS,
    reason: { type: 'string', goesWith: ['release'], value: 'TEXT', says: 'why it is let go, for the record' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport quarantine list', 'Who is confined, and for how long still'],
    ['sallyport quarantine release 192.0.2.7 --reason "our own scanner"', 'Let an address go'],
    ['sallyport quarantine release user:ann', 'Let a user go'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'it is not in quarantine, or something has to be mended first'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [verb = 'list', ...words] = invocation.words;
    return verbOf('quarantine', VERBS, verb)(invocation, words);
  },
};

async function list(invocation: Invocation, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw new UsageError('`quarantine list` takes options and no words.');
  const query = pageQuery(invocation);
  const asked = await askRunning(invocation, { method: 'GET', path: '/v1/quarantine', query });
  if ('code' in asked) return asked.code;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: asked.result });
  else print(listing(asked.result as Listing));
  return ExitCode.Ok;
}

async function release(invocation: Invocation, [subject = '']: readonly string[]): Promise<number> {
  if (subject === '') throw new UsageError('Say whom: `sallyport quarantine release 192.0.2.7`.');
  const query = { subject, reason: textOption(invocation, 'reason') };
  const asked = await askRunning(invocation, { method: 'DELETE', path: '/v1/quarantine', query });
  if ('code' in asked) return asked.code;
  const left = asked.result as Released;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: left });
  else {
    print(`${printable(left.subject)} is out of quarantine.`);
    for (const other of left.quarantined) {
      print(`It is still confined by the quarantine of ${printable(other.subject)}, until ${other.expiresAt}.`);
    }
  }
  return ExitCode.Ok;
}

function listing({ total, quarantined, next }: Listing): string {
  if (quarantined.length === 0) return 'Nobody is in quarantine.';
  const rows = quarantined.map(({ subject, expiresAt, expiresInMs }) => [
    printable(subject),
    expiresAt,
    durationText(expiresInMs),
  ]);
  return table(['subject', 'until', 'left'], rows) + pageEnd(quarantined.length, total, next);
}
