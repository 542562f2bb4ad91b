/** `sallyport disconnect`: ends a client's connections, and keeps it out if asked. */
import { inPath } from '../app/control/client.ts';
import type { SilentWorker } from '../app/silent-workers.ts';
import { printable } from '../base/printable.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS, textOption, UsageError } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { tellSilent } from './silent-text.ts';
import { counted } from './table.ts';
import { print, printJson } from './terminal.ts';

export const disconnectCommand: Command = {
  name: 'disconnect',
  usage: ['ID [--reason TEXT] [--ban TIME]'],
  wordsMax: 1,
  description:
    'Ends the connections of a client. A client of MQTT 5 is told: DISCONNECT with 0x98, administrative action, and the reason. Its Will is published, as for any connection that is lost; most clients come back at once. With --ban its identifier is banned too: it stays away, and its Will is not published. ID is a client identifier, or that of a connection such as c42.',
  options: {
    reason: { type: 'string', value: 'TEXT', says: 'why, for the record; a client of MQTT 5 is told' },
    ban: { type: 'string', value: 'TIME', says: 'also ban its client identifier for so long, such as 2h, or forever' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport disconnect pump-7', 'It may come back'],
    ['sallyport disconnect pump-7 --ban 2h --reason "floods site/#"', 'It may not, for two hours'],
  ],
  exitCodes: [
    [0, 'done'],
    [1, 'done but for a worker that does not answer, and is named'],
    [2, 'no such client is connected, or it cannot be banned'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [id = ''] = invocation.words;
    if (id === '') throw new UsageError('Name one client: `sallyport disconnect pump-7`.');
    const asked = await askRunning(invocation, {
      method: 'POST',
      path: `/v1/clients/${inPath(id)}/disconnect`,
      body: { reason: textOption(invocation, 'reason'), ban: textOption(invocation, 'ban') },
    });
    if ('code' in asked) return asked.code;
    const done = asked.result as Disconnected;
    if (hasOption(invocation, 'json')) printJson({ ok: true, result: done });
    else print(inWords(done));
    tellSilent(done.silentWorkers, 'what they have of it ends when they go on');
    return done.silentWorkers.length === 0 ? ExitCode.Ok : ExitCode.Negative;
  },
};

interface Disconnected {
  readonly clientId: string;
  readonly connections: readonly string[];
  readonly ban: { readonly subject: string; readonly expiresAt: string | null } | null;
  readonly silentWorkers: readonly SilentWorker[];
}

function inWords({ clientId, connections, ban }: Disconnected): string {
  const ended = `${counted(connections.length, 'connection')} of ${printable(clientId)} ended.`;
  if (ban === null) return ended;
  const until = ban.expiresAt === null ? 'for good' : `until ${ban.expiresAt}`;
  return `${ended}\n${printable(ban.subject)} is banned ${until}.`;
}
