/** Why a search of the journal may have found nothing: a name that nothing has, or of what the journal does not keep. */
import { ROUTES } from '../app/control/route-table.ts';
import { EVENT_LEVELS } from '../app/event-level.ts';
import { isJournaled } from '../app/observability/journal/journaled.ts';
import { RECORD_KINDS } from '../app/observability/journal/record.ts';
import type { EventName } from '../base/events.ts';
import { nearestWord } from '../base/nearest-word.ts';

/** Undefined where the name is one of what the journal keeps. A journal of another version may know others: it is a hint, and no error. */
export function eventHint(wanted: string): string | undefined {
  const fits = (name: string): boolean =>
    wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
  const events = Object.keys(EVENT_LEVELS) as EventName[];
  const kept = [...events.filter(isJournaled), ...ROUTES.flatMap(({ action }) => action?.name ?? []), ...RECORD_KINDS];
  if (kept.some(fits)) return undefined;
  if (events.some(fits)) return `The journal does not keep ${wanted}: look in the log, or at \`sallyport events\`.`;
  const meant = nearestWord(wanted, kept);
  const instead =
    meant === undefined ? 'Names are such as publish.refused or authentication.*.' : `Did you mean ${meant}?`;
  return `Nothing that is known here is called ${wanted}. ${instead}`;
}
