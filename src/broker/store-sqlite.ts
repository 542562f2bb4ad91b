/** The embedded broker's memory on disk: changes are gathered here and committed in groups by a thread that owns the file. */

import type { Clock, Timer } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type {
  Store,
  StoredMessage,
  StoredOutgoing,
  StoredSession,
  StoredSubscription,
  StoreSnapshot,
} from './store.ts';
import { Batch, encodeBatch, SessionTrack } from './store-batch.ts';
import { SnapshotReader } from './store-snapshot.ts';
import {
  type FromThread,
  type Part,
  type StartThread,
  type StoreFault,
  type StoreThread,
  startStoreThread,
} from './store-thread.ts';

/** The most that may wait for the disk, in memory, before the store calls itself unhealthy. */
export const PENDING_MAX_BYTES = 134_217_728;

/** In `relaxed` mode a batch of this size does not wait for its interval. */
const BATCH_EARLY_BYTES = 8_388_608;

/** A commit that takes longer than this counts as a failure until it ends. */
const STALL_MS = 10_000;

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/** How long `close` tries to save what is pending while the disk refuses. */
const CLOSE_MAX_MS = 10_000;

export interface SqliteStoreOptions {
  /** The database file; its directory must exist. The log stands beside it, named with `-wal`. */
  readonly path: string;
  readonly mode: 'relaxed' | 'durable';
  /** `relaxed` only: how long a change may wait for its commit. */
  readonly commitIntervalMs: number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** The store cannot be used, or could not save everything. The message is one sentence that names the file and the cure. */
export class StoreError extends Error {
  readonly fault: StoreFault;
  readonly path: string;

  constructor(fault: StoreFault, path: string, says: string) {
    super(says);
    this.name = 'StoreError';
    this.fault = fault;
    this.path = path;
  }
}

/**
 * Opens the database file, makes it this process's own, and checks and migrates it.
 *
 * What is promised:
 * - `relaxed`: a change is handed to the operating system in the first commit that starts `commitIntervalMs` after it at the
 *   latest (or when the commit that runs by then has ended). When the process dies, by kill -9 too, at most that is lost,
 *   and what survives is a prefix of what was written. When the machine loses power, also what was committed in the last five
 *   seconds or so may be lost, again from the end.
 * - `durable`: what `whenSafe` has called back for is on the medium: it survives the loss of power, as far as the disk itself
 *   tells the truth. What it has not called back for may or may not be there; here too the rest is a prefix.
 *
 * `healthy()` is false while a commit has failed or has taken 10 seconds, while what was committed cannot be forced to the
 * medium, while the thread is being replaced, and from `PENDING_MAX_BYTES` of backlog until half of it is gone. Nothing that
 * is pending is forgotten meanwhile: failed commits are tried again, at most 5 seconds apart.
 *
 * Values handed over are kept until they are committed and must not change: neither objects, nor the bytes that payloads
 * and properties are views of. They are copied once, when they cross to the thread; larger buffers around them are not.
 * A message's `id` is a whole number from 0 that grows with each new message; those read back have identifiers below zero.
 *
 * @throws StoreError when the file cannot be used.
 */
export async function openSqliteStore(
  options: SqliteStoreOptions,
  startThread: StartThread = startStoreThread,
): Promise<Store> {
  const store = new SqliteStore(options, startThread);
  await store.opened;
  return store;
}

/** Why commits are not what they should be; `healthy` while there is none. */
type Cause = 'commit' | 'sync' | 'stall' | 'backlog' | 'thread';

class SqliteStore implements Store {
  readonly opened: Promise<void>;
  readonly #options: SqliteStoreOptions;
  readonly #startThread: StartThread;
  readonly #opening = Promise.withResolvers<void>();
  #loading: { reader: SnapshotReader; result: PromiseWithResolvers<StoreSnapshot> } | undefined = undefined;
  #closing: PromiseWithResolvers<void> | undefined = undefined;
  /** `ending`: everything is on disk, and the thread was told to end. */
  #state: 'opening' | 'open' | 'ending' | 'ended' = 'opening';

  #thread: StoreThread | undefined;
  /** The thread has opened the file and takes transactions. */
  #ready = false;
  #refusal: StoreError | undefined = undefined;
  #messageBase = 0;
  #sessionNext = 0;

