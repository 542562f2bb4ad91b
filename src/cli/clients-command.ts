/** `sallyport clients`: who is connected, what is known of each, and what is done about one. */

import type { ClientDetails, ClientPage } from '../app/clients/client-facts.ts';
import { type ControlRequest, inPath } from '../app/control/client.ts';
import { printable } from '../base/printable.ts';
import { clientDetails, clientTable } from './client-text.ts';
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
import { counted } from './table.ts';
import { print, printError, printJson } from './terminal.ts';

const WORDS_MAX = 34;

interface Verb {
  /** @throws {UsageError} */
  readonly request: (words: readonly string[], invocation: Invocation) => ControlRequest;
  readonly describe: (result: unknown, invocation: Invocation) => string;
}

const VERBS: Readonly<Record<string, Verb>> = {
  list: {
    request: (words, invocation) => {
      if (words.length > 0)
        throw new UsageError('`clients list` takes options and no words; `clients show ID` tells of one.');
      return { method: 'GET', path: '/v1/clients', query: filterOf(invocation) };
    },
    describe: (result) => listing(result as ClientPage),
  },
  show: {
    request: (words) => ({ method: 'GET', path: `/v1/clients/${inPath(oneOf(words, 'show'))}` }),
    describe: (result) => (result as { clients: ClientDetails[] }).clients.map(clientDetails).join('\n\n'),
  },
  throttle: {
    request: ([id, ...assignments], invocation) => {
      if (id === undefined || assignments.length === 0) {
        throw new UsageError('Name whom and what: clients throttle d42 publish.messagesPerSecond=5.');
      }
      const limits = Object.fromEntries(assignments.map(pairOf));
      const path = `/v1/clients/${inPath(id)}/throttle` as const;
      return { method: 'PUT', path, body: { limits, for: textOption(invocation, 'for') } };
    },
    describe: (result) => {
      const { overrides } = result as { overrides: { limit: string; value: string; expiresInMs?: number }[] };
      return overrides
        .map(({ limit, value, expiresInMs }) => {
          const until = expiresInMs === undefined ? 'until it is released' : `for ${durationText(expiresInMs)}`;
          return `${limit} is ${value} ${until}.`;
        })
        .join('\n');
    },
  },
  quarantine: {
    request: (words, invocation) => {
      const path = `/v1/clients/${inPath(oneOf(words, 'quarantine'))}/quarantine` as const;
      return { method: 'PUT', path, body: { for: textOption(invocation, 'for') } };
    },
    describe: (result) => {
      const { clientId, role, upstream, forMs } = result as {
        clientId: string;
        role: string | null;
        upstream: string | null;
        forMs: number;
      };
      const where = role === null ? `is sent to ${upstream}` : `has the role ${role} and no other`;
      return `${printable(clientId)} ${where} for ${durationText(forMs)}.`;
    },
  },
  release: {
    request: (words) => ({ method: 'POST', path: `/v1/clients/${inPath(oneOf(words, 'release'))}/release` }),
    describe: (result) => {
      const { clientId, isOutOfQuarantine, limitsTakenBack } = result as {
        clientId: string;
        isOutOfQuarantine: boolean;
        limitsTakenBack: number;
      };
      const done = [
        ...(isOutOfQuarantine ? ['is out of quarantine'] : []),
        ...(limitsTakenBack > 0 ? [`has ${counted(limitsTakenBack, 'limit')} less`] : []),
      ];
      return `${printable(clientId)} ${done.join(' and ')}.`;
    },
  },
};

export const clientsCommand: Command = {
  name: 'clients',
  usage: [
    'list [--client ID] [--user NAME] [--address A] [--listener L] [--verdict V]',
    'show ID [--json]',
    'throttle ID NAME=VALUE … [--for TIME]',
    'quarantine ID [--for TIME]',
    'release ID',
  ],
  wordsMax: WORDS_MAX,
  description:
    'Shows who is connected to the running gateway, on all of its workers, and acts on one client. Without a word it lists. `show` tells everything that is known of one: its identity and certificate, TLS, subscriptions, rates, the limits that hold for it and whether it waits for one, and attacks that are laid to it; ID is a client identifier, or that of a connection such as c42. `throttle` sets limits for this client for now, `quarantine` confines it to the role of response.quarantine.role, or sends it to the decoy, `release` takes both back. `sallyport disconnect` ends one.',
  options: {
    client: {
      type: 'string',
      short: 'i',
      value: 'ID',
      says: 'only this client identifier; * stands for any characters',
    },
    user: { type: 'string', short: 'u', value: 'NAME', says: 'only this user; * stands for any characters' },
    address: { type: 'string', short: 'a', value: 'ADDRESS', says: 'only from this address or network' },
    listener: { type: 'string', short: 'l', value: 'NAME', says: 'only on this listener' },
    verdict: { type: 'string', value: 'VERDICT', says: 'only clear, suspect or quarantined ones' },
    limit: { type: 'string', short: 'n', value: 'N', says: 'how many at most (default: 100, up to 1000)' },
    after: { type: 'string', value: 'CURSOR', says: 'the next page, as the one before says' },
    for: { type: 'string', value: 'TIME', says: 'how long it lasts, such as 10m' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport clients', 'Who is connected'],
    ['sallyport clients list --address 192.0.2.0/24 --verdict suspect', 'Suspects of one network'],
    ['sallyport clients show pump-7', 'Everything about one'],
    ['sallyport clients throttle pump-7 publish.messagesPerSecond=5 --for 10m', 'Slow it down'],
    ['sallyport clients quarantine pump-7 --for 1h', 'Confine it'],
    ['sallyport clients release pump-7', 'As it was before'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'no such client, or something has to be mended first'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [word = 'list', ...rest] = invocation.words;
    const verb = verbOf('clients', VERBS, word);
    const asked = await askRunning(invocation, verb.request(rest, invocation));
    if ('code' in asked) return asked.code;
    if (hasOption(invocation, 'json')) printJson({ ok: true, result: asked.result });
    else print(verb.describe(asked.result, invocation));
    const { unanswered = 0 } = (asked.result ?? {}) as { unanswered?: number };
    if (unanswered > 0)
      printError(`${counted(unanswered, 'worker')} did not answer in time; their clients are missing here.`);
    return ExitCode.Ok;
  },
};

function oneOf(words: readonly string[], verb: string): string {
  const [id, ...more] = words;
  if (id === undefined || id === '' || more.length > 0)
    throw new UsageError(`Name one client: \`clients ${verb} pump-7\`.`);
  return id;
}

function pairOf(assignment: string): [string, string] {
  const at = assignment.indexOf('=');
  if (at < 1) throw new UsageError(`"${printable(assignment)}" has no value: write it as NAME=VALUE.`);
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}

function filterOf(invocation: Invocation): Readonly<Record<string, string | undefined>> {
  return {
    clientId: textOption(invocation, 'client'),
    username: textOption(invocation, 'user'),
    address: textOption(invocation, 'address'),
    listener: textOption(invocation, 'listener'),
    verdict: textOption(invocation, 'verdict'),
    limit: textOption(invocation, 'limit'),
    cursor: textOption(invocation, 'after'),
  };
}

function listing({ clients, matched, next }: ClientPage): string {
  if (matched === 0) return 'Nobody is connected, or nobody fits.';
  const more = next === null ? '' : `\n${clients.length} of ${matched}; the next page: --after ${next}`;
  return clientTable(clients) + more;
}
