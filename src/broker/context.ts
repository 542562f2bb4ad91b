/** What all parts of one broker share. */
import type { Clock } from '../base/clock.ts';
import type { Ceilings } from './ceilings.ts';
import type { Deliveries } from './delivery.ts';
import type { MessageIds } from './message.ts';
import type { Store, StoredWill } from './store.ts';

/** Whole numbers that only grow; PUBLISH packets and their bytes. */
export interface Counters {
  publishesReceived: number;
  bytesReceived: number;
  publishesSent: number;
  bytesSent: number;
  /** Deliveries that a ceiling kept from their receiver. */
  deliveriesDropped: number;
}

/** Whether a Will that is due may be published still: asked each time, right before. */
export type MayPublishWill = (will: StoredWill, clientId: string) => boolean;

export interface BrokerContext {
  readonly clock: Clock;
  /** `clock.epochMs` as a function of its own, for those that ask only sometimes. */
  readonly epochMs: () => number;
  readonly store: Store;
  readonly ceilings: Ceilings;
  readonly counters: Counters;
  readonly deliveries: Deliveries;
  readonly messageIds: MessageIds;
  /** Absent where every Will may. */
  readonly mayPublishWill: MayPublishWill | undefined;
}
