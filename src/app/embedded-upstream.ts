/** What "embedded" leads to: the broker in this process, or, in a worker, the one in the process that started it. */
import type { BrokerStats } from '../broker/broker.ts';
import type { KeptSessions } from '../broker/kept-session.ts';
import type { DownstreamReceiver, UpstreamLink } from '../mqtt/link.ts';
import type { Client } from '../pipeline/client.ts';
import { Upstream } from '../transports/upstream/upstream.ts';
import type { Config } from './config/config.ts';
import { type BrokerServices, brokerCeilings, openEmbeddedBroker } from './embedded-broker.ts';

export interface EmbeddedUpstream {
  /** The link of one client's connection. */
  open(receiver: DownstreamReceiver, client: Client): UpstreamLink;
  /** Puts another configuration's ceilings into force. */
  update(config: Config): void;
  /** Absent where another process has the broker. */
  stats?(): BrokerStats;
  /** Likewise. */
  readonly sessions?: KeptSessions;
  /** The link of a session of the gateway's own. Absent likewise. */
  openOwn?(receiver: DownstreamReceiver): UpstreamLink;
  /** As `Broker.tell`; absent where another process has the broker. */
  tell?(values: Iterable<readonly [name: string, value: string]>): void;
  close(): Promise<void>;
}

export type OpenEmbedded = (config: Config, services: BrokerServices) => Promise<EmbeddedUpstream>;

/** @throws {StoreError} when what is on disk cannot be used. */
export const openOwnBroker: OpenEmbedded = async (config, services) => {
  const broker = await openEmbeddedBroker(config, services);
  return {
    open: (receiver) => broker.open(receiver),
    update: (next) => broker.updateOptions(brokerCeilings(next)),
    stats: () => broker.stats(),
    sessions: broker.sessions,
    openOwn: (receiver) => broker.open(receiver),
    tell: (values) => broker.tell(values),
    close: () => broker.close(),
  };
};

/** A client's CONNECT that waits for a broker in this machine waits for a busy process at most. */
const CONNECT_TIMEOUT_MS = 10_000;
/** More than any packet that a listener lets through; the size is held there. */
const PACKET_SIZE_MAX_BYTES = 268_435_455;

/** The broker behind the local socket at `path`. */
export function openBrokerAt(path: string): OpenEmbedded {
  return async (config, services) => {
    const upstream = new Upstream(
      {
        name: 'embedded',
        balance: 'round-robin',
        targets: [{ url: `unix:${path}`, scheme: 'unix', host: path, port: 0, path: '', weight: 1 }],
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        healthCheck: { intervalMs: 0, timeoutMs: 0, clientId: '' },
        ejection: {
          consecutiveFailuresMax: 0,
          failureShareMaxPercent: 100,
          windowMs: 1000,
          attemptsMin: 1,
          durationMs: 0,
          durationMaxMs: 0,
        },
        slowStartMs: 0,
        credentials: { kind: 'worker' },
        clientIdPrefix: '',
        proxyProtocol: 'off',
        mqtt5: 'auto',
        bufferMaxBytes: config.limits.outputBufferMaxBytes,
        packetSizeMaxBytes: PACKET_SIZE_MAX_BYTES,
        clientsMax: Number.POSITIVE_INFINITY,
      },
      services,
    );
    return {
      open: (receiver, client) => upstream.open(receiver, client),
      update: () => undefined,
      close: async () => upstream.retire(),
    };
  };
}
