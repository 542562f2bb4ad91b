/** One gateway a data directory: a lock that the kernel takes back when its holder dies, however it dies. */
import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../config/problem.ts';
import { denialOf, isDenial } from '../denied-place.ts';

const LOCK_FILE = 'lock';
const PID_FILE = 'pid';
/** Result codes of SQLite: somebody else holds the lock, or the file cannot be opened or written. */
const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;

export interface DirectoryLock {
  release(): void;
}

function holderOf(directory: string): string {
  try {
    const pid = readFileSync(join(directory, PID_FILE), 'utf8').trim();
    return /^\d{1,10}$/.test(pid) ? ` (process ${pid})` : '';
  } catch {
    return '';
  }
}

/** What the system says, of which SQLite tells nothing; undefined where it has no objection. */
function refusalOf(path: string): unknown {
  try {
    closeSync(openSync(path, 'a', 0o600));
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * Takes the lock, and writes our process number beside it. SQLite brings the file locks that Node itself has no call for.
 * Throws an `OperatorError` where another gateway has it, or where the directory cannot be written.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, LOCK_FILE);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    chmodSync(path, 0o600);
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    writeFileSync(join(directory, PID_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    database?.close();
    const { errcode, message } = error as { errcode?: number; message: string };
    if (errcode !== undefined && (errcode & 0xff) === SQLITE_BUSY) {
      throw new OperatorError(
        `A gateway is running on ${directory} already${holderOf(directory)}: stop it first, or give this one another data directory with --data.`,
      );
    }
    const refusal = errcode !== undefined && (errcode & 0xff) === SQLITE_CANTOPEN ? refusalOf(path) : error;
    if (isDenial(refusal)) {
      const { path: refused = path } = refusal as NodeJS.ErrnoException;
      const says = denialOf(refused, { todo: 'write', tree: directory });
      throw new OperatorError(`The data directory ${directory} cannot be written: ${says}.`);
    }
    throw new OperatorError(
      `The data directory ${directory} cannot be written (${message}): check that it exists, its owner, its mode, and the space on its disk.`,
    );
  }
  const held = database;
  return {
    release() {
      rmSync(join(directory, PID_FILE), { force: true });
      held.close();
    },
  };
}
