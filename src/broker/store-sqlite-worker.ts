/** The store's thread: gives the owner of the file a place where its waiting for the disk holds up nobody. */

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { StoreOwner } from './store-owner.ts';
import { RefusedFile } from './store-schema.ts';
import type { FromThread, ThreadOptions, ToThread } from './store-thread.ts';

const port = parentPort!;
const send = (message: FromThread, transfer: ArrayBuffer[]) => port.postMessage(message, transfer);

try {
  const owner = new StoreOwner(workerData as ThreadOptions, systemClock, send);
  port.on('message', (message: ToThread) => {
    owner.receive(message);
    if (message.kind === 'close') port.close();
  });
} catch (error) {
  if (!(error instanceof RefusedFile)) throw error;
  // With nothing to listen to the thread ends by itself.
  send({ kind: 'refused', fault: error.fault, says: error.message }, []);
}
