/** What operators are shown of the sessions that the broker keeps, and how they end one. */
import type { ProtocolVersion } from '../mqtt/wire.ts';
import type { StoredSubscription, StoredWill } from './store.ts';

/** A session as it is now: a view, to be read at once. */
export interface KeptSession {
  /** Grows in the order in which sessions began, or were read back; unique while the process lives. */
  readonly number: number;
  readonly clientId: string;
  /** As in `ClientFacts`. */
  readonly owner: string;
  /** Of its last connection; undefined where there was none since the start. */
  readonly protocolVersion: ProtocolVersion | undefined;
  readonly connected: boolean;
  /** Epoch milliseconds at which its last connection began; undefined as `protocolVersion` is. */
  readonly connectedAtMs: number | undefined;
  /** Epoch milliseconds at which the client went away; undefined while it is connected. */
  readonly disconnectedAtMs: number | undefined;
  /** Session Expiry Interval. */
  readonly expiryS: number;
  readonly subscriptions: ReadonlyMap<string, StoredSubscription>;
  readonly outgoing: {
    /** Messages that wait for the client to come back, or to read, and their bytes. */
    readonly queuedCount: number;
    readonly queuedBytes: number;
    /** QoS 1 and 2 messages under way to it. */
    readonly inflightCount: number;
  };
  /** Packet identifiers of QoS 2 messages of the client that it has not released yet. */
  readonly incoming: ReadonlySet<number>;
  readonly will: StoredWill | undefined;
}

export interface KeptSessions {
  readonly count: number;
  /** Of those, the ones whose client is connected. */
  readonly connectedCount: number;
  /** Those whose number is higher, in the order of their numbers; to be read at once. */
  after(number: number): Iterable<KeptSession>;
  get(clientId: string): KeptSession | undefined;
  /**
   * Ends it: a client that is connected hears 0x98, its Will is published, and what is queued is dropped, except what another
   * member of a shared subscription may take. False where there is none.
   */
  remove(clientId: string): boolean;
}
