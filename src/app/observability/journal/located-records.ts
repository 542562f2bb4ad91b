/** Reads records from where the index says that they stand; those that are near one another in one piece. */
import { type FileHandle, open } from 'node:fs/promises';
import { type JournalRecord, parseRecord } from './record.ts';
import type { Location } from './search-index.ts';
import { isAbsent, segmentPath } from './segment-files.ts';

/** What lies between two records is read with them up to so many bytes. */
const GAP_MAX_BYTES = 4096;
const PIECE_MAX_BYTES = 1024 * 1024;

export interface LocatedRecords {
  readonly records: readonly JournalRecord[];
  /** Retention has taken some of them meanwhile. */
  readonly isLacking: boolean;
}

/** Undefined where something else stands there. */
export async function readLocated(
  directory: string,
  locations: readonly Location[],
): Promise<LocatedRecords | undefined> {
  const records: JournalRecord[] = [];
  let isLacking = false;
  let file: FileHandle | undefined;
  let opened = 0;
  try {
    for (const piece of piecesOf(locations)) {
      const { segment } = piece[0]!;
      if (opened !== segment) {
        await file?.close();
        file = await openSegment(directory, segment);
        opened = segment;
        if (file === undefined) isLacking = true;
      }
      if (file !== undefined && !(await readPiece(file, piece, records))) return undefined;
    }
    return { records, isLacking };
  } finally {
    await file?.close();
  }
}

/** Neighbours of one segment, in whatever direction they come. */
function* piecesOf(locations: readonly Location[]): Generator<Location[]> {
  let piece: Location[] = [];
  let [start, end] = [0, 0];
  for (const location of locations) {
    const from = Math.min(start, location.at);
    const to = Math.max(end, location.at + location.length);
    const isNear =
      piece[0]?.segment === location.segment &&
      to - from <= PIECE_MAX_BYTES &&
      location.at - end <= GAP_MAX_BYTES &&
      start - (location.at + location.length) <= GAP_MAX_BYTES;
    if (isNear) {
      piece.push(location);
      [start, end] = [from, to];
    } else {
      if (piece.length > 0) yield piece;
      piece = [location];
      [start, end] = [location.at, location.at + location.length];
    }
  }
  if (piece.length > 0) yield piece;
}

async function readPiece(file: FileHandle, piece: readonly Location[], records: JournalRecord[]): Promise<boolean> {
  const start = Math.min(...piece.map(({ at }) => at));
  const end = Math.max(...piece.map(({ at, length }) => at + length));
  // An index that is damaged may say anything.
  if (!(start >= 0 && end > start && end <= (await file.stat()).size)) return false;
  const bytes = Buffer.allocUnsafe(end - start);
  await file.read(bytes, 0, bytes.length, start);
  for (const { n, at, length } of piece) {
    const line = bytes.toString('utf8', at - start, at - start + length);
    const record = parseRecord(line.split('\n', 1)[0]!);
    if (record?.n !== n) return false;
    records.push(record);
  }
  return true;
}

async function openSegment(directory: string, segment: number): Promise<FileHandle | undefined> {
  try {
    return await open(segmentPath(directory, segment), 'r');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
