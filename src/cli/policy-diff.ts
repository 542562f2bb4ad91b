/** `sallyport policy diff`: what would become allowed and denied if one policy took the place of another. */
import { diffPolicies, type RoleDifference } from '../policy/authorization/prove/policy-diff.ts';
import { ExitCode, hasOption, type Invocation, UsageError } from './command.ts';
import { readPolicyFile } from './policy-source.ts';
import { printable } from './table.ts';
import { endProgress, print, printJson, styled } from './terminal.ts';

export async function diffPolicy(invocation: Invocation): Promise<number> {
  const [, before, after, ...further] = invocation.words;
  if (before === undefined || after === undefined || further.length > 0) {
    throw new UsageError('policy diff takes two files: the old policy and the new one.');
  }
  const [old, now] = [await readPolicyFile(before), await readPolicyFile(after)];
  const roles = diffPolicies(old, now);
  endProgress();
  const isSame = roles.length === 0;
  if (hasOption(invocation, 'json')) printJson({ same: isSame, old: before, new: after, roles });
  else print(isSame ? 'Nothing becomes allowed or denied to any role.' : roles.flatMap(inWords).join('\n'));
  return isSame ? ExitCode.Ok : ExitCode.Negative;
}

const IS = { new: ' (new)', gone: ' (gone)', changed: '' } as const;

function inWords({ role, is, changes, assigned, unassigned }: RoleDifference): string[] {
  return [
    styled('bold', `role ${role}${IS[is]}`),
    ...changes.map(({ action, becomes, filter, except, when }) => {
      const isMore = becomes === 'allowed' || becomes === 'unbarred';
      const sign = styled(isMore ? 'green' : 'red', `${isMore ? '+' : '-'} ${becomes.padEnd(8)}`);
      const but = except.length === 0 ? '' : `, except ${except.join(', ')}`;
      return `  ${sign} ${action} ${printable(filter + but)}${when === '' ? '' : `; when ${when}`}`;
    }),
    ...assigned.map((whom) => `  ${styled('green', '+ held by')} ${printable(whom)}`),
    ...unassigned.map((whom) => `  ${styled('red', '- held by')} ${printable(whom)}`),
  ];
}
