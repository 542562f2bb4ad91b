/** The files of the journal: segments numbered from 1, and the head that says how far the last one was safe. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../config/problem.ts';

export const HEAD_FILE = 'head.json';

const SEGMENT = /^(\d{10})\.journal$/;
/** A record holds one event, whose fields have ceilings; a longer line is damage. */
const LINE_MAX_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(10, '0')}.journal`);
}

/** Of a journal that is to be read: one that is not there must not pass for an empty one. @throws {OperatorError} */
export async function demandJournal(directory: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OperatorError(
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `The journal ${directory} is no folder: name the folder of one with --journal.`
        : `The journal ${directory} cannot be read (${code}): do so as the user whom the gateway runs as, or as root.`,
    );
  }
  if (!names.some((name) => SEGMENT.test(name)))
    throw new OperatorError(`There is no journal in ${directory}: name the folder of one with --journal.`);
}

/** In order. A folder that is not there has none. */
export async function listSegments(directory: string): Promise<SegmentFile[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
  const segments: SegmentFile[] = [];
  for (const name of names.sort()) {
    const match = SEGMENT.exec(name);
    if (match === null) continue;
    const path = join(directory, name);
    try {
      const { size, mtimeMs } = await stat(path);
      segments.push({ number: Number(match[1]), path, sizeBytes: size, modifiedAtMs: mtimeMs });
    } catch (error) {
      // Retention has just taken it.
      if (!isAbsent(error)) throw error;
    }
  }
  return segments;
}

/** The file is not there, or not any more. */
export function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** One line, as it stands in the file. */
export interface SegmentLine {
  readonly text: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** False for what stands behind the last line feed: a write that was cut short. */
  readonly isWhole: boolean;
}

/** Lines from `offset` on, in batches, so that a large segment costs no promise a line. */
export async function* readLines(path: string, offset = 0): AsyncGenerator<SegmentLine[]> {
  let held: Buffer = Buffer.alloc(0);
  let at = offset;
  for await (const chunk of createReadStream(path, { start: offset, highWaterMark: 1024 * 1024 })) {
    const bytes: Buffer = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
    const lines: SegmentLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      lines.push({ text: bytes.toString('utf8', start, end), offset: at, lengthBytes: end + 1 - start, isWhole: true });
      at += end + 1 - start;
      start = end + 1;
    }
    held = bytes.subarray(start);
    if (held.length > LINE_MAX_BYTES) {
      lines.push({ text: '', offset: at, lengthBytes: held.length, isWhole: true });
      at += held.length;
      held = Buffer.alloc(0);
    }
    if (lines.length > 0) yield lines;
  }
  if (held.length > 0) {
    yield [{ text: held.toString('utf8'), offset: at, lengthBytes: held.length, isWhole: false }];
  }
}