  #tracks = new Map<string, SessionTrack>();
  #gathering = new Batch();
  #committing: Batch | undefined = undefined;
  /** The parts of `#committing` that are not sent yet. */
  #parts: Generator<Part, Part> | undefined = undefined;
  /** A commit is wanted as soon as it is possible. */
  #due = false;
  #commitSoon: NodeJS.Immediate | undefined = undefined;
  #commitTimer: Timer | undefined = undefined;
  #stallTimer: Timer | undefined = undefined;
  #retryTimer: Timer | undefined = undefined;
  #retryDelayMs = RETRY_MIN_MS;
  #closeTimer: Timer | undefined = undefined;

  readonly #causes = new Map<Cause, string>();
  /** `relaxed`: callbacks held back while the disk refuses. */
  readonly #held: (() => void)[] = [];

  constructor(options: SqliteStoreOptions, startThread: StartThread) {
    this.#options = options;
    this.#startThread = startThread;
    this.opened = this.#opening.promise;
    this.#start();
  }

  load(): Promise<StoreSnapshot> {
    if (!this.#ready) return Promise.reject(this.#threadError('it is being replaced'));
    const result = Promise.withResolvers<StoreSnapshot>();
    this.#loading = { reader: new SnapshotReader(this.#messageBase), result };
    this.#thread?.send({ kind: 'load' }, []);
    return result.promise;
  }

  putSession(session: StoredSession): void {
    this.#gathering.putSession(this.#track(session.clientId), session);
    this.#changed();
  }

  deleteSession(clientId: string): void {
    const track = this.#tracks.get(clientId);
    if (track === undefined) return;
    this.#tracks.delete(clientId);
    this.#gathering.deleteSession(track);
    this.#changed();
  }

  putSubscription(clientId: string, subscription: StoredSubscription): void {
    this.#gathering.putSubscription(this.#track(clientId), subscription);
    this.#changed();
  }

  deleteSubscription(clientId: string, filter: string): void {
    const track = this.#tracks.get(clientId);
    if (track === undefined) return;
    this.#gathering.deleteSubscription(track, filter);
    this.#changed();
  }

  putOutgoing(clientId: string, outgoing: StoredOutgoing): void {
    this.#gathering.putOutgoing(this.#track(clientId), outgoing);
    this.#changed();
  }

  deleteOutgoing(clientId: string, sequence: number): void {
    const track = this.#tracks.get(clientId);
    if (track === undefined) return;
    this.#gathering.deleteOutgoing(track, sequence);
    this.#changed();
  }

  putIncoming(clientId: string, packetId: number): void {
    this.#gathering.putIncoming(this.#track(clientId), packetId);
    this.#changed();
  }

  deleteIncoming(clientId: string, packetId: number): void {
    const track = this.#tracks.get(clientId);
    if (track === undefined) return;
    this.#gathering.deleteIncoming(track, packetId);
    this.#changed();
  }

  putRetained(message: StoredMessage): void {
    this.#gathering.putRetained(message);
    this.#changed();
  }

  deleteRetained(topic: string): void {
    this.#gathering.deleteRetained(topic);
    this.#changed();
  }

  whenSafe(run: () => void): void {
    if (this.#options.mode === 'relaxed') {
      if (this.#causes.size === 0 && this.#held.length === 0) run();
      else this.#held.push(run);
      return;
    }
    const { changes, waiting } = this.#gathering;
    if (changes > 0 || waiting.length > 0) waiting.push(run);
    else if (this.#committing !== undefined) this.#committing.waiting.push(run);
    else run();
  }

  healthy(): boolean {
    return this.#causes.size === 0;
  }

  /**
   * @throws StoreError with fault `unsaved` when the disk refuses for too long.
   */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers();
    this.#closeTimer = this.#options.clock.after(CLOSE_MAX_MS, () => this.#giveUp());
    // Whoever waits for the next attempt waits no longer.
    if (this.#retryTimer !== undefined) this.#retry();
    this.#continueClosing();
    return this.#closing.promise;
  }

  #track(clientId: string): SessionTrack {
    let track = this.#tracks.get(clientId);
    if (track === undefined) {
      track = new SessionTrack(clientId, this.#sessionNext++);
      this.#tracks.set(clientId, track);
    }
    return track;
  }

  /** After every change: sees to it that a commit comes. */
  #changed(): void {
    const { sizeBytes } = this.#gathering;
    if (sizeBytes + (this.#committing?.sizeBytes ?? 0) > PENDING_MAX_BYTES && !this.#causes.has('backlog')) {
      this.#fail('backlog', `more than ${PENDING_MAX_BYTES} bytes wait to be written`);
    }
    if (this.#options.mode === 'durable' || sizeBytes > BATCH_EARLY_BYTES) this.#commitNow();
    else if (this.#commitTimer === undefined && !this.#due) {
      this.#commitTimer = this.#options.clock.after(this.#options.commitIntervalMs, () => this.#commit());
    }
  }

  /** At the end of this turn of the event loop, so that everything the sockets had to say shares one commit. */
  #commitNow(): void {
    if (this.#due) return;
    this.#due = true;
    if (this.#committing === undefined) this.#commitSoon = setImmediate(() => this.#commit());
  }

  #commit(): void {
    this.#commitTimer?.cancel();
    this.#commitTimer = undefined;
    clearImmediate(this.#commitSoon);
    this.#due = true;
    if (!this.#ready || this.#committing !== undefined) return;
    this.#due = false;
    const batch = this.#gathering;
    if (batch.changes === 0) {
      // Everything that was waited for has gone again by itself.
      for (const run of batch.waiting) run();
      batch.waiting.length = 0;
      return;
    }
    batch.seal();
    this.#committing = batch;
    this.#gathering = new Batch();
    this.#send(batch, false);
  }

  #send(batch: Batch, whole: boolean): void {
    this.#parts = encodeBatch(batch, this.#messageBase, whole);
    this.#stallTimer = this.#options.clock.after(STALL_MS, () =>
      this.#fail('stall', `the disk has not answered for ${STALL_MS / 1000} seconds`),
    );
    this.#sendParts(this.#parts);
  }

  #sendParts(parts: Generator<Part, Part>): void {
    const { value: part, done } = parts.next();
    this.#thread?.send({ kind: 'part', part, last: done === true }, [part.bytes.buffer]);
    if (done) return;
    setImmediate(() => {
      // Another generator, or none, once the thread ended in between.
      if (this.#parts === parts) this.#sendParts(parts);
    });
  }

  #start(): void {
    this.#thread = this.#startThread(
      { path: this.#options.path, mode: this.#options.mode },
      { onMessage: (message) => this.#receive(message), onExit: (says) => this.#threadEnded(says) },
    );
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'opened':
        this.#threadOpened(message.messageBase, message.sessionNext);
        break;
      case 'refused':
        this.#refused(new StoreError(message.fault, this.#options.path, message.says));
        break;
      case 'rows':
        this.#loading?.reader.add(message.table, message.part, message.properties);
        break;
      case 'loaded':
        this.#loaded(message.damagedRows);
        break;
      case 'committed':
        this.#committed();
        break;
      case 'failed':
        this.#commitFailed(message.says);
        break;
      case 'unsynced':
        this.#fail('sync', message.says);
        break;
      case 'synced':
        this.#recover('sync');
        break;
      case 'closed':
        this.#state = 'ended';
        break;
    }
  }

  #threadOpened(messageBase: number, sessionNext: number): void {
    this.#ready = true;
    if (this.#state === 'opening') {
      this.#state = 'open';
      this.#messageBase = messageBase;
      this.#sessionNext = sessionNext;
      this.#opening.resolve();
      return;
    }
    // A thread in place of one that ended. Numbers go on as they were.
    if (this.#committing !== undefined) this.#send(this.#committing, true);
    else {
      this.#recover('thread');
      if (this.#due) this.#commit();
      this.#continueClosing();
    }
  }

  #refused(error: StoreError): void {
    if (this.#loading === undefined) {
      // Known as the reason once the thread has ended.
      this.#refusal = error;
      return;
    }
    this.#loading.result.reject(error);
    this.#loading = undefined;
  }

  #loaded(damagedRows: number): void {
    const loading = this.#loading;
    this.#loading = undefined;
    if (loading === undefined) return;
    this.#tracks = loading.reader.tracks;
    if (damagedRows > 0) {
      const says = `${damagedRows} rows made no sense and were left out`;
      this.#options.emit({ name: 'storage.damaged', path: this.#options.path, rows: damagedRows, says });
    }
    loading.result.resolve(loading.reader.snapshot);
  }

  #committed(): void {
    const batch = this.#committing;
    if (batch === undefined) return;
    this.#parts = undefined;
    this.#stallTimer?.cancel();
    this.#retryDelayMs = RETRY_MIN_MS;
    batch.settle();
    this.#recover('commit', 'stall', 'thread');
    if (this.#gathering.sizeBytes <= PENDING_MAX_BYTES / 2) this.#recover('backlog');
    // While they run the batch still counts as the last one, so that callbacks they add follow in order.
    for (const run of batch.waiting) run();
    this.#committing = undefined;
    if (this.#due) this.#commit();
    this.#continueClosing();
  }

  #commitFailed(says: string): void {
    this.#parts = undefined;
    this.#stallTimer?.cancel();
    this.#recover('stall');
    this.#fail('commit', says);
    this.#retryLater();
  }

  #threadEnded(says: string): void {
    this.#ready = false;
    this.#thread = undefined;
    this.#parts = undefined;
    this.#stallTimer?.cancel();
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (this.#state === 'ending' || this.#state === 'ended') {
      // Everything was on disk before it was told to end.
      this.#state = 'ended';
      this.#closeTimer?.cancel();
      this.#closing?.resolve();
      return;
    }
    const error = refusal ?? this.#threadError(says);
    if (this.#state === 'opening') {
      this.#state = 'ended';
      this.#opening.reject(error);
      return;
    }
    this.#loading?.result.reject(error);
    this.#loading = undefined;
    this.#fail('thread', error.message);
    this.#retryLater();
  }

  #threadError(says: string): StoreError {
    const { path } = this.#options;
    return new StoreError('thread', path, `${path} cannot be used: its thread ended (${says}); start again.`);
  }

