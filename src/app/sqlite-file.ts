/** Opens a SQLite file of ours: its mode, its mark, and its schema brought up to date. */
import { chownSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from './config/problem.ts';

const FILE_MODE = 0o600;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

export interface SqliteFile {
  readonly path: string;
  /** What is in it, for messages: `users`. */
  readonly holds: string;
  /** Marks the file as this kind of ours; four letters. */
  readonly applicationId: number;
  /** Step n brings a file from version n to n + 1. A step that was released never changes; new versions append. */
  readonly migrations: readonly string[];
  /** How long to wait for another process that is writing; 0 in the gateway, which must not wait. */
  readonly busyTimeoutMs: number;
}

/**
 * Opens the file, and makes it where there is none.
 * @throws {OperatorError} when it cannot be used; its cause is SQLite's error where that is one.
 */
export function openSqliteFile(file: SqliteFile): DatabaseSync {
  const { path, holds, busyTimeoutMs } = file;
  try {
    create(path);
    refuseOpenMode(file);
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
    try {
      prepare(database, file);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    // SQLite's own words for a file that this user may not read or write leave out why.
    const isDenied = (error as { errcode?: number }).errcode === SQLITE_CANTOPEN;
    const hint = isDenied ? ' (may this user read and write it and its folder?)' : '';
    const says = `The ${holds} in ${path} cannot be opened: ${(error as Error).message}${hint}.`;
    throw new OperatorError(says, { cause: error });
  }
}

/** Whether an error of SQLite's, or one that it caused, says that the file itself is damaged. */
export function isDamage(error: unknown): boolean {
  const { errcode, cause } = error as { errcode?: number; cause?: unknown };
  // The lower byte is the kind; what is above tells more of the place.
  const kind = (errcode ?? 0) & 0xff;
  return kind === SQLITE_CORRUPT || kind === SQLITE_NOTADB || (cause !== undefined && isDamage(cause));
}

/** With its mode from the first moment on; a file that root makes belongs to whom the directory belongs to. */
function create(path: string): void {
  let file: number;
  try {
    file = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, FILE_MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  closeSync(file);
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

function refuseOpenMode({ path, holds }: SqliteFile): void {
  const facts = statSync(path);
  if (!facts.isFile()) throw new OperatorError(`${path}, where the ${holds} should be, is no plain file.`);
  if ((facts.mode & 0o077) !== 0) {
    throw new OperatorError(`Others than the owner have access to the ${holds} in ${path}: chmod 600 ${path}`);
  }
}

function prepare(database: DatabaseSync, { path, holds, applicationId, migrations }: SqliteFile): void {
  const numberOf = (pragma: string): number =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number;
  const isEmpty = numberOf('schema_version') === 0;
  if (!isEmpty && numberOf('application_id') !== applicationId) {
    throw new OperatorError(`${path} is a database, but not one of Sallyport's ${holds}.`);
  }
  const version = numberOf('user_version');
  if (version > migrations.length) {
    throw new OperatorError(`${path} was written by a newer Sallyport; use that one, or a copy from before.`);
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF');
  if (version === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been faster.
    for (let step = numberOf('user_version'); step < migrations.length; step++) database.exec(migrations[step]!);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
