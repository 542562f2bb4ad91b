/** The built-in users as the running gateway has them: read through a cache, followed when the command line changes them. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { isHashFault, type PasswordHash, parsePasswordHash } from '../../policy/identity/password-hash.ts';
import { decoyFor } from '../../policy/identity/password-login.ts';
import { parseScramVerifier, type ScramMechanism, type ScramVerifier } from '../../policy/identity/scram-verifier.ts';
import type { StoredUser, UserStore } from '../../policy/identity/users-method.ts';
import { openUsersFile } from './users-file.ts';

export interface SqliteUserStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  /** Told what has changed from outside: names of users, or undefined when it may be any. */
  readonly onChanged: (usernames: ReadonlySet<string> | undefined) => void;
}

/** How often changes of others are looked for; they take effect within a second. */
const LOOK_INTERVAL_MS = 500;
/** How often logins are written down: rarely, because nobody waits for it. */
const FLUSH_INTERVAL_MS = 5000;
const CACHED_MAX = 50_000;
const LOGINS_MAX = 50_000;
const UPGRADES_MAX = 1000;
/** Enough to know what most hashes cost. */
const SAMPLE_MAX = 1000;
/** Looked at for each user who does not exist. */
const VERIFIER_SAMPLE_MAX = 20;

interface Row {
  readonly username: string;
  readonly hash: string;
  readonly credential: string;
  readonly disabled: number;
  readonly password_changed_at_ms: number;
}

const COLUMNS = 'username, hash, credential, disabled, password_changed_at_ms';

export class SqliteUserStore implements UserStore {
  readonly #options: SqliteUserStoreOptions;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #selectVerifier: StatementSync;
  readonly #dataVersion: StatementSync;
  readonly #cached = new BoundedMap<string, StoredUser>({ entriesMax: CACHED_MAX });
  readonly #logins = new BoundedMap<string, number>({ entriesMax: LOGINS_MAX });
  readonly #upgrades = new BoundedMap<string, { from: string; to: string }>({ entriesMax: UPGRADES_MAX });
  #decoy: PasswordHash;
  #seenVersion: number;
  #seenChange: number;
  #lookTimer: Timer;
  #flushTimer: Timer;
  #isFailing = false;
  #isClosed = false;

