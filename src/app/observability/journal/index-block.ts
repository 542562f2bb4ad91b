/**
 * A piece of the journal's index: up to 65,536 records one behind another in one segment, column by column. A column names the words
 * that are in it once, and then says for each record which of them it has: a piece without the word that is asked for is left at a glance.
 */
import { FIELDS } from './searched-fields.ts';

/** A code has two bytes at most. */
export const BLOCK_RECORDS_MAX = 65_536;
/** Long words are kept in memory while the piece is made. */
const BLOCK_BYTES_MAX = 64 * 1024 * 1024;
const T_OFFSET_MAX = 2 ** 31 - 1;
/** The record has no such field; no word has this number. */
export const NO_WORD = 0;

/** A column: `codes` has for each record the place of its word in `words`. */
export interface Column {
  readonly words: Uint32Array;
  readonly codes: Uint8Array | Uint16Array;
}

/** Where a piece stands, and what is in it. */
export interface BlockHead {
  readonly segment: number;
  /** In the segment, of its first byte and behind its last. */
  readonly at: number;
  readonly end: number;
  /** Of its first record; the others are numbered behind it without a gap. */
  readonly n: number;
  readonly t: number;
  readonly count: number;
  readonly tMin: number;
  readonly tMax: number;
}

export interface Block {
  readonly head: BlockHead;
  readonly columns: readonly Column[];
  /** Milliseconds after `head.t`, or before it. */
  readonly times: Int32Array;
  /** Bytes behind `head.at`. */
  readonly places: Uint32Array;
}

/** One record, as the index knows it. */
export interface Entry {
  readonly n: number;
  readonly t: number;
  readonly at: number;
  readonly length: number;
  /** Of each field, in their order. */
  readonly words: readonly number[];
}

/** Makes a piece, record by record, or goes on with one that is not full. */
export class BlockBuilder {
  readonly #segment: number;
  readonly #first: Entry;
  #count = 0;
  #end = 0;
  #tMin = Number.POSITIVE_INFINITY;
  #tMax = Number.NEGATIVE_INFINITY;
  readonly #times = new Int32Array(BLOCK_RECORDS_MAX);
  readonly #places = new Uint32Array(BLOCK_RECORDS_MAX);
  readonly #codes = FIELDS.map(() => new Uint16Array(BLOCK_RECORDS_MAX));
  readonly #codeOf = FIELDS.map(() => new Map<number, number>());

  constructor(segment: number, first: Pick<Entry, 'n' | 't' | 'at'>) {
    this.#segment = segment;
    this.#first = { ...first, length: 0, words: [] };
  }

  static of({ head, columns, times, places }: Block): BlockBuilder {
    const builder = new BlockBuilder(head.segment, head);
    builder.#count = head.count;
    builder.#end = head.end;
    builder.#tMin = head.tMin;
    builder.#tMax = head.tMax;
    builder.#times.set(times);
    builder.#places.set(places);
    for (const [field, { words, codes }] of columns.entries()) {
      builder.#codes[field]!.set(codes);
      for (const [code, word] of words.entries()) builder.#codeOf[field]!.set(word, code);
    }
    return builder;
  }

  /** False where it belongs into another piece: this one is full, or it does not follow. */
  add({ n, t, at, length, words }: Entry): boolean {
    const i = this.#count;
    const { n: firstN, t: firstT, at: firstAt } = this.#first;
    if (i === BLOCK_RECORDS_MAX || n !== firstN + i || at - firstAt > BLOCK_BYTES_MAX) return false;
    if (Math.abs(t - firstT) > T_OFFSET_MAX) return false;
    this.#times[i] = t - firstT;
    this.#places[i] = at - firstAt;
    for (let field = 0; field < words.length; field++) {
      const codeOf = this.#codeOf[field]!;
      const word = words[field]!;
      let code = codeOf.get(word);
      if (code === undefined) {
        code = codeOf.size;
        codeOf.set(word, code);
      }
      this.#codes[field]![i] = code;
    }
    this.#count++;
    this.#end = at + length;
    if (t < this.#tMin) this.#tMin = t;
    if (t > this.#tMax) this.#tMax = t;
    return true;
  }

  finish(): Block {
    const count = this.#count;
    const { n, t, at } = this.#first;
    return {
      head: { segment: this.#segment, at, end: this.#end, n, t, count, tMin: this.#tMin, tMax: this.#tMax },
      columns: this.#codeOf.map((codeOf, field) => {
        const codes = this.#codes[field]!.subarray(0, count);
        return { words: Uint32Array.from(codeOf.keys()), codes: codeOf.size <= 256 ? Uint8Array.from(codes) : codes };
      }),
      times: this.#times.subarray(0, count),
      places: this.#places.subarray(0, count),
    };
  }
}

/** Which words of a field fit: one, or those that a beginning stands for. */
export type Words = number | ReadonlySet<number>;

/** What a column has to have at a record: one code, or any of those that are marked. */
export type Codes = number | Uint8Array;

/** Undefined where none of the words is in the piece, and `all` where each of its records has one of them. */
export function codesOf(words: Uint32Array, wanted: Words): Codes | 'all' | undefined {
  if (typeof wanted === 'number') {
    const code = words.indexOf(wanted);
    if (code === -1) return undefined;
    return words.length === 1 ? 'all' : code;
  }
  const marks = new Uint8Array(words.length);
  let marked = 0;
  for (let code = 0; code < words.length; code++) {
    if (!wanted.has(words[code]!)) continue;
    marks[code] = 1;
    marked++;
  }
  if (marked === 0) return undefined;
  return marked === words.length ? 'all' : marks;
}

/** Which records fit, the first first: of `among`, or of all of them. */
export function fitting(
  codes: Uint8Array | Uint16Array,
  wanted: Codes,
  among: readonly number[] | undefined,
): readonly number[] {
  const isFitting =
    typeof wanted === 'number' ? (i: number) => codes[i] === wanted : (i: number) => wanted[codes[i]!] === 1;
  if (among !== undefined) return among.filter(isFitting);
  const found: number[] = [];
  if (typeof wanted === 'number') {
    // Most of the time most records do not fit, and the runtime passes over them faster than a loop.
    for (let i = codes.indexOf(wanted); i !== -1; i = codes.indexOf(wanted, i + 1)) found.push(i);
  } else {
    for (let i = 0; i < codes.length; i++) if (wanted[codes[i]!] === 1) found.push(i);
  }
  return found;
}
