/** The brokers that the conformance suite speaks to, each with the same user and the same rights. */
import { startGateway } from './gateway.ts';
import { startMosquitto } from './mosquitto.ts';
import { HOST } from './process.ts';
import type { Endpoint } from './raw-client.ts';

export const USERNAME = 'conformance';
export const PASSWORD = 'a password of the tests';
/** Topics below it may be neither written nor read. */
export const FORBIDDEN = 'forbidden';

/** What holds must hold in every mode: memory, relaxed, durable. */
const PERSISTENCE = process.env['SALLYPORT_CONFORMANCE_PERSISTENCE'] ?? 'relaxed';

const USERS = { [USERNAME]: PASSWORD };
const ACL = [
  `user ${USERNAME}`,
  'topic readwrite #',
  'topic readwrite $SYS/#',
  'topic readwrite $conformance/#',
  `topic deny ${FORBIDDEN}/#`,
];

export const TARGET_NAMES = ['gateway', 'gateway-mosquitto', 'mosquitto'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export interface Target {
  readonly name: TargetName;
  readonly tcp: Endpoint;
  /** Its `url` speaks MQTT over WebSocket. */
  readonly ws: Endpoint & { transport: 'ws' };
  stop(): Promise<void>;
}

function targetOf(name: TargetName, port: number, wsPort: number, stop: () => Promise<void>): Target {
  return {
    name,
    tcp: { transport: 'tcp', host: HOST, port },
    ws: { transport: 'ws', url: `ws://${HOST}:${wsPort}/mqtt` },
    stop,
  };
}

async function mosquittoTarget(): Promise<Target> {
  const { port, wsPort, stop } = await startMosquitto({ users: USERS, acl: ACL, config: ['sys_interval 1'] });
  return targetOf('mosquitto', port, wsPort, stop);
}

/**
 * With its embedded broker, or before another. Its limits are wide: the suite asks what the specification allows, not what an
 * operator would.
 */
async function gatewayTarget(name: TargetName, upstream = 'embedded'): Promise<Target> {
  const { ports, stop } = await startGateway({
    users: USERS,
    acl: ACL,
    listeners: [
      { name: 'tcp', type: 'tcp' },
      { name: 'ws', type: 'ws' },
    ],
    config: {
      upstream,
      authorization: { subscribe: 'overlapping' },
      limits: {
        keepAliveMax: '65535s',
        packetSizeMax: '1MiB',
        topicLengthMax: 65_535,
        topicDepthMax: 256,
        filtersPerSubscribeMax: 10_000,
        topicAliasMax: 100,
        userPropertiesMax: 10_000,
        clientIdLengthMax: 1000,
        rejectControlCharacters: false,
      },
      broker: { sessionExpiryMax: 'never', sysInterval: '1s', persistence: PERSISTENCE },
      shutdown: { drainTimeout: '1s' },
    },
  });
  return targetOf(name, ports.get('tcp')!, ports.get('ws')!, () => stop());
}

async function gatewayBeforeMosquitto(): Promise<Target> {
  const mosquitto = await mosquittoTarget();
  const gateway = await gatewayTarget(
    'gateway-mosquitto',
    `mqtt://${HOST}:${(mosquitto.tcp as { port: number }).port}`,
  );
  return { ...gateway, stop: () => gateway.stop().finally(() => mosquitto.stop()) };
}

export function startTarget(name: TargetName): Promise<Target> {
  if (name === 'mosquitto') return mosquittoTarget();
  return name === 'gateway' ? gatewayTarget(name) : gatewayBeforeMosquitto();
}
