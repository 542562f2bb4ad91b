/** A drop-in for the SSH server that stands first, so that its values count. */
import { keyHolders, WANTED } from '../fix/plan-sshd.ts';
import { collectSshd } from '../host/sshd.ts';
import { type Fact, known } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';

/** What the audit does not ask for, and costs nobody anything. */
const BESIDES = ['LoginGraceTime 30', 'PermitEmptyPasswords no', 'AllowAgentForwarding no', 'ClientAliveInterval 300'];

/** Absent where no SSH server is installed. What could lock everybody out stands there as a comment. */
export async function hardenedSshd({ system }: AuditContext): Promise<Fact<string>> {
  const settings = await collectSshd(system);
  if (settings.state !== 'known') return settings;
  const { hasUser } = await keyHolders(system);
  const lines = [
    '# Hardened by sallyport, for /etc/ssh/sshd_config.d/00-sallyport.conf: of each setting the first value counts.',
  ];
  if (!hasUser)
    lines.push(
      '# No user but root has a key in ~/.ssh/authorized_keys: give one a key, then take the # away from these lines.',
    );
  for (const [check, wanted] of Object.entries(WANTED)) {
    const isLockout = !hasUser && (check === 'A01' || check === 'A02');
    for (const [keyword, wantedValue] of wanted)
      lines.push(`${isLockout ? '# ' : ''}${keyword} ${wantedValue(settings.value)}`);
  }
  const loosened = settings.value.conditional.filter(({ key }) =>
    Object.values(WANTED).some((wanted) => wanted.some(([keyword]) => keyword.toLowerCase() === key)),
  );
  for (const { key, place } of loosened)
    lines.push(`# ${place.from}:${place.line} sets ${key} in a Match, which no other file takes back.`);
  return known(`${[...lines, ...BESIDES].join('\n')}\n`, settings.source.from);
}
