/** The libssl and libcrypto that running brokers use, and whether a package brought them. */
import { type Fact, known, unknown } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { type BrokerName, collectBrokerProcesses } from '../broker-processes.ts';

export interface BrokerLibrary {
  readonly broker: BrokerName;
  readonly path: string;
  readonly isOwned: Fact<boolean>;
}

export async function collectBrokerLibraries(system: AuditedSystem): Promise<Fact<readonly BrokerLibrary[]>> {
  const processes = await collectBrokerProcesses(system);
  if (processes.state !== 'known') return processes;
  const libraries: BrokerLibrary[] = [];
  for (const { broker, tlsLibraries, pid } of processes.value) {
    if (tlsLibraries === undefined)
      return unknown('permission-denied', `What process ${pid} (${broker}) has mapped may only its user or root see.`);
    for (const { path } of tlsLibraries) libraries.push({ broker, path, isOwned: await isOwned(system, path) });
  }
  return known(libraries, '/proc');
}

async function isOwned(system: AuditedSystem, path: string): Promise<Fact<boolean>> {
  // Before /lib was merged into /usr, packages were recorded with the shorter path.
  for (const one of new Set([path, path.replace(/^\/usr(?=\/lib)/, '')])) {
    const asked = await system.run('dpkg-query', ['-S', one]);
    if (asked.state !== 'known') return asked;
    if (asked.value.exitCode === 0) return known(true, asked.source.from);
  }
  return known(false, `dpkg-query -S ${path}`);
}
