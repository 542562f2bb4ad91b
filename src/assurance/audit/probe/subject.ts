/** An MQTT endpoint as a target: only where somebody names it. */
import { probes } from '../checks/probes/probes.ts';
import { defineSubject, type Subject } from '../model/subject.ts';
import { probeTarget } from './endpoint.ts';
import { collectProbe } from './facts.ts';

export const mqttSubject: Subject = defineSubject({
  kind: 'mqtt',
  families: [probes],
  discover: async () => [],
  targetAt: probeTarget,
  collect: collectProbe,
});
