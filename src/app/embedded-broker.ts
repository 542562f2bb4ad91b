/** The embedded broker with its store, as the configuration wants them. */
import { join } from 'node:path';
import type { Chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import { type Broker, type BrokerOptions, createBroker } from '../broker/broker.ts';
import type { MayPublishWill } from '../broker/context.ts';
import type { Store } from '../broker/store.ts';
import { MemoryStore } from '../broker/store-memory.ts';
import { openSqliteStore } from '../broker/store-sqlite.ts';
import type { Config } from './config/config.ts';
import { VERSION } from './version.ts';

export interface BrokerServices {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly mayPublishWill?: MayPublishWill | undefined;
}

/** @throws {StoreError} when what is on disk cannot be used. */
export async function openEmbeddedBroker(config: Config, services: BrokerServices): Promise<Broker> {
  return createBroker({
    store: await openStore(config, services),
    version: VERSION,
    ...services,
    ...brokerCeilings(config),
  });
}

async function openStore(config: Config, services: BrokerServices): Promise<Store> {
  const { persistence: mode, commitIntervalMs } = config.broker;
  if (mode === 'memory') return new MemoryStore();
  const path = join(config.dataDirectory, 'broker.sqlite');
  return openSqliteStore({ path, mode, commitIntervalMs, ...services });
}

/** Those that a reload may change. */
export function brokerCeilings(config: Config): Partial<BrokerOptions> {
  const { persistence: _persistence, commitIntervalMs: _commitIntervalMs, ...ceilings } = config.broker;
  return ceilings;
}
