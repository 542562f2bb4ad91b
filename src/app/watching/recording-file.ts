/** The recording on disk: a line of JSON that says what it is, then one for each user, so that a large one is written in pieces. */
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ceiling, type UserImage, userImageOf } from '../../policy/authorization/learning/recording.ts';
import { readPlainText } from '../plain-file.ts';

const FILE_NAME = 'recording.jsonl';
const FILE_MODE = 0o600;
const VERSION = 1;
/** More than the ceilings of a recording allow. */
const SIZE_MAX_BYTES = 512 * 1024 * 1024;
const PIECE_CHARS = 256 * 1024;

export interface RecordingHead {
  /** Whether an operator has switched it on. */
  readonly isOn: boolean;
  /** When it began; epoch, ms. */
  readonly sinceMs: number;
  /** Uses that found no room. */
  readonly lost: number;
  readonly ceilings: readonly Ceiling[];
}

export interface StoredRecording extends RecordingHead {
  readonly users: readonly UserImage[];
  /** Lines that are none of ours. */
  readonly damaged: number;
}

const NO_RECORDING: StoredRecording = { isOn: false, sinceMs: 0, lost: 0, ceilings: [], users: [], damaged: 1 };

export function recordingFileIn(dataDirectory: string): string {
  return join(dataDirectory, FILE_NAME);
}

/** Undefined where there is no file. `read` may take what is no plain file, too. A file that is no recording is damaged as a whole: it has no users. */
export async function readRecording(path: string, read = readPlainText): Promise<StoredRecording | undefined> {
  let text: string;
  try {
    if ((await stat(path)).size > SIZE_MAX_BYTES) return NO_RECORDING;
    text = await read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [first = '', ...lines] = text.split('\n');
  const head = headOf(parsed(first));
  if (head === undefined) return NO_RECORDING;
  const users: UserImage[] = [];
  let damaged = 0;
  for (const line of lines) {
    if (line === '') continue;
    const user = userImageOf(parsed(line));
    if (user === undefined) damaged++;
    else users.push(user);
  }
  return { ...head, users, damaged };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function headOf(value: unknown): RecordingHead | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { v, isOn, sinceMs, lost, ceilings } = value as Record<string, unknown>;
  if (v !== VERSION || typeof isOn !== 'boolean' || !Array.isArray(ceilings)) return undefined;
  if (!Number.isSafeInteger(sinceMs) || !Number.isSafeInteger(lost)) return undefined;
  return {
    isOn,
    sinceMs: sinceMs as number,
    lost: lost as number,
    ceilings: ceilings.filter((ceiling): ceiling is Ceiling => ceiling === 'users' || ceiling === 'nodes'),
  };
}

/** In one step: a reader sees the old recording or the new one. Others run between the pieces. */
export async function writeRecording(path: string, head: RecordingHead, users: Iterable<UserImage>): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  await rm(beside, { force: true });
  try {
    const file = await open(beside, 'wx', FILE_MODE);
    try {
      let piece = `${JSON.stringify({ v: VERSION, ...head })}\n`;
      for (const user of users) {
        piece += `${JSON.stringify(user)}\n`;
        if (piece.length < PIECE_CHARS) continue;
        await file.writeFile(piece);
        piece = '';
      }
      await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
