/** Sallyport itself as a target: the configurations that running gateways were started with, and those in the usual places. */
import { gateway } from '../../checks/gateway/gateway.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import { installedGateways } from './configured-listeners.ts';
import { collectGateway } from './facts.ts';

export const gatewaySubject: Subject = defineSubject({
  kind: 'gateway',
  families: [gateway],
  discover: async ({ system }) => (await installedGateways(system)).map((place) => placedTarget('gateway', place)),
  targetAt: (place, options) => placedTarget('gateway', place, options),
  collect: collectGateway,
});
