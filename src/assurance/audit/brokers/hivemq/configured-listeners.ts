/** Where HiveMQ is usually unpacked, and the ports that its configuration opens: to be held against what listens (check S05). */
import { type Fact, mapFact } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { readHivemqConfig } from './facts.ts';

export interface HivemqPorts {
  readonly broker: 'hivemq';
  readonly file: string;
  readonly ports: readonly number[];
}

export const INSTALLED_CONFIGURATION = '/opt/hivemq/conf/config.xml';

export async function readHivemqPorts(system: AuditedSystem): Promise<Fact<HivemqPorts>> {
  return mapFact(await readHivemqConfig(system, INSTALLED_CONFIGURATION), (config) => {
    const ports = config.listeners().flatMap(({ port }) => (port === 0 ? [] : [port]));
    return { broker: 'hivemq' as const, file: INSTALLED_CONFIGURATION, ports };
  });
}
