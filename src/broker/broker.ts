/**
 * The embedded broker, put together: one more upstream link, for one machine. It knows no policy and opens no socket; it takes
 * packets that were checked and hands down packets ready to send.
 */
import type { Chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type { OpenLink } from '../mqtt/link.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { type BrokerCeilings, Ceilings, ceilingsOf } from './ceilings.ts';
import type { BrokerContext, Counters, MayPublishWill } from './context.ts';
import { Deliveries } from './delivery.ts';
import type { KeptSessions } from './kept-session.ts';
import { BrokerLink, type LinkServices } from './link.ts';
import { Router } from './router.ts';
import { Sessions } from './sessions.ts';
import type { Store } from './store.ts';
import { SysTopics } from './sys-topics.ts';

export interface BrokerOptions extends Partial<BrokerCeilings> {
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  /** Told in `$SYS/broker/version`. */
  readonly version?: string;
  /**
   * Response Information for clients that ask for it: the beginning of topics that they may use for responses, as the
   * program's access rules have it. Without it none is sent, as the specification allows [MQTT5 3.1.2.11.6].
   */
  readonly responseInformation?: (clientId: string) => string | undefined;
  /** Without it every Will is published. */
  readonly mayPublishWill?: MayPublishWill | undefined;
}

export interface BrokerStats extends Readonly<Counters> {
  readonly sessions: number;
  readonly connected: number;
  readonly subscriptions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  /** Messages that wait for clients that are away or slow. */
  readonly queuedMessages: number;
}

export interface Broker {
  /** Makes the link of one client's connection. */
  readonly open: OpenLink;
  readonly sessions: KeptSessions;
  stats(): BrokerStats;
  /** Retained messages of the program itself, by the name behind `$SYS/`; those that have not changed are not sent again. */
  tell(values: Iterable<readonly [name: string, value: string]>): void;
  /** Puts other ceilings into force; what is over a new one already stays until it goes by itself. */
  updateOptions(ceilings: Partial<BrokerCeilings>): void;
  /** Ends every link with 0x8B, and resolves when the store is closed. Wills of those still connected wait for the next start. */
  close(): Promise<void>;
}

/** Reads the store and goes on where the last process stopped. Rejects with the store's own error when it cannot be read. */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { store, clock, chance, emit, version = '', responseInformation = () => undefined } = options;
  const ceilings = new Ceilings(ceilingsOf(options), clock, emit);
  const messageIds = { last: 0 };
  const counters: Counters = {
    publishesReceived: 0,
    bytesReceived: 0,
    publishesSent: 0,
    bytesSent: 0,
    deliveriesDropped: 0,
  };
  const context: BrokerContext = {
    clock,
    epochMs: () => clock.epochMs(),
    store,
    ceilings,
    counters,
    deliveries: new Deliveries(messageIds),
    messageIds,
    mayPublishWill: options.mayPublishWill,
  };
  const router = new Router(context);
  const sessions = new Sessions(context, router);
  sessions.restore(await store.load());
  const sysTopics = new SysTopics(context, router, sessions, version);
  const services: LinkServices = {
    context,
    router,
    sessions,
    acknowledgements: new Acknowledgements(store),
    chance,
    responseInformation,
    refreshSysTopics: () => sysTopics.refresh(),
  };
  return {
    open: (receiver) => new BrokerLink(services, receiver),
    sessions,
    stats: () => ({
      ...counters,
      sessions: sessions.count,
      connected: sessions.connectedCount,
      subscriptions: router.subscriptions.count,
      retainedMessages: router.retained.count,
      retainedBytes: router.retained.bytes,
      queuedMessages: sessions.queuedCount(),
    }),
    tell: (values) => sysTopics.tell(values),
    updateOptions: (changed) => {
      ceilings.current = { ...ceilings.current, ...ceilingsOf(changed) };
      sysTopics.rearm();
    },
    close: async () => {
      sysTopics.stop();
      sessions.shutDown();
      await store.close();
    },
  };
}
