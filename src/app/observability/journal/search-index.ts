/**
 * An index over the journal, in SQLite, for searches: who, from where, what, when, and where the record stands. It holds nothing
 * that the journal does not, follows it when it is asked, and may be thrown away at any time. Records are kept in pieces, column by
 * column, and a search looks through the pieces: as fast for what is everywhere, for what is nowhere and for fields that never meet.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { OperatorError } from '../../config/problem.ts';
import {
  BLOCK_RECORDS_MAX,
  type Block,
  BlockBuilder,
  type BlockHead,
  type Codes,
  type Column,
  codesOf,
  fitting,
  NO_WORD,
  type Words,
} from './index-block.ts';
import { indexPath, openIndexFile, removeIndex } from './index-file.ts';
import { type JournalRecord, parseRecord } from './record.ts';
import { FIELDS, fieldsOf, type WantedFields } from './searched-fields.ts';
import { isAbsent, listSegments, readLines, type SegmentFile } from './segment-files.ts';

/** Words known by heart, so that most records cost no question. */
const KNOWN_WORDS_MAX = 200_000;
const KNOWN_CHARS_MAX = 16 * 1024 * 1024;

/** Parts of a block: the columns in the order of the fields, then these. Their numbers follow that of the block. */
const TIMES = FIELDS.length;
const PLACES = FIELDS.length + 1;
const PARTS = 8;

/** Where a record stands. */
export interface Location {
  readonly n: number;
  readonly segment: number;
  readonly at: number;
  /** It may end earlier: with a line feed. */
  readonly length: number;
}

export interface Wanted {
  /** Milliseconds since the Unix epoch; the first is included, the last is not. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly fields: WantedFields;
  readonly limit: number;
  /** Only records before this one, for the next page. */
  readonly beforeN?: number | undefined;
}

export type IndexProgress = (doneBytes: number, allBytes: number) => void;

interface Progress {
  readonly segment: number;
  readonly at: number;
  /** Records that retention has taken since words were last swept. */
  readonly forgotten: number;
}

/** What is in the index cannot be. */
export class IndexDamage extends Error {}

type StoredHead = BlockHead & { readonly id: number };

export class SearchIndex {
  readonly #directory: string;
  readonly #database: DatabaseSync;
  readonly #known = FIELDS.map(() => new Map<string, number>());
  #knownWords = 0;
  #knownChars = 0;
  /** Changes when another process has written. */
  #version: unknown;
  readonly #addWord: StatementSync;
  readonly #findWord: StatementSync;
  readonly #wordsOf: StatementSync;
  readonly #codesOf: StatementSync;

  /** There was one already, which could not be used. */
  readonly isRemade: boolean;

  private constructor(directory: string, database: DatabaseSync, isRemade: boolean) {
    this.isRemade = isRemade;
    this.#directory = directory;
    this.#database = database;
    this.#addWord = database.prepare('INSERT INTO word (field, text) VALUES (?, ?) RETURNING id');
    this.#findWord = database.prepare('SELECT id FROM word WHERE field = ? AND text = ?');
    this.#wordsOf = database.prepare('SELECT words FROM part WHERE id = ?');
    this.#codesOf = database.prepare('SELECT codes FROM part WHERE id = ?');
  }

  /**
   * Opens the index, and makes it where there is none or a damaged one.
   * @throws {OperatorError} where it cannot be written.
   */
  static open(directory: string): SearchIndex {
    const path = indexPath(directory);
    try {
      return new SearchIndex(directory, openIndexFile(path), false);
    } catch {
      removeIndex(directory);
    }
    try {
      return new SearchIndex(directory, openIndexFile(path), true);
    } catch (error) {
      throw new OperatorError(`The index ${path} of the journal cannot be written: ${(error as Error).message}.`);
    }
  }

  // --- following the journal ---

