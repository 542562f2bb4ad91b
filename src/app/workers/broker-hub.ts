/** The embedded broker, open to the workers over a local socket: they have checked each packet already. */

import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { BrokerStats } from '../../broker/broker.ts';
import type { KeptSessions } from '../../broker/kept-session.ts';
import type { OpenLink, UpstreamLink } from '../../mqtt/link.ts';
import { PACKET_SIZE_MAX_BYTES } from '../../mqtt/wire.ts';
import type { LeftWillPolicy } from '../../pipeline/checks/left-will.ts';
import type { Client } from '../../pipeline/client.ts';
import { Connection } from '../../pipeline/connection.ts';
import { Connections } from '../../pipeline/connections.ts';
import type { ConnectionPolicy } from '../../pipeline/policy.ts';
import { readWillAuthor } from '../../pipeline/will-author.ts';
import type { AccessDecision, ClientAuthorization } from '../../policy/authorization/decision.ts';
import { NO_VIRTUAL_PATCHES } from '../../policy/detection/virtual-patches.ts';
import { buildAuthenticator } from '../../policy/identity/authenticator.ts';
import { ANY_CLIENT_ID } from '../../policy/identity/client-id-rules.ts';
import type { IdentityMethod } from '../../policy/identity/identity.ts';
import { accept } from '../../policy/identity/results.ts';
import { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import { type LocalListener, openLocalListener } from '../../transports/local-listener.ts';
import type { Config } from '../config/config.ts';
import { type EmbeddedUpstream, openOwnBroker } from '../embedded-upstream.ts';
import { LeftWills } from '../left-wills.ts';

interface Services {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

/** The attribute in which the author of a Will, as the worker told it, waits for the link to be opened. */
const WILL_AUTHOR = 'willAuthor';

/** The worker has established who it is, and sends the name; in the password's place stands who leaves the Will, where there is one. */
const workerMethod: IdentityMethod = {
  name: 'worker',
  authenticate: (credentials) => {
    const { username, password } = credentials;
    if (password === undefined) return Promise.resolve(accept(credentials, username, 'worker', 'worker'));
    const text = Buffer.from(password).toString();
    const attributes = { [WILL_AUTHOR]: text };
    const name = readWillAuthor(text)?.subject.username;
    return Promise.resolve(accept(credentials, name, 'worker', 'worker', { attributes }));
  },
  stillValid: () => true,
};

/** The broker is told who the worker says leaves the Will, not who the worker itself is. */
function withToldAuthor(link: UpstreamLink, { identity }: Client): UpstreamLink {
  const connect = link.connect.bind(link);
  link.connect = (packet, facts) => connect(packet, { ...facts, willAuthor: identity?.attributes?.[WILL_AUTHOR] });
  return link;
}

const PERMITTED: AccessDecision = Object.freeze({ allowed: true, by: 'worker' });
const permitted = (): AccessDecision => PERMITTED;
const ALL_RIGHTS: ClientAuthorization = { publish: permitted, receive: permitted, subscribe: permitted };

/** The longest that the protocol can say; the worker that serves the client holds it to its own. */
const KEEP_ALIVE_MAX_S = 0xffff;
const CONNECT_TIMEOUT_MS = 10_000;
/** A worker tells a client that is slow by itself. One that hangs is ended after as long. */
const SLOW_READER_TIMEOUT_MS = 60_000;

/** Believes what a worker says of its client, and holds nothing that the worker has not held already. */
function policyOf({ limits }: Config): ConnectionPolicy {
  const { outputBufferMaxBytes, topicAliasMax, receiveRateMinBytesPerS, pingOnlyMaxMs } = limits;
  return {
    generation: 0,
    protocolVersions: [3, 4, 5],
    limits: {
      outputBufferMaxBytes,
      topicAliasMax,
      receiveRateMinBytesPerS,
      pingOnlyMaxMs,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      keepAliveMaxS: KEEP_ALIVE_MAX_S,
      slowReaderTimeoutMs: SLOW_READER_TIMEOUT_MS,
      inflightMax: 0xffff,
      // Listeners, roles and identities may have wider ones than most, and the worker has judged by those.
      connectSizeMaxBytes: PACKET_SIZE_MAX_BYTES,
      packetSizeMaxBytes: PACKET_SIZE_MAX_BYTES,
      topicLengthMaxBytes: Number.POSITIVE_INFINITY,
      topicDepthMax: Number.POSITIVE_INFINITY,
      filtersPerSubscribeMax: Number.POSITIVE_INFINITY,
      subscriptionsPerClientMax: Number.POSITIVE_INFINITY,
      clientIdLengthMaxBytes: Number.POSITIVE_INFINITY,
      usernameLengthMaxBytes: Number.POSITIVE_INFINITY,
      willSizeMaxBytes: Number.POSITIVE_INFINITY,
      retainedMessagesMax: Number.POSITIVE_INFINITY,
      retainedBytesMax: Number.POSITIVE_INFINITY,
    },
    authenticator: buildAuthenticator([workerMethod]),
    authorizer: { forClient: () => ALL_RIGHTS },
    anonymousAllowed: true,
    certificateIdentity: undefined,
    clientIds: ANY_CLIENT_ID,
    deniedPublish: 'acknowledge',
    virtualPatches: NO_VIRTUAL_PATCHES,
    decodeRules: {
      rejectControlCharacters: false,
      strictClientIdLength: false,
      userPropertiesMax: Number.POSITIVE_INFINITY,
    },
  };
}

export class BrokerHub {
  readonly #broker: EmbeddedUpstream;
  readonly #leftWills: LeftWills;
  readonly #connections = new Connections();
  #policy: ConnectionPolicy;
  #listener: LocalListener | undefined;

  private constructor(broker: EmbeddedUpstream, leftWills: LeftWills, config: Config) {
    this.#broker = broker;
    this.#leftWills = leftWills;
    this.#policy = policyOf(config);
  }

  /** @throws {StoreError} when what is on disk cannot be used. */
  static async open(path: string, config: Config, wills: LeftWillPolicy, services: Services): Promise<BrokerHub> {
    const leftWills = new LeftWills(services, wills);
    const mayPublishWill = leftWills.mayPublish;
    const limits = new LimitsInForce({ clock: services.clock, emit: services.emit });
    const hub = new BrokerHub(await openOwnBroker(config, { ...services, mayPublishWill }), leftWills, config);
    hub.#listener = await openLocalListener(
      'workers',
      path,
      (downstream) => {
        const connection = new Connection(downstream, hub.#policy, {
          clock: services.clock,
          chance: services.chance,
          // The worker has told all there is to tell of its client.
          emit: () => undefined,
          limits,
          openLink: (receiver, client) => withToldAuthor(hub.#broker.open(receiver, client), client),
          onGone: (gone) => hub.#connections.remove(gone),
        });
        hub.#connections.add(connection);
        return connection;
      },
      services.clock,
    );
    return hub;
  }

  /** Clients of the workers that the broker serves. */
  get connections(): number {
    return this.#connections.count;
  }

  get openOwn(): OpenLink | undefined {
    return this.#broker.openOwn;
  }

  get sessions(): KeptSessions | undefined {
    return this.#broker.sessions;
  }

  stats(): BrokerStats | undefined {
    return this.#broker.stats?.();
  }

  tellSysTree(values: Iterable<readonly [name: string, value: string]>): void {
    this.#broker.tell?.(values);
  }

  update(config: Config, wills: LeftWillPolicy): void {
    this.#leftWills.policy = wills;
    this.#policy = policyOf(config);
    this.#broker.update(config);
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    this.#connections.destroyAll();
    await this.#broker.close();
  }
}
