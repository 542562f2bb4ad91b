/** Reads the file that says who may do what: a policy, or an ACL in Mosquitto's syntax. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { type FileFault, FileFaultError } from '../base/file-fault.ts';
import { nearestWord } from '../base/nearest-word.ts';
import { parseAclFile } from '../policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../policy/authorization/authorizer.ts';
import type { Authorizer } from '../policy/authorization/decision.ts';
import { buildPolicyAuthorizer, buildRoleAuthorizer } from '../policy/authorization/policy-authorizer.ts';
import type { PolicyProgress } from '../policy/authorization/policy-build.ts';
import type { CompiledPolicy, PolicySummary } from '../policy/authorization/policy-compiled.ts';
import { POLICY_FILE_MAX_BYTES } from '../policy/authorization/policy-file.ts';
import { buildPolicy } from '../policy/authorization/policy-thread.ts';
import { readPersonalLimits } from '../policy/limits/personal-limits.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { openPlainFile } from './plain-file.ts';
import { readText } from './text-file.ts';

type OnProgress = (progress: PolicyProgress) => void;

export interface Authorization {
  readonly authorizer: Authorizer;
  /** Of a policy file. */
  readonly policy?: PolicySummary;
  /** Of who is in quarantine, where that has a role. */
  readonly confined?: Authorizer;
  /** Asked beside the authorizer, and not obeyed. */
  readonly candidate?: Candidate;
}

export interface Candidate {
  readonly file: string;
  readonly authorizer: Authorizer;
  /** The same as long as neither file was touched: what was counted of the two can go on. */
  readonly stamp: string;
}

export interface AuthorizationConfig {
  readonly authorization: Config['authorization'];
  readonly response: Pick<Config['response'], 'quarantine'>;
}

/** @throws {OperatorError} when the file cannot be read, {FileFaultError} with all that is wrong in it. */
export async function loadAuthorization(
  { authorization: settings, response }: AuthorizationConfig,
  clock: Clock,
  onProgress?: OnProgress,
): Promise<Authorization> {
  const { policyFile, aclFile, shadowFile } = settings;
  const { role } = response.quarantine;
  if (role !== undefined && policyFile === undefined) {
    throw new OperatorError(
      'response.quarantine.role names a role, and roles need a policy: give authorization.policyFile.',
    );
  }
  const active = await loadActive(settings, clock, onProgress, role);
  if (shadowFile === undefined) return active;
  const { authorizer } = await loadPolicyFile(shadowFile, clock, onProgress);
  const stamp = `${await stampOf(policyFile ?? aclFile)} ${await stampOf(shadowFile)}`;
  return { ...active, candidate: { file: shadowFile, authorizer, stamp } };
}

async function loadActive(
  { policyFile, aclFile, subscribe }: Config['authorization'],
  clock: Clock,
  onProgress: OnProgress | undefined,
  confinedTo: string | undefined,
): Promise<Authorization> {
  if (policyFile !== undefined) return loadPolicyFile(policyFile, clock, onProgress, confinedTo);
  if (aclFile === undefined) return { authorizer: buildAuthorizer(undefined, { subscribe }) };
  const text = await readText(aclFile, 'ACL file', 'without one nobody may do anything');
  return { authorizer: buildAuthorizer(parseAclFile(text, aclFile), { subscribe }) };
}

async function loadPolicyFile(
  file: string,
  clock: Clock,
  onProgress: OnProgress | undefined,
  confinedTo?: string,
): Promise<{ authorizer: Authorizer; policy: PolicySummary; confined?: Authorizer }> {
  const options = onProgress === undefined ? {} : { onProgress };
  const policy = await buildPolicy(await readPolicy(file), file, options);
  checkLimits(policy);
  const built = { authorizer: buildPolicyAuthorizer(policy, clock), policy: policy.summary };
  return confinedTo === undefined ? built : { ...built, confined: confinedAuthorizer(policy, confinedTo, clock) };
}

/** @throws {OperatorError} when the policy has no such role. */
function confinedAuthorizer(policy: CompiledPolicy, role: string, clock: Clock): Authorizer {
  const authorizer = buildRoleAuthorizer(policy, role, clock);
  if (authorizer !== undefined) return authorizer;
  const meant = nearestWord(role, policy.roleNames);
  const cure = meant === undefined ? 'Add it there.' : `Did you mean ${meant}?`;
  throw new OperatorError(
    `response.quarantine.role names "${role}", a role that ${policy.file} does not have. ${cure}`,
  );
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

/** A pipe, too, such as a shell makes for a command whose output it names as a file. */
export const fromPipeToo = (file: string): Promise<FileHandle> => open(file, 'r');

/** @throws {OperatorError} when it cannot be read, or is larger than any policy. */
export async function readPolicy(file: string, opening = openPlainFile): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const handle = await opening(file);
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
