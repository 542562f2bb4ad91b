/** What a reload has changed, in the words of its event. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** A listener that only moved in its file has not changed. */
function withoutPlaces(section: Config[keyof Config]): unknown {
  if (typeof section === 'object' && 'places' in section) return { ...section, places: {} };
  return Array.isArray(section) ? section.map((item: object) => ({ ...item, place: '' })) : section;
}

/** Settings of the top level that differ, and those of them that only a restart puts into force. */
export function settingsThatDiffer(before: Config, after: Config): { changed: string[]; restartNeeded: string[] } {
  const sections = Object.keys(after) as (keyof Config)[];
  const changed = sections.filter((key) => !isDeepStrictEqual(withoutPlaces(before[key]), withoutPlaces(after[key])));
  const restartNeeded: string[] = [];
  if (before.dataDirectory !== after.dataDirectory) restartNeeded.push('dataDirectory');
  if (before.workers !== after.workers) restartNeeded.push('workers');
  if (before.broker.persistence !== after.broker.persistence) restartNeeded.push('broker.persistence');
  if (before.broker.commitIntervalMs !== after.broker.commitIntervalMs) restartNeeded.push('broker.commitInterval');
  const { hashConcurrency, hashQueueMax } = before.authentication;
  if (hashConcurrency !== after.authentication.hashConcurrency) restartNeeded.push('authentication.hashConcurrency');
  if (hashQueueMax !== after.authentication.hashQueueMax) restartNeeded.push('authentication.hashQueueMax');
  if (before.flightRecorder.directory !== after.flightRecorder.directory)
    restartNeeded.push('flightRecorder.directory');
  return { changed, restartNeeded };
}
