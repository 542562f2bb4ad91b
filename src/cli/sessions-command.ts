/** `sallyport sessions`: what brokers keep of clients between their connections, and the end of one. */
import { type ControlRequest, inPath } from '../app/control/client.ts';
import type { RemovedSession, SessionDetails, SessionPage } from '../app/sessions/session-facts.ts';
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
import { type Command, type Invocation, JSON_OPTION, PLACE_OPTIONS, textOption, UsageError } from './command.ts';
import { sessionDetails, sessionTable } from './session-text.ts';
import { counted } from './table.ts';

const VERBS: Readonly<Record<string, AskingVerb>> = {
  list: {
    request: (words, invocation) => {
      if (words.length > 0)
        throw new UsageError('`sessions list` takes options and no words; `sessions show ID` tells of one.');
      return pageOf(invocation);
    },
    describe: (result) => listing(result as SessionPage),
    rest: restOfPages('sessions', pageOf),
  },
  show: {
    request: (words) => ({ method: 'GET', path: `/v1/mqtt-sessions/${inPath(oneClient(words, 'sessions', 'show'))}` }),
    describe: (result) => (result as { sessions: SessionDetails[] }).sessions.map(sessionDetails).join('\n\n'),
  },
  remove: {
    request: (words) => ({
      method: 'DELETE',
      path: `/v1/mqtt-sessions/${inPath(oneClient(words, 'sessions', 'remove'))}`,
    }),
    describe: (result) => {
      const { session, connections } = result as RemovedSession;
      const gone = `${counted(session.subscriptions, 'subscription')} and ${counted(session.queuedMessages ?? 0, 'queued message')}`;
      const ended = connections.length === 0 ? '' : ` Its client was disconnected.`;
      return `The session of ${printable(session.clientId)} is gone, with ${gone}.${ended}`;
    },
  },
};

export const sessionsCommand: Command = {
  name: 'sessions',
  usage: ['list [--client ID] [--user NAME] [--state STATE] [--broker NAME]', 'show ID [--json]', 'remove ID [--json]'],
  wordsMax: 2,
  verbUnsaid: 'list',
  description:
    'Shows MQTT sessions: what is kept of a client beyond its connection, such as subscriptions, queued messages and a Will. Without a word it lists. The embedded broker has all of its sessions, also those whose client is away; of another broker the gateway knows only those of clients that are connected through it, and says so. `show` tells everything of one. `remove` ends one of the embedded broker: a connected client is disconnected (0x98 for MQTT 5), its Will is published, its subscriptions and its queue are dropped; when the client comes back it begins anew. It is journaled with what was dropped.',
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
      says: 'only of this user; * stands for any characters',
    },
    state: {
      type: 'string',
      goesWith: ['list'],
      short: 's',
      value: 'STATE',
      says: 'only connected ones, or those whose client is away',
    },
    broker: {
      type: 'string',
      goesWith: ['list'],
      short: 'b',
      value: 'NAME',
      says: 'only those of this broker: embedded, or an upstream',
    },
    ...PAGE_OPTIONS,
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport sessions', 'What is kept'],
    ['sallyport sessions list --state away --user ann', 'Sessions of ann whose client is not there'],
    ["sallyport sessions list --client 'pump-*'", 'Those whose client identifier begins so'],
    ['sallyport sessions show pump-7', 'Everything about one'],
    ['sallyport sessions remove pump-7', 'End it, and drop what is queued'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'no such session, or another broker keeps it'],
    [3, 'no gateway is running there'],
  ],
  run: (invocation) =>
    runAskingVerb(
      {
        name: 'sessions',
        verbs: VERBS,
        missing: 'sessions that other brokers keep for their clients are missing here',
      },
      invocation,
    ),
};

function pageOf(invocation: Invocation): ControlRequest {
  return { method: 'GET', path: '/v1/mqtt-sessions', query: filterOf(invocation) };
}

function filterOf(invocation: Invocation): Readonly<Record<string, string | undefined>> {
  return {
    clientId: textOption(invocation, 'client'),
    username: textOption(invocation, 'user'),
    state: textOption(invocation, 'state'),
    broker: textOption(invocation, 'broker'),
    ...pageQuery(invocation),
  };
}

function listing({ sessions, matched, next, sources }: SessionPage): string {
  const partly = sources.filter(({ knows }) => knows === 'connected').map(({ broker }) => broker);
  const caveat =
    partly.length === 0 ? '' : `\nOf ${partly.join(', ')} only sessions of clients that are connected are known here.`;
  if (sessions.length === 0) return `There is no session, or none fits.${caveat}`;
  const more = pageEnd(sessions.length, matched, next);
  return sessionTable(sessions) + more + caveat;
}
