/**
 * Verifies a journal offline: every hash, every signature, every number. What is found says what was done to it, as far as
 * that can be told, and where; reading goes on behind it, so that one change does not hide another.
 */
import { prunedWords, readHead, sealWords } from './head.ts';
import { FIRST_LINK, isLinked, type JournalRecord, parseRecord } from './record.ts';
import { isAbsent, listSegments, readLines, type SegmentFile, type SegmentLine } from './segment-files.ts';
import type { VerifyingKey } from './signing-key.ts';

/**
 * `changed`: a record is not what was written. `removed`: records are missing. `misplaced`: one is there twice, in another
 * place, or was never written. `signature`: a seal, note or head is not signed by the key. `torn` is no tampering: what a
 * crash has left of a write.
 */
export type ProblemKind = 'changed' | 'removed' | 'misplaced' | 'signature' | 'torn';

export interface Problem {
  readonly kind: ProblemKind;
  /** File name and line, or the head. */
  readonly place: string;
  readonly says: string;
}

export interface Verification {
  /** No sign of tampering. A torn end is none. */
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  readonly bytes: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** Fingerprint of the key that all signatures were held against. */
  readonly key: string;
  /** Records at the end that no seal covers yet; the head covers those that it names. */
  readonly unsealed: number;
  /** Removed by retention, as a signed note says. */
  readonly prunedThrough: number;
  readonly problems: readonly Problem[];
}

const PROBLEMS_MAX = 1000;

export async function verifyJournal(
  directory: string,
  key: VerifyingKey,
  onProgress?: (doneBytes: number, allBytes: number) => void,
): Promise<Verification> {
  const segments = await listSegments(directory);
  let verifier = new Verifier(key, []);
  let count = 0;
  const allBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const segment of segments) {
    try {
      await verifier.read(segment, (doneBytes) => onProgress?.(doneBytes, allBytes));
      count++;
    } catch (error) {
      if (!isAbsent(error)) throw error;
      // Retention takes the oldest: the journal begins behind this one by now, which a signed note further on has to say.
      verifier = new Verifier(key, verifier.problems);
      count = 0;
    }
  }
  verifier.judgeHead(await readHead(directory, key), segments.length > 0);
  return verifier.result(count);
}

class Verifier {
  readonly #key: VerifyingKey;
  readonly #problems: Problem[];
  #n = 0;
  #h = FIRST_LINK;
  #first: JournalRecord | undefined;
  #lastMs: number | undefined;
  #segment = 0;
  #records = 0;
  #bytes = 0;
  #sealedN = 0;
  #pruned = { n: 0, h: FIRST_LINK };
  #torn: { place: string; bytes: number } | undefined;
  #empty: string[] = [];
  /** The hash of each record that the head may name: the last of each segment, and the very last. */
  #headless = new Map<number, string>();

  constructor(key: VerifyingKey, problems: readonly Problem[]) {
    this.#key = key;
    this.#problems = [...problems];
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  async read({ number, path, sizeBytes }: SegmentFile, onProgress: (doneBytes: number) => void): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (this.#segment !== 0 && number !== this.#segment + 1) {
      this.#add(
        'removed',
        name,
        `the segment before it has the number ${this.#segment}: ${number - this.#segment - 1} are missing`,
      );
    }
    this.#segment = number;
    let lineNumber = 0;
    for await (const lines of readLines(path)) {
      for (const line of lines) this.#take(line, `${name}:${++lineNumber}`, lineNumber === 1);
      onProgress(this.#bytes + lines.at(-1)!.offset);
    }
    if (lineNumber === 0) this.#empty.push(name);
    this.#bytes += sizeBytes;
  }

  #take(line: SegmentLine, place: string, isFirst: boolean): void {
    if (!line.isWhole) {
      this.#torn = { place, bytes: line.lengthBytes };
      return;
    }
    const record = parseRecord(line.text);
    if (record === undefined) {
      this.#add('changed', place, 'it is no record of a journal');
      return;
    }
    if (this.#first === undefined) this.#begin(record);
    else if (isFirst) this.#judgeOpening(record, place);
    this.#judgeOrder(record, line.text, place);
    this.#n = record.n;
    this.#h = record.h;
    this.#lastMs = record.t;
    this.#records++;
    if (record.k === 'seal') this.#judgeSeal(record, place);
    else if (record.k === 'pruned') this.#judgePruned(record, place);
    this.#headless.set(record.n, record.h);
    if (this.#headless.size > 4096) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [oldest] = this.#headless.keys();
    this.#headless.delete(oldest!);
  }

  /** The first record that is there: the very first, or the first that retention has left. */
  #begin(record: JournalRecord): void {
    this.#first = record;
    this.#n = record.n - 1;
    this.#h = record.n === 1 ? FIRST_LINK : String(record.d['before']);
  }

