/** Whether fail2ban works: its configuration loads, it runs, and it has jails. */
import { absent, type Fact, known } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface Fail2ban {
  /** What is wrong with its configuration, in its own words; undefined where it loads. */
  readonly fault: string | undefined;
  /** Undefined where it does not run. */
  readonly jails: readonly string[] | undefined;
}

/** Absent where it is not installed. */
export async function collectFail2ban(system: AuditedSystem): Promise<Fact<Fail2ban>> {
  const installed = await system.status('/etc/fail2ban/fail2ban.conf');
  if (installed.state === 'unknown') return installed;
  if (installed.state === 'absent') return absent('/etc/fail2ban/fail2ban.conf');
  const [test, status] = await Promise.all([
    system.run('fail2ban-client', ['-t']),
    system.run('fail2ban-client', ['status']),
  ]);
  if (test.state === 'unknown') return test;
  if (status.state === 'unknown') return status;
  if (test.state !== 'known' || status.state !== 'known') return absent('fail2ban-client');
  const words = `${test.value.stdout}\n${test.value.stderr}\n${status.value.stdout}\n${status.value.stderr}`;
  if (/Permission denied|must be root/.test(words))
    return { state: 'unknown', reason: 'permission-denied', says: 'This user may not ask fail2ban.' };
  const errors = [...`${test.value.stdout}\n${test.value.stderr}`.matchAll(/ERROR\s+(?:ERROR: )?(.*)$/gm)].map(
    ([, says]) => says!.trim(),
  );
  const isBroken = test.value.exitCode !== 0 || errors.length > 0;
  const list = /Jail list:\s*(.*)$/m.exec(status.value.stdout)?.[1];
  return known(
    {
      fault: isBroken ? (errors[0] ?? `exit code ${test.value.exitCode}`) : undefined,
      jails: list?.split(/,\s*/).filter((name) => name !== ''),
    },
    'fail2ban-client -t',
  );
}
