/** Where configurations of Mosquitto are, and the ports that they open: to be held against what listens (check S05). */
import { posix } from 'node:path';
import { collectBrokerProcesses } from '../../host/broker-processes.ts';
import { absent, type Fact, known } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { MosquittoConfig } from './config.ts';
import { readDirectives } from './directives.ts';

export const PACKAGED_CONFIGURATION = '/etc/mosquitto/mosquitto.conf';

export interface MosquittoPorts {
  readonly broker: 'mosquitto';
  readonly file: string;
  readonly ports: readonly number[];
  readonly pids?: readonly number[];
}

/** The configurations that running ones were started with, each with its processes. Only an absolute path says where it is. */
export async function runningConfigurations(system: AuditedSystem): Promise<ReadonlyMap<string, readonly number[]>> {
  const processes = await collectBrokerProcesses(system);
  const places = new Map<string, number[]>();
  for (const { broker, pid, commandLine } of processes.state === 'known' ? processes.value : []) {
    const path = broker === 'mosquitto' ? configurationIn(commandLine) : undefined;
    if (path !== undefined) places.set(path, [...(places.get(path) ?? []), pid]);
  }
  return places;
}

function configurationIn(commandLine: readonly string[]): string | undefined {
  const at = commandLine.findIndex((word) => word === '-c' || word === '--config-file');
  const path = at === -1 ? undefined : commandLine[at + 1];
  return path !== undefined && posix.isAbsolute(path) ? path : undefined;
}

/** Of the packaged one where none is known to run with another. */
export async function readMosquittoPorts(system: AuditedSystem): Promise<Fact<readonly MosquittoPorts[]>> {
  const running = await runningConfigurations(system);
  const wanted = running.size === 0 ? new Map([[PACKAGED_CONFIGURATION, undefined]]) : running;
  const found: MosquittoPorts[] = [];
  for (const [file, pids] of wanted) {
    const directives = await readDirectives(system, file);
    if (directives.state === 'unknown') return directives;
    // A file that is gone since the start says nothing of what runs.
    if (directives.state === 'absent') continue;
    // Which ports are open does not depend on the version's defaults.
    const { listeners } = new MosquittoConfig(file, '2.0', directives.value);
    const ports = listeners.map(({ port }) => port).filter((port) => port > 0);
    found.push({ broker: 'mosquitto', file, ports, ...(pids === undefined ? {} : { pids }) });
  }
  return found.length === 0 ? absent(PACKAGED_CONFIGURATION) : known(found, found[0]!.file);
}
