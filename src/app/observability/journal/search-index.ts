/**
 * An index over the journal, in SQLite, for searches: who, from where, what, when, and where the record stands. It holds nothing
 * that the journal does not, follows it when it is asked, and may be thrown away at any time.
 */
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { OperatorError } from '../../config/problem.ts';
import { type JournalRecord, parseRecord } from './record.ts';
import { listSegments, readLines, type SegmentFile } from './segment-files.ts';

const INDEX_FILE = 'index.sqlite';
/** `SPji`, and the form of the tables: an index of another form is made anew. */
const APPLICATION_ID = 0x53506a69;
const FORM = 2;
const BUSY_TIMEOUT_MS = 30_000;
/** One transaction. */
const BATCH_MAX = 50_000;
/** Words known by heart, so that most records cost no question. */
const WORDS_KNOWN_MAX = 200_000;
/** An index over rows that are there already is made faster than one that grows with them: from here on it pays. */
const REINDEX_FROM_BYTES = 64 * 1024 * 1024;

const TABLES = `
  CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE record (
    n INTEGER PRIMARY KEY,
    t INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    at INTEGER NOT NULL,
    length INTEGER NOT NULL,
    event INTEGER, client INTEGER, user INTEGER, address INTEGER, author INTEGER, topic INTEGER
  ) STRICT;
  CREATE TABLE progress (segment INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  INSERT INTO progress VALUES (0, 0);
`;

/** Fields that are searched for, by their names in the table. */
export const FIELDS = ['event', 'client', 'user', 'address', 'author', 'topic'] as const;
export type Field = (typeof FIELDS)[number];

const INDICES = ['t', ...FIELDS];

/** Where a record stands. */
export interface Location {
  readonly n: number;
  readonly segment: number;
  readonly at: number;
  readonly length: number;
}

export interface Wanted {
  /** Milliseconds since the Unix epoch; the first is included, the last is not. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Each a whole word, or the beginning of one and a `*`. */
  readonly fields: Partial<Readonly<Record<Field, string>>>;
  readonly limit: number;
  /** Only records before this one, for the next page. */
  readonly beforeN?: number | undefined;
}

export type IndexProgress = (doneBytes: number, allBytes: number) => void;

export class SearchIndex {
  readonly #directory: string;
  readonly #database: DatabaseSync;
  readonly #words = new Map<string, number>();
  readonly #addWord: StatementSync;
  readonly #findWord: StatementSync;
  readonly #addRecord: StatementSync;

  /** There was one already, which could not be used. */
  readonly isRemade: boolean;

  private constructor(directory: string, database: DatabaseSync, isRemade: boolean) {
    this.isRemade = isRemade;
    this.#directory = directory;
    this.#database = database;
    this.#addWord = database.prepare('INSERT INTO word (text) VALUES (?) RETURNING id');
    this.#findWord = database.prepare('SELECT id FROM word WHERE text = ?');
    this.#addRecord = database.prepare('INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /**
   * Opens the index, and makes it where there is none or a damaged one.
   * @throws {OperatorError} where it cannot be written.
   */
  static open(directory: string): SearchIndex {
    const path = join(directory, INDEX_FILE);
    try {
      return new SearchIndex(directory, openDatabase(path), false);
    } catch {
      SearchIndex.remove(directory);
    }
    try {
      return new SearchIndex(directory, openDatabase(path), true);
    } catch (error) {
      throw new OperatorError(`The index ${path} of the journal cannot be written: ${(error as Error).message}.`);
    }
  }

  static remove(directory: string): void {
    const path = join(directory, INDEX_FILE);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }

  /** Takes up what the journal has since the last time. */
  async follow(onProgress?: IndexProgress): Promise<void> {
    const segments = await listSegments(this.#directory);
    const from = this.#progress();
    const first = segments[0]?.number ?? 0;
    this.#database.prepare('DELETE FROM record WHERE segment < ?').run(first);
    const todo = segments.filter(
      ({ number, sizeBytes }) => number > from.segment || (number === from.segment && sizeBytes > from.at),
    );
    const allBytes =
      todo.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - (todo[0]?.number === from.segment ? from.at : 0);
    const isLarge = allBytes >= REINDEX_FROM_BYTES;
    if (isLarge) for (const column of INDICES) this.#database.exec(`DROP INDEX IF EXISTS record_${column}`);
    let doneBytes = 0;
    for (const segment of todo) {
      const at = segment.number === from.segment ? from.at : 0;
      await this.#take(segment, at, (bytes) => onProgress?.(doneBytes + bytes, allBytes));
      doneBytes += segment.sizeBytes - at;
    }
    for (const column of INDICES) {
      const columns = column === 't' ? 't, n' : `${column}, t, n`;
      this.#database.exec(`CREATE INDEX IF NOT EXISTS record_${column} ON record (${columns})`);
    }
  }

  #progress(): { segment: number; at: number } {
    return this.#database.prepare('SELECT segment, at FROM progress').get() as { segment: number; at: number };
  }

  async #take(segment: SegmentFile, from: number, onProgress: (doneBytes: number) => void): Promise<void> {
    const progress = this.#database.prepare('UPDATE progress SET segment = ?, at = ?');
    let inBatch = 0;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      let end = from;
      for await (const lines of readLines(segment.path, from)) {
        for (const { text, offset, lengthBytes, isWhole } of lines) {
          if (!isWhole) break;
          const record = parseRecord(text);
          if (record !== undefined) this.#add(record, segment.number, offset, lengthBytes);
          end = offset + lengthBytes;
        }
        inBatch += lines.length;
        if (end > from) progress.run(segment.number, end);
        if (inBatch >= BATCH_MAX) {
          this.#database.exec('COMMIT; BEGIN IMMEDIATE');
          inBatch = 0;
        }
        onProgress(end - from);
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #add(record: JournalRecord, segment: number, at: number, length: number): void {
    const { event, client, user, address, author, topic } = fieldsOf(record);
    this.#addRecord.run(
      record.n,
      record.t,
      segment,
      at,
      length,
      this.#idOf(event),
      this.#idOf(client),
      this.#idOf(user),
      this.#idOf(address),
      this.#idOf(author),
      this.#idOf(topic),
    );
  }