  #retryLater(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#options.clock.after(this.#retryDelayMs, () => this.#retry());
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, RETRY_MAX_MS);
  }

  #retry(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    if (this.#thread === undefined) this.#start();
    // A thread that is still opening the file gets the batch when it has.
    else if (this.#ready && this.#committing !== undefined) this.#send(this.#committing, true);
  }

  #fail(cause: Cause, says: string): void {
    const healthy = this.#causes.size === 0;
    this.#causes.set(cause, says);
    if (!healthy) return;
    this.#options.emit({ name: 'storage.failed', path: this.#options.path, says });
  }

  #recover(...causes: Cause[]): void {
    if (this.#causes.size === 0) return;
    for (const cause of causes) this.#causes.delete(cause);
    if (this.#causes.size > 0) return;
    this.#options.emit({ name: 'storage.recovered', path: this.#options.path });
    while (this.#causes.size === 0 && this.#held.length > 0) this.#held.shift()!();
  }

  /** Commits what is left, then lets the thread tidy up and end. */
  #continueClosing(): void {
    if (this.#closing === undefined || this.#state !== 'open') return;
    if (this.#committing !== undefined || !this.#ready) return;
    if (this.#gathering.changes > 0) {
      this.#commit();
      return;
    }
    this.#state = 'ending';
    this.#thread?.send({ kind: 'close' }, []);
  }

  #giveUp(): void {
    const unsaved = this.#gathering.changes + (this.#committing?.changes ?? 0);
    this.#retryTimer?.cancel();
    this.#stallTimer?.cancel();
    this.#state = 'ended';
    this.#thread?.kill();
    if (unsaved === 0) {
      this.#closing?.resolve();
      return;
    }
    const reason = [...this.#causes.values()].join('; ') || 'the disk does not answer';
    this.#closing?.reject(
      new StoreError(
        'unsaved',
        this.#options.path,
        `${unsaved} changes could not be saved to ${this.#options.path} before the gateway had to stop (${reason}).`,
      ),
    );
  }
}
