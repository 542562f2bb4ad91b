/** The whole configuration: every key, its range, its default, and what it becomes inside, with units in the names. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { addressesCollide } from '../../base/ip-address.ts';
import { SESSION_EXPIRY_NEVER_S } from '../../mqtt/wire.ts';
import { alertsSchema } from './alerts-schema.ts';
import { authenticationSchema } from './authentication-schema.ts';
import { authorizationSchema } from './authorization-schema.ts';
import { bansSchema } from './bans-schema.ts';
import { chainReferenceProblems } from './chain-references.ts';
import { controlSchema } from './control-schema.ts';
import { detectionSchema } from './detection-schema.ts';
import { choice, complaint, duration, list, path, seconds, section, size, wholeNumber } from './fields.ts';
import { firewallProblems, firewallSchema } from './firewall-schema.ts';
import { flightRecorderSchema } from './flight-recorder-schema.ts';
import { journalSchema } from './journal-schema.ts';
import { limitsSchema } from './limits-schema.ts';
import { listenerSchema } from './listener-schema.ts';
import { metricsSchema } from './metrics-schema.ts';
import { otlpSchema } from './otlp-schema.ts';
import { overloadSchema } from './overload-schema.ts';
import { responseSchema } from './response-schema.ts';
import { syslogSchema } from './syslog-schema.ts';
import { throttledNetworkProblems } from './throttled-networks.ts';
import { referenceProblems } from './upstream-references.ts';
import { routesSchema, upstreamField, upstreamsSchema } from './upstream-schema.ts';

const LISTENERS_MAX = 64;
const WORKERS_MAX = 256;

/** Says what one setting is for; the text ends in the published schema. */
function about(description: string): { description: string } {
  return { description };
}

const brokerSchema = section({
  persistence: choice(['memory', 'relaxed', 'durable'])
    .prefault('relaxed')
    .meta(
      about(
        'memory: nothing survives a restart. relaxed: at most one commitInterval is at risk. durable: acknowledged only once on disk.',
      ),
    ),
  commitInterval: duration({ min: '10ms', max: '10s' })
    .prefault('200ms')
    .meta(about('Longest time between two commits.')),
  sessionsMax: wholeNumber({ min: 1, max: 10_000_000 })
    .prefault(100_000)
    .meta(about('Sessions kept, connected or not.')),
  sessionExpiryMax: seconds({ min: '0s', max: '3650d' }, SESSION_EXPIRY_NEVER_S)
    .prefault('7d')
    .meta(about('Longest time a session outlives its connection; "never" lets it stay for good.')),
  queuedMessagesMax: wholeNumber({ min: 1, max: 10_000_000 })
    .prefault(1000)
    .meta(about('QoS 1 and 2 messages waiting for one session.')),
  queuedBytesMax: size({ min: '1KiB', max: '16GiB' }).prefault('4MiB').meta(about('Their bytes.')),
  retainedMessagesMax: wholeNumber({ min: 0, max: 10_000_000 })
    .prefault(100_000)
    .meta(about('Retained messages in all.')),
  retainedBytesMax: size({ min: '0B', max: '16GiB' }).prefault('256MiB').meta(about('Their bytes.')),
  inflightMax: wholeNumber({ min: 1, max: 65_535 })
    .prefault(64)
    .meta(about('QoS 1 and 2 messages under way to one client; its own Receive Maximum may make it fewer.')),
  qos0QueueMax: wholeNumber({ min: 0, max: 1_000_000 })
    .prefault(1000)
    .meta(about('QoS 0 messages held for a connected client that reads slowly; more are dropped.')),
  sysInterval: seconds({ min: '0s', max: '1d' })
    .prefault('30s')
    .meta(about('Time between two rounds of $SYS topics; 0s turns them off.')),
}).transform(({ commitInterval, sessionExpiryMax, sysInterval, ...rest }) => ({
  ...rest,
  commitIntervalMs: commitInterval,
  sessionExpiryMaxS: sessionExpiryMax,
  sysIntervalS: sysInterval,
}));

