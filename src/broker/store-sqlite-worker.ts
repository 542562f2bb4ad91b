/** The store's thread: owns the database file, and spends here the time that a commit waits for the disk. */

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { prepareApply } from './store-apply.ts';
import { readRows } from './store-rows.ts';
import { describeDiskError, type OpenedDatabase, openDatabase, RefusedFile } from './store-schema.ts';
import type { FromThread, Part, ThreadOptions, ToThread } from './store-thread.ts';

/** In `relaxed` mode a commit is handed to the operating system; this long after, it is forced to the medium. */
const SYNC_INTERVAL_MS = 5_000;

/** Free pages given back to the file system with each sync: 16 MiB. */
const FREED_PAGES_MAX = 4_096;

const options = workerData as ThreadOptions;
const port = parentPort!;

const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

function serve({ database, messageBase, sessionNext, damagedRows }: OpenedDatabase): void {
  const apply = prepareApply(database);
  /** Why the transaction that is being received cannot be committed. */
  let failure: string | undefined;
  let syncPending = false;
  let unsynced = false;

  function receive(part: Part, last: boolean): void {
    if (failure === undefined) {
      try {
        if (!database.isTransaction) database.exec('BEGIN IMMEDIATE');
        apply(part);
        if (last) database.exec('COMMIT');
      } catch (error) {
        failure = describeDiskError(error);
        rollBack();
      }
    }
    if (!last) return;
    if (failure === undefined) {
      send({ kind: 'committed' });
      syncSoon();
    } else send({ kind: 'failed', says: failure });
    failure = undefined;
  }

  function rollBack(): void {
    try {
      if (database.isTransaction) database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, as it does when the disk is full.
    }
  }

  function syncSoon(): void {
    if (syncPending || options.mode === 'durable') return;
    syncPending = true;
    systemClock.after(SYNC_INTERVAL_MS, () => {
      syncPending = false;
      // Between two parts of a transaction: its end is soon.
      if (database.isTransaction) syncSoon();
      else sync();
    });
  }

  function sync(): void {
    try {
      database.exec(`PRAGMA incremental_vacuum(${FREED_PAGES_MAX}); PRAGMA wal_checkpoint(PASSIVE);`);
      if (unsynced) send({ kind: 'synced' });
      unsynced = false;
    } catch (error) {
      unsynced = true;
      send({ kind: 'unsynced', says: describeDiskError(error) });
      syncSoon();
    }
  }

  function load(): void {
    try {
      send({ kind: 'loaded', damagedRows: damagedRows + readRows(database, send) });
    } catch (error) {
      const says = describeDiskError(error);
      send({
        kind: 'refused',
        fault: 'damaged',
        says: `${options.path} cannot be read back (${says}): restore it from a backup, or move it away.`,
      });
    }
  }

  function close(): void {
    try {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // Everything is in the log, which the next start reads.
    }
    database.close();
    send({ kind: 'closed' });
    port.close();
  }

  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'part':
        receive(message.part, message.last);
        break;
      case 'load':
        load();
        break;
      case 'close':
        close();
        break;
    }
  });
  send({ kind: 'opened', messageBase, sessionNext });
}

try {
  serve(openDatabase(options));
} catch (error) {
  if (!(error instanceof RefusedFile)) throw error;
  send({ kind: 'refused', fault: error.fault, says: error.message });
  port.close();
}
