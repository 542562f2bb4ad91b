/** What the journal knows of one address, user or client: what happened, what was touched, what was refused by whom, what was done. */

import type { EventName } from '../../../base/events.ts';
import { normaliseAddress } from '../../../base/ip-address.ts';
import { OperatorError } from '../../config/problem.ts';
import type { LogLevel } from '../../event-level.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { sentenceOf } from '../export/fields.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Removed } from '../journal/removed.ts';
import type { Wanted } from '../journal/search-index.ts';

export type IncidentKind = 'address' | 'user' | 'client';

export interface IncidentSubject {
  readonly kind: IncidentKind;
  readonly value: string;
}

/** As events, detectors and bans call it. */
const SUBJECT_KINDS = { address: 'address', user: 'username', client: 'clientId' } as const;

/** Repetitions of one thing are one entry. Times are milliseconds since the Unix epoch. */
export interface TimelineEntry {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  /** Name of the event, or of what an operator did. */
  readonly name: string;
  readonly level: LogLevel;
  /** The last of them, as a sentence. What peers chose is in it. */
  readonly says: string;
}

export interface RefusalSummary {
  readonly name: string;
  /** Whoever decided so, such as `acl:/etc/sallyport/acl:7`. */
  readonly by: string;
  readonly says: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Topics or filters, the first few. */
  readonly examples: readonly string[];
}

export interface Touched {
  readonly value: string;
  readonly count: number;
}

export interface Incident {
  readonly subject: IncidentSubject;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Records that were found; more than are kept in memory at once where `isCut`. */
  readonly records: number;
  readonly isCut: boolean;
  /** What retention took from the journal while it was searched: it is missing here. */
  readonly removed: Removed | null;
  readonly logins: { readonly succeeded: number; readonly failed: number };
  readonly refusals: readonly RefusalSummary[];
  /** The topics and filters that were refused, and who stood behind the same address, name or identifier. */
  readonly topics: readonly Touched[];
  readonly addresses: readonly Touched[];
  readonly users: readonly Touched[];
  readonly clients: readonly Touched[];
  /** Alerts, attacks, responses, bans and quarantine, with what operators did about it. */
  readonly measures: readonly TimelineEntry[];
  /** The oldest first; the newest where there are too many. */
  readonly timeline: readonly TimelineEntry[];
}

/** Finds records in the journal, the newest first. */
export type SearchRecords = (wanted: Wanted) => Promise<readonly JournalRecord[]>;

