/** Changes to the file of the built-in users, as the command line makes them, also while a gateway runs on it. */
import type { DatabaseSync } from 'node:sqlite';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { openUsersFile } from './users-file.ts';

export interface ListedUser {
  readonly username: string;
  readonly isDisabled: boolean;
  /** Epoch milliseconds, all three. */
  readonly createdAtMs: number;
  readonly passwordChangedAtMs: number;
  readonly lastLoginAtMs: number | undefined;
  readonly hash: string;
}

/** How long a command waits for another one, or for the gateway, to finish writing. */
const BUSY_TIMEOUT_MS = 5000;

export interface UserPage {
  /** Only names behind this one. */
  readonly after: string | undefined;
  readonly limit: number;
}

const CREDENTIAL_BYTES = 16;

export class UserAdmin {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #chance: Chance;

  /** @throws {OperatorError} when the file cannot be used. */
  constructor(path: string, clock: Clock, chance: Chance, { busyTimeoutMs = BUSY_TIMEOUT_MS } = {}) {
    this.#database = openUsersFile(path, { busyTimeoutMs });
    this.#clock = clock;
    this.#chance = chance;
  }

  close(): void {
    this.#database.close();
  }

  /** False when there is one of this name already. */
  add(username: string, hash: string): boolean {
    const nowMs = this.#clock.epochMs();
    const { changes } = this.#database
      .prepare(
        `INSERT INTO user (username, hash, credential, created_at_ms, password_changed_at_ms)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      )
      .run(username, hash, this.#newCredential(), nowMs, nowMs);
    return changes > 0;
  }

  /** All or nothing; who is there already is passed over, or given the new password. */
  import(
    users: Iterable<{ username: string; hash: string }>,
    options: { replace: boolean },
  ): {
    added: number;
    replaced: number;
    passedOver: string[];
  } {
    const outcome = { added: 0, replaced: 0, passedOver: [] as string[] };
    this.#transact(() => {
      for (const { username, hash } of users) {
        if (this.add(username, hash)) outcome.added++;
        else if (!options.replace) outcome.passedOver.push(username);
        else {
          this.#write(username, hash);
          outcome.replaced++;
        }
      }
    });
    return outcome;
  }

  /** Remembers the hash that was, and forgets all but `historyMax` former ones. False when there is no such user. */
  setPassword(username: string, hash: string, historyMax: number): boolean {
    let isChanged = false;
    this.#transact(() => {
      this.#database
        .prepare('INSERT INTO former_hash (username, hash) SELECT username, hash FROM user WHERE username = ?')
        .run(username);
      this.#database
        .prepare(
          `DELETE FROM former_hash WHERE username = ? AND number NOT IN
             (SELECT number FROM former_hash WHERE username = ? ORDER BY number DESC LIMIT ?)`,
        )
        .run(username, username, Math.max(0, historyMax - 1));
      isChanged = this.#write(username, hash);
    });
    return isChanged;
  }

  /** For SCRAM, of the password that is in force. */
  setVerifiers(username: string, verifiers: Readonly<Record<string, string>>): void {
    this.#transact(() => {
      const insert = this.#database.prepare(
        'INSERT OR REPLACE INTO scram_verifier (username, mechanism, verifier) VALUES (?, ?, ?)',
      );
      for (const [mechanism, verifier] of Object.entries(verifiers)) insert.run(username, mechanism, verifier);
    });
  }

  hasVerifiers(username: string): boolean {
    return this.#database.prepare('SELECT 1 FROM scram_verifier WHERE username = ?').get(username) !== undefined;
  }

  #write(username: string, hash: string): boolean {
    const { changes } = this.#database
      .prepare('UPDATE user SET hash = ?, credential = ?, password_changed_at_ms = ? WHERE username = ?')
      .run(hash, this.#newCredential(), this.#clock.epochMs(), username);
    return changes > 0;
  }

  /** The present hash and the former ones, the youngest first; empty when there is no such user. */
  hashesOf(username: string): string[] {
    const present = this.#database.prepare('SELECT hash FROM user WHERE username = ?').all(username);
    const former = this.#database
      .prepare('SELECT hash FROM former_hash WHERE username = ? ORDER BY number DESC')
      .all(username);
    return [...present, ...former].map((row) => row['hash'] as string);
  }

  /** False when there is no such user. */
  remove(username: string): boolean {
    return this.#database.prepare('DELETE FROM user WHERE username = ?').run(username).changes > 0;
  }

  /** False when there is no such user. */
  setDisabled(username: string, isDisabled: boolean): boolean {
    return (
      this.#database.prepare('UPDATE user SET disabled = ? WHERE username = ?').run(isDisabled ? 1 : 0, username)
        .changes > 0
    );
  }

  /** By name; all of them, or a page. */
  list({ after, limit }: UserPage = { after: undefined, limit: -1 }): ListedUser[] {
    return this.#database
      .prepare('SELECT * FROM user WHERE username > ? ORDER BY username LIMIT ?')
      .all(after ?? '', limit)
      .map((row) => ({
        username: row['username'] as string,
        isDisabled: row['disabled'] !== 0,
        createdAtMs: row['created_at_ms'] as number,
        passwordChangedAtMs: row['password_changed_at_ms'] as number,
        lastLoginAtMs: (row['last_login_at_ms'] as number | null) ?? undefined,
        hash: row['hash'] as string,
      }));
  }

  #newCredential(): string {
    return this.#chance.bytes(CREDENTIAL_BYTES).toString('hex');
  }

  #transact(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
