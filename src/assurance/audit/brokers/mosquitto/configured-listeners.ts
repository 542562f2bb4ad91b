/** The ports that the packaged Mosquitto's configuration opens, to be held against what listens. */
import { type Fact, mapFact } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { MosquittoConfig } from './config.ts';
import { readDirectives } from './directives.ts';

export const PACKAGED_CONFIGURATION = '/etc/mosquitto/mosquitto.conf';

export interface MosquittoPorts {
  readonly broker: 'mosquitto';
  readonly file: string;
  readonly ports: readonly number[];
}

export async function readMosquittoPorts(system: AuditedSystem): Promise<Fact<MosquittoPorts>> {
  return mapFact(await readDirectives(system, PACKAGED_CONFIGURATION), (directives) => {
    // Which ports are open does not depend on the version's defaults.
    const { listeners } = new MosquittoConfig(PACKAGED_CONFIGURATION, '2.0', directives);
    const ports = listeners.map(({ port }) => port).filter((port) => port > 0);
    return { broker: 'mosquitto' as const, file: PACKAGED_CONFIGURATION, ports };
  });
}
