/** Searches the journal: the index says where, the journal itself says what. */
import { type FileHandle, open } from 'node:fs/promises';
import { type JournalRecord, parseRecord } from './record.ts';
import { type IndexProgress, type Location, SearchIndex, type Wanted } from './search-index.ts';
import { segmentPath } from './segment-files.ts';

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
  SearchIndex.remove(directory);
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
    const records = await readRecords(directory, index.find(wanted));
    return records === undefined ? undefined : { records, isIndexRebuilt: index.isRemade };
  } finally {
    index.close();
  }
}

async function readRecords(directory: string, locations: readonly Location[]): Promise<JournalRecord[] | undefined> {
  const files = new Map<number, FileHandle>();
  try {
    const records: JournalRecord[] = [];
    for (const { n, segment, at, length } of locations) {
      let file = files.get(segment);
      if (file === undefined) {
        file = await open(segmentPath(directory, segment), 'r');
        files.set(segment, file);
      }
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
      const record = parseRecord(buffer.toString('utf8').trimEnd());
      if (record?.n !== n) return undefined;
      records.push(record);
    }
    return records;
  } finally {
    for (const file of files.values()) await file.close();
  }
}

/** SQLite's SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [11, 26].includes(errcode & 0xff);
}
