/** Settings of the running kernel: sysctls, mandatory access control, and limits of processes. */
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { collectBrokerProcesses } from './broker-processes.ts';

export const SYSCTLS = [
  'net.ipv4.tcp_syncookies',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.default.rp_filter',
  'fs.protected_symlinks',
  'fs.protected_hardlinks',
  'kernel.kptr_restrict',
  'fs.suid_dumpable',
  'kernel.core_pattern',
] as const;

/** Values by name; a setting that this kernel does not have is left out. */
export async function collectSysctls(system: AuditedSystem): Promise<Fact<ReadonlyMap<string, string>>> {
  if (!system.isLive) return unknown('not-running', 'An image runs no kernel.');
  const values = new Map<string, string>();
  for (const name of SYSCTLS) {
    const text = await system.readText(`/proc/sys/${name.replaceAll('.', '/')}`);
    if (text.state === 'unknown') return text;
    if (text.state === 'known') values.set(name, text.value.trim());
  }
  return values.size === 0 ? unknown('unreadable', '/proc/sys is not mounted.') : known(values, '/proc/sys');
}

export interface Confinement {
  readonly isSelinuxEnforcing: boolean;
  readonly isApparmorOn: boolean;
  /** AppArmor's label of each broker's process, such as `unconfined` or `mosquitto (enforce)`. */
  readonly labels: readonly { readonly broker: string; readonly pid: number; readonly label: string }[];
}

export async function collectConfinement(system: AuditedSystem): Promise<Fact<Confinement>> {
  if (!system.isLive) return unknown('not-running', 'An image runs no kernel.');
  const selinux = await system.readText('/sys/fs/selinux/enforce');
  const apparmor = await system.readText('/sys/module/apparmor/parameters/enabled');
  if (selinux.state === 'unknown') return selinux;
  if (apparmor.state === 'unknown') return apparmor;
  const processes = await collectBrokerProcesses(system);
  if (processes.state !== 'known')
    return processes.state === 'unknown' ? processes : unknown('unreadable', '/proc is not mounted.');
  const labels: Confinement['labels'][number][] = [];
  const isApparmorOn = apparmor.state === 'known' && apparmor.value.trim() === 'Y';
  for (const { broker, pid } of isApparmorOn ? processes.value : []) {
    const label = await system.readText(`/proc/${pid}/attr/current`);
    if (label.state === 'unknown') return label;
    if (label.state === 'known') labels.push({ broker, pid, label: label.value.replace(/\0/g, '').trim() });
  }
  const isSelinuxEnforcing = selinux.state === 'known' && selinux.value.trim() === '1';
  return known(
    { isSelinuxEnforcing, isApparmorOn, labels },
    isSelinuxEnforcing ? '/sys/fs/selinux/enforce' : '/sys/module/apparmor/parameters/enabled',
  );
}

export interface FileLimit {
  readonly broker: string;
  readonly pid: number;
  /** Soft limit of open files; infinity where there is none. */
  readonly openFiles: number;
}

export async function collectFileLimits(system: AuditedSystem): Promise<Fact<readonly FileLimit[]>> {
  const processes = await collectBrokerProcesses(system);
  if (processes.state !== 'known') return processes;
  const limits: FileLimit[] = [];
  for (const { broker, pid } of processes.value) {
    const text = await system.readText(`/proc/${pid}/limits`);
    if (text.state === 'unknown') return text;
    const soft = text.state === 'known' ? /^Max open files\s+(\S+)/m.exec(text.value)?.[1] : undefined;
    if (soft !== undefined)
      limits.push({ broker, pid, openFiles: soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft) });
  }
  return known(limits, '/proc/PID/limits');
}
