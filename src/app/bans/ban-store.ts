/** The bans on disk: what a restart must not forget, in a SQLite file of the data directory. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { BAN_KINDS, type Ban, type BanKind, type BanSubject, subjectText } from '../../policy/detection/bans/ban.ts';
import type { BanEnd, BanFollower } from '../../policy/detection/bans/ban-book.ts';
import type { Offence } from '../../policy/detection/bans/ban-times.ts';
import { isDamage, openSqliteFile } from '../sqlite-file.ts';

/** Marks a SQLite file as ours: `SPbn`. */
const APPLICATION_ID = 0x5350626e;
/** How long a change waits for others: a sudden death loses no more than that. */
const FLUSH_DELAY_MS = 50;
/** Changes written in one go, which takes some milliseconds. */
const BATCH = 1000;
const RETRY_MS = 5000;

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE ban (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    offence INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE offence (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
  ) STRICT, WITHOUT ROWID;
  `,
];

export function bansFileOf(dataDirectory: string): string {
  return join(dataDirectory, 'bans.sqlite');
}

export interface StoredBans {
  readonly bans: readonly Ban[];
  readonly offences: readonly (readonly [BanSubject, Offence])[];
  /** Rows that made no sense. */
  readonly damagedRows: number;
}

function openBansFile(path: string): DatabaseSync {
  return openSqliteFile({
    path,
    holds: 'bans',
    applicationId: APPLICATION_ID,
    migrations: MIGRATIONS,
    busyTimeoutMs: 0,
  });
}

/**
 * Reads what another process keeps there, as of now.
 * @throws {OperatorError} when the file cannot be used.
 */
export function readBans(path: string, clock: Clock): StoredBans {
  if (!existsSync(path)) return { bans: [], offences: [], damagedRows: 0 };
  const database = openBansFile(path);
  try {
    return readAll(database, clock);
  } finally {
    database.close();
  }
}

interface BanRow {
  readonly kind: string;
  readonly value: string;
  readonly reason: string;
  readonly author: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly offence: number;
}

interface OffenceRow {
  readonly kind: string;
  readonly value: string;
  readonly count: number;
  readonly last_at_ms: number;
}

/** Rows as far as they can be read; where the file is damaged further on, what came before counts. */
function* rowsOf<Row>(database: DatabaseSync, table: string, onDamage: () => void): IterableIterator<Row> {
  try {
    for (const row of database.prepare(`SELECT * FROM ${table}`).iterate()) yield row as Row;
  } catch (error) {
    if (!isDamage(error)) throw error;
    onDamage();
  }
}

function readAll(database: DatabaseSync, clock: Clock): StoredBans {
  const [nowMs, epochMs] = [clock.nowMs(), clock.epochMs()];
  const bans: Ban[] = [];
  const offences: [BanSubject, Offence][] = [];
  let damagedRows = 0;
  const onDamage = (): void => void damagedRows++;
  for (const row of rowsOf<BanRow>(database, 'ban', onDamage)) {
    const { kind, value, reason, author, created_at_ms: createdMs, expires_at_ms: expiresMs, offence } = row;
    if (!isKind(kind)) {
      onDamage();
      continue;
    }
    // A clock that has been set back since must not make a ban longer than it was meant to be.
    const restMs = (expiresMs ?? Number.POSITIVE_INFINITY) - Math.max(epochMs, createdMs);
    const sinceMs = nowMs - Math.max(0, epochMs - createdMs);
    bans.push(Object.freeze({ subject: { kind, value }, reason, author, sinceMs, untilMs: nowMs + restMs, offence }));
  }
  for (const { kind, value, count, last_at_ms: lastMs } of rowsOf<OffenceRow>(database, 'offence', onDamage)) {
    if (isKind(kind))
      offences.push([
        { kind, value },
        { count, lastMs: nowMs + lastMs - epochMs },
      ]);
    else onDamage();
  }
  return { bans, offences, damagedRows };
}

function isKind(text: string): text is BanKind {
  return (BAN_KINDS as readonly string[]).includes(text);
}

export interface BanStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly emit: Emit;
}

type Change =
  | { readonly kind: 'put'; readonly ban: Ban }
  | { readonly kind: 'delete'; readonly ban: Ban; readonly end: BanEnd };

export class BanStore implements BanFollower {
  readonly #options: BanStoreOptions;
  readonly #database: DatabaseSync;
  /** What was there when it was opened. */
  readonly stored: StoredBans;
  /** By subject: only the latest of each counts. */
  readonly #pending = new Map<string, Change>();
  #aheadMs: number;
  #timer: Timer | undefined;
  #isFailing = false;

  /**
   * A file that is damaged is set aside, with what can be read of it taken over.
   * @throws {OperatorError} when there is no file that can be used.
   */
  constructor(options: BanStoreOptions) {
    this.#options = options;
    this.#aheadMs = options.clock.epochMs() - options.clock.nowMs();
    const { database, stored } = this.#open();
    this.#database = database;
    this.stored = stored;
  }

  #open(): { database: DatabaseSync; stored: StoredBans } {
    const { path, clock } = this.#options;
    let readable: StoredBans = { bans: [], offences: [], damagedRows: 1 };
    try {
      const database = openBansFile(path);
      try {
        readable = readAll(database, clock);
        if (readable.damagedRows === 0) return { database, stored: readable };
      } catch (error) {
        database.close();
        throw error;
      }
      database.close();
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    this.#setAside(readable);
    const database = openBansFile(path);
    for (const ban of readable.bans) this.#pending.set(subjectText(ban.subject), { kind: 'put', ban });
    this.#write(database, this.#pending.values());
    this.#pending.clear();
    return { database, stored: readable };
  }

  #setAside({ bans, damagedRows }: StoredBans): void {
    const { path, clock, emit } = this.#options;
    const aside = `${path}.damaged-${new Date(clock.epochMs()).toISOString().replaceAll(/[:.]/g, '-')}`;
    renameSync(path, aside);
    for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, aside + end);
    const says = `it is kept as ${aside}; ${bans.length} bans could be read and are in force, the others are not`;
    emit({ name: 'storage.damaged', path, rows: damagedRows, says });
  }

  // --- what changes ---

  banned(ban: Ban): void {
    this.#pending.set(subjectText(ban.subject), { kind: 'put', ban });
    this.#arm(FLUSH_DELAY_MS);
  }

  lifted(ban: Ban, end: BanEnd): void {
    this.#pending.set(subjectText(ban.subject), { kind: 'delete', ban, end });
    this.#arm(FLUSH_DELAY_MS);
  }

  clockSet(byMs: number): void {
    this.#aheadMs += byMs;
    const by = Math.round(byMs);
    try {
      this.#database.exec(`
        UPDATE ban SET created_at_ms = created_at_ms + ${by}, expires_at_ms = expires_at_ms + ${by};
        UPDATE offence SET last_at_ms = last_at_ms + ${by};
      `);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #arm(delayMs: number): void {
    this.#timer ??= this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#flushSome();
    });
  }

  #flushSome(): void {
    const some = [...this.#pending].slice(0, BATCH);
    if (!this.#commit(some)) this.#arm(RETRY_MS);
    else if (this.#pending.size > 0) this.#arm(0);
  }

  /** Everything that waits, now; false where it could not be written. */
  flush(): boolean {
    return this.#commit([...this.#pending]);
  }

  #commit(changes: readonly (readonly [string, Change])[]): boolean {
    if (changes.length === 0) return true;
    try {
      this.#write(
        this.#database,
        changes.map(([, change]) => change),
      );
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
    for (const [key, change] of changes) if (this.#pending.get(key) === change) this.#pending.delete(key);
    if (this.#isFailing) this.#options.emit({ name: 'storage.recovered', path: this.#options.path });
    this.#isFailing = false;
    return true;
  }

  #write(database: DatabaseSync, changes: Iterable<Change>): void {
    database.exec('BEGIN IMMEDIATE');
    try {
      const put = database.prepare('INSERT OR REPLACE INTO ban VALUES (?, ?, ?, ?, ?, ?, ?)');
      const drop = database.prepare('DELETE FROM ban WHERE kind = ? AND value = ?');
      const offend = database.prepare('INSERT OR REPLACE INTO offence VALUES (?, ?, ?, ?)');
      const forgive = database.prepare('DELETE FROM offence WHERE kind = ? AND value = ?');
      for (const change of changes) {
        const { subject, reason, author, sinceMs, untilMs, offence } = change.ban;
        const { kind, value } = subject;
        if (change.kind === 'put') {
          const expiresMs = untilMs === Number.POSITIVE_INFINITY ? null : this.#epochOf(untilMs);
          put.run(kind, value, reason, author, this.#epochOf(sinceMs), expiresMs, offence);
          if (offence > 0) offend.run(kind, value, offence, this.#epochOf(untilMs));
        } else {
          drop.run(kind, value);
          if (change.end === 'removed') forgive.run(kind, value);
        }
      }
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  #epochOf(monotonicMs: number): number {
    return Math.round(monotonicMs + this.#aheadMs);
  }

  #fail({ message }: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.emit({ name: 'storage.failed', path: this.#options.path, says: message });
  }

  /** Offences that count no more leave the file, too. */
  forgetOffencesBefore(monotonicMs: number): void {
    this.#database.prepare('DELETE FROM offence WHERE last_at_ms < ?').run(this.#epochOf(monotonicMs));
  }

  close(): void {
    this.#timer?.cancel();
    this.flush();
    this.#database.close();
  }
}