  #judgeOpening(record: JournalRecord, place: string): void {
    if (record.k !== 'open') {
      this.#add('removed', place, 'a segment begins with a record that opens it, and this one does not');
      return;
    }
    const { tornBytes, headWas, keyWas } = record.d as { tornBytes?: number; headWas?: { n: number }; keyWas?: string };
    if (this.#torn !== undefined && tornBytes !== this.#torn.bytes) {
      this.#add(
        'changed',
        this.#torn.place,
        `${this.#torn.bytes} bytes are no record, and were not there when the next segment began`,
      );
    }
    this.#torn = undefined;
    if (headWas !== undefined) {
      this.#add(
        'removed',
        place,
        `when it began, ${headWas.n - record.n + 1} records were missing that had been on disk`,
      );
    }
    if (keyWas !== undefined && keyWas !== record.d['key']) {
      this.#add('signature', place, `the key changed here; before, it was ${keyWas}`);
    }
  }

  #judgeOrder(record: JournalRecord, text: string, place: string): void {
    const expected = this.#n + 1;
    const linked = isLinked(text, this.#h);
    if (record.n === expected && linked) return;
    if (record.n === expected) {
      this.#add('changed', place, `record ${record.n} or the one before it is not what was written`);
    } else if (record.n > expected) {
      const missing = record.n - expected;
      this.#add(
        'removed',
        place,
        `${missing} record${missing === 1 ? ' is' : 's are'} missing before record ${record.n}`,
      );
    } else {
      this.#add('misplaced', place, `record ${record.n} stands where record ${expected} belongs`);
    }
  }

  #judgeSeal({ n, d }: JournalRecord, place: string): void {
    const before = this.#headless.get(n - 1);
    const words = sealWords(Number(d['segment']), n - 1, before ?? '');
    if (d['segment'] !== this.#segment || !this.#key.verify(words, String(d['signature']))) {
      this.#add(
        'signature',
        place,
        `the seal of segment ${this.#segment} is not signed by the key ${this.#key.fingerprint}`,
      );
    } else this.#sealedN = n;
  }

  #judgePruned({ d }: JournalRecord, place: string): void {
    const [segment, n, h] = [Number(d['segment']), Number(d['n']), String(d['h'])];
    if (this.#key.verify(prunedWords(segment, n, h), String(d['signature']))) this.#pruned = { n, h };
    else
      this.#add(
        'signature',
        place,
        `the note of what retention removed is not signed by the key ${this.#key.fingerprint}`,
      );
  }

  judgeHead(head: { n: number; h: string } | 'missing' | 'forged', isThere: boolean): void {
    if (head === 'missing') {
      if (isThere)
        this.#add('removed', 'head.json', 'it cannot be read: whether records are missing at the end cannot be told');
    } else if (head === 'forged') {
      this.#add('signature', 'head.json', `it is not signed by the key ${this.#key.fingerprint}`);
    } else if (head.n > this.#n) {
      this.#add('removed', 'head.json', `${head.n - this.#n} records are missing at the end, which had been on disk`);
    } else {
      const there = this.#headless.get(head.n);
      if (there !== undefined && there !== head.h) {
        this.#add('changed', 'head.json', `record ${head.n} is not the one that was signed`);
      }
    }
  }

  #judgeBeginning(): void {
    const first = this.#first;
    if (first === undefined || first.n === 1) return;
    const { n, h } = this.#pruned;
    if (n < first.n - 1) {
      this.#add(
        'removed',
        'the beginning',
        `records ${n + 1} to ${first.n - 1} are missing, and no signed note says that retention removed them`,
      );
    } else if (n === first.n - 1 && h !== first.d['before']) {
      this.#add('changed', 'the beginning', 'the first record does not follow the one that retention removed');
    }
  }

  /** Such a segment was made just before a power cut. If there was more in it, what stands behind it or the head misses that. */
  #judgeEmpty(): void {
    const isMissed = this.#problems.some(({ kind }) => kind === 'removed');
    for (const name of this.#empty) {
      if (isMissed) this.#add('removed', name, 'the segment is empty');
      else this.#add('torn', name, 'the segment was made, and nothing of it was on disk before the machine went down');
    }
  }

  #add(kind: ProblemKind, place: string, says: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ kind, place, says });
  }

  result(segments: number): Verification {
    this.#judgeBeginning();
    this.#judgeEmpty();
    if (this.#torn !== undefined) {
      this.#add('torn', this.#torn.place, `the last ${this.#torn.bytes} bytes are a write that was cut short`);
    }
    return {
      ok: this.#problems.every(({ kind }) => kind === 'torn'),
      records: this.#records,
      segments,
      bytes: this.#bytes,
      firstMs: this.#first?.t,
      lastMs: this.#lastMs,
      key: this.#key.fingerprint,
      unsealed: this.#n - this.#sealedN,
      prunedThrough: this.#pruned.n,
      problems: this.#problems,
    };
  }
}
