/** Reads, proves and compiles a policy, in whatever thread it is called, and what that thread and its owner say to each other. */
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { type CompiledPolicy, compilePolicy } from './policy-compiled.ts';
import { parsePolicyFile } from './policy-file.ts';
import type { Policy } from './policy-form.ts';
import { describeBroken } from './prove/proof-words.ts';
import { proveAll } from './prove/prover.ts';

export interface PolicyProgress {
  readonly stage: 'reading' | 'proving' | 'compiling';
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

type OnProgress = ((progress: PolicyProgress) => void) | undefined;

/** @throws {FileFaultError} with everything that is wrong in it. */
export function readPolicyBytes({ bytes, file }: ThreadRequest, onProgress: OnProgress): Policy {
  return parsePolicyFile(decode(bytes, file), file, {
    onProgress: (done, all) => onProgress?.({ stage: 'reading', done, all }),
  });
}

/** @throws {FileFaultError} with the assertions that do not hold, and what breaks them. */
export function proveAndCompile(policy: Policy, onProgress: OnProgress): CompiledPolicy {
  if (policy.assertions.length > 0) refuseBroken(policy, onProgress);
  return compilePolicy(policy, (done, all) => onProgress?.({ stage: 'compiling', done, all }));
}

function refuseBroken(policy: Policy, onProgress: OnProgress): void {
  const proofs = proveAll(policy, policy.assertions, (done, all) => onProgress?.({ stage: 'proving', done, all }));
  const faults = proofs.flatMap((proof): FileFault[] => {
    if (proof.outcome === 'holds') return [];
    const { file, line, column } = proof.assertion;
    return [{ file, line, column, ...describeBroken(proof) }];
  });
  if (faults.length > 0) throw new FileFaultError(faults);
}

export function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const cure = 'Save it as UTF-8.';
    throw new FileFaultError([{ file, line: 1, column: 1, says: 'The file is no UTF-8 text.', cure }]);
  }
}
