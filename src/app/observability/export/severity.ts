/** How grave a record of the journal is, in the scales of other systems. */
import type { EventName } from '../../../base/events.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import type { JournalRecord } from '../journal/record.ts';

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
  return level === 'warn' || level === 'error';
}
