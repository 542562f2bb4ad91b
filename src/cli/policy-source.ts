/** The policy that a command is about: the one that --policy names, or else the configuration. */
import { fromPipeToo, readPolicy } from '../app/authorization-files.ts';
import { loadConfig } from '../app/config/load.ts';
import type { PolicyProgress } from '../policy/authorization/policy-build.ts';
import { decode } from '../policy/authorization/policy-build.ts';
import { parsePolicyFile } from '../policy/authorization/policy-file.ts';
import type { Policy } from '../policy/authorization/policy-form.ts';
import { type Invocation, textOption, UsageError } from './command.ts';
import { placeOf } from './place.ts';
import { showProgress } from './terminal.ts';

/** @throws {FileFaultError} with all that is wrong in it; its assertions are not proven. */
export async function readPolicyFile(file: string): Promise<Policy> {
  return parsePolicyFile(decode(await readPolicy(file, fromPipeToo), file), file, {
    onProgress: (done, all) => tellPolicyProgress({ stage: 'reading', done, all }),
  });
}

/** @throws {UsageError} where neither names one. */
export async function policyFileOf(invocation: Invocation): Promise<string> {
  const named = textOption(invocation, 'policy');
  if (named !== undefined) return named;
  const { configFile } = placeOf(invocation);
  const { policyFile } = (await loadConfig(configFile)).config.authorization;
  if (policyFile !== undefined) return policyFile;
  throw new UsageError(
    `${configFile} names an ACL file and no policy. Give --policy FILE; \`sallyport policy import\` makes one of an ACL file.`,
  );
}

export function tellPolicyProgress({ stage, done, all }: Omit<PolicyProgress, 'stage'> & { stage: string }): void {
  showProgress(`${stage} the policy: ${Math.floor((100 * done) / all)} %`);
}
