/** Opens the SQLite file of the built-in users: its mode, its schema, and the log of changes that a running gateway follows. */
import { chownSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OperatorError } from '../config/problem.ts';

/** Marks a SQLite file as ours: `SPus`. */
const APPLICATION_ID = 0x53507573;
const FILE_MODE = 0o600;

/** Changes that are remembered; whoever has fallen behind further looks at everything anew. */
export const CHANGES_KEPT = 10_000;

/**
 * Step n brings a file from version n to n + 1. A step that was released never changes; new versions append.
 *
 * INVARIANT: whatever bears on who may log in, and whoever writes it, leaves a row in `change`. The number of the last login does
 * not: it changes all the time and means nothing to open sessions.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE user (
    username TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    credential TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    password_changed_at_ms INTEGER NOT NULL,
    last_login_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE former_hash (
    number INTEGER PRIMARY KEY,
    username TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX former_hash_of ON former_hash (username);

  CREATE TABLE change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL
  ) STRICT;
  CREATE TRIGGER user_added AFTER INSERT ON user BEGIN
    INSERT INTO change (username) VALUES (new.username);
  END;
  CREATE TRIGGER user_removed AFTER DELETE ON user BEGIN
    INSERT INTO change (username) VALUES (old.username);
  END;
  CREATE TRIGGER user_changed AFTER UPDATE OF hash, credential, disabled, password_changed_at_ms ON user BEGIN
    INSERT INTO change (username) VALUES (new.username);
  END;
  CREATE TRIGGER change_forgotten AFTER INSERT ON change BEGIN
    DELETE FROM change WHERE number <= new.number - ${CHANGES_KEPT};
  END;
  `,
  // INVARIANT: a verifier is of the password that is in force: whoever changes that, takes the verifiers away.
  `
  CREATE TABLE scram_verifier (
    username TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    mechanism TEXT NOT NULL,
    verifier TEXT NOT NULL,
    PRIMARY KEY (username, mechanism)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER verifiers_outdated AFTER UPDATE OF credential ON user BEGIN
    DELETE FROM scram_verifier WHERE username = new.username;
  END;
  `,
];

/** Where a data directory has its users. */
export function usersFileOf(dataDirectory: string): string {
  return join(dataDirectory, 'users.sqlite');
}

export interface OpenUsersOptions {
  /** How long to wait for another process that is writing; 0 in the gateway, which must not wait. */
  readonly busyTimeoutMs: number;
}

/**
 * Opens the file, and makes it where there is none.
 * @throws {OperatorError} when it cannot be used.
 */
export function openUsersFile(path: string, options: OpenUsersOptions): DatabaseSync {
  try {
    create(path);
    refuseOpenMode(path);
    const database = new DatabaseSync(path, { timeout: options.busyTimeoutMs, enableForeignKeyConstraints: true });
    try {
      prepare(database, path);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The users in ${path} cannot be opened: ${(error as Error).message}.`);
  }
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

function refuseOpenMode(path: string): void {
  const facts = statSync(path);
  if (!facts.isFile()) throw new OperatorError(`${path}, where the users should be, is no plain file.`);
  if ((facts.mode & 0o077) !== 0) {
    throw new OperatorError(`Others than the owner have access to the users in ${path}: chmod 600 ${path}`);
  }
}

function prepare(database: DatabaseSync, path: string): void {
  const numberOf = (pragma: string): number =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number;
  const isEmpty = numberOf('schema_version') === 0;
  if (!isEmpty && numberOf('application_id') !== APPLICATION_ID) {
    throw new OperatorError(`${path} is a database, but not one of Sallyport's users.`);
  }
  const version = numberOf('user_version');
  if (version > MIGRATIONS.length) {
    throw new OperatorError(`${path} was written by a newer Sallyport; use that one, or a copy from before.`);
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF');
  if (version === MIGRATIONS.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been faster.
    for (let step = numberOf('user_version'); step < MIGRATIONS.length; step++) database.exec(MIGRATIONS[step]!);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