  /** Takes up what the journal has since the last time. False where retention has taken some of it meanwhile. */
  async follow(onProgress?: IndexProgress): Promise<boolean> {
    let isWhole = true;
    const segments = await listSegments(this.#directory);
    this.#forget(segments[0]?.number ?? 0);
    for (;;) {
      const from = this.#progress();
      const todo = segments.filter(
        ({ number, sizeBytes }) => number > from.segment || (number === from.segment && sizeBytes > from.at),
      );
      const startOf = ({ number }: SegmentFile): number => (number === from.segment ? from.at : 0);
      const allBytes = todo.reduce((sum, segment) => sum + segment.sizeBytes - startOf(segment), 0);
      let doneBytes = 0;
      let isOvertaken = false;
      for (const segment of todo) {
        const taken = await this.#take(segment, startOf(segment), (bytes) => onProgress?.(doneBytes + bytes, allBytes));
        isOvertaken = taken === 'overtaken';
        if (isOvertaken) break;
        if (taken === 'absent') isWhole = false;
        doneBytes += segment.sizeBytes - startOf(segment);
      }
      if (isOvertaken) continue;
      if (!isWhole) this.#forget((await listSegments(this.#directory))[0]?.number ?? 0);
      return isWhole;
    }
  }

  #progress(): Progress {
    return this.#database.prepare('SELECT segment, at, forgotten FROM progress').get() as unknown as Progress;
  }