function logSchema(directory: string) {
  return section({
    level: choice(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .meta(about('Lowest level that is written; failed logins and denied publishes are warn.')),
    destination: z
      .union([z.literal(['stdout', 'stderr']), path(directory)], {
        error: (issue) => complaint(issue.input, 'stdout, stderr, or the path of a file'),
      })
      .prefault('stdout')
      .meta(about('stdout, stderr, or a file, which is reopened on SIGHUP.')),
    topics: choice(['plain', 'hashed'])
      .prefault('plain')
      .meta(
        about(
          'How topics are written to log, journal, syslog, the stream of events and recordings: as they are, or as hashes under a key in the data directory.',
        ),
      ),
    repeatsMax: wholeNumber({ min: 1, max: 1_000_000 })
      .prefault(200)
      .meta(
        about(
          'Events of one name from one address that are written within 10 s, and twenty times as many from all addresses; more are counted.',
        ),
      ),
  });
}

const shutdownSchema = section({
  drainTimeout: duration({ min: '0s', max: '10m' })
    .prefault('10s')
    .meta(about('How long clients have to go before connections are cut.')),
}).transform(({ drainTimeout }) => ({ drainTimeoutMs: drainTimeout }));

/** The schema of a file that stands in `directory`. */
export function configSchema(directory: string) {
  const listeners = list(listenerSchema(directory), { min: 1, max: LISTENERS_MAX, what: 'listeners' }).superRefine(
    (all, context) => {
      for (const [index, listener] of all.entries()) {
        const { name, address = '', port } = listener ?? {};
        const complain = (key: string, message: string): void =>
          context.addIssue({ code: 'custom', path: [index, key], message });
        const earlier = all.slice(0, index);
        const namesake = earlier.findIndex((other) => name !== undefined && other?.name === name);
        if (namesake !== -1) complain('name', `the name "${name}" is taken by listeners[${namesake}]`);
        const neighbour = earlier.findIndex(
          (other) =>
            port !== 0 && port !== undefined && other?.port === port && addressesCollide(other.address ?? '', address),
        );
        if (neighbour === -1) continue;
        const elsewhere = all[neighbour]?.address === address ? '' : `, which listens on ${all[neighbour]?.address}`;
        complain('port', `port ${port} of address ${address} is taken by listeners[${neighbour}]${elsewhere}`);
      }
    },
    { when: ({ value }) => Array.isArray(value) },
  );
  return section({
    dataDirectory: path(directory)
      .prefault('.')
      .meta(about('Where sessions, messages and the control socket are kept; relative paths start at this file.')),
    listeners: listeners.meta(about('What clients connect to. Nothing listens that is not named here.')),
    upstream: upstreamField.meta(
      about(
        'Where clients go that no route sends elsewhere: embedded, a URL such as mqtt://host:1883, or a name of upstreams.',
      ),
    ),
    upstreams: upstreamsSchema(directory).prefault([]).meta(about('Brokers and clusters behind the gateway.')),
    routes: routesSchema().prefault([]).meta(about('Who goes to which upstream; the first that fits holds.')),
    authentication: authenticationSchema(directory).prefault({}).meta(about('Who clients are.')),
    authorization: authorizationSchema(directory).prefault({}).meta(about('What clients may do.')),
    limits: limitsSchema
      .prefault({})
      .meta(about('How much is too much: ceilings of one connection, and rates of those who share a scope.')),
    detection: detectionSchema.prefault({}).meta(about('What is taken for an attack, and what follows.')),
    overload: overloadSchema.prefault({}).meta(about('What happens when there is more to do than can be done.')),
    response: responseSchema.prefault({}).meta(about('How detections are answered.')),
    bans: bansSchema.prefault({}).meta(about('Who is shut out, and for how long.')),
    firewall: firewallSchema.prefault({}).meta(about('What the packet filter of the machine keeps out.')),
    broker: brokerSchema.prefault({}).meta(about('The embedded broker.')),
    log: logSchema(directory).prefault({}).meta(about('Where events are written.')),
    journal: journalSchema(directory)
      .prefault({})
      .meta(about('The tamper-evident record of decisions and of what operators did.')),
    control: controlSchema(directory).prefault({}).meta(about('The control API over HTTPS.')),
    flightRecorder: flightRecorderSchema(directory)
      .prefault({})
      .meta(about('The latest packets of each connection, written down around an incident.')),
    metrics: metricsSchema(directory).prefault({}).meta(about('Where Prometheus reads the numbers of the gateway.')),
    otlp: otlpSchema(directory).prefault({}).meta(about('An OpenTelemetry collector for events and metrics.')),
    syslog: syslogSchema(directory).prefault([]).meta(about('Collectors that events are sent to as well.')),
    alerts: alertsSchema(directory).prefault({}).meta(about('What somebody is told of, and by which way.')),
    workers: z
      .union([z.literal('auto'), wholeNumber({ min: 1, max: WORKERS_MAX })], {
        error: (issue) => complaint(issue.input, `auto, or a whole number from 1 to ${WORKERS_MAX}`),
      })
      .prefault(1)
      .transform((given) => (given === 'auto' ? availableParallelism() : given))
      .meta(
        about(
          'Processes that share the ports. 1 serves in the one process that was started; auto takes one for each processor.',
        ),
      ),
    shutdown: shutdownSchema.prefault({}).meta(about('How the gateway ends.')),
  }).superRefine(
    (given, context) => {
      for (const { path: at, message } of [
        ...referenceProblems(given),
        ...chainReferenceProblems(given),
        ...firewallProblems(given),
        ...throttledNetworkProblems(given),
      ]) {
        context.addIssue({ code: 'custom', path: at, message });
      }
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}
