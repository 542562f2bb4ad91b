/** How the operators' file is written: each change with a row that says what, by whom and from where, or not at all. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';

/** Who changes something, and from where: an operator from an address, or `local:root` from the command line. */
export interface Author {
  readonly by: string;
  readonly from: string;
}

/** One sort of change each. */
export type ChangeKind =
  | 'added'
  | 'removed'
  | 'role'
  | 'disabled'
  | 'enabled'
  | 'password'
  | 'second-factor'
  | 'passkey'
  | 'certificate'
  | 'token'
  | 'session'
  | 'code';

export interface Change {
  /** Whose account it is; empty for a code that makes the first. */
  readonly operator: string;
  readonly what: ChangeKind;
  /** One sentence, without a secret. */
  readonly says: string;
}

export interface RecordedChange extends Change, Author {
  readonly number: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** How many are told of at once. */
const TOLD_AT_ONCE_MAX = 500;

export class Ledger {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Told after each change of this process. */
  onChange: () => void = () => undefined;

  constructor(database: DatabaseSync, clock: Clock, chance: Chance) {
    this.database = database;
    this.clock = clock;
    this.chance = chance;
  }

  /** Does `work` in one transaction; what it returns is what has changed, or undefined when nothing has. Throws what it throws. */
  change(author: Author, work: () => Change | undefined): boolean {
    const change = this.transact(() => {
      const done = work();
      if (done !== undefined) {
        this.database
          .prepare('INSERT INTO change (at_ms, operator, what, says, by, came_from) VALUES (?, ?, ?, ?, ?, ?)')
          .run(this.clock.epochMs(), done.operator, done.what, done.says, author.by, author.from);
      }
      return done;
    });
    if (change === undefined) return false;
    this.onChange();
    return true;
  }

  /** All or nothing. */
  transact<Result>(work: () => Result): Result {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Writes down what is only good to know, such as a last use. Where that fails, a full disk say, whoever is authenticated is let
   * on all the same: this is when operators are needed.
   */
  note(statement: string, ...values: SQLInputValue[]): void {
    try {
      this.database.prepare(statement).run(...values);
    } catch {
      // The next use is written down, or the next.
    }
  }

  /** Changes that no gateway has told of, the oldest first; they count as told once this has returned. */
  takeUntold(): RecordedChange[] {
    const isAny = this.database.prepare('SELECT 1 FROM change WHERE number > (SELECT change FROM told) LIMIT 1').get();
    if (isAny === undefined) return [];
    return this.transact(() => {
      const rows = this.database
        .prepare(
          `SELECT * FROM change WHERE number > (SELECT change FROM told) ORDER BY number LIMIT ${TOLD_AT_ONCE_MAX}`,
        )
        .all();
      const changes = rows.map((row) => ({
        number: row['number'] as number,
        atMs: row['at_ms'] as number,
        operator: row['operator'] as string,
        what: row['what'] as ChangeKind,
        says: row['says'] as string,
        by: row['by'] as string,
        from: row['came_from'] as string,
      }));
      const last = changes.at(-1);
      if (last !== undefined) this.database.prepare('UPDATE told SET change = ?').run(last.number);
      return changes;
    });
  }
}
