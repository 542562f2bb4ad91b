/** Searches the journal: the index says where, the journal itself says what. */
import { removeIndex } from './index-file.ts';
import { readLocated } from './located-records.ts';
import type { JournalRecord } from './record.ts';
import { IndexDamage, type IndexProgress, SearchIndex, type Wanted } from './search-index.ts';

export interface Found {
  /** The newest first. */
  readonly records: readonly JournalRecord[];
  /** The index was damaged, or did not fit the journal, and was made anew. */
  readonly isIndexRebuilt: boolean;
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
  return { records: found?.records ?? [], isIndexRebuilt: true };
}

/** Undefined where the index points at what is not there. */
async function searchOnce(
  directory: string,
  wanted: Wanted,
  onProgress: IndexProgress | undefined,
): Promise<Found | undefined> {
  const index = SearchIndex.open(directory);
  try {
    await index.follow(onProgress);
    const records = await readLocated(directory, index.find(wanted));
    return records === undefined ? undefined : { records, isIndexRebuilt: index.isRemade };
  } finally {
    index.close();
  }
}

/** SQLite's SQLITE_CORRUPT and SQLITE_NOTADB, or what we find ourselves. */
function isDamage(error: unknown): boolean {
  if (error instanceof IndexDamage) return true;
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [11, 26].includes(errcode & 0xff);
}