  /** @throws {OperatorError} when the file cannot be used. */
  constructor(options: SqliteUserStoreOptions) {
    this.#options = options;
    this.#database = openUsersFile(options.path, { busyTimeoutMs: 0 });
    this.#select = this.#database.prepare(`SELECT ${COLUMNS} FROM user WHERE username = ?`);
    this.#selectVerifier = this.#database.prepare(
      'SELECT verifier FROM scram_verifier WHERE username = ? AND mechanism = ?',
    );
    this.#dataVersion = this.#database.prepare('PRAGMA data_version');
    this.#seenVersion = this.#readDataVersion();
    this.#seenChange = this.#lastChange();
    this.#decoy = this.#makeDecoy();
    this.#lookTimer = options.clock.after(LOOK_INTERVAL_MS, () => this.#look());
    this.#flushTimer = options.clock.after(FLUSH_INTERVAL_MS, () => this.#flushOften());
  }

  get decoy(): PasswordHash {
    return this.#decoy;
  }

  find(username: string): StoredUser | 'unreadable' | undefined {
    const cached = this.#cached.get(username);
    if (cached !== undefined) return cached;
    try {
      const row = this.#select.get(username) as Row | undefined;
      if (row === undefined) return undefined;
      const user = read(row);
      if (user === undefined) {
        this.#fail(`the stored password of "${username}" is damaged`);
        return 'unreadable';
      }
      this.#cached.set(username, user);
      return user;
    } catch (error) {
      this.#fail((error as Error).message);
      return 'unreadable';
    }
  }

  /** For SCRAM; undefined also where it is damaged or cannot be read, which is told. */
  verifierOf(username: string, mechanism: ScramMechanism): ScramVerifier | undefined {
    try {
      const row = this.#selectVerifier.get(username, mechanism) as { verifier: string } | undefined;
      if (row === undefined) return undefined;
      const verifier = parseScramVerifier(row.verifier);
      if (typeof verifier !== 'string' && verifier.mechanism === mechanism) return verifier;
      this.#fail(`the SCRAM verifier of "${username}" is damaged`);
    } catch (error) {
      this.#fail((error as Error).message);
    }
    return undefined;
  }

  /** Of a sample; a user who does not exist is asked with as many. */
  usualIterations(mechanism: ScramMechanism): number | undefined {
    try {
      const counts = new Map<number, number>();
      for (const { verifier } of this.#sampleOf(mechanism)) {
        const iterations = Number(/\$(\d+):/.exec(verifier)?.[1]);
        counts.set(iterations, (counts.get(iterations) ?? 0) + 1);
      }
      return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
    } catch (error) {
      this.#fail((error as Error).message);
      return undefined;
    }
  }

  #sampleOf(mechanism: ScramMechanism): { verifier: string }[] {
    return this.#database
      .prepare(`SELECT verifier FROM scram_verifier WHERE mechanism = ? LIMIT ${VERIFIER_SAMPLE_MAX}`)
      .all(mechanism) as { verifier: string }[];
  }

  loggedIn(username: string): void {
    this.#logins.set(username, this.#options.clock.epochMs());
  }

  rehashed(user: StoredUser, encoded: string): void {
    this.#upgrades.set(user.username, { from: user.hash.encoded, to: encoded });
  }

  // --- what others change ---

  #look(): void {
    this.#lookTimer = this.#options.clock.after(LOOK_INTERVAL_MS, () => this.#look());
    this.refresh();
  }

  /** A look costs some microseconds when there is nothing. */
  refresh(): void {
    try {
      const version = this.#readDataVersion();
      if (version === this.#seenVersion) return;
      const changed = this.#changesSince(this.#seenChange);
      if (changed === undefined) this.#cached.clear();
      else for (const username of changed) this.#cached.delete(username);
      this.#decoy = this.#makeDecoy();
      this.#seenChange = this.#lastChange();
      this.#seenVersion = version;
      this.#recover();
      if (changed === undefined || changed.size > 0) this.#options.onChanged(changed);
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #readDataVersion(): number {
    return (this.#dataVersion.get() as { data_version: number }).data_version;
  }

  #lastChange(): number {
    const row = this.#database.prepare('SELECT max(number) AS number FROM change').get() as { number: number | null };
    return row.number ?? 0;
  }

  /** Names of users; undefined when some of the changes are no longer there to be read. */
  #changesSince(seen: number): Set<string> | undefined {
    const rows = this.#database
      .prepare('SELECT number, username FROM change WHERE number > ? ORDER BY number')
      .all(seen) as {
      number: number;
      username: string;
    }[];
    const isWhole = rows.length === 0 || rows[0]!.number === seen + 1;
    return isWhole ? new Set(rows.map(({ username }) => username)) : undefined;
  }

  #makeDecoy(): PasswordHash {
    const rows = this.#database.prepare(`SELECT hash FROM user LIMIT ${SAMPLE_MAX}`).all() as { hash: string }[];
    const hashes = rows.map(({ hash }) => parsePasswordHash(hash)).filter((hash) => !isHashFault(hash));
    return decoyFor(hashes as PasswordHash[], this.#options.chance);
  }

  // --- what we change ---

  #flushOften(): void {
    this.#flushTimer = this.#options.clock.after(FLUSH_INTERVAL_MS, () => this.#flushOften());
    this.#flush();
  }

  /** In one transaction. Where somebody else is writing it is left for the next time: this must not wait. */
  #flush(): void {
    if (this.#logins.size === 0 && this.#upgrades.size === 0) return;
    try {
      this.#database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      if (!isBusy(error)) this.#fail((error as Error).message);
      return;
    }
    try {
      const login = this.#database.prepare('UPDATE user SET last_login_at_ms = ? WHERE username = ?');
      for (const [username, atMs] of this.#logins.entries()) login.run(atMs, username);
      const upgrade = this.#database.prepare('UPDATE user SET hash = ? WHERE username = ? AND hash = ?');
      for (const [username, { from, to }] of this.#upgrades.entries()) upgrade.run(to, username, from);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#fail((error as Error).message);
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      return;
    }
    for (const [username] of this.#upgrades.entries()) this.#cached.delete(username);
    this.#logins.clear();
    this.#upgrades.clear();
    this.#recover();
  }

  // --- trouble ---

  #fail(says: string): void {
    // Whoever still asks a store that a reload has replaced is refused; there is nothing wrong with the file.
    if (this.#isFailing || this.#isClosed) return;
    this.#isFailing = true;
    this.#options.emit({ name: 'storage.failed', path: this.#options.path, says });
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.emit({ name: 'storage.recovered', path: this.#options.path });
  }

  close(): void {
    this.#lookTimer.cancel();
    this.#flushTimer.cancel();
    this.#flush();
    this.#isClosed = true;
    this.#database.close();
  }
}

function read(row: Row): StoredUser | undefined {
  const hash = parsePasswordHash(row.hash);
  if (isHashFault(hash)) return undefined;
  return Object.freeze({
    username: row.username,
    hash,
    credential: row.credential,
    isDisabled: row.disabled !== 0,
    passwordChangedAtMs: row.password_changed_at_ms,
  });
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode === 5 || errcode === 6;
}