export interface IncidentAsked {
  readonly subject: IncidentSubject;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export const RECORDS_MAX = 10_000;
const ABOUT_MAX = 2_000;
const TIMELINE_MAX = 200;
const MEASURES_MAX = 50;
const REFUSALS_MAX = 30;
const TOUCHED_MAX = 30;
const EXAMPLES_MAX = 5;

/** Events that name their subject otherwise than by its address, name or identifier. */
const ABOUT_SUBJECTS = ['attack.*', 'ban.*', 'response.*', 'quarantine.*', 'alert.*'];
const OPERATORS = ['ban-*', 'client-*', 'limits-*', 'alert-*'];

/** @throws {OperatorError} where an address is none. */
export function readIncidentSubject(kind: IncidentKind, value: string): IncidentSubject {
  if (value === '') throw new OperatorError(`Say which ${kind}: the name is empty.`);
  if (kind !== 'address') return { kind, value };
  const address = normaliseAddress(value);
  if (address === undefined)
    throw new OperatorError(`"${value.slice(0, 60)}" is no address: give one such as 192.0.2.7.`);
  return { kind, value: address };
}

export async function collectIncident(asked: IncidentAsked, search: SearchRecords): Promise<Incident> {
  const { subject, sinceMs, untilMs } = asked;
  const found = await search({ sinceMs, untilMs, fields: { [subject.kind]: subject.value }, limit: RECORDS_MAX });
  const records = new Map<number, JournalRecord>();
  const field = SUBJECT_KINDS[subject.kind] === 'address' ? 'address' : SUBJECT_KINDS[subject.kind];
  // A value that ends in * finds all that begin so: what was asked for is one.
  for (const record of found) if (record.d[field] === subject.value) records.set(record.n, record);
  for (const event of [...ABOUT_SUBJECTS, ...OPERATORS]) {
    for (const record of await search({ sinceMs, untilMs, fields: { event }, limit: ABOUT_MAX })) {
      if (isAbout(record, subject)) records.set(record.n, record);
    }
  }
  const ordered = [...records.values()].sort((a, b) => a.t - b.t || a.n - b.n);
  return summarize(asked, ordered, found.length === RECORDS_MAX);
}

function isAbout({ d }: JournalRecord, { kind, value }: IncidentSubject): boolean {
  const of = SUBJECT_KINDS[kind];
  if (d['subjectKind'] === of && d['subject'] === value) return true;
  const words = Array.isArray(d['words']) ? d['words'] : [];
  return words.some(
    (word) => word === `${kind}:${value}` || word === `subject=${value}` || (kind === 'address' && word === value),
  );
}

function summarize(
  { subject, sinceMs, untilMs }: IncidentAsked,
  records: readonly JournalRecord[],
  isCut: boolean,
): Incident {
  const refusals = new Map<string, { summary: RefusalSummary; examples: Set<string> }>();
  const topics = new Tally();
  const addresses = new Tally();
  const users = new Tally();
  const clients = new Tally();
  let [succeeded, failed] = [0, 0];
  for (const { k, t, d } of records) {
    if (k !== 'event') continue;
    const name = String(d['name']);
    const times = 1 + (typeof d['suppressed'] === 'number' ? d['suppressed'] : 0);
    if (name === 'authentication.succeeded') succeeded += times;
    if (name === 'authentication.failed') failed += times;
    // An origin that was not proven belongs to whoever was seen there.
    if (typeof d['connectionId'] === 'string') {
      addresses.add(d['address'], times);
      users.add(d['username'], times);
      clients.add(d['clientId'], times);
    }
    const topic = d['topic'] ?? d['filter'];
    if (typeof d['by'] !== 'string' || typeof d['reason'] !== 'number' || name === 'connection.closed') continue;
    topics.add(topic, times);
    const key = `${name}\n${d['by']}`;
    const known = refusals.get(key);
    const { examples = new Set<string>(), summary } = known ?? {};
    if (typeof topic === 'string' && examples.size < EXAMPLES_MAX) examples.add(topic);
    refusals.set(key, {
      examples,
      summary: {
        name,
        by: d['by'],
        says: String(d['says'] ?? ''),
        count: (summary?.count ?? 0) + times,
        firstMs: summary?.firstMs ?? t,
        lastMs: t,
        examples: [],
      },
    });
  }
  const timeline = timelineOf(records);
  return {
    subject,
    sinceMs,
    untilMs,
    records: records.length,
    isCut,
    removed: null,
    logins: { succeeded, failed },
    refusals: [...refusals.values()]
      .map(({ summary, examples }) => ({ ...summary, examples: [...examples] }))
      .sort((a, b) => b.count - a.count)
      .slice(0, REFUSALS_MAX),
    topics: topics.most(),
    addresses: addresses.most(),
    users: users.most(),
    clients: clients.most(),
    measures: timelineOf(records.filter(isMeasure)).slice(-MEASURES_MAX),
    timeline: timeline.slice(-TIMELINE_MAX),
  };
}

function isMeasure({ k, d }: JournalRecord): boolean {
  return k === 'action' || /^(attack|ban|response|quarantine|alert)\./.test(String(d['name']));
}

/** Neighbours of one name, author and place are one entry. */
function timelineOf(records: readonly JournalRecord[]): TimelineEntry[] {
  const entries: (TimelineEntry & { key: string })[] = [];
  for (const record of records) {
    const { k, t, d } = record;
    const name = String(d['name'] ?? k);
    const key = JSON.stringify([name, d['by'], d['address'], d['username'], d['clientId'], d['subject']]);
    const times = 1 + (typeof d['suppressed'] === 'number' ? d['suppressed'] : 0);
    const last = entries.at(-1);
    const says = sentenceOf(record);
    if (k === 'event' && last?.key === key) {
      entries[entries.length - 1] = { ...last, lastMs: t, count: last.count + times, says };
    } else {
      const level = k === 'event' ? (EVENT_LEVELS[name as EventName] ?? 'info') : 'info';
      entries.push({ key, firstMs: t, lastMs: t, count: times, name, level, says });
    }
  }
  return entries.map(({ key: _key, ...entry }) => entry);
}

class Tally {
  readonly #counts = new Map<string, number>();

  add(value: unknown, times: number): void {
    if (typeof value === 'string' && value !== '') this.#counts.set(value, (this.#counts.get(value) ?? 0) + times);
  }

  most(): Touched[] {
    return [...this.#counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, TOUCHED_MAX);
  }
}
