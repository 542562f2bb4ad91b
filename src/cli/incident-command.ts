/** `sallyport incident`: everything about one address, user or client, and what to do. */
import { whyBanned } from '../app/bans/ban-desk.ts';
import { bansFileOf, readBans } from '../app/bans/ban-store.ts';
import type { ClientPage, ClientSummary } from '../app/clients/client-facts.ts';
import { loadConfig } from '../app/config/load.ts';
import {
  type IncidentKind,
  type IncidentSubject,
  readIncidentSubject,
} from '../app/observability/incident/incident.ts';
import { incidentHtml } from '../app/observability/incident/incident-html.ts';
import { incidentRecord, reportOn } from '../app/observability/incident/incident-report.ts';
import { incidentText } from '../app/observability/incident/incident-text.ts';
import { incidentIn } from '../app/observability/incident/journal-incident.ts';
import {
  type BanState,
  banName,
  CLIENT_FIELDS,
  CLIENTS_MAX,
  type Connected,
  isBannable,
  type Live,
  liveWith,
  meantClients,
  NOBODY,
  NOT_BANNED,
} from '../app/observability/incident/live.ts';
import { demandJournal } from '../app/observability/journal/segment-files.ts';
import { journalDirectoryOf } from '../app/observability/observers.ts';
import { VERSION } from '../app/version.ts';
import { systemClock } from '../base/clock.ts';
import { printableLines } from '../base/printable.ts';
import { BanIndex } from '../policy/detection/bans/ban-index.ts';
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
import { askGatewayOf } from './gateway-question.ts';
import { momentOf } from './moment.ts';
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { endProgress, print, printError, printJson, showProgress, styled } from './terminal.ts';

const SINCE_DEFAULT = '24h';

const VERBS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = { show };

