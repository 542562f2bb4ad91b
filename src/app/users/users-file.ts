/** Opens the SQLite file of the built-in users: its schema, and the log of changes that a running gateway follows. */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openSqliteFile } from '../sqlite-file.ts';

/** Marks a SQLite file as ours: `SPus`. */
const APPLICATION_ID = 0x53507573;

/** Changes that are remembered; whoever has fallen behind further looks at everything anew. */
export const CHANGES_KEPT = 10_000;

/**
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
export function openUsersFile(path: string, { busyTimeoutMs }: OpenUsersOptions): DatabaseSync {
  return openSqliteFile({ path, holds: 'users', applicationId: APPLICATION_ID, migrations: MIGRATIONS, busyTimeoutMs });
}
