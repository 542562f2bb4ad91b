/** The brokers that run on the machine: who they run as, and which of their libraries have been replaced under them. */
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export type BrokerName = 'mosquitto' | 'emqx' | 'hivemq' | 'sallyport';

export interface BrokerProcess {
  readonly pid: number;
  readonly broker: BrokerName;
  readonly commandLine: readonly string[];
  /** Effective user. */
  readonly uid: number;
  /** As /proc/PID/exe has it; undefined where this user may not look. */
  readonly executable: string | undefined;
  /** Paths of libssl and libcrypto that it has mapped; undefined where this user may not look. */
  readonly tlsLibraries: readonly MappedLibrary[] | undefined;
}

export interface MappedLibrary {
  readonly path: string;
  /** The file was replaced or removed since it was mapped: the old code runs on. */
  readonly isDeleted: boolean;
}

export async function collectBrokerProcesses(system: AuditedSystem): Promise<Fact<readonly BrokerProcess[]>> {
  if (!system.isLive) return unknown('not-running', 'An image has no processes.');
  const names = await system.list('/proc');
  if (names.state !== 'known')
    return names.state === 'unknown' ? names : unknown('unreadable', '/proc is not mounted.');
  const pids = names.value.filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => brokerProcess(system, pid)));
  return known(
    found.filter((one) => one !== undefined),
    '/proc',
  );
}

function brokerOf(name: string, commandLine: readonly string[]): BrokerName | undefined {
  if (name === 'mosquitto') return 'mosquitto';
  const has = (pattern: RegExp): boolean => commandLine.some((word) => pattern.test(word));
  if (name === 'beam.smp' && has(/\bemqx\b/)) return 'emqx';
  if (name === 'java' && has(/hivemq/i)) return 'hivemq';
  if (/^(?:node|MainThread)$/.test(name) && has(/(?:^|\/)sallyport(?:\.mjs)?$/)) return 'sallyport';
  return undefined;
}

async function brokerProcess(system: AuditedSystem, pid: string): Promise<BrokerProcess | undefined> {
  // A process may end between two looks: what is not there any more is no finding.
  const status = await system.readText(`/proc/${pid}/status`);
  if (status.state !== 'known') return undefined;
  const name = /^Name:\t(.*)$/m.exec(status.value)?.[1] ?? '';
  if (!/^(?:mosquitto|beam\.smp|java|node|MainThread)$/.test(name)) return undefined;
  const words = await system.readText(`/proc/${pid}/cmdline`);
  const commandLine = words.state === 'known' ? words.value.split('\0').filter((word) => word !== '') : [];
  const broker = brokerOf(name, commandLine);
  if (broker === undefined) return undefined;
  const maps = await system.readText(`/proc/${pid}/maps`, { sizeMaxBytes: 8 * 1024 * 1024 });
  const executable = await system.readLink(`/proc/${pid}/exe`);
  return {
    pid: Number(pid),
    broker,
    commandLine,
    uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status.value)?.[1] ?? Number.NaN),
    executable: executable.state === 'known' ? executable.value : undefined,
    tlsLibraries: maps.state === 'known' ? tlsLibrariesIn(maps.value) : undefined,
  };
}

function tlsLibrariesIn(maps: string): MappedLibrary[] {
  const libraries = new Map<string, MappedLibrary>();
  for (const match of maps.matchAll(/ (\/\S*\/lib(?:ssl|crypto)[\w.-]*\.so[\w.-]*)( \(deleted\))?$/gm)) {
    libraries.set(match[0], { path: match[1]!, isDeleted: match[2] !== undefined });
  }
  return [...libraries.values()];
}
