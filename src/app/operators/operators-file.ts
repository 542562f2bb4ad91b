/** Opens the SQLite file of operators: its schema, and the record of changes that a running gateway tells of. */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { OPERATORS_FILE } from '../init/layout.ts';
import { openSqliteFile } from '../sqlite-file.ts';

/** Marks a SQLite file as ours: `SPop`. */
const APPLICATION_ID = 0x53506f70;

/** Changes that are remembered until a gateway has told of them. */
export const CHANGES_KEPT = 10_000;

/**
 * INVARIANT: no secret that lets anybody in is in here as it is, but for those of authenticator apps, which have to be: passwords
 * are hashed slowly, and what is random (tokens, sessions, codes) once, since nobody guesses 92 bits or more.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE operator (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    scopes TEXT,
    hash TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    handle BLOB NOT NULL UNIQUE,
    issuer TEXT,
    subject TEXT,
    totp_secret BLOB,
    totp_step INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    password_changed_at_ms INTEGER,
    last_login_at_ms INTEGER,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE former_hash (
    number INTEGER PRIMARY KEY,
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX former_hash_of ON former_hash (operator);

  CREATE TABLE recovery_code (
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    hash TEXT NOT NULL,
    used_at_ms INTEGER,
    PRIMARY KEY (operator, hash)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE passkey (
    id TEXT PRIMARY KEY,
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    label TEXT NOT NULL,
    public_key BLOB NOT NULL,
    counter INTEGER NOT NULL,
    transports TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX passkey_of ON passkey (operator);

  CREATE TABLE certificate (
    kind TEXT NOT NULL CHECK (kind IN ('fingerprint', 'subject')),
    value TEXT NOT NULL,
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    label TEXT NOT NULL,
    scopes TEXT,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER,
    last_used_from TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX token_of ON token (operator);

  CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    operator TEXT NOT NULL REFERENCES operator ON DELETE CASCADE,
    stage TEXT NOT NULL,
    method TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    proven_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX session_of ON session (operator);

  -- At most one row: a new code takes the place of the last.
  CREATE TABLE claim_code (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    hash BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    operator TEXT NOT NULL,
    what TEXT NOT NULL,
    says TEXT NOT NULL,
    by TEXT NOT NULL,
    came_from TEXT NOT NULL
  ) STRICT;
  CREATE TRIGGER change_forgotten AFTER INSERT ON change BEGIN
    DELETE FROM change WHERE number <= new.number - ${CHANGES_KEPT};
  END;
  -- The last change that a gateway has told of.
  CREATE TABLE told (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    change INTEGER NOT NULL
  ) STRICT;
  INSERT INTO told VALUES (1, 0);
  `,
];

/** Where a data directory has its operators. */
export function operatorsFileOf(dataDirectory: string): string {
  return join(dataDirectory, OPERATORS_FILE);
}

/** Writes of others take milliseconds, and nobody but operators ever waits for one. */
const BUSY_TIMEOUT_MS = 500;

/**
 * Opens the file, and makes it where there is none.
 * @throws {OperatorError} when it cannot be used.
 */
export function openOperatorsFile(path: string): DatabaseSync {
  return openSqliteFile({
    path,
    holds: 'operators',
    applicationId: APPLICATION_ID,
    migrations: MIGRATIONS,
    busyTimeoutMs: BUSY_TIMEOUT_MS,
  });
}
