/** Whether the machine speaks IPv6. */
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export async function collectIpv6(system: AuditedSystem): Promise<Fact<boolean>> {
  if (!system.isLive) return unknown('not-running', 'An image has no network.');
  const path = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
  const disabled = await system.readText(path);
  if (disabled.state === 'unknown') return disabled;
  // A kernel without IPv6 has no such setting.
  return known(disabled.state === 'known' && disabled.value.trim() === '0', path);
}
