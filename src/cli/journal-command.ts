/** `sallyport journal`: verifies, searches and exports the tamper-evident record. */
import { join } from 'node:path';
import { loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { sentenceOf } from '../app/observability/export/fields.ts';
import { EXPORT_FORMATS } from '../app/observability/export/formats.ts';
import { removeIndex } from '../app/observability/journal/index-file.ts';
import type { JournalRecord } from '../app/observability/journal/record.ts';
import { type Removed, removedInWords } from '../app/observability/journal/removed.ts';
import { searchJournal } from '../app/observability/journal/search.ts';
import type { Wanted } from '../app/observability/journal/search-index.ts';
import { wantedAddress } from '../app/observability/journal/searched-fields.ts';
import { demandJournal } from '../app/observability/journal/segment-files.ts';
import { readSelected } from '../app/observability/journal/selected-records.ts';
import { PUBLIC_KEY_FILE, readVerifyingKey } from '../app/observability/journal/signing-key.ts';
import { type Verification, verifyJournal } from '../app/observability/journal/verify.ts';
import { journalDirectoryOf } from '../app/observability/observers.ts';
import { isTopicHash, readTopicHash } from '../app/observability/topic-hash.ts';
import { VERSION } from '../app/version.ts';
import { systemClock } from '../base/clock.ts';
import { printable } from '../base/printable.ts';
import {
  type Command,
  ExitCode,
  goingWith,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  textOption,
  UsageError,
} from './command.ts';
import { eventHint } from './journal-hint.ts';
import { momentOf } from './moment.ts';
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { counted } from './table.ts';
import { endProgress, print, printError, printJson, showProgress, styled } from './terminal.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 100_000;

const ACTIONS: Readonly<Record<string, (invocation: Invocation, directory: string) => Promise<number>>> = {
  verify,
  search,
  export: exportRecords,
  index: makeIndex,
};

/** The verbs that choose among the records. */
const SELECTING = ['search', 'export'];

export const journalCommand: Command = {
  name: 'journal',
  usage: [
    'verify [--key FILE]',
    'search [--client ID] [--user NAME] [--address A] …',
    'export [--format F] …',
    'index',
  ],
  wordsMax: 1,
  description:
    "Works on the journal: the chained and signed record of what was refused, of logins, and of what operators did. It needs no running gateway, and does not disturb one. `verify` recomputes every hash and signature and says what was changed, removed, inserted or moved; compare the key's fingerprint with one that was kept elsewhere, or give that key with --key. `search` prints the newest records that fit; `export` all of them, the oldest first. A value that ends in * means all that begin so. `index` makes the index for searches anew, which they otherwise do by themselves.",
  options: {
    key: {
      type: 'string',
      goesWith: ['verify'],
      value: 'FILE',
      says: 'the public key to hold signatures against (default: the one beside the journal)',
    },
    journal: { type: 'string', value: 'DIR', says: "another journal's folder (default: the configuration's)" },
    since: {
      type: 'string',
      goesWith: SELECTING,
      value: 'TIME',
      says: 'from this time on, such as 2026-07-06T08:00Z, or 2h ago as 2h',
    },
    until: { type: 'string', goesWith: SELECTING, value: 'TIME', says: 'before this time' },
    client: { type: 'string', goesWith: SELECTING, short: 'i', value: 'ID', says: 'of this client identifier' },
    user: { type: 'string', goesWith: SELECTING, short: 'u', value: 'NAME', says: 'of this user name' },
    address: { type: 'string', goesWith: SELECTING, short: 'a', value: 'ADDRESS', says: 'from this address' },
    event: {
      type: 'string',
      goesWith: SELECTING,
      short: 'e',
      value: 'NAME',
      says: 'of this name, such as publish.refused or authentication.*',
    },
    topic: {
      type: 'string',
      goesWith: SELECTING,
      short: 't',
      value: 'TOPIC',
      says: 'about this topic or filter; it is hashed first where log.topics says so',
    },
    by: {
      type: 'string',
      goesWith: SELECTING,
      value: 'AUTHOR',
      says: 'decided or done by, such as acl:default or local:*',
    },
    limit: {
      type: 'string',
      goesWith: ['search'],
      short: 'n',
      value: 'N',
      says: `how many records at most (default: ${LIMIT_DEFAULT})`,
    },
    before: {
      type: 'string',
      goesWith: ['search'],
      value: 'N',
      says: 'only records before this number: the next page',
    },
    format: {
      type: 'string',
      goesWith: ['export'],
      short: 'f',
      value: 'FORMAT',
      says: `${Object.keys(EXPORT_FORMATS).join(', ')} (default: jsonl)`,
    },
    ...PLACE_OPTIONS,
    ...goingWith(['verify', 'search', 'index'], { json: JSON_OPTION }),
  },
  examples: [
    ['sallyport journal verify', 'Has anybody changed it?'],
    ['sallyport journal search --address 192.0.2.7 --since 2h', 'What that address tried, and what it was told'],
    ["sallyport journal search --by 'local:*'", 'What operators did'],
    ['sallyport journal search --topic site/door/open', 'Who was refused what on one topic'],
    ['sallyport journal export --since 1d --format ecs > today.json', 'For Elastic; also cef and ocsf'],
  ],
  exitCodes: [
    [0, 'verified; found; exported'],
    [1, 'the journal was tampered with; nothing was found; not all could be exported'],
    [2, 'the command line, the configuration or a file has to be mended'],
  ],
  async run(invocation) {
    const action = verbOf('journal', ACTIONS, invocation.words[0]);
    const directory =
      textOption(invocation, 'journal') ??
      journalDirectoryOf((await loadConfig(placeOf(invocation).configFile)).config);
    await demandJournal(directory);
    try {
      return await action(invocation, directory);
    } catch (error) {
      // Of a file: the system's words name no place where they are about one that is open.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      throw new OperatorError(`The journal in ${directory} cannot be read: ${(error as Error).message}.`);
    }
  },
};

async function verify(invocation: Invocation, directory: string): Promise<number> {
  const key = await readVerifyingKey(textOption(invocation, 'key') ?? join(directory, PUBLIC_KEY_FILE));
  const verification = await verifyJournal(directory, key, progress('verifying'));
  endProgress();
  if (hasOption(invocation, 'json')) printJson(verification);
  else print(verificationText(verification));
  return verification.ok ? ExitCode.Ok : ExitCode.Negative;
}

function verificationText(verification: Verification): string {
  const { ok, records, segments, firstMs, lastMs, key, unsealed, prunedThrough, problems } = verification;
  const verdict = ok ? styled('green', 'Whole: nothing was changed.') : styled('red', 'Tampered with, or damaged.');
  const lines = [
    verdict,
    `${counted(records, 'record')} in ${counted(segments, 'segment')}${firstMs === undefined ? '' : `, from ${isoOf(firstMs)} to ${isoOf(lastMs!)}`}`,
    `signed by the key ${key}`,
  ];
  if (prunedThrough > 0) lines.push(`records 1 to ${prunedThrough} were removed by retention, as a signed note says`);
  if (unsealed > 0) lines.push(`${unsealed} records at the end are in a segment that is not sealed yet`);
  for (const { kind, place, says } of problems)
    lines.push(`${styled(kind === 'torn' ? 'yellow' : 'red', kind.padEnd(9))}  ${place}: ${says}`);
  return lines.join('\n');
}

async function search(invocation: Invocation, directory: string): Promise<number> {
  const wanted = await wantedOf(invocation);
  const { records, isIndexRebuilt, removed } = await searchJournal(directory, wanted, progress('indexing'));
  endProgress();
  if (isIndexRebuilt) printError('The index was damaged, and was made anew.');
  if (removed !== undefined) printError(removedInWords(removed));
  if (hasOption(invocation, 'json')) printJson(records);
  else for (const record of records) print(lineOf(record));
  if (records.length === 0 && !hasOption(invocation, 'json')) printError('Nothing was found.');
  if (records.length === 0) tellHint(wanted);
  return records.length > 0 ? ExitCode.Ok : ExitCode.Negative;
}

/** That nothing was found must not be taken for peace where a name was misspelt. */
function tellHint({ fields: { event } }: Wanted): void {
  const hint = event === undefined ? undefined : eventHint(event);
  if (hint !== undefined) printError(printable(hint));
}

function lineOf(record: JournalRecord): string {
  return `${styled('dim', `${String(record.n).padStart(8)}  ${isoOf(record.t)}`)}  ${printable(sentenceOf(record))}`;
}

/** In pages, so that a long journal needs little memory; without filters it is read from end to end. */
async function exportRecords(invocation: Invocation, directory: string): Promise<number> {
  const name = textOption(invocation, 'format') ?? 'jsonl';
  const format = verbOf('journal export --format', EXPORT_FORMATS, name);
  const wanted = await wantedOf(invocation);
  let damaged = 0;
  const told = { damage: () => damaged++, removed: (removed: Removed) => printError(removedInWords(removed)) };
  let isEmpty = true;
  for await (const record of readSelected(directory, wanted, told)) {
    isEmpty = false;
    if (!process.stdout.write(`${format(record, VERSION)}\n`)) {
      await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
    }
  }
  if (isEmpty) tellHint(wanted);
  if (damaged === 0) return ExitCode.Ok;
  printError(
    `${counted(damaged, 'line')} of the journal could not be read, and is missing: see \`sallyport journal verify\`.`,
  );
  return ExitCode.Negative;
}

async function makeIndex(invocation: Invocation, directory: string): Promise<number> {
  removeIndex(directory);
  const { records } = await searchJournal(directory, { fields: {}, limit: 1 }, progress('indexing'));
  endProgress();
  const through = records[0]?.n ?? 0;
  if (hasOption(invocation, 'json')) printJson({ ok: true, through });
  else print(`The index was made anew, through record ${through}.`);
  return ExitCode.Ok;
}

async function wantedOf(invocation: Invocation): Promise<Wanted> {
  const nowMs = systemClock.epochMs();
  const moment = (name: string): number | undefined => {
    const given = textOption(invocation, name);
    return given === undefined ? undefined : momentOf(given, nowMs, `--${name}`);
  };
  const fields: Record<string, string> = {};
  for (const [field, option] of [
    ['client', 'client'],
    ['user', 'user'],
    ['address', 'address'],
    ['event', 'event'],
    ['author', 'by'],
    ['topic', 'topic'],
  ] as const) {
    const given = textOption(invocation, option);
    if (given !== undefined) fields[field] = given;
  }
  const { topic, address } = fields;
  if (address !== undefined) fields['address'] = wantedAddress(address);
  if (topic !== undefined) fields['topic'] = await writtenTopic(invocation, topic);
  return {
    sinceMs: moment('since'),
    untilMs: moment('until'),
    fields,
    limit: numberOf(invocation, 'limit', LIMIT_MAX) ?? LIMIT_DEFAULT,
    beforeN: numberOf(invocation, 'before', Number.MAX_SAFE_INTEGER),
  };
}

/** As the journal of this installation has it. @throws {UsageError} for the beginning of a topic where topics are hashed. */
async function writtenTopic(invocation: Invocation, topic: string): Promise<string> {
  // A journal that was brought here may be of another installation.
  if (textOption(invocation, 'journal') !== undefined || isTopicHash(topic)) return topic;
  const { config } = await loadConfig(placeOf(invocation).configFile);
  if (config.log.topics === 'plain') return topic;
  if (topic.endsWith('*')) throw new UsageError('Topics are hashed here: --topic takes a whole one.');
  return (await readTopicHash(config.dataDirectory))(topic);
}

function numberOf(invocation: Invocation, name: string, max: number): number | undefined {
  const given = textOption(invocation, name);
  if (given === undefined) return undefined;
  const value = /^\d{1,16}$/.test(given) ? Number(given) : 0;
  if (value < 1 || value > max) throw new UsageError(`--${name} takes a whole number from 1 to ${max}.`);
  return value;
}

function progress(what: string): (doneBytes: number, allBytes: number) => void {
  const startMs = systemClock.nowMs();
  return (doneBytes, allBytes) => {
    if (systemClock.nowMs() - startMs < 500) return;
    showProgress(`${what}: ${Math.floor((doneBytes / Math.max(1, allBytes)) * 100)} %`);
  };
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
