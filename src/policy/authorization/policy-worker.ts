/** The thread that reads, proves and compiles one policy. */
import { parentPort, workerData } from 'node:worker_threads';
import { FileFaultError } from '../../base/file-fault.ts';
import {
  type FromThread,
  type PolicyProgress,
  proveAndCompile,
  readPolicyBytes,
  type ThreadRequest,
} from './policy-build.ts';
import { buffersOfPolicy } from './policy-compiled.ts';

function send(message: FromThread, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

try {
  const onProgress = (progress: PolicyProgress): void => send({ kind: 'progress', ...progress });
  const policy = proveAndCompile(readPolicyBytes(workerData as ThreadRequest, onProgress), onProgress);
  send({ kind: 'compiled', policy }, buffersOfPolicy(policy));
} catch (error) {
  if (!(error instanceof FileFaultError)) throw error;
  send({ kind: 'faults', faults: error.faults });
}
