/** The names of what runs, from /proc: enough to see daemons that should not. */
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

/** Names as the kernel keeps them: 15 characters at most. */
export async function collectProcessNames(system: AuditedSystem): Promise<Fact<ReadonlySet<string>>> {
  if (!system.isLive) return unknown('not-running', 'An image has no processes.');
  const names = await system.list('/proc');
  if (names.state !== 'known')
    return names.state === 'unknown' ? names : unknown('unreadable', '/proc is not mounted.');
  const pids = names.value.filter((name) => /^\d+$/.test(name));
  const statuses = await Promise.all(pids.map((pid) => system.readText(`/proc/${pid}/status`)));
  const found = statuses.flatMap((status) =>
    status.state === 'known' ? (/^Name:\t(.*)$/m.exec(status.value)?.[1] ?? []) : [],
  );
  return known(new Set(found), '/proc');
}
