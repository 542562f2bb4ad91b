/** `sallyport ban`: who is shut out, by whose word, why, and until when. */
import {
  type BanListing,
  type BanReasons,
  type BanRecord,
  listBans,
  readSubject,
  whyBanned,
} from '../app/bans/ban-desk.ts';
import { bansFileOf, readBans } from '../app/bans/ban-store.ts';
import { loadConfig } from '../app/config/load.ts';
import type { ControlOutcome } from '../app/control/client.ts';
import { systemClock } from '../base/clock.ts';
import { parseDurationMs } from '../base/duration.ts';
import { printable, printableLines } from '../base/printable.ts';
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
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { prose, table } from './table.ts';
import { print, printError, printJson } from './terminal.ts';

/** More do not fit on any screen. */
const LISTED_MAX = 1000;

type Verb = (invocation: Invocation, words: readonly string[]) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { add, remove, list, why };

export const banCommand: Command = {
  name: 'ban',
  usage: [
    'add SUBJECT [--for DURATION] [--reason TEXT]',
    'remove SUBJECT [--reason TEXT]',
    'list [--json]',
    'why SUBJECT [--json]',
  ],
  wordsMax: 2,
  description:
    'Shuts somebody out, at once and on open connections too, or lets them in again. SUBJECT is an address, a network such as 192.0.2.0/24, user:NAME, client:ID or certificate:SHA256. Networks of bans.allow are never banned. `list` and `why` read what is on disk where no gateway runs.',
  options: {
    ...PLACE_OPTIONS,
    for: {
      type: 'string',
      goesWith: ['add'],
      value: 'DURATION',
      says: 'how long, such as 30m, 2h or 7d (default: until it is removed)',
    },
    reason: {
      type: 'string',
      goesWith: ['add', 'remove'],
      value: 'TEXT',
      says: 'why, for the record; the banned one is not told',
    },
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport ban add 192.0.2.7 --for 2h --reason "scans our topics"', 'One address, for two hours'],
    ['sallyport ban add client:pump-7', 'One client, until it is taken back'],
    ['sallyport ban why 192.0.2.7', 'Which bans keep it out, and whose they are'],
    ['sallyport ban remove 192.0.2.7', 'Let it in again'],
  ],
  exitCodes: [
    [0, 'done; for `why`: it is banned'],
    [1, 'for `why`: it is not banned'],
    [2, 'nothing to do that with, or not allowed'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [verb, ...words] = invocation.words;
    return verbOf('ban', VERBS, verb)(invocation, words);
  },
};

function subjectIn(words: readonly string[], verb: string): string {
  const [subject] = words;
  if (subject === undefined) throw new UsageError(`Say whom: \`sallyport ban ${verb} 192.0.2.7\`.`);
  return subject;
}

/** Where it was not answered. */
function fail(invocation: Invocation, asked: Exclude<ControlOutcome, { kind: 'answered' }>): number {
  const isAbsent = asked.kind === 'not running';
  const says = isAbsent ? 'No gateway is running there. Start one with `sallyport start`.' : asked.says;
  if (hasOption(invocation, 'json')) printJson({ ok: false, says });
  else printError(printableLines(says));
  return isAbsent ? ExitCode.NotRunning : ExitCode.Usage;
}

function until({ expiresAt }: BanRecord): string {
  return expiresAt === null ? 'until it is removed' : `until ${expiresAt}`;
}

async function add(invocation: Invocation, words: readonly string[]): Promise<number> {
  const subject = subjectIn(words, 'add');
  readSubject(subject);
  const duration = textOption(invocation, 'for') ?? '';
  if (textOption(invocation, 'for') !== undefined && !(parseDurationMs(duration)! > 0)) {
    throw new UsageError(`--for ${duration} is no duration: give one such as 30m, 2h or 7d.`);
  }
  const asked = await askGatewayOf(invocation, {
    method: 'POST',
    path: '/v1/bans',
    body: { subject, for: textOption(invocation, 'for'), reason: textOption(invocation, 'reason') },
  });
  if (asked.kind !== 'answered') return fail(invocation, asked);
  const ban = asked.result as BanRecord;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: ban });
  else print(`${printable(ban.subject)} is banned ${until(ban)}.`);
  return ExitCode.Ok;
}

