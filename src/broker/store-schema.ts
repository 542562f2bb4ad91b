/** Opens the database file of the embedded broker's store: ownership, mode, integrity, schema version. Runs in the store's thread. */

import { accessSync, chmodSync, closeSync, constants, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StoreFault, ThreadOptions } from './store-thread.ts';

/** Marks a SQLite file as ours: `SPst`. */
const APPLICATION_ID = 0x53507374;

/** How long a start waits for a predecessor that is just closing. */
const LOCK_WAIT_MS = 250;

/** Pages of the log after which SQLite moves it into the database by itself: 16 MiB. */
const CHECKPOINT_PAGES = 4096;

/** What the log is cut back to after a checkpoint. */
const LOG_KEPT_BYTES = 67_108_864;

/**
 * Step n brings a file from version n to n + 1. A step that was released never changes; new versions append.
 *
 * INVARIANT: a message exists exactly while a row of `outgoing` or `retained` refers to it; the triggers keep it so, within
 * the transaction that removes the last reference. Whoever inserts a message inserts a reference right behind it.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE session (
    number INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    expiry_interval_s INTEGER NOT NULL,
    disconnected_at_ms INTEGER,
    will_topic TEXT,
    will_qos INTEGER,
    will_retain INTEGER,
    will_delay_s INTEGER,
    will_properties BLOB,
    will_payload BLOB
  ) STRICT;

  CREATE TABLE subscription (
    session INTEGER NOT NULL,
    filter TEXT NOT NULL,
    qos INTEGER NOT NULL,
    no_local INTEGER NOT NULL,
    retain_as_published INTEGER NOT NULL,
    retain_handling INTEGER NOT NULL,
    identifier INTEGER NOT NULL,
    PRIMARY KEY (session, filter)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    publisher TEXT NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    expires_at_ms INTEGER,
    properties BLOB,
    payload BLOB
  ) STRICT;

  CREATE TABLE outgoing (
    session INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    identifiers TEXT,
    message INTEGER,
    PRIMARY KEY (session, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX outgoing_message ON outgoing (message) WHERE message IS NOT NULL;

  CREATE TABLE incoming (
    session INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE retained (topic TEXT PRIMARY KEY, message INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX retained_message ON retained (message);

  CREATE TRIGGER outgoing_deleted AFTER DELETE ON outgoing WHEN old.message IS NOT NULL BEGIN
    DELETE FROM message WHERE id = old.message
      AND NOT EXISTS (SELECT 1 FROM outgoing WHERE message = old.message)
      AND NOT EXISTS (SELECT 1 FROM retained WHERE message = old.message);
  END;
  CREATE TRIGGER outgoing_updated AFTER UPDATE OF message ON outgoing
  WHEN old.message IS NOT NULL AND old.message IS NOT new.message BEGIN
    DELETE FROM message WHERE id = old.message
      AND NOT EXISTS (SELECT 1 FROM outgoing WHERE message = old.message)
      AND NOT EXISTS (SELECT 1 FROM retained WHERE message = old.message);
  END;
  CREATE TRIGGER retained_deleted AFTER DELETE ON retained BEGIN
    DELETE FROM message WHERE id = old.message
      AND NOT EXISTS (SELECT 1 FROM outgoing WHERE message = old.message)
      AND NOT EXISTS (SELECT 1 FROM retained WHERE message = old.message);
  END;
  CREATE TRIGGER retained_updated AFTER UPDATE OF message ON retained WHEN old.message <> new.message BEGIN
    DELETE FROM message WHERE id = old.message
      AND NOT EXISTS (SELECT 1 FROM outgoing WHERE message = old.message)
      AND NOT EXISTS (SELECT 1 FROM retained WHERE message = old.message);
  END;
  `,
  'ALTER TABLE session ADD COLUMN will_author TEXT',
];

export const SCHEMA_VERSION = MIGRATIONS.length;

const WHOLE = (column: string) => `${column} BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`;

/**
 * Rows that no version of ours can have written: a flipped bit, an edit by hand, a reference to nothing. They go before
 * anything is read, parents first, so that what is read back needs no doubt.
 */
const DAMAGED_ROWS: readonly string[] = [
  `DELETE FROM message WHERE NOT (${WHOLE('id')} AND qos BETWEEN 0 AND 2 AND retain IN (0, 1)
     AND (expires_at_ms IS NULL OR ${WHOLE('expires_at_ms')}))`,
  `DELETE FROM session WHERE NOT (${WHOLE('number')} AND expiry_interval_s BETWEEN 0 AND 4294967295
     AND (disconnected_at_ms IS NULL OR ${WHOLE('disconnected_at_ms')})
     AND (will_topic IS NULL OR ifnull(will_qos BETWEEN 0 AND 2 AND will_retain IN (0, 1) AND will_delay_s BETWEEN 0 AND 4294967295, 0)))`,
  `DELETE FROM subscription WHERE session NOT IN (SELECT number FROM session) OR NOT (qos BETWEEN 0 AND 2
     AND no_local IN (0, 1) AND retain_as_published IN (0, 1) AND retain_handling BETWEEN 0 AND 2
     AND identifier BETWEEN 0 AND 268435455)`,
  `DELETE FROM incoming WHERE session NOT IN (SELECT number FROM session) OR packet_id NOT BETWEEN 1 AND 65535`,
  `DELETE FROM retained WHERE message NOT IN (SELECT id FROM message)`,
  `DELETE FROM outgoing WHERE session NOT IN (SELECT number FROM session)
     OR (message IS NOT NULL AND message NOT IN (SELECT id FROM message))
     OR NOT (${WHOLE('sequence')} AND packet_id BETWEEN 0 AND 65535 AND state BETWEEN 0 AND 2
       AND (message IS NOT NULL OR state = 2) AND qos BETWEEN 0 AND 2 AND retain IN (0, 1))`,
  `DELETE FROM message WHERE id NOT IN (SELECT message FROM outgoing WHERE message IS NOT NULL)
     AND id NOT IN (SELECT message FROM retained)`,
];

