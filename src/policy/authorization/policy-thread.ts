/** From the bytes of a policy file to its compiled form; a large one, or one with assertions, is worked on in a thread of its own. */
import { Worker } from 'node:worker_threads';
import { FileFaultError } from '../../base/file-fault.ts';
import {
  type FromThread,
  type PolicyProgress,
  proveAndCompile,
  readPolicyBytes,
  type ThreadRequest,
} from './policy-build.ts';
import type { CompiledPolicy } from './policy-compiled.ts';

/** Below this a policy takes some tens of milliseconds, and a thread's start is most of what it would cost. */
const THREAD_MIN_BYTES = 256 * 1024;

export interface BuildOptions {
  readonly onProgress?: (progress: PolicyProgress) => void;
  /** From this size on, a thread does the work. */
  readonly threadMinBytes?: number;
}

/**
 * `bytes` are the file's; with a large file they are given away.
 * @throws {FileFaultError} with everything that is wrong in it.
 */
export async function buildPolicy(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  options: BuildOptions = {},
): Promise<CompiledPolicy> {
  const { onProgress, threadMinBytes = THREAD_MIN_BYTES } = options;
  if (bytes.length < threadMinBytes) {
    const policy = readPolicyBytes({ bytes, file }, onProgress);
    // A proof may take long with few grants too; a small file is soon read again.
    if (policy.assertions.length === 0) return proveAndCompile(policy, onProgress);
  }
  return buildInThread({ bytes, file }, onProgress);
}

/** The same directory, the same extension: `.ts` when run from source, `.js` when compiled. */
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './policy-worker.ts' : './policy-worker.js',
  import.meta.url,
);

function buildInThread(request: ThreadRequest, onProgress: BuildOptions['onProgress']): Promise<CompiledPolicy> {
  const { bytes } = request;
  return new Promise((resolve, reject) => {
    // Memory that others may use as well, such as that of small buffers, cannot be given away.
    const isOwn = bytes.byteLength === bytes.buffer.byteLength;
    const transferList = isOwn ? [bytes.buffer as ArrayBuffer] : [];
    const worker = new Worker(WORKER_URL, { name: 'policy', workerData: request, transferList });
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'progress') onProgress?.(message);
      else if (message.kind === 'compiled') resolve(message.policy);
      else reject(new FileFaultError(message.faults));
    });
    worker.on('messageerror', reject);
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`The thread that compiles the policy ended with code ${code}.`)));
  });
}