async function remove(invocation: Invocation, words: readonly string[]): Promise<number> {
  const subject = subjectIn(words, 'remove');
  const query = { subject, reason: textOption(invocation, 'reason') };
  const asked = await askGatewayOf(invocation, { method: 'DELETE', path: '/v1/bans', query });
  if (asked.kind !== 'answered') return fail(invocation, asked);
  const left = asked.result as BanReasons;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: left });
  else {
    print(`The ban of ${printable(left.subject)} is removed.`);
    for (const ban of left.bans) {
      print(`It is still shut out by the ban of ${printable(ban.subject)}, ${until(ban)}.`);
    }
  }
  return ExitCode.Ok;
}

/** From the disk, as the gateway left it when it ended. */
async function stored(invocation: Invocation): Promise<{ index: BanIndex; aheadMs: number }> {
  const { config } = await loadConfig(placeOf(invocation).configFile);
  const index = new BanIndex();
  index.allowed = config.bans.allow;
  const nowMs = systemClock.nowMs();
  for (const ban of readBans(bansFileOf(config.dataDirectory), systemClock).bans) {
    if (ban.untilMs > nowMs) index.put(ban);
  }
  return { index, aheadMs: systemClock.epochMs() - nowMs };
}

/** Without what only a page has. */
function listingOf({ total, bans }: BanListing): BanListing {
  return { total, bans };
}

async function list(invocation: Invocation, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw new UsageError('`list` takes no more words; `why` tells of one subject.');
  const query = { limit: String(LISTED_MAX) };
  const asked = await askGatewayOf(invocation, { method: 'GET', path: '/v1/bans', query });
  let listing: BanListing;
  if (asked.kind === 'answered') listing = listingOf(asked.result as BanListing);
  else if (asked.kind === 'not running') {
    const { index, aheadMs } = await stored(invocation);
    listing = listBans(index, aheadMs);
  } else return fail(invocation, asked);
  if (hasOption(invocation, 'json')) {
    printJson({ ok: true, isRunning: asked.kind === 'answered', result: listing });
    return ExitCode.Ok;
  }
  if (asked.kind !== 'answered') printError('No gateway is running there; these are in force when one starts.');
  print(listing.total === 0 ? 'Nobody is banned.' : banTable(listing.bans));
  if (listing.total > listing.bans.length) print(`… and ${listing.total - listing.bans.length} older ones.`);
  return ExitCode.Ok;
}

async function why(invocation: Invocation, words: readonly string[]): Promise<number> {
  const subject = subjectIn(words, 'why');
  const asked = await askGatewayOf(invocation, { method: 'GET', path: '/v1/bans/why', query: { subject } });
  let reasons: BanReasons;
  if (asked.kind === 'answered') reasons = asked.result as BanReasons;
  else if (asked.kind === 'not running') {
    const { index, aheadMs } = await stored(invocation);
    reasons = whyBanned(index, subject, aheadMs);
  } else return fail(invocation, asked);
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: reasons });
  else if (reasons.isBanned) print(`${printable(reasons.subject)} is banned:\n${banTable(reasons.bans)}`);
  else if (reasons.allowedBy !== null)
    print(`${printable(reasons.subject)} is never banned: ${reasons.allowedBy} is in bans.allow.`);
  else print(`${printable(reasons.subject)} is not banned.`);
  return reasons.isBanned ? ExitCode.Ok : ExitCode.Negative;
}

/** Names and reasons are of clients and of other operators. */
function banTable(bans: readonly BanRecord[]): string {
  const rows = bans.map(({ subject, expiresAt, author, reason }) => [
    printable(subject),
    expiresAt ?? 'for good',
    printable(author),
    printable(reason),
  ]);
  return table(['subject', 'until', prose('by'), prose('reason')], rows);
}
