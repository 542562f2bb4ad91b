/** Reads the file that says who may do what: a policy, or an ACL in Mosquitto's syntax. */
import { open, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { type FileFault, FileFaultError } from '../base/file-fault.ts';
import { parseAclFile } from '../policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../policy/authorization/authorizer.ts';
import type { Authorizer } from '../policy/authorization/decision.ts';
import { buildPolicyAuthorizer } from '../policy/authorization/policy-authorizer.ts';
import type { PolicyProgress } from '../policy/authorization/policy-build.ts';
import type { CompiledPolicy, PolicySummary } from '../policy/authorization/policy-compiled.ts';
import { POLICY_FILE_MAX_BYTES } from '../policy/authorization/policy-file.ts';
import { buildPolicy } from '../policy/authorization/policy-thread.ts';
import { readPersonalLimits } from '../policy/limits/personal-limits.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { readText } from './identity-methods.ts';

type OnProgress = (progress: PolicyProgress) => void;

export interface Authorization {
  readonly authorizer: Authorizer;
  /** Of a policy file. */
  readonly policy?: PolicySummary;
  /** Asked beside the authorizer, and not obeyed. */
  readonly candidate?: Candidate;
}

export interface Candidate {
  readonly file: string;
  readonly authorizer: Authorizer;
  /** The same as long as neither file was touched: what was counted of the two can go on. */
  readonly stamp: string;
}

/** @throws {OperatorError} when the file cannot be read, {FileFaultError} with all that is wrong in it. */
export async function loadAuthorization(
  settings: Config['authorization'],
  clock: Clock,
  onProgress?: OnProgress,
): Promise<Authorization> {
  const { policyFile, aclFile, shadowFile } = settings;
  const active = await loadActive(settings, clock, onProgress);
  if (shadowFile === undefined) return active;
  const { authorizer } = await loadPolicyFile(shadowFile, clock, onProgress);
  const stamp = `${await stampOf(policyFile ?? aclFile)} ${await stampOf(shadowFile)}`;
  return { ...active, candidate: { file: shadowFile, authorizer, stamp } };
}

async function loadActive(
  { policyFile, aclFile, subscribe }: Config['authorization'],
  clock: Clock,
  onProgress: OnProgress | undefined,
): Promise<Authorization> {
  if (policyFile !== undefined) return loadPolicyFile(policyFile, clock, onProgress);
  if (aclFile === undefined) return { authorizer: buildAuthorizer(undefined, { subscribe }) };
  const text = await readText(aclFile, 'ACL file', 'without one nobody may do anything');
  return { authorizer: buildAuthorizer(parseAclFile(text, aclFile), { subscribe }) };
}

async function loadPolicyFile(
  file: string,
  clock: Clock,
  onProgress: OnProgress | undefined,
): Promise<{ authorizer: Authorizer; policy: PolicySummary }> {
  const options = onProgress === undefined ? {} : { onProgress };
  const policy = await buildPolicy(await readPolicy(file), file, options);
  checkLimits(policy);
  return { authorizer: buildPolicyAuthorizer(policy, clock), policy: policy.summary };
}

/** @throws {FileFaultError} with every limit of a role that cannot be. */
function checkLimits({ limitsOf }: CompiledPolicy): void {
  const faults = [...limitsOf.values()].flat().flatMap(({ file, line, column, name, text }): FileFault[] => {
    const read = readPersonalLimits({ [name]: text }, file);
    if (typeof read !== 'string') return [];
    return [{ file, line, column, says: `The limit cannot be: ${read}.`, cure: 'docs/limits.md has them all.' }];
  });
  if (faults.length > 0) throw new FileFaultError(faults);
}

async function stampOf(file: string | undefined): Promise<string> {
  if (file === undefined) return 'none';
  const { ino, size, mtimeMs } = await stat(file);
  return `${file}:${ino}:${size}:${mtimeMs}`;
}

/** @throws {OperatorError} when it cannot be read, or is larger than any policy. */
export async function readPolicy(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size <= POLICY_FILE_MAX_BYTES) return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OperatorError(
      `The policy file ${file} cannot be read (${code}); docs/policy.md begins with one to start from.`,
    );
  }
  const sizeMaxMiB = POLICY_FILE_MAX_BYTES / 1024 / 1024;
  throw new OperatorError(
    `The policy file ${file} is larger than ${sizeMaxMiB} MiB; use placeholders in place of names.`,
  );
}
