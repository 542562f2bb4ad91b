/** Owns the database file: applies transactions as they come in parts, commits, forces to the medium, reads back. */

import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Timer } from '../base/clock.ts';
import { type Apply, prepareApply } from './store-apply.ts';
import { readRows } from './store-rows.ts';
import { describeDiskError, openDatabase } from './store-schema.ts';
import type { FromThread, Part, ThreadOptions, ToThread } from './store-thread.ts';

/** In `relaxed` mode a commit is handed to the operating system; this long after, it is forced to the medium. */
const SYNC_INTERVAL_MS = 5_000;

/** Free pages given back to the file system with each sync, and at the end: 16 MiB. */
const FREED_PAGES_MAX = 4_096;

export class StoreOwner {
  readonly #options: ThreadOptions;
  readonly #clock: Clock;
  readonly #send: (message: FromThread, transfer: ArrayBuffer[]) => void;
  readonly #database: DatabaseSync;
  readonly #apply: Apply;
  readonly #damagedRows: number;
  /** Why the transaction that is coming in cannot be committed. */
  #failure: string | undefined = undefined;
  #syncTimer: Timer | undefined = undefined;
  #unsynced = false;

  /**
   * Opens the file and says so.
   * @throws RefusedFile when it cannot be used.
   */
  constructor(options: ThreadOptions, clock: Clock, send: (message: FromThread, transfer: ArrayBuffer[]) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#send = send;
    const { database, messageBase, sessionNext, damagedRows } = openDatabase(options);
    this.#database = database;
    this.#damagedRows = damagedRows;
    this.#apply = prepareApply(database);
    send({ kind: 'opened', messageBase, sessionNext }, []);
  }

  receive(message: ToThread): void {
    switch (message.kind) {
      case 'part':
        this.#receivePart(message.part, message.last);
        break;
      case 'load':
        this.#load();
        break;
      case 'close':
        this.close();
        this.#send({ kind: 'closed' }, []);
        break;
    }
  }

  /** Closes the file in good order; what was not committed is not in it. */
  close(): void {
    this.#syncTimer?.cancel();
    this.#rollBack();
    try {
      this.#database.exec(`PRAGMA incremental_vacuum(${FREED_PAGES_MAX}); PRAGMA wal_checkpoint(TRUNCATE);`);
    } catch {
      // Everything is in the log, which the next start reads.
    }
    this.#database.close();
  }

  #receivePart(part: Part, last: boolean): void {
    if (this.#failure === undefined) {
      try {
        if (!this.#database.isTransaction) this.#database.exec('BEGIN IMMEDIATE');
        this.#apply(part);
        if (last) this.#database.exec('COMMIT');
      } catch (error) {
        this.#failure = describeDiskError(error);
        this.#rollBack();
      }
    }
    // After a failure the rest of the transaction passes by unread.
    if (!last) return;
    const says = this.#failure;
    this.#failure = undefined;
    if (says === undefined) {
      this.#send({ kind: 'committed' }, []);
      this.#syncSoon();
    } else this.#send({ kind: 'failed', says }, []);
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, as it does when the disk is full.
    }
  }

  #syncSoon(): void {
    if (this.#options.mode === 'durable') return;
    this.#syncTimer ??= this.#clock.after(SYNC_INTERVAL_MS, () => {
      this.#syncTimer = undefined;
      // Between two parts of a transaction; its end is near.
      if (this.#database.isTransaction) this.#syncSoon();
      else this.#sync();
    });
  }

  #sync(): void {
    try {
      this.#database.exec(`PRAGMA incremental_vacuum(${FREED_PAGES_MAX}); PRAGMA wal_checkpoint(PASSIVE);`);
      if (this.#unsynced) this.#send({ kind: 'synced' }, []);
      this.#unsynced = false;
    } catch (error) {
      this.#unsynced = true;
      this.#send({ kind: 'unsynced', says: describeDiskError(error) }, []);
      this.#syncSoon();
    }
  }

  #load(): void {
    try {
      const left = readRows(this.#database, this.#send);
      this.#send({ kind: 'loaded', damagedRows: this.#damagedRows + left }, []);
    } catch (error) {
      const says = `${this.#options.path} cannot be read back (${describeDiskError(error)}): restore it from a backup, or move it and its -wal file away to start with empty sessions.`;
      this.#send({ kind: 'refused', fault: 'damaged', says }, []);
    }
  }
}
