/** Where configurations of Sallyport are, and the ports that they open: to be held against what listens (check S05). */
import { posix } from 'node:path';
import { collectBrokerProcesses } from '../../host/broker-processes.ts';
import { absent, type Fact, known } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { readGatewayConfig } from './facts.ts';

export interface GatewayPorts {
  readonly broker: 'sallyport';
  readonly file: string;
  readonly ports: readonly number[];
}

const INSTALLED = ['/etc/sallyport/sallyport.yaml', '/var/lib/sallyport/sallyport.yaml'] as const;

/** What running gateways were started with, and what is in the usual places. */
export async function installedGateways(system: AuditedSystem): Promise<string[]> {
  const processes = await collectBrokerProcesses(system);
  const running = processes.state === 'known' ? processes.value.filter(({ broker }) => broker === 'sallyport') : [];
  const places = new Set(running.flatMap(({ commandLine }) => configurationIn(commandLine)));
  for (const place of INSTALLED) if ((await system.status(place)).state !== 'absent') places.add(place);
  return [...places];
}

/** Only an absolute path says where it is. */
function configurationIn(words: readonly string[]): string[] {
  const wordAfter = (...names: readonly string[]): string | undefined => {
    const at = words.findIndex((word) => names.includes(word));
    if (at !== -1) return words[at + 1];
    return words.find((word) => names.some((name) => word.startsWith(`${name}=`)))?.replace(/^[^=]*=/, '');
  };
  const folder = wordAfter('--data', '-d');
  const path = wordAfter('--config', '-c') ?? (folder === undefined ? undefined : posix.join(folder, 'sallyport.yaml'));
  return path !== undefined && posix.isAbsolute(path) ? [path] : [];
}

/** Of all of them together. */
export async function readGatewayPorts(system: AuditedSystem): Promise<Fact<GatewayPorts>> {
  const files = await installedGateways(system);
  const ports: number[] = [];
  for (const file of files) {
    const loaded = await readGatewayConfig(system, file);
    if (loaded.state === 'unknown') return loaded;
    if (loaded.state === 'known') ports.push(...loaded.value.config.listeners.flatMap(({ port }) => port || []));
  }
  const [first] = files;
  return first === undefined
    ? absent(INSTALLED[0])
    : known({ broker: 'sallyport' as const, file: files.join(', '), ports }, first);
}