/** The file cannot be used; `says` is one sentence with the cure. */
export class RefusedFile extends Error {
  readonly fault: StoreFault;

  constructor(fault: StoreFault, says: string) {
    super(says);
    this.name = 'RefusedFile';
    this.fault = fault;
  }
}

export interface OpenedDatabase {
  readonly database: DatabaseSync;
  /** Row identifiers from here on are free. */
  readonly messageBase: number;
  readonly sessionNext: number;
  /** Rows that were removed because they made no sense. */
  readonly damagedRows: number;
}

/** Primary result codes of SQLite that have a cure of their own. */
const BUSY = 5;
const LOCKED = 6;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** The primary result code of an error from node:sqlite; undefined for any other error. */
function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** One clause that says what SQLite or the system answered. */
export function describeDiskError(error: unknown): string {
  const { errstr, code, message } = error as { errstr?: string; code?: string; message?: string };
  return errstr ?? code ?? message ?? 'unknown error';
}

function refusal(path: string, error: unknown): RefusedFile {
  switch (resultCode(error)) {
    case BUSY:
    case LOCKED:
      return new RefusedFile(
        'in-use',
        `${path} is in use by another gateway: stop that one, or give this one a data directory of its own.`,
      );
    case NOT_A_DATABASE:
      return notAStore(path);
    case CORRUPT:
      return damaged(path, describeDiskError(error));
    default:
      return unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): RefusedFile {
  return new RefusedFile(
    'unwritable',
    `${path} cannot be written (${describeDiskError(error)}): give its directory room and the gateway's user the right to write there, or name another data directory.`,
  );
}

function notAStore(path: string): RefusedFile {
  return new RefusedFile(
    'not-a-store',
    `${path} is not a session store of Sallyport: move it away, or name another data directory.`,
  );
}

function damaged(path: string, says: string): RefusedFile {
  return new RefusedFile(
    'damaged',
    `${path} is damaged (${says}): restore it from a backup, or move it and its -wal file away to start with empty sessions.`,
  );
}

/**
 * Makes the file if need be, for its owner only; SQLite gives the log beside it the same mode. A file that is there is not
 * opened: closing it again would give up the locks that this process may hold on it.
 */
function claimFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) {
    closeSync(openSync(path, 'wx', 0o600));
    fsyncDirectory(dirname(path));
    return;
  }
  if (!status.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
  if ((status.mode & 0o077) !== 0) chmodSync(path, 0o600);
  accessSync(path, constants.R_OK | constants.W_OK);
}

/** A file whose name is not on the medium is lost with everything in it when the power fails. */
function fsyncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

/**
 * Opens the file, makes it this process's own until it is closed, checks and migrates it.
 * @throws RefusedFile when it cannot be used.
 */
export function openDatabase(options: ThreadOptions): OpenedDatabase {
  const { path } = options;
  let database: DatabaseSync | undefined;
  try {
    claimFile(path);
    database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS, enableForeignKeyConstraints: false });
    const opened = prepareDatabase(database, options);
    return { database, ...opened };
  } catch (error) {
    try {
      database?.close();
    } catch {
      // The refusal says what went wrong first.
    }
    throw error instanceof RefusedFile ? error : refusal(path, error);
  }
}

function prepareDatabase(database: DatabaseSync, options: ThreadOptions): Omit<OpenedDatabase, 'database'> {
  const { path } = options;
  // Before the first access: then the lock is taken with it and held, and the log needs no shared-memory file.
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  const applicationId = pragma(database, 'application_id');
  const version = Number(pragma(database, 'user_version'));
  const tables = Number(database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables']);
  const fresh = applicationId === 0 && version === 0 && tables === 0;
  if (!fresh && applicationId !== APPLICATION_ID) throw notAStore(path);
  if (version > SCHEMA_VERSION) {
    throw new RefusedFile(
      'newer',
      `${path} was written by a newer version of Sallyport (schema ${version}; this one knows ${SCHEMA_VERSION}): run that version, or name another data directory.`,
    );
  }
  if (!fresh) {
    const verdict = pragma(database, 'quick_check(1)');
    if (verdict !== 'ok') throw damaged(path, String(verdict));
  }
  // Room of a backlog that is gone can be given back step by step; only a fresh file can be told so.
  if (fresh) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  if (pragma(database, 'journal_mode = WAL') !== 'wal') throw unwritable(path, { message: 'no write-ahead log' });
  database.exec(`
    PRAGMA synchronous = ${options.mode === 'durable' ? 'FULL' : 'NORMAL'};
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};
    PRAGMA recursive_triggers = OFF;
    PRAGMA temp_store = MEMORY;
    BEGIN EXCLUSIVE;
  `);
  // A file that is up to date and sound is not written to: it opens on a full disk too.
  if (version < SCHEMA_VERSION) {
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
  }
  const damagedRows = fresh ? 0 : removeDamagedRows(database);
  database.exec('COMMIT');
  const next = database
    .prepare(
      `SELECT (SELECT ifnull(max(id), 0) + 1 FROM message) AS messageBase,
              (SELECT ifnull(max(number), 0) + 1 FROM session) AS sessionNext`,
    )
    .get();
  return { messageBase: Number(next?.['messageBase']), sessionNext: Number(next?.['sessionNext']), damagedRows };
}

function removeDamagedRows(database: DatabaseSync): number {
  let count = 0;
  for (const statement of DAMAGED_ROWS) count += Number(database.prepare(statement).run().changes);
  return count;
}
