/** Reads the journal from end to end for the records that fit; what retention takes meanwhile is left out, and said. */
import { type JournalRecord, parseRecord } from './record.ts';
import { beginningOf, type Removed, removedBetween } from './removed.ts';
import type { Wanted } from './search-index.ts';
import { fits } from './searched-fields.ts';
import { isAbsent, listSegments, readLines } from './segment-files.ts';

export interface Told {
  /** Of each line that is no record, but for a last one that a crash has cut short. */
  damage(): void;
  /** Last, and only where something is missing. */
  removed(removed: Removed): void;
}

/** The oldest first. */
export async function* readSelected(
  directory: string,
  {
    sinceMs = Number.NEGATIVE_INFINITY,
    untilMs = Number.POSITIVE_INFINITY,
    fields,
  }: Pick<Wanted, 'sinceMs' | 'untilMs' | 'fields'>,
  told: Told,
): AsyncGenerator<JournalRecord> {
  const began = await beginningOf(directory);
  let isWhole = true;
  for (const { path } of await listSegments(directory)) {
    try {
      for await (const lines of readLines(path)) {
        for (const { text, isWhole: isRecord } of lines) {
          const record = isRecord ? parseRecord(text) : undefined;
          if (record === undefined && isRecord) told.damage();
          if (record === undefined || record.t < sinceMs || record.t >= untilMs) continue;
          if (fits(record, fields)) yield record;
        }
      }
    } catch (error) {
      if (!isAbsent(error)) throw error;
      isWhole = false;
    }
  }
  if (isWhole) return;
  const removed = removedBetween(began, await beginningOf(directory));
  if (removed !== undefined && removed.sinceMs < untilMs && removed.untilMs > sinceMs) told.removed(removed);
}
