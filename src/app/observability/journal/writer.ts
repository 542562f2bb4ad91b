/** Writes the journal: records are chained, gathered, appended and synced without ever making the gateway wait. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { OperatorError } from '../../config/problem.ts';
import { makeDirectory } from '../../directory.ts';
import { prunedWords, sealWords, writeHead } from './head.ts';
import { type End, findEnd, firstRecord } from './journal-end.ts';
import { encodeRecord, FIRST_LINK, type RecordKind } from './record.ts';
import { listSegments, type SegmentFile, segmentPath } from './segment-files.ts';
import { openSigningKey, type SigningKey } from './signing-key.ts';

export interface JournalOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Which program writes, for the record that opens a segment. */
  readonly version: string;
  /** Longest time between two syncs: what a power cut may cost. A process that is killed loses less. */
  readonly syncIntervalMs: number;
  readonly segmentMaxBytes: number;
  readonly segmentMaxAgeMs: number;
  readonly keepForMs: number;
  readonly keepMaxBytes: number;
}

export interface JournalWriter {
  /** Takes the record; never throws, never waits. Its content must not change afterwards. */
  append(kind: 'event' | 'action', content: object): void;
  /** Records that could not be taken since the start. */
  readonly lostCount: number;
  /** Of this process, for those who watch it. */
  stats(): JournalStats;
  /** Resolves when all that was appended is on disk. Rejects with the disk's error. */
  flush(): Promise<void>;
  /** Closes the current segment with a signature, and begins another. */
  rotate(): Promise<void>;
  /** Seals and closes; what the disk does not take is given up, and said in the last event. */
  close(): Promise<void>;
}

export interface JournalStats {
  readonly records: number;
  readonly bytes: number;
  readonly pending: number;
  readonly lost: number;
  /** When all that was written so far was last on disk, since the epoch. */
  readonly syncedAtMs: number;
  readonly isFailing: boolean;
}

interface Pending {
  readonly t: number;
  readonly k: RecordKind;
  readonly d: object;
}

