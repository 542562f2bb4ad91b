/** The thread that reads and compiles one large policy. */
import { parentPort, workerData } from 'node:worker_threads';
import { FileFaultError } from '../../base/file-fault.ts';
import { type FromThread, readAndCompile, type ThreadRequest } from './policy-build.ts';
import { buffersOfPolicy } from './policy-compiled.ts';

function send(message: FromThread, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

try {
  const policy = readAndCompile(workerData as ThreadRequest, (progress) => send({ kind: 'progress', ...progress }));
  send({ kind: 'compiled', policy }, buffersOfPolicy(policy));
} catch (error) {
  if (!(error instanceof FileFaultError)) throw error;
  send({ kind: 'faults', faults: error.faults });
}
