/** The language between the store and its thread: what is sent each way, and how the thread is started. */

import { Worker } from 'node:worker_threads';

/** One change on disk: the first value of a run of values; the others follow in the order named here. */
export const Op = {
  /** session */
  DeleteSession: 1,
  /** session, clientId, owner, expiryS, disconnectedAtMs, willTopic, willQos, willRetain, willDelayS, willAuthor, bytes of properties, bytes of payload */
  PutSession: 2,
  /** session, filter, qos, noLocal, retainAsPublished, retainHandling, identifier */
  PutSubscription: 3,
  /** session, filter */
  DeleteSubscription: 4,
  /** message, topic, publisher, qos, retain, expiresAtMs, bytes of properties, bytes of payload */
  PutMessage: 5,
  /** session, sequence, packetId, state, qos, retain, identifiers, message */
  PutOutgoing: 6,
  /** session, sequence */
  DeleteOutgoing: 7,
  /** session, packetId */
  PutIncoming: 8,
  /** session, packetId */
  DeleteIncoming: 9,
  /** topic, message */
  PutRetained: 10,
  /** topic */
  DeleteRetained: 11,
} as const;

/** Which table a chunk of rows was read from; the columns are those of `Op`, without the operation. */
export const Table = { Message: 1, Session: 2, Subscription: 3, Outgoing: 4, Incoming: 5, Retained: 6 } as const;
export type Table = (typeof Table)[keyof typeof Table];

export type Value = number | string | null;

/**
 * A piece of a transaction, or of the rows read back. All binary values stand in `bytes` one after another, in the order of
 * their lengths in `values`; its memory is transferred, so the sender must not touch it again.
 */
export interface Part {
  readonly values: Value[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The one copy of binary values on their way to the other thread: what they are views of stays where it is. */
export function joinPart(values: Value[], binaries: readonly Uint8Array[], sizeBytes: number): Part {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const binary of binaries) {
    bytes.set(binary, at);
    at += binary.length;
  }
  return { values, bytes };
}

/** Why a file cannot be used; see `StoreError`. */
export type StoreFault = 'unwritable' | 'in-use' | 'not-a-store' | 'damaged' | 'newer' | 'thread' | 'unsaved';

export interface ThreadOptions {
  readonly path: string;
  readonly mode: 'relaxed' | 'durable';
}

export type ToThread =
  | { kind: 'load' }
  /** Applied as they come, in one transaction; committed with the last. */
  | { kind: 'part'; part: Part; last: boolean }
  | { kind: 'close' };

export type FromThread =
  | { kind: 'opened'; messageBase: number; sessionNext: number }
  | { kind: 'refused'; fault: StoreFault; says: string }
  /** Rows of messages and sessions have decoded properties each, and in `part` the length of their payload last. */
  | { kind: 'rows'; table: Table; part: Part; properties: (object | null)[] }
  | { kind: 'loaded'; damagedRows: number }
  | { kind: 'committed' }
  /** Nothing of the transaction is on disk. */
  | { kind: 'failed'; says: string }
  /** Committed, but not yet forced to the medium. */
  | { kind: 'unsynced'; says: string }
  | { kind: 'synced' }
  | { kind: 'closed' };

/** A started thread, as far as the store needs it. */
export interface StoreThread {
  send(message: ToThread, transfer: ArrayBuffer[]): void;
  /** Ends at once; what was not committed is not on disk. */
  kill(): void;
}

export interface ThreadEvents {
  onMessage(message: FromThread): void;
  /** Called once, whatever ended it. */
  onExit(says: string): void;
}

export type StartThread = (options: ThreadOptions, events: ThreadEvents) => StoreThread;

/** The same directory, the same extension: `.ts` when run from source, `.js` when compiled. */
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './store-sqlite-worker.ts' : './store-sqlite-worker.js',
  import.meta.url,
);

export const startStoreThread: StartThread = (options, events) => {
  const worker = new Worker(WORKER_URL, {
    name: 'store',
    workerData: options,
    // Older runtimes print that node:sqlite is experimental, once a thread.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let says: string | undefined;
  worker.on('message', (message: FromThread) => events.onMessage(message));
  worker.on('messageerror', (error) => {
    says = error.message;
    void worker.terminate();
  });
  worker.on('error', (error: unknown) => {
    says = error instanceof Error ? error.message : String(error);
  });
  worker.on('exit', (code) => events.onExit(says ?? `exit code ${code}`));
  return {
    send: (message, transfer) => worker.postMessage(message, transfer),
    kill: () => void worker.terminate(),
  };
};