  #idOf(word: string | undefined): number | null {
    if (word === undefined) return null;
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const row = (this.#findWord.get(word) ?? this.#addWord.get(word)) as { id: number };
    if (this.#words.size >= WORDS_KNOWN_MAX) this.#words.clear();
    this.#words.set(word, row.id);
    return row.id;
  }

  /** The newest first. */
  find({ sinceMs, untilMs, fields, limit, beforeN }: Wanted): Location[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const want = (condition: string, ...given: (string | number)[]): void => {
      conditions.push(condition);
      values.push(...given);
    };
    for (const field of FIELDS) {
      const word = fields[field];
      if (word === undefined) continue;
      if (word.endsWith('*')) {
        const beginning = word.slice(0, -1);
        want(`${field} IN (SELECT id FROM word WHERE text >= ? AND text < ?)`, beginning, `${beginning}\u{10ffff}`);
      } else want(`${field} = (SELECT id FROM word WHERE text = ?)`, word);
    }
    if (sinceMs !== undefined) want('t >= ?', sinceMs);
    if (untilMs !== undefined) want('t < ?', untilMs);
    if (beforeN !== undefined) want('(t, n) < (SELECT t, n FROM record WHERE n = ?)', beforeN);
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    return this.#database
      .prepare(`SELECT n, segment, at, length FROM record ${where} ORDER BY t DESC, n DESC LIMIT ?`)
      .all(...values, limit) as unknown as Location[];
  }

  close(): void {
    this.#database.close();
  }
}

/** The same question of one record, without an index. */
export function fits(record: JournalRecord, wanted: Wanted['fields']): boolean {
  const found = fieldsOf(record);
  return FIELDS.every((field) => {
    const word = wanted[field];
    if (word === undefined) return true;
    const value = found[field];
    return value !== undefined && (word.endsWith('*') ? value.startsWith(word.slice(0, -1)) : value === word);
  });
}

/** What a record can be found by. An event names things as the vocabulary does; an operator's action names who acted as its author. */
function fieldsOf({ k, d }: JournalRecord): Partial<Record<Field, string>> {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  const found: Partial<Record<Field, string>> = {};
  const set = (field: Field, value: string | undefined): void => {
    if (value !== undefined) found[field] = value;
  };
  set('event', text(d['name']) ?? k);
  set('client', text(d['clientId']));
  set('user', text(d['username']));
  set('address', text(d['address']));
  set('author', text(d['by']));
  set('topic', text(d['topic']) ?? text(d['filter']));
  return found;
}

function openDatabase(path: string): DatabaseSync {
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