  /**
   * One transaction a block, so that whoever is interrupted has that much less to do the next time. `overtaken`: another process has
   * followed meanwhile; `absent`: the segment is not there any more.
   */
  async #take(
    segment: SegmentFile,
    from: number,
    onProgress: (doneBytes: number) => void,
  ): Promise<'taken' | 'overtaken' | 'absent'> {
    let builder: BlockBuilder | undefined;
    let end = from;
    if (!this.#begin(segment.number, from)) return 'overtaken';
    try {
      builder = this.#unfinished(segment.number);
      for await (const lines of readLines(segment.path, from)) {
        for (const { text, offset, lengthBytes, isWhole } of lines) {
          if (!isWhole) break;
          const record = parseRecord(text);
          if (record !== undefined) {
            const { n, t } = record;
            const entry = { n, t, at: offset, length: lengthBytes, words: this.#wordsIn(record) };
            builder ??= new BlockBuilder(segment.number, entry);
            if (!builder.add(entry)) {
              this.#commit(builder.finish(), segment.number, end);
              if (!this.#begin(segment.number, end)) return 'overtaken';
              builder = new BlockBuilder(segment.number, entry);
              builder.add(entry);
            }
          }
          end = offset + lengthBytes;
        }
        onProgress(end - from);
      }
      this.#commit(builder?.finish(), segment.number, end);
      return 'taken';
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      if (isAbsent(error)) return 'absent';
      throw error;
    }
  }

  /** False where the index stands elsewhere by now. */
  #begin(segment: number, at: number): boolean {
    this.#database.exec('BEGIN IMMEDIATE');
    const version = this.#database.prepare('PRAGMA data_version').get()?.['data_version'];
    // Another process may have swept words that we know.
    if (version !== this.#version) this.#forgetWords();
    this.#version = version;
    const found = this.#progress();
    const isAsLeft = at === 0 ? found.segment < segment : found.segment === segment && found.at === at;
    if (!isAsLeft) this.#database.exec('ROLLBACK');
    return isAsLeft;
  }

  /** The last block, where it is of this segment and has room. */
  #unfinished(segment: number): BlockBuilder | undefined {
    const head = this.#database.prepare('SELECT * FROM block ORDER BY id DESC LIMIT 1').get() as StoredHead | undefined;
    if (head === undefined || head.segment !== segment || head.count >= BLOCK_RECORDS_MAX) return undefined;
    this.#database.prepare('DELETE FROM block WHERE id = ?').run(head.id);
    const block = this.#read(head);
    this.#database.prepare('DELETE FROM part WHERE id >= ? AND id < ?').run(partOf(head, 0), partOf(head, PARTS));
    return BlockBuilder.of(block);
  }

  #read(head: StoredHead): Block {
    return {
      head,
      columns: FIELDS.map((_, field): Column => {
        const words = this.#words(head, field);
        return { words, codes: this.#codes(head, field, words) };
      }),
      times: this.#times(head),
      places: this.#places(head),
    };
  }

  #commit(block: Block | undefined, segment: number, at: number): void {
    if (block !== undefined) this.#write(block);
    this.#database.prepare('UPDATE progress SET segment = ?, at = ?').run(segment, at);
    this.#database.exec('COMMIT');
  }

  #write({ head, columns, times, places }: Block): void {
    const { segment, at, end, n, t, count, tMin, tMax } = head;
    const { lastInsertRowid } = this.#database
      .prepare('INSERT INTO block (segment, at, end, n, t, count, tMin, tMax) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(segment, at, end, n, t, count, tMin, tMax);
    const add = this.#database.prepare('INSERT INTO part VALUES (?, ?, ?)');
    const stored = { id: Number(lastInsertRowid) };
    for (const [field, { words, codes }] of columns.entries()) {
      add.run(partOf(stored, field), bytesOf(words), bytesOf(codes));
    }
    add.run(partOf(stored, TIMES), null, bytesOf(times));
    add.run(partOf(stored, PLACES), null, bytesOf(places));
  }

  #wordsIn(record: JournalRecord): number[] {
    const found = fieldsOf(record);
    return FIELDS.map((name, field) => {
      const text = found[name];
      return text === undefined ? NO_WORD : this.#idOf(field, text);
    });
  }

  #idOf(field: number, text: string): number {
    const known = this.#known[field]!.get(text);
    if (known !== undefined) return known;
    const { id } = (this.#findWord.get(field, text) ?? this.#addWord.get(field, text)) as { id: number };
    if (this.#knownWords >= KNOWN_WORDS_MAX || this.#knownChars >= KNOWN_CHARS_MAX) this.#forgetWords();
    this.#known[field]!.set(text, id);
    this.#knownWords++;
    this.#knownChars += text.length;
    return id;
  }

  #forgetWords(): void {
    for (const words of this.#known) words.clear();
    this.#knownWords = this.#knownChars = 0;
  }

  /** What retention has taken from the journal leaves the index. */
  #forget(firstSegment: number): void {
    const gone = this.#database
      .prepare('SELECT count(*) AS blocks, total(count) AS records, max(id) AS id FROM block WHERE segment < ?')
      .get(firstSegment) as { blocks: number; records: number; id: number };
    if (gone.blocks === 0) return;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#database.prepare('DELETE FROM block WHERE segment < ?').run(firstSegment);
      this.#database.prepare('DELETE FROM part WHERE id < ?').run(partOf({ id: gone.id + 1 }, 0));
      const forgotten = this.#progress().forgotten + gone.records;
      const { kept } = this.#database.prepare('SELECT total(count) AS kept FROM block').get() as { kept: number };
      const isTime = forgotten > kept;
      if (isTime) this.#sweepWords();
      this.#database.prepare('UPDATE progress SET forgotten = ?').run(isTime ? 0 : forgotten);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Words that no record has any more: with an attacker who always calls itself otherwise they would be more and more. */
  #sweepWords(): void {
    const used = new Set<number>();
    for (const head of this.#database.prepare('SELECT id FROM block').all() as { id: number }[]) {
      for (let field = 0; field < FIELDS.length; field++) for (const word of this.#words(head, field)) used.add(word);
    }
    const unused = (this.#database.prepare('SELECT id FROM word').all() as { id: number }[]).filter(
      ({ id }) => !used.has(id),
    );
    const remove = this.#database.prepare('DELETE FROM word WHERE id = ?');
    for (const { id } of unused) remove.run(id);
    this.#forgetWords();
  }

  // --- searching ---

  /** The newest first. */
  find({ sinceMs, untilMs, fields, limit, beforeN }: Wanted): Location[] {
    const wanted: { field: number; words: Words }[] = [];
    for (const [field, name] of FIELDS.entries()) {
      const word = fields[name];
      if (word === undefined) continue;
      const words = this.#wordsFor(field, word);
      if (words === undefined) return [];
      wanted.push({ field, words });
    }
    const bounds = { since: sinceMs ?? MIN, until: untilMs ?? MAX, before: beforeN ?? MAX };
    const heads = this.#database
      .prepare('SELECT * FROM block WHERE tMax >= ? AND tMin < ? AND n < ? ORDER BY id DESC')
      .all(bounds.since, bounds.until, bounds.before) as unknown as StoredHead[];
    const found: Location[] = [];
    for (const head of heads) {
      if (found.length >= limit) break;
      this.#locate(head, this.#fitting(head, wanted, bounds), limit, found);
    }
    return found;
  }

  /** Undefined where no record ever had one. */
  #wordsFor(field: number, word: string): Words | undefined {
    if (!word.endsWith('*')) return (this.#findWord.get(field, word) as { id: number } | undefined)?.id;
    const beginning = word.slice(0, -1);
    const rows = this.#database
      .prepare('SELECT id FROM word WHERE field = ? AND text >= ? AND text < ?')
      .all(field, beginning, `${beginning}\u{10ffff}`) as { id: number }[];
    return rows.length === 0 ? undefined : new Set(rows.map(({ id }) => id));
  }

  /** Which records of the block fit, the first first; undefined where all of them do. */
  #fitting(
    head: StoredHead,
    wanted: readonly { field: number; words: Words }[],
    { since, until, before }: { since: number; until: number; before: number },
  ): readonly number[] | undefined {
    const tests: { field: number; words: Uint32Array; codes: Codes }[] = [];
    for (const { field, words: wantedWords } of wanted) {
      const words = this.#words(head, field);
      const codes = codesOf(words, wantedWords);
      if (codes === undefined) return [];
      if (codes !== 'all') tests.push({ field, words, codes });
    }
    // What has the most words lets the fewest through.
    tests.sort((a, b) => b.words.length - a.words.length);
    let found: readonly number[] | undefined;
    for (const { field, words, codes } of tests) {
      if (found?.length === 0) return found;
      found = fitting(this.#codes(head, field, words), codes, found);
    }
    if (head.tMin < since || head.tMax >= until || head.n + head.count > before) {
      const times = this.#times(head);
      const [first, last, end] = [since - head.t, until - head.t, before - head.n];
      const isInTime = (i: number): boolean => times[i]! >= first && times[i]! < last && i < end;
      found = (found ?? Array.from(times.keys())).filter(isInTime);
    }
    return found;
  }

  #locate(head: StoredHead, fits: readonly number[] | undefined, limit: number, found: Location[]): void {
    const count = fits?.length ?? head.count;
    if (count === 0) return;
    const places = this.#places(head);
    for (let k = count - 1; k >= 0 && found.length < limit; k--) {
      const i = fits?.[k] ?? k;
      const at = head.at + places[i]!;
      const end = i + 1 < head.count ? head.at + places[i + 1]! : head.end;
      found.push({ n: head.n + i, segment: head.segment, at, length: end - at });
    }
  }

  // --- parts of a block ---

  #words(head: { readonly id: number }, field: number): Uint32Array {
    const found = this.#wordsOf.get(partOf(head, field)) as { words: Uint8Array | null } | undefined;
    const words = found?.words;
    if (!words || words.length % Uint32Array.BYTES_PER_ELEMENT !== 0) throw new IndexDamage();
    return new Uint32Array(aligned(words));
  }

  #codes(head: StoredHead, field: number, words: Uint32Array): Uint8Array | Uint16Array {
    return words.length <= 256 ? this.#part(head, field, Uint8Array) : this.#part(head, field, Uint16Array);
  }

  #times(head: StoredHead): Int32Array {
    return this.#part(head, TIMES, Int32Array);
  }

  #places(head: StoredHead): Uint32Array {
    return this.#part(head, PLACES, Uint32Array);
  }

  /** One value for each record. */
  #part<Values>(
    head: StoredHead,
    part: number,
    Values: { new (buffer: ArrayBuffer): Values; readonly BYTES_PER_ELEMENT: number },
  ): Values {
    const codes = (this.#codesOf.get(partOf(head, part)) as { codes: Uint8Array } | undefined)?.codes;
    if (codes?.length !== head.count * Values.BYTES_PER_ELEMENT) throw new IndexDamage();
    return new Values(aligned(codes));
  }

  close(): void {
    this.#database.close();
  }
}

const MIN = Number.MIN_SAFE_INTEGER;
const MAX = Number.MAX_SAFE_INTEGER;

function partOf({ id }: { readonly id: number }, part: number): number {
  return id * PARTS + part;
}

function bytesOf(array: Uint8Array | Uint16Array | Uint32Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function aligned({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
  return (isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
}
