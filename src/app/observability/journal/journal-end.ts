/** Where the journal that is on disk ends, and what is wrong with that end: a new segment begins there, and says it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Head } from './head.ts';
import { FIRST_LINK, type JournalRecord, parseRecord } from './record.ts';
import { HEAD_FILE, listSegments, readLines, type SegmentFile } from './segment-files.ts';

export interface End {
  /** The last segment, 0 where there is none. */
  readonly segment: number;
  /** The last whole record, 0 where there is none. */
  readonly n: number;
  readonly h: string;
  /** Bytes behind the last whole record: a write that a crash has cut short. */
  readonly tornBytes?: number;
  /** The head knew of a later record than the last one that is there. */
  readonly headWas?: Head;
  /** The key that signed so far is not the one that is there now. */
  readonly keyWas?: string;
}

/** Enough for the longest record and a half-written one. */
const TAIL_BYTES = 2 * 1024 * 1024;

export async function findEnd(directory: string, fingerprint: string): Promise<End> {
  const segments = await listSegments(directory);
  const segment = segments.at(-1)?.number ?? 0;
  const { last, tornBytes } = await lastRecord(segments);
  const [n, h] = [last?.n ?? 0, last?.h ?? FIRST_LINK];
  const head = await claimed(directory);
  return {
    segment,
    n,
    h,
    ...(tornBytes > 0 ? { tornBytes } : {}),
    ...(head !== undefined && head.n > n ? { headWas: { n: head.n, h: head.h } } : {}),
    ...(head !== undefined && head.key !== fingerprint ? { keyWas: head.key } : {}),
  };
}

async function lastRecord(
  segments: readonly SegmentFile[],
): Promise<{ last: JournalRecord | undefined; tornBytes: number }> {
  let tornBytes = 0;
  for (const { path, sizeBytes } of segments.toReversed()) {
    let last: JournalRecord | undefined;
    const offset = Math.max(0, sizeBytes - TAIL_BYTES);
    for await (const lines of readLines(path, offset)) {
      for (const { text, lengthBytes, isWhole } of lines) {
        if (!isWhole) tornBytes += lengthBytes;
        else last = parseRecord(text) ?? last;
      }
    }
    if (last !== undefined) return { last, tornBytes };
  }
  return { last: undefined, tornBytes };
}

/** As the file has it, signed or not: that it is forged is for `verify` to say. */
async function claimed(directory: string): Promise<(Head & { key: string }) | undefined> {
  try {
    const { n, h, key } = JSON.parse(await readFile(join(directory, HEAD_FILE), 'utf8')) as Record<string, unknown>;
    if (typeof n !== 'number' || typeof h !== 'string' || typeof key !== 'string') return undefined;
    return { n, h, key };
  } catch {
    return undefined;
  }
}

/** The record that a segment begins with; undefined where it does not begin with one. */
export async function firstRecord(path: string): Promise<JournalRecord | undefined> {
  for await (const [line] of readLines(path)) return line?.isWhole === true ? parseRecord(line.text) : undefined;
  return undefined;
}
