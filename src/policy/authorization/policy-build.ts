/** Reads and compiles a policy, in whatever thread it is called, and what that thread and its owner say to each other. */
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { type CompiledPolicy, compilePolicy } from './policy-compiled.ts';
import { parsePolicyFile } from './policy-file.ts';

export interface PolicyProgress {
  readonly stage: 'reading' | 'compiling';
  readonly done: number;
  readonly all: number;
}

export interface ThreadRequest {
  readonly bytes: Uint8Array;
  readonly file: string;
}

export type FromThread =
  | ({ readonly kind: 'progress' } & PolicyProgress)
  | { readonly kind: 'faults'; readonly faults: readonly FileFault[] }
  | { readonly kind: 'compiled'; readonly policy: CompiledPolicy };

/** @throws {FileFaultError} with everything that is wrong in it. */
export function readAndCompile(
  { bytes, file }: ThreadRequest,
  onProgress: ((progress: PolicyProgress) => void) | undefined,
): CompiledPolicy {
  const policy = parsePolicyFile(decode(bytes, file), file, {
    onProgress: (done, all) => onProgress?.({ stage: 'reading', done, all }),
  });
  return compilePolicy(policy, (done, all) => onProgress?.({ stage: 'compiling', done, all }));
}

export function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const cure = 'Save it as UTF-8.';
    throw new FileFaultError([{ file, line: 1, column: 1, says: 'The file is no UTF-8 text.', cure }]);
  }
}
