/** How grave a record of the journal is, in the scales of other systems. */
import type { EventName } from '../../../base/events.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import type { JournalRecord } from '../journal/record.ts';

/** Refusals and failures that are quiet, because they can come with each packet or attempt. */
const QUIET: ReadonlySet<unknown> = new Set<EventName>([
  'delivery.withheld',
  'delivery.dropped',
  'upstream.attempt.failed',
]);

export function levelOf({ k, d }: JournalRecord): LogLevel {
  if (k === 'lost') return 'error';
  const name = d['name'];
  if (k === 'event' && typeof name === 'string' && Object.hasOwn(EVENT_LEVELS, name))
    return EVENT_LEVELS[name as EventName];
  return d['outcome'] === 'refused' ? 'warn' : 'info';
}

/** Whether it says that something was refused or went wrong: `denied` and `failure` where formats ask for it. */
export function isRefusal(record: JournalRecord): boolean {
  const level = levelOf(record);
  return level === 'warn' || level === 'error' || (record.k === 'event' && QUIET.has(record.d['name']));
}
