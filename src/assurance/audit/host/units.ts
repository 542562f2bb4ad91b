/** The systemd units of brokers: their settings, drop-ins applied, read from files as systemd.unit(5) says. */
import { absent, type Fact, known } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { BrokerName } from './broker-processes.ts';

export interface BrokerUnit {
  readonly broker: BrokerName;
  readonly name: string;
  /** The unit's main file. */
  readonly file: string;
  /** Of the section [Service]: the last value of each key. */
  readonly service: ReadonlyMap<string, string>;
  /** Every Environment= and EnvironmentFile= in order, each with the file that it stands in. */
  readonly environment: readonly UnitEnvironment[];
}

export interface UnitEnvironment {
  readonly key: 'Environment' | 'EnvironmentFile';
  readonly value: string;
  readonly file: string;
}

const UNITS: Readonly<Record<string, BrokerName>> = {
  'mosquitto.service': 'mosquitto',
  'emqx.service': 'emqx',
  'hivemq.service': 'hivemq',
  'sallyport.service': 'sallyport',
};
/** What stands first hides the others. */
const FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/** Absent where the system has no units at all. */
export async function collectBrokerUnits(system: AuditedSystem): Promise<Fact<readonly BrokerUnit[]>> {
  const units: BrokerUnit[] = [];
  let hasSystemd = false;
  for (const folder of FOLDERS) {
    const there = await system.status(folder);
    if (there.state === 'unknown') return there;
    hasSystemd ||= there.state === 'known';
  }
  if (!hasSystemd) return absent(FOLDERS[0]!);
  for (const [name, broker] of Object.entries(UNITS)) {
    for (const folder of FOLDERS) {
      const file = `${folder}/${name}`;
      const text = await system.readText(file);
      if (text.state === 'unknown') return text;
      if (text.state === 'absent') continue;
      const unit = { broker, name, file, service: new Map<string, string>(), environment: [] };
      readService(text.value, file, unit);
      const failed = await readDropIns(system, name, unit);
      if (failed !== undefined) return failed;
      units.push(unit);
      break;
    }
  }
  return known(units, units[0]?.file ?? FOLDERS[0]!);
}

/** Drop-ins of all folders are applied in the order of their names; of the same name only the first folder's. */
async function readDropIns(system: AuditedSystem, name: string, unit: UnitRead): Promise<Fact<never> | undefined> {
  const dropIns = new Map<string, string>();
  for (const folder of FOLDERS) {
    const names = await system.list(`${folder}/${name}.d`);
    if (names.state === 'unknown') return names;
    if (names.state === 'absent') continue;
    for (const one of names.value) {
      if (one.endsWith('.conf') && !dropIns.has(one)) dropIns.set(one, `${folder}/${name}.d/${one}`);
    }
  }
  for (const [, file] of [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = await system.readText(file);
    if (text.state === 'unknown') return text;
    if (text.state === 'known') readService(text.value, file, unit);
  }
  return undefined;
}

interface UnitRead {
  readonly service: Map<string, string>;
  readonly environment: UnitEnvironment[];
}

function readService(text: string, file: string, { service, environment }: UnitRead): void {
  let section = '';
  for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
    section = /^\s*\[(.+)\]/.exec(line)?.[1] ?? section;
    const match = /^\s*([A-Za-z]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    if (section !== 'Service' || match === null) continue;
    const [key, value] = [match[1]!, match[2]!];
    service.set(key, value);
    if (key === 'Environment' || key === 'EnvironmentFile') environment.push({ key, value, file });
  }
}
