/** Searches the journal: the index says where, the journal itself says what. */
import { removeIndex } from './index-file.ts';
import { readLocated } from './located-records.ts';
import type { JournalRecord } from './record.ts';
import { beginningOf, type Removed, removedBetween } from './removed.ts';
import { IndexDamage, type IndexProgress, SearchIndex, type Wanted } from './search-index.ts';

export interface Found {
  /** The newest first. */
  readonly records: readonly JournalRecord[];
  /** The index was damaged, or did not fit the journal, and was made anew. */
  readonly isIndexRebuilt: boolean;
  /** What retention took away while it was searched, of the time that was asked for: it is left out. */
  readonly removed: Removed | undefined;
}

/** @throws {OperatorError} where the index cannot be written. */
export async function searchJournal(directory: string, wanted: Wanted, onProgress?: IndexProgress): Promise<Found> {
  try {
    const found = await searchOnce(directory, wanted, onProgress);
    if (found !== undefined) return found;
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  removeIndex(directory);
  const found = await searchOnce(directory, wanted, onProgress);
  return { records: found?.records ?? [], isIndexRebuilt: true, removed: found?.removed };
}

/** Undefined where the index points at what is not there. */
async function searchOnce(
  directory: string,
  wanted: Wanted,
  onProgress: IndexProgress | undefined,
): Promise<Found | undefined> {
  const index = SearchIndex.open(directory);
  try {
    const began = await beginningOf(directory);
    const isFollowed = await index.follow(onProgress);
    const located = await readLocated(directory, index.find(wanted));
    if (located === undefined) return undefined;
    const { records, isLacking } = located;
    const isWhole = isFollowed && !isLacking;
    const removed = isWhole ? undefined : removedBetween(began, await beginningOf(directory));
    return { records, isIndexRebuilt: index.isRemade, removed: isWanted(removed, wanted) ? removed : undefined };
  } finally {
    index.close();
  }
}

function isWanted(removed: Removed | undefined, { sinceMs, untilMs }: Wanted): boolean {
  if (removed === undefined) return false;
  return (sinceMs === undefined || sinceMs < removed.untilMs) && (untilMs === undefined || untilMs > removed.sinceMs);
}

/** SQLite's SQLITE_CORRUPT and SQLITE_NOTADB, or what we find ourselves. */
function isDamage(error: unknown): boolean {
  if (error instanceof IndexDamage) return true;
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [11, 26].includes(errcode & 0xff);
}
