/** Where EMQX's packages put its configuration, and the ports that it opens: to be held against what listens (check S05). */
import { absent, type Fact, mapFact } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { readEmqxConfig } from './facts.ts';

export interface EmqxPorts {
  readonly broker: 'emqx';
  readonly file: string;
  readonly ports: readonly number[];
}

const PACKAGED = ['/etc/emqx/emqx.conf', '/opt/emqx/etc/emqx.conf'] as const;

/** The first: from EMQX 6.3 on, the second is a link to it. */
export async function installedEmqx(system: AuditedSystem): Promise<string | undefined> {
  for (const place of PACKAGED) if ((await system.status(place)).state !== 'absent') return place;
  return undefined;
}

export async function readEmqxPorts(system: AuditedSystem): Promise<Fact<EmqxPorts>> {
  const file = await installedEmqx(system);
  if (file === undefined) return absent(PACKAGED[0]);
  return mapFact(await readEmqxConfig(system, file, undefined), (config) => {
    // QUIC is over UDP.
    const ports = config.listeners().flatMap(({ type, port }) => (type === 'quic' || port === 0 ? [] : [port]));
    return { broker: 'emqx' as const, file, ports };
  });
}
