/** `sallyport clients`: who is connected, what is known of each, and what is done about one. */

import type { ClientDetails, ClientPage } from '../app/clients/client-facts.ts';
import { type ControlRequest, inPath } from '../app/control/client.ts';
import { printable } from '../base/printable.ts';
import {
  type AskingVerb,
  oneClient,
  PAGE_OPTIONS,
  pageEnd,
  pageQuery,
  restOfPages,
  runAskingVerb,
} from './asking-verbs.ts';
import { clientDetails, clientTable } from './client-text.ts';
import { type Command, type Invocation, JSON_OPTION, PLACE_OPTIONS, textOption, UsageError } from './command.ts';
import { durationText } from './quantities.ts';
import { counted } from './table.ts';

const WORDS_MAX = 34;

const VERBS: Readonly<Record<string, AskingVerb>> = {
  list: {
    request: (words, invocation) => {
      if (words.length > 0)
        throw new UsageError('`clients list` takes options and no words; `clients show ID` tells of one.');
      return pageOf(invocation);
    },
    describe: (result) => listing(result as ClientPage),
    rest: restOfPages('clients', pageOf),
  },
  show: {
    request: (words) => ({ method: 'GET', path: `/v1/clients/${inPath(oneClient(words, 'clients', 'show'))}` }),
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
      const path = `/v1/clients/${inPath(oneClient(words, 'clients', 'quarantine'))}/quarantine` as const;
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
    request: (words) => ({
      method: 'POST',
      path: `/v1/clients/${inPath(oneClient(words, 'clients', 'release'))}/release`,
    }),
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
  verbUnsaid: 'list',
  description:
    'Shows who is connected to the running gateway, on all of its workers, and acts on one client. Without a word it lists. `show` tells everything that is known of one: its identity and certificate, TLS, subscriptions, rates, the limits that hold for it and whether it waits for one, and attacks that are laid to it; ID is a client identifier, or that of a connection such as c42. `throttle` sets limits for this client for now, `quarantine` confines it to the role of response.quarantine.role, or sends it to the decoy, `release` takes both back. `sallyport disconnect` ends one.',
  options: {
    client: {
      type: 'string',
      goesWith: ['list'],
      short: 'i',
      value: 'ID',
      says: 'only this client identifier; * stands for any characters',
    },
    user: {
      type: 'string',
      goesWith: ['list'],
      short: 'u',
      value: 'NAME',
      says: 'only this user; * stands for any characters',
    },
    address: {
      type: 'string',
      goesWith: ['list'],
      short: 'a',
      value: 'ADDRESS',
      says: 'only from this address or network',
    },
    listener: { type: 'string', goesWith: ['list'], short: 'l', value: 'NAME', says: 'only on this listener' },
    verdict: { type: 'string', goesWith: ['list'], value: 'VERDICT', says: 'only clear, suspect or quarantined ones' },
    ...PAGE_OPTIONS,
    for: {
      type: 'string',
      goesWith: ['throttle', 'quarantine'],
      value: 'TIME',
      says: 'how long it lasts, such as 10m',
    },
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
  run: (invocation) =>
    runAskingVerb({ name: 'clients', verbs: VERBS, missing: 'clients of theirs are missing here' }, invocation),
};

function pairOf(assignment: string): [string, string] {
  const at = assignment.indexOf('=');
  if (at < 1) throw new UsageError(`"${printable(assignment)}" has no value: write it as NAME=VALUE.`);
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}

function pageOf(invocation: Invocation): ControlRequest {
  return { method: 'GET', path: '/v1/clients', query: filterOf(invocation) };
}

function filterOf(invocation: Invocation): Readonly<Record<string, string | undefined>> {
  return {
    clientId: textOption(invocation, 'client'),
    username: textOption(invocation, 'user'),
    address: textOption(invocation, 'address'),
    listener: textOption(invocation, 'listener'),
    verdict: textOption(invocation, 'verdict'),
    ...pageQuery(invocation),
  };
}

function listing({ clients, matched, next }: ClientPage): string {
  if (clients.length === 0 && next === null) return 'Nobody is connected, or nobody fits.';
  const more = pageEnd(clients.length, matched, next);
  return clientTable(clients) + more;
}
