/** Brokers that are installed: by a package, or built by hand and found by what runs and in the usual places. */
import { type Fact, known } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { BrokerName } from './broker-processes.ts';
import { collectBrokerProcesses } from './broker-processes.ts';
import { collectPackages } from './dpkg.ts';

export interface BrokerProgram {
  readonly broker: BrokerName;
  /** The package and its version, where one brought it. */
  readonly packaged?: { readonly name: string; readonly version: string };
  /** The executable, where no package brought it. */
  readonly path?: string;
  /** Of an executable that no package brought: what stands in its own bytes; undefined where it does not say. */
  readonly version?: string;
}

const PACKAGES: Readonly<Record<string, BrokerName>> = {
  mosquitto: 'mosquitto',
  emqx: 'emqx',
  'emqx-enterprise': 'emqx',
  hivemq: 'hivemq',
  sallyport: 'sallyport',
};
const HAND_BUILT = ['/usr/local/sbin/mosquitto', '/usr/local/bin/mosquitto', '/opt/mosquitto/sbin/mosquitto'];
const PROGRAM_MAX_BYTES = 32 * 1024 * 1024;

export async function collectBrokerPrograms(system: AuditedSystem): Promise<Fact<readonly BrokerProgram[]>> {
  const packages = await collectPackages(system);
  if (packages.state === 'unknown') return packages;
  const programs: BrokerProgram[] = [];
  if (packages.state === 'known') {
    for (const [name, broker] of Object.entries(PACKAGES)) {
      const found = packages.value.get(name);
      if (found !== undefined) programs.push({ broker, packaged: { name, version: found.version } });
    }
  }
  const processes = await collectBrokerProcesses(system);
  const running = processes.state === 'known' ? processes.value.filter(({ broker }) => broker === 'mosquitto') : [];
  const runningPaths = running.flatMap(({ executable }) => executable?.replace(/ \(deleted\)$/, '') ?? []);
  const isPackaged = (path: string): boolean =>
    /^\/(?:usr\/)?s?bin\//.test(path) && programs.some(({ broker }) => broker === 'mosquitto');
  for (const path of new Set([...HAND_BUILT, ...runningPaths])) {
    if (isPackaged(path)) continue;
    const version = await mosquittoVersion(system, path);
    if (version.state === 'unknown') return version;
    if (version.state === 'known') programs.push({ broker: 'mosquitto', path, ...version.value });
  }
  return known(programs, packages.source.from);
}

/** Read, not run: who may write the file may not be who runs the audit. */
async function mosquittoVersion(system: AuditedSystem, path: string): Promise<Fact<{ version?: string }>> {
  const bytes = await system.readBytes(path, { sizeMaxBytes: PROGRAM_MAX_BYTES });
  if (bytes.state !== 'known') return bytes;
  const version = /\0(\d+\.\d+\.\d+)\0mosquitto version %s/.exec(bytes.value.toString('latin1'))?.[1];
  return known(version === undefined ? {} : { version }, path);
}
