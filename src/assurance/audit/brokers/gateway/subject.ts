/** Sallyport itself as a target: the configurations that running gateways were started with, and those in the usual places. */
import { posix } from 'node:path';
import { gateway } from '../../checks/gateway/gateway.ts';
import { collectBrokerProcesses } from '../../host/broker-processes.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { collectGateway } from './facts.ts';

const INSTALLED = ['/etc/sallyport/sallyport.yaml', '/var/lib/sallyport/sallyport.yaml'];

export async function installedGateways(system: AuditedSystem): Promise<string[]> {
  const processes = await collectBrokerProcesses(system);
  const running = processes.state === 'known' ? processes.value.filter(({ broker }) => broker === 'sallyport') : [];
  const places = new Set(running.flatMap(({ commandLine }) => configurationIn(commandLine)));
  for (const place of INSTALLED) if ((await system.status(place)).state !== 'absent') places.add(place);
  return [...places];
}

export const gatewaySubject: Subject = defineSubject({
  kind: 'gateway',
  families: [gateway],
  discover: async ({ system }) => (await installedGateways(system)).map((place) => placedTarget('gateway', place)),
  targetAt: (place, options) => placedTarget('gateway', place, options),
  collect: collectGateway,
});

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
