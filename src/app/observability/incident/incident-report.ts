/** An incident for people and for programs: the facts, what the running gateway adds, and what to do. */
import { unheardOf } from '../../silent-workers.ts';
import { removedInWords } from '../journal/removed.ts';
import { type Advice, adviceFor } from './advice.ts';
import type { Incident, RefusalSummary, TimelineEntry } from './incident.ts';
import type { Live } from './live.ts';

export interface IncidentReport {
  readonly incident: Incident;
  readonly live: Live | undefined;
  readonly advice: readonly Advice[];
  /** One or two sentences: what this looks like. */
  readonly verdict: string;
}

export function reportOn(incident: Incident, live: Live | undefined): IncidentReport {
  return { incident, live, advice: adviceFor(incident, live), verdict: verdictOf(incident, live) };
}

function verdictOf({ records, logins, refusals, measures, removed }: Incident, live: Live | undefined): string {
  const parts: string[] = [];
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  if (records === 0) parts.push('The journal has nothing about it in this time.');
  else if (refused === 0) parts.push('Nothing was refused in this time.');
  else {
    const authors = new Set(refusals.map(({ by }) => by)).size;
    parts.push(
      `${refused} ${refused === 1 ? 'request was' : 'requests were'} refused, by ${authors} ${authors === 1 ? 'rule' : 'rules'}.`,
    );
  }
  if (logins.failed > 0) {
    const end = logins.succeeded > 0 ? `${logins.succeeded} succeeded` : 'none succeeded';
    parts.push(`${logins.failed} ${logins.failed === 1 ? 'login' : 'logins'} failed; ${end}.`);
  }
  const attacks = measures.filter(({ name }) => name === 'attack.detected');
  if (attacks.length > 0) parts.push('Detectors have recognised an attack.');
  if (live?.isBanned === true) parts.push('It is banned.');
  else if (live !== undefined && live.clients.length > 0) {
    parts.push(`${live.clients.length} ${live.clients.length === 1 ? 'client is' : 'clients are'} connected now.`);
  }
  if (removed !== null) parts.push(removedInWords(removed));
  const unheard = unheardOf(live?.silentWorkers ?? []).trim();
  if (unheard !== '') parts.push(unheard);
  return parts.join(' ');
}

/** As the API and `--json` have it; times are ISO 8601. */
export interface IncidentRecord
  extends Omit<Incident, 'sinceMs' | 'untilMs' | 'removed' | 'refusals' | 'measures' | 'timeline'> {
  readonly version: 1;
  readonly since: string;
  readonly until: string;
  readonly verdict: string;
  readonly removed: { readonly since: string; readonly until: string } | null;
  readonly refusals: readonly WithTimes<RefusalSummary>[];
  readonly measures: readonly WithTimes<TimelineEntry>[];
  readonly timeline: readonly WithTimes<TimelineEntry>[];
  readonly live: Live | null;
  readonly advice: readonly Advice[];
}

type WithTimes<Entry> = Omit<Entry, 'firstMs' | 'lastMs'> & { readonly first: string; readonly last: string };

export function incidentRecord({ incident, live, advice, verdict }: IncidentReport): IncidentRecord {
  const { sinceMs, untilMs, removed, refusals, measures, timeline, ...rest } = incident;
  return {
    version: 1,
    ...rest,
    since: isoOf(sinceMs),
    until: isoOf(untilMs),
    verdict,
    removed: removed === null ? null : { since: isoOf(removed.sinceMs), until: isoOf(removed.untilMs) },
    refusals: refusals.map(withTimes),
    measures: measures.map(withTimes),
    timeline: timeline.map(withTimes),
    live: live ?? null,
    advice,
  };
}

function withTimes<Entry extends { readonly firstMs: number; readonly lastMs: number }>({
  firstMs,
  lastMs,
  ...rest
}: Entry): WithTimes<Entry> {
  return { first: isoOf(firstMs), last: isoOf(lastMs), ...rest };
}

export function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** `2026-07-06 08:00:09Z`, once or from then to then. */
export function spanOf({ firstMs, lastMs }: Pick<TimelineEntry, 'firstMs' | 'lastMs'>): string {
  const text = (ms: number): string => `${isoOf(ms).slice(0, 19).replace('T', ' ')}Z`;
  return firstMs === lastMs ? text(firstMs) : `${text(firstMs)} to ${text(lastMs).slice(11)}`;
}
