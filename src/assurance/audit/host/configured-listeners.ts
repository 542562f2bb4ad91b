/** The listeners that brokers' configurations ask for, from whoever reads such configurations: to be held against what listens. */
import { readEmqxPorts } from '../brokers/emqx/configured-listeners.ts';
import { readGatewayPorts } from '../brokers/gateway/configured-listeners.ts';
import { readHivemqPorts } from '../brokers/hivemq/configured-listeners.ts';
import { readMosquittoPorts } from '../brokers/mosquitto/configured-listeners.ts';
import { type Fact, known } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { BrokerName } from './broker-processes.ts';

export interface ConfiguredListeners {
  readonly broker: BrokerName;
  /** The configuration's main file. */
  readonly file: string;
  readonly ports: readonly number[];
  /** The processes that were started with it; undefined where that is not told apart. */
  readonly pids?: readonly number[];
}

/** Absent where the broker has no configuration on the system. */
export type ReadListeners = (
  system: AuditedSystem,
) => Promise<Fact<ConfiguredListeners | readonly ConfiguredListeners[]>>;

/** One for each broker whose configuration the audit can read. */
export const LISTENER_READERS: readonly ReadListeners[] = [
  readMosquittoPorts,
  readEmqxPorts,
  readHivemqPorts,
  readGatewayPorts,
];

export async function collectConfiguredListeners(system: AuditedSystem): Promise<Fact<readonly ConfiguredListeners[]>> {
  const facts = await Promise.all(LISTENER_READERS.map((read) => read(system)));
  const failed = facts.find((fact) => fact.state === 'unknown');
  if (failed?.state === 'unknown') return failed;
  return known(
    facts.flatMap((fact) => (fact.state === 'known' ? [fact.value].flat() : [])),
    'broker configurations',
  );
}
