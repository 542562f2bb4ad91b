/** A Mosquitto as a target: one for each configuration that a running one was started with, or the packaged one's. */
import { mosquitto } from '../../checks/mosquitto/mosquitto.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import { PACKAGED_CONFIGURATION, runningConfigurations } from './configured-listeners.ts';
import { collectMosquitto } from './facts.ts';

export const mosquittoSubject: Subject = defineSubject({
  kind: 'mosquitto',
  families: [mosquitto],
  async discover({ system }) {
    const places = new Set((await runningConfigurations(system)).keys());
    const packaged = await system.status(PACKAGED_CONFIGURATION);
    if (packaged.state === 'known') places.add(PACKAGED_CONFIGURATION);
    return [...places].map((place) => placedTarget('mosquitto', place));
  },
  targetAt: (place, options) => placedTarget('mosquitto', place, options),
  collect: collectMosquitto,
});
