/** The kernel that runs, and those that are installed. */
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { compareDebianVersions } from './debian-version.ts';

export interface Kernels {
  readonly running: string;
  /** Oldest first; empty where none is installed, as in a container. */
  readonly installed: readonly string[];
}

export async function collectKernels(system: AuditedSystem): Promise<Fact<Kernels>> {
  if (!system.isLive) return unknown('not-running', 'An image runs no kernel.');
  const release = await system.readText('/proc/sys/kernel/osrelease');
  if (release.state !== 'known')
    return release.state === 'unknown' ? release : unknown('unreadable', '/proc is not mounted.');
  const boot = await system.list('/boot');
  if (boot.state === 'unknown') return boot;
  const names = boot.state === 'known' ? boot.value : [];
  const installed = names.flatMap((name) => /^vmlinuz-(\d.*)$/.exec(name)?.[1] ?? []).sort(compareDebianVersions);
  return known({ running: release.value.trim(), installed }, '/boot');
}