/** Gathered before they are written: a record that comes alone is on its way this soon. */
const GATHER_MS = 20;
/** Encoded in one turn of the event loop. */
const SLICE_MAX = 256;
/** Records that wait for a slow or full disk. */
const PENDING_MAX = 50_000;
const RETRY_MS = 1000;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** @throws {OperatorError} where the folder, the key or the first segment cannot be made. */
export async function openJournal(options: JournalOptions): Promise<JournalWriter> {
  const { directory } = options;
  try {
    await makeDirectory(directory, DIRECTORY_MODE);
    const key = await openSigningKey(directory);
    const writer = new SegmentedWriter(options, key, await findEnd(directory, key.fingerprint));
    await writer.begin();
    return writer;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The journal in ${directory} cannot be written: ${(error as Error).message}.`);
  }
}

class SegmentedWriter implements JournalWriter {
  readonly #options: JournalOptions;
  readonly #key: SigningKey;
  readonly #found: End;
  #file: FileHandle | undefined;
  #segment: number;
  #sizeBytes = 0;
  #openedMs = 0;
  #n: number;
  #h: string;
  #pending: Pending[] = [];
  #untold = 0;
  #lost = 0;
  #timer: Timer | undefined;
  #timerDelayMs = 0;
  /** Work on the files happens one after another. */
  #work: Promise<unknown> = Promise.resolve();
  #syncedN = 0;
  #syncedMs = Number.NEGATIVE_INFINITY;
  #syncedAtMs = 0;
  #records = 0;
  #bytes = 0;
  #isFailing = false;
  #isClosed = false;

  constructor(options: JournalOptions, key: SigningKey, found: End) {
    this.#options = options;
    this.#key = key;
    this.#found = found;
    this.#segment = found.segment;
    this.#n = found.n;
    this.#h = found.h;
  }

  get lostCount(): number {
    return this.#lost;
  }

  stats(): JournalStats {
    return {
      records: this.#records,
      bytes: this.#bytes,
      pending: this.#pending.length,
      lost: this.#lost,
      syncedAtMs: this.#syncedN === this.#n ? this.#options.clock.epochMs() : this.#syncedAtMs,
      isFailing: this.#isFailing,
    };
  }

  async begin(): Promise<void> {
    const { segment: _segment, n: _n, h: _h, ...trouble } = this.#found;
    await this.#openSegment(trouble);
    await this.#prune();
    await this.#sync();
  }

  append(kind: 'event' | 'action', content: object): void {
    if (this.#isClosed || this.#pending.length >= PENDING_MAX) {
      this.#lost++;
      this.#untold++;
      return;
    }
    this.#pending.push({ t: this.#options.clock.epochMs(), k: kind, d: content });
    this.#arm(GATHER_MS);
  }

  #arm(delayMs: number): void {
    // A record does not wait for the next sync to be written, so that whoever looks for it finds it; a disk that refuses is given its time.
    if (this.#timer !== undefined && (this.#isFailing || delayMs >= this.#timerDelayMs)) return;
    this.#timer?.cancel();
    this.#timerDelayMs = delayMs;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#queue(() => this.#drain()).catch(() => this.#arm(RETRY_MS));
    });
  }

  #queue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined);
    return result;
  }

  // --- on the queue ---

  /** Writes what waits, and syncs when it is time. */
  async #drain(): Promise<void> {
    // What comes meanwhile is gathered again: a storm of events is no write for each of them.
    await this.#write(Math.max(1, this.#pending.length));
    const { clock, syncIntervalMs } = this.#options;
    if (this.#syncedN === this.#n) return;
    const dueInMs = this.#syncedMs + syncIntervalMs - clock.nowMs();
    if (dueInMs <= 0) await this.#sync();
    else this.#arm(dueInMs);
  }

  /** As many as are asked for; without a number all that waits, and what comes meanwhile. */
  async #write(records = Number.POSITIVE_INFINITY): Promise<void> {
    for (let left = records; left > 0 && (this.#pending.length > 0 || this.#untold > 0); ) {
      const slice = this.#pending.slice(0, Math.min(left, SLICE_MAX));
      left -= Math.max(1, slice.length);
      const untold = this.#untold;
      if (untold > 0) slice.unshift({ t: this.#options.clock.epochMs(), k: 'lost', d: { records: untold } });
      await this.#put(slice);
      this.#pending.splice(0, untold > 0 ? slice.length - 1 : slice.length);
      this.#untold -= untold;
      if (this.#isFull()) await this.#turnOver();
    }
  }

  /** All of them, or none: what a failed write has left behind is written over by the next one. */
  async #put(records: readonly Pending[]): Promise<void> {
    let [n, h, text] = [this.#n, this.#h, ''];
    for (const record of records) {
      n++;
      const encoded = encodeRecord(h, n, record.t, record.k, record.d);
      h = encoded.h;
      text += encoded.line;
    }
    const bytes = Buffer.from(text);
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file!.write(bytes, done, bytes.length - done, this.#sizeBytes + done);
        done += bytesWritten;
      }
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    }
    this.#sizeBytes += bytes.length;
    this.#bytes += bytes.length;
    this.#records += records.length;
    this.#n = n;
    this.#h = h;
  }

  async #sync(): Promise<void> {
    try {
      await this.#file!.datasync();
      await writeHead(this.#options.directory, { n: this.#n, h: this.#h }, this.#key);
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    }
    this.#syncedN = this.#n;
    this.#syncedMs = this.#options.clock.nowMs();
    this.#syncedAtMs = this.#options.clock.epochMs();
    this.#recover();
  }

  #isFull(): boolean {
    const { segmentMaxBytes, segmentMaxAgeMs, clock } = this.#options;
    return this.#sizeBytes >= segmentMaxBytes || clock.nowMs() - this.#openedMs >= segmentMaxAgeMs;
  }

  async #turnOver(): Promise<void> {
    await this.#seal();
    await this.#openSegment({});
    await this.#prune();
  }

  /** Signs all that came before. */
  async #seal(): Promise<void> {
    const words = sealWords(this.#segment, this.#n, this.#h);
    const d = { segment: this.#segment, key: this.#key.fingerprint, signature: this.#key.sign(words) };
    await this.#put([{ t: this.#options.clock.epochMs(), k: 'seal', d }]);
    await this.#sync();
  }

  /** The one before stays in use until this one has its first record. */
  async #openSegment(trouble: object): Promise<void> {
    const { directory, clock, version } = this.#options;
    const [file, segment, sizeBytes] = [this.#file, this.#segment, this.#sizeBytes];
    const path = segmentPath(directory, segment + 1);
    this.#file = await open(path, 'wx', FILE_MODE);
    this.#segment = segment + 1;
    this.#sizeBytes = 0;
    const d = { segment: this.#segment, before: this.#h, key: this.#key.fingerprint, version, ...trouble };
    try {
      await this.#put([{ t: clock.epochMs(), k: 'open', d }]);
    } catch (error) {
      await this.#file.close();
      await rm(path, { force: true });
      [this.#file, this.#segment, this.#sizeBytes] = [file, segment, sizeBytes];
      throw error;
    }
    this.#openedMs = clock.nowMs();
    await file?.close();
  }

  /** Takes away the oldest segments, those beyond the age or the size that is kept; a signed note of it comes first. */
  async #prune(): Promise<void> {
    const { directory, clock, keepForMs, keepMaxBytes } = this.#options;
    const segments = await listSegments(directory);
    const gone = surplus(segments, clock.epochMs() - keepForMs, keepMaxBytes);
    if (gone.length === 0) return;
    const next = segments[gone.length]!;
    // INVARIANT: the current segment is never among them, and every segment begins with the link to the one before.
    const first = await firstRecord(next.path);
    if (first === undefined) return;
    const [n, h] = [first.n - 1, String(first.d['before'] ?? FIRST_LINK)];
    const segment = gone.at(-1)!.number;
    const signature = this.#key.sign(prunedWords(segment, n, h));
    const bytes = gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const d = { segment, n, h, segments: gone.length, bytes, key: this.#key.fingerprint, signature };
    await this.#put([{ t: clock.epochMs(), k: 'pruned', d }]);
    await this.#sync();
    for (const { path } of gone) await rm(path, { force: true });
  }

  // --- trouble ---

  #fail(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.emit({ name: 'storage.failed', path: this.#options.directory, says: error.message });
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.emit({ name: 'storage.recovered', path: this.#options.directory });
  }

  // --- from outside ---

  flush(): Promise<void> {
    return this.#queue(async () => {
      await this.#write();
      if (this.#syncedN !== this.#n) await this.#sync();
    });
  }

  rotate(): Promise<void> {
    return this.#queue(async () => {
      await this.#write();
      await this.#turnOver();
      await this.#sync();
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#queue(async () => {
      try {
        await this.#write();
        await this.#seal();
      } finally {
        await this.#file?.close();
      }
    }).catch(() => undefined);
  }
}

/** The oldest of them that are too old, or too much together; the last one, which is being written, is never among them. */
function surplus(segments: readonly SegmentFile[], oldestMs: number, keepMaxBytes: number): SegmentFile[] {
  let totalBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gone: SegmentFile[] = [];
  for (const segment of segments.slice(0, -1)) {
    if (segment.modifiedAtMs >= oldestMs && totalBytes <= keepMaxBytes) break;
    gone.push(segment);
    totalBytes -= segment.sizeBytes;
  }
  return gone;
}
