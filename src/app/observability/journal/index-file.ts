/** The file of the journal's index: opened, made where there is none, and taken away. */
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const INDEX_FILE = 'index.sqlite';
/** `SPji`, and the form of the tables: an index of another form is made anew. */
const APPLICATION_ID = 0x53506a69;
const FORM = 3;
const BUSY_TIMEOUT_MS = 30_000;

const TABLES = `
  CREATE TABLE word (id INTEGER PRIMARY KEY, field INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (field, text)) STRICT;
  CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    at INTEGER NOT NULL,
    end INTEGER NOT NULL,
    n INTEGER NOT NULL,
    t INTEGER NOT NULL,
    count INTEGER NOT NULL,
    tMin INTEGER NOT NULL,
    tMax INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE part (id INTEGER PRIMARY KEY, words BLOB, codes BLOB NOT NULL) STRICT;
  CREATE TABLE progress (segment INTEGER NOT NULL, at INTEGER NOT NULL, forgotten INTEGER NOT NULL) STRICT;
  INSERT INTO progress VALUES (0, 0, 0);
`;

export function indexPath(directory: string): string {
  return join(directory, INDEX_FILE);
}

export function removeIndex(directory: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${indexPath(directory)}${suffix}`, { force: true });
}

/** Throws where it cannot be opened, is damaged, or is of another form. */
export function openIndexFile(path: string): DatabaseSync {
  const isNew = !existsSync(path);
  // SQLite gives its further files the mode that this one has.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Nothing here is worth a sync: what a crash takes is read from the journal again.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536');
    if (isNew) {
      database.exec(
        `BEGIN; ${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORM}; COMMIT`,
      );
    }
    const { application_id } = database.prepare('PRAGMA application_id').get() as { application_id: number };
    const { user_version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (application_id !== APPLICATION_ID || user_version !== FORM) throw new Error('it is of another form');
    database.prepare('SELECT count(*) FROM progress').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
