/** `sallyport quarantine`: who is confined, and for how long still. */
import { printable } from '../base/printable.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS, textOption, UsageError } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { durationText } from './quantities.ts';
import { table } from './table.ts';
import { print, printJson } from './terminal.ts';

interface Listing {
  readonly total: number;
  readonly quarantined: readonly { readonly subject: string; readonly expiresInMs: number }[];
  readonly next: string | null;
}

export const quarantineCommand: Command = {
  name: 'quarantine',
  usage: ['list [--json]'],
  wordsMax: 1,
  description:
    'Lists who is in quarantine, whether connected or not: clients, users, addresses and certificates that a detector or an operator has confined to the role of response.quarantine.role, or sends to the decoy, with the time that is left. `sallyport clients quarantine` and `sallyport clients release` put a client in and let it out; `sallyport clients list --verdict quarantined` shows connected clients that are confined.',
  options: {
    limit: { type: 'string', short: 'n', value: 'N', says: 'how many at most (default: 100, up to 1000)' },
    after: { type: 'string', value: 'CURSOR', says: 'the next page, as the one before says' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [['sallyport quarantine list', 'Who is confined, and for how long still']],
  exitCodes: [
    [0, 'done'],
    [2, 'something has to be mended first'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [verb = 'list'] = invocation.words;
    if (verb !== 'list') {
      throw new UsageError('There is `quarantine list`; `clients quarantine ID` and `clients release ID` change it.');
    }
    const query = { limit: textOption(invocation, 'limit'), cursor: textOption(invocation, 'after') };
    const asked = await askRunning(invocation, { method: 'GET', path: '/v1/quarantine', query });
    if ('code' in asked) return asked.code;
    if (hasOption(invocation, 'json')) printJson({ ok: true, result: asked.result });
    else print(listing(asked.result as Listing));
    return ExitCode.Ok;
  },
};

function listing({ total, quarantined, next }: Listing): string {
  if (quarantined.length === 0) return 'Nobody is in quarantine.';
  const rows = quarantined.map(({ subject, expiresInMs }) => [printable(subject), `in ${durationText(expiresInMs)}`]);
  const more = next === null ? '' : `\n${quarantined.length} of ${total}; the next page: --after ${next}`;
  return table(['subject', 'ends'], rows) + more;
}
