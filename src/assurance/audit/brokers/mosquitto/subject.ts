/** A Mosquitto as a target: one for each configuration that a running one was started with, or the packaged one's. */
import { posix } from 'node:path';
import { mosquitto } from '../../checks/mosquitto/mosquitto.ts';
import { collectBrokerProcesses } from '../../host/broker-processes.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import { PACKAGED_CONFIGURATION } from './configured-listeners.ts';
import { collectMosquitto } from './facts.ts';

export const mosquittoSubject: Subject = defineSubject({
  kind: 'mosquitto',
  families: [mosquitto],
  async discover({ system }) {
    const processes = await collectBrokerProcesses(system);
    const running = processes.state === 'known' ? processes.value.filter(({ broker }) => broker === 'mosquitto') : [];
    const places = new Set(running.flatMap(({ commandLine }) => configurationIn(commandLine)));
    const packaged = await system.status(PACKAGED_CONFIGURATION);
    if (packaged.state === 'known') places.add(PACKAGED_CONFIGURATION);
    return [...places].map((place) => placedTarget('mosquitto', place));
  },
  targetAt: (place, options) => placedTarget('mosquitto', place, options),
  collect: collectMosquitto,
});

/** Only an absolute path says where it is. */
function configurationIn(commandLine: readonly string[]): string[] {
  const at = commandLine.findIndex((word) => word === '-c' || word === '--config-file');
  const path = at === -1 ? undefined : commandLine[at + 1];
  return path !== undefined && posix.isAbsolute(path) ? [path] : [];
}
