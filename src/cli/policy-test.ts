/** `sallyport policy test`: whether a policy keeps its assertions, and what in it is probably not meant. */
import { fromPipeToo, readPolicy } from '../app/authorization-files.ts';
import { loadConfig } from '../app/config/load.ts';
import { parseAssertionFile } from '../policy/authorization/assertion-file.ts';
import { describeConditions } from '../policy/authorization/grant-words.ts';
import { decode } from '../policy/authorization/policy-build.ts';
import { type PolicyWarning, policyWarnings } from '../policy/authorization/prove/policy-warnings.ts';
import { proofRecord } from '../policy/authorization/prove/proof-record.ts';
import { describeBroken } from '../policy/authorization/prove/proof-words.ts';
import { type Proof, proveAll } from '../policy/authorization/prove/prover.ts';
import { ExitCode, hasOption, type Invocation, textOption } from './command.ts';
import { placeOf } from './place.ts';
import { policyFileOf, readPolicyFile, tellPolicyProgress } from './policy-source.ts';
import { counted, printable } from './table.ts';
import { endProgress, print, printJson, styled } from './terminal.ts';

export async function testPolicy(invocation: Invocation): Promise<number> {
  const policy = await readPolicyFile(await policyFileOf(invocation));
  const assertions = [...policy.assertions];
  for (const file of invocation.words.slice(1)) {
    assertions.push(...parseAssertionFile(decode(await readPolicy(file, fromPipeToo), file), file, policy));
  }
  const proofs = proveAll(policy, assertions, (done, all) => tellPolicyProgress({ stage: 'proving', done, all }));
  const warnings = policyWarnings(policy, {
    givenRole: await quarantineRoleOf(invocation),
    onProgress: (done, all) => tellPolicyProgress({ stage: 'looking over', done, all }),
  });
  endProgress();
  const isRight = proofs.every(({ outcome }) => outcome === 'holds');
  if (hasOption(invocation, 'json')) {
    printJson({ ok: isRight, policy: policy.file, assertions: proofs.map(proofRecord), warnings });
  } else {
    const lines = [...proofs.map(proofLine), ...warnings.map(warningLine)];
    print([...lines, ...(lines.length === 0 ? [] : ['']), sumOf(proofs, warnings)].join('\n'));
  }
  return isRight ? ExitCode.Ok : ExitCode.Negative;
}

/** Of the configuration, where that names the policy. */
async function quarantineRoleOf(invocation: Invocation): Promise<string | undefined> {
  if (textOption(invocation, 'policy') !== undefined) return undefined;
  return (await loadConfig(placeOf(invocation).configFile)).config.response.quarantine.role;
}

export function warningLine({ file, line, says }: PolicyWarning): string {
  return `${file}:${line}: ${styled('yellow', 'warning')}: ${printable(says)}`;
}

function proofLine(proof: Proof): string {
  const { file, line, text, when } = proof.assertion;
  const conditions = describeConditions(when);
  const asserted = conditions === '' ? text : `${text}, ${conditions}`;
  if (proof.outcome === 'holds') return `${file}:${line}: ${styled('green', 'holds')}: ${asserted}`;
  const { says, cure } = describeBroken(proof);
  return `${file}:${line}: ${styled('red', proof.outcome)}: ${printable(`${says} ${cure}`)}`;
}

function sumOf(proofs: readonly Proof[], warnings: readonly PolicyWarning[]): string {
  const broken = proofs.filter(({ outcome }) => outcome !== 'holds').length;
  const kept = broken === 0 ? styled('green', 'all hold') : styled('red', `${broken} not proven`);
  return `${counted(proofs.length, 'assertion')}, ${kept}; ${counted(warnings.length, 'warning')}.`;
}