export const incidentCommand: Command = {
  name: 'incident',
  usage: ['show --address A | --user NAME | --client ID [--since TIME] [--json | --html]'],
  wordsMax: 1,
  description:
    'Collects what the journal knows of one address, user or client: what was refused and by whom, what it touched, what was done about it, and a timeline; with bans and connections where the gateway runs. Says what to do, with the commands for it. Needs no running gateway: with --journal it reads a copy.',
  options: {
    address: { type: 'string', short: 'a', value: 'ADDRESS', says: 'about this address' },
    user: { type: 'string', short: 'u', value: 'NAME', says: 'about this user name' },
    client: { type: 'string', short: 'i', value: 'ID', says: 'about this client identifier' },
    since: {
      type: 'string',
      value: 'TIME',
      says: `from this time on, such as 2026-07-06T08:00Z, or 2h ago as 2h (default: ${SINCE_DEFAULT})`,
    },
    until: { type: 'string', value: 'TIME', says: 'before this time (default: now)' },
    journal: { type: 'string', value: 'DIR', says: "another journal's folder; no gateway is asked then" },
    html: { type: 'boolean', says: 'print one HTML file, to keep or to hand on' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport incident show --address 192.0.2.7', 'Who is that, and what does it want?'],
    ['sallyport incident show --client pump-7 --since 2h', 'What this device was refused, and why'],
    ['sallyport incident show --user ann --html > ann.html', 'For the file'],
  ],
  exitCodes: [
    [0, 'something was found'],
    [1, 'the journal has nothing about it in this time'],
    [2, 'the command line, the configuration or a file has to be mended'],
  ],
  async run(invocation) {
    return verbOf('incident', VERBS, invocation.words[0])(invocation);
  },
};

async function show(invocation: Invocation): Promise<number> {
  const subject = subjectIn(invocation);
  if (hasOption(invocation, 'json') && hasOption(invocation, 'html')) {
    throw new UsageError('Give --json or --html, not both.');
  }
  const nowMs = systemClock.epochMs();
  const sinceMs = momentOf(textOption(invocation, 'since') ?? SINCE_DEFAULT, nowMs, '--since');
  const until = textOption(invocation, 'until');
  const untilMs = until === undefined ? nowMs : momentOf(until, nowMs, '--until');
  if (untilMs <= sinceMs) throw new UsageError('--until has to be later than --since.');
  const copy = textOption(invocation, 'journal');
  const directory = copy ?? journalDirectoryOf((await loadConfig(placeOf(invocation).configFile)).config);
  await demandJournal(directory);
  const startMs = systemClock.nowMs();
  const onProgress = (doneBytes: number, allBytes: number): void => {
    if (systemClock.nowMs() - startMs < 500) return;
    showProgress(`indexing: ${Math.floor((doneBytes / Math.max(1, allBytes)) * 100)} %`);
  };
  const incident = await incidentIn(directory, { subject, sinceMs, untilMs }, onProgress);
  endProgress();
  const report = reportOn(incident, copy === undefined ? await liveOf(invocation, subject) : undefined);
  if (hasOption(invocation, 'json')) printJson(incidentRecord(report));
  else if (hasOption(invocation, 'html')) process.stdout.write(incidentHtml(report, VERSION));
  else print(incidentText(report, (style, text) => styled(style, text)));
  return incident.records > 0 ? ExitCode.Ok : ExitCode.Negative;
}

function subjectIn(invocation: Invocation): IncidentSubject {
  const given = (['address', 'user', 'client'] as const).flatMap((kind): [IncidentKind, string][] => {
    const value = textOption(invocation, kind);
    return value === undefined ? [] : [[kind, value]];
  });
  const [first, ...more] = given;
  if (first === undefined || more.length > 0) {
    throw new UsageError('Say about whom: one of --address 192.0.2.7, --user ann or --client pump-7.');
  }
  return readIncidentSubject(...first);
}

/** Undefined where the gateway does not say; why not is told. */
async function liveOf(invocation: Invocation, subject: IncidentSubject): Promise<Live | undefined> {
  if (!isBannable(subject)) return liveWith(true, NOT_BANNED, await connected(invocation, subject));
  const query = { subject: banName(subject) };
  const asked = await askGatewayOf(invocation, { method: 'GET', path: '/v1/bans/why', query });
  if (asked.kind === 'not running') return storedBans(invocation, query.subject);
  if (asked.kind !== 'answered') {
    printError(`The running gateway does not say whether it is banned: ${printableLines(asked.says)}`);
    return undefined;
  }
  return liveWith(true, asked.result as BanState, await connected(invocation, subject));
}

async function connected(invocation: Invocation, subject: IncidentSubject): Promise<Connected> {
  const clients: ClientSummary[] = [];
  let cursor: string | undefined;
  for (;;) {
    const limit = String(CLIENTS_MAX - clients.length);
    const query = { [CLIENT_FIELDS[subject.kind]]: subject.value, limit, cursor };
    const asked = await askGatewayOf(invocation, { method: 'GET', path: '/v1/clients', query });
    if (asked.kind === 'not running') return NOBODY;
    if (asked.kind !== 'answered') {
      printError(`The running gateway does not say who is connected: ${printableLines(asked.says)}`);
      return NOBODY;
    }
    // A page may be short before the last.
    const page = asked.result as ClientPage;
    clients.push(...page.clients);
    if (page.next === null || clients.length >= CLIENTS_MAX)
      return { clients: meantClients(clients, subject), silentWorkers: page.silentWorkers };
    cursor = page.next;
  }
}

async function storedBans(invocation: Invocation, named: string): Promise<Live> {
  const { config } = await loadConfig(placeOf(invocation).configFile);
  const index = new BanIndex();
  index.allowed = config.bans.allow;
  const nowMs = systemClock.nowMs();
  for (const ban of readBans(bansFileOf(config.dataDirectory), systemClock).bans) {
    if (ban.untilMs > nowMs) index.put(ban);
  }
  return liveWith(false, whyBanned(index, named, systemClock.epochMs() - nowMs), NOBODY);
}
