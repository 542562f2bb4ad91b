/** Where clients go: the brokers behind, how they are reached and watched, and who goes to which. */
import { z } from 'zod';
import {
  choice,
  complaint,
  discreetComplaint,
  duration,
  list,
  path,
  section,
  size,
  text,
  wholeNumber,
} from './fields.ts';
import { secret } from './secret.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

/** The name of the broker within. */
export const EMBEDDED = 'embedded';
/** The name of an upstream that is given by its URL alone. */
export const UNNAMED = 'default';

const TARGETS_MAX = 64;
const PINS_MAX = 16;
const UPSTREAMS_MAX = 64;
const ROUTES_MAX = 1000;

function about(description: string): { description: string } {
  return { description };
}

const URL_WANTED = 'a URL such as mqtts://broker.example.org:8883, with mqtt, mqtts, ws or wss';

/** A URL may hold a password, where people think that it belongs there: what looks so is not repeated. */
export function urlComplaint(given: unknown): string {
  const wanted = `${URL_WANTED}; user name and password stand in credentials`;
  return typeof given === 'string' && given.includes('@')
    ? discreetComplaint(given, wanted)
    : complaint(given, URL_WANTED);
}

const url = z
  .string({ error: (issue) => urlComplaint(issue.input) })
  .refine((given) => parseUpstreamUrl(given) !== undefined, { error: (issue) => urlComplaint(issue.input) });

const pin = text({
  pattern: /^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/,
  wanted: 'the SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it',
}).transform((given) => given.replaceAll(':', '').toLowerCase());

const name = text({
  pattern: /^(?!embedded$)[a-z0-9][a-z0-9-]{0,31}$/,
  wanted: 'a name of 1 to 32 lower-case letters, digits and hyphens, other than "embedded"',
});

function targetSchema(directory: string) {
  const tls = section({
    ca: path(directory)
      .optional()
      .meta(about('PEM file of the CAs that the broker may come from; without it those that the runtime brings.')),
    certificate: path(directory).optional().meta(about("PEM file with the gateway's own certificate for the broker.")),
    key: path(directory).optional().meta(about('PEM file with its private key.')),
    passphrase: secret(directory).optional().meta(about('Where the passphrase of an encrypted key is kept.')),
    serverName: text({ pattern: /^[A-Za-z0-9._:-]{1,253}$/, wanted: 'a host name' })
      .optional()
      .meta(about("Name to ask for and to find in the broker's certificate; without it the URL's host.")),
    pinSha256: list(pin, { min: 0, max: PINS_MAX, what: 'fingerprints' })
      .prefault([])
      .meta(about('If any are given, the only certificates that are taken, by their SHA-256.')),
  }).superRefine(
    (given, context) => {
      if ((given.certificate === undefined) === (given.key === undefined)) return;
      const missing = given.key === undefined ? 'key' : 'certificate';
      context.addIssue({
        code: 'custom',
        path: [missing],
        message: 'is missing: a certificate and its key go together',
      });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
  return section({
    url: url.meta(about('mqtt, mqtts, ws or wss, host and port.')),
    weight: wholeNumber({ min: 1, max: 1000 })
      .prefault(1)
      .meta(about("Share of the clients, against other targets' weights.")),
    tls: tls.optional().meta(about('Of URLs with mqtts and wss.')),
  }).superRefine(
    (given, context) => {
      if (typeof given.url !== 'string' || given.tls === undefined) return;
      const scheme = parseUpstreamUrl(given.url)?.scheme;
      if (scheme !== 'mqtt' && scheme !== 'ws') return;
      const message = `does not belong to ${scheme}: make the URL ${scheme === 'mqtt' ? 'mqtts' : 'wss'}, or remove this key`;
      context.addIssue({ code: 'custom', path: ['tls'], message });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}

function credentialsSchema(directory: string) {
  const account = z.strictObject({ username: z.string().min(1).max(65_535), password: secret(directory) });
  const map = z.strictObject({ mapFile: path(directory) });
  return z.union([z.literal('passthrough'), account, map], {
    error: (issue) =>
      complaint(issue.input, 'passthrough, { username: NAME, password: { file: PATH } }, or { mapFile: PATH }'),
  });
}

function healthCheckSchema(directory: string) {
  return section({
    interval: duration({ min: '0s', max: '1h' })
      .prefault('10s')
      .meta(about('Time between two checks of a target that is up; 0s makes none.')),
    timeout: duration({ min: '100ms', max: '1m' }).prefault('3s').meta(about('How long one check may take.')),
    clientId: text({ pattern: /^[0-9A-Za-z_.-]{1,64}$/, wanted: '1 to 64 letters, digits and the signs _ . -' })
      .prefault('sallyport-health')
      .meta(about('How the client identifier of checks begins; a random part follows.')),
    username: text({ pattern: /^[^\0]+$/, wanted: 'a user name' })
      .optional()
      .meta(about('User that checks log in as; a broker that refuses them counts as up.')),
    password: secret(directory).optional().meta(about('Where its password is kept.')),
  }).transform(({ interval, timeout, ...rest }) => ({ ...rest, intervalMs: interval, timeoutMs: timeout }));
}

const ejectionSchema = section({
  consecutiveFailures: wholeNumber({ min: 0, max: 1000 })
    .prefault(5)
    .meta(about('Connection attempts that fail one after another before a target is ejected; 0: never for that.')),
  failureShare: wholeNumber({ min: 1, max: 100 })
    .prefault(50)
    .meta(about('Percent of failed attempts in a window above which a target is ejected; 100: never for that.')),
  attemptsMin: wholeNumber({ min: 1, max: 100_000 })
    .prefault(20)
    .meta(about('Attempts in a window below which their share says nothing.')),
  window: duration({ min: '1s', max: '1h' }).prefault('30s').meta(about('Over which the share is taken.')),
  duration: duration({ min: '1s', max: '1h' })
    .prefault('10s')
    .meta(about('The first ejection; each further one is twice as long.')),
  durationMax: duration({ min: '1s', max: '1d' }).prefault('5m').meta(about('The longest ejection.')),
}).transform((given) => ({
  consecutiveFailuresMax: given.consecutiveFailures,
  failureShareMaxPercent: given.failureShare,
  attemptsMin: given.attemptsMin,
  windowMs: given.window,
  durationMs: given.duration,
  durationMaxMs: given.durationMax,
}));

/** All about one upstream but its name and its targets. */
function servingFields(directory: string) {
  return {
    balance: choice(['least-connections', 'round-robin', 'client-id'])
      .prefault('least-connections')
      .meta(about('How a target is chosen; client-id brings a client back to the broker that holds its session.')),
    connectTimeout: duration({ min: '100ms', max: '1m' })
      .prefault('3s')
      .meta(about("From the first SYN to the broker's CONNACK, for each target that is tried.")),
    healthCheck: healthCheckSchema(directory).prefault({}).meta(about('Checks with a CONNECT and a PINGREQ.')),
    ejection: ejectionSchema.prefault({}).meta(about('Taking out a target that clients cannot connect to.')),
    slowStart: duration({ min: '0s', max: '1h' })
      .prefault('30s')
      .meta(about('How long a target that came back takes until it has its whole share.')),
    credentials: credentialsSchema(directory)
      .prefault('passthrough')
      .meta(about("What clients log in to the broker with: what they sent, one account for all, or a file's.")),
    clientIdPrefix: text({
      pattern: /^(?:[^%\0]|%%|%l|%u(?=[^0-9A-Za-z%]))*$/,
      wanted: 'a text in which %u (followed by a sign such as ":") is the user, %l the listener and %% a percent sign',
    })
      .optional()
      .meta(about('Stands before each client identifier; "%u:" keeps users apart on a broker that knows no owners.')),
    proxyProtocol: choice(['off', 'v2'])
      .prefault('off')
      .meta(about("Whether the broker is told the client's address.")),
    mqtt5: choice(['auto', 'refuse', 'translate'])
      .prefault('auto')
      .meta(
        about(
          'MQTT 5 clients before a broker that does not speak it: auto and refuse answer 0x84 (refuse even if it does), translate serves them as far as 3.1.1 goes.',
        ),
      ),
    bufferMax: size({ min: '16KiB', max: '1GiB' })
      .prefault('1MiB')
      .meta(about('Bytes waiting for the broker before the client is no longer read.')),
    packetSizeMax: size({ min: '1KiB', max: '256MiB' })
      .prefault('1MiB')
      .meta(about('Largest packet that the broker may send to one client.')),
    clientsMax: wholeNumber({ min: 1, max: 10_000_000 }).prefault(100_000).meta(about('Clients connected at once.')),
  };
}

export function upstreamSchema(directory: string) {
  return section({
    name: name.meta(about('What routes, events and commands call this upstream.')),
    targets: list(targetSchema(directory), { min: 1, max: TARGETS_MAX, what: 'targets' })
      .superRefine(
        (targets, context) => {
          const seen = new Set<unknown>();
          for (const [index, target] of targets.entries()) {
            const given = target?.url;
            if (seen.has(given)) {
              context.addIssue({
                code: 'custom',
                path: [index, 'url'],
                message: 'is in the list already: raise its weight',
              });
            }
            seen.add(given);
          }
        },
        { when: ({ value }) => Array.isArray(value) },
      )
      .meta(about('The broker, or those of the cluster.')),
    ...servingFields(directory),
  }).transform(({ connectTimeout, slowStart, bufferMax, packetSizeMax, ...rest }) => ({
    ...rest,
    connectTimeoutMs: connectTimeout,
    slowStartMs: slowStart,
    bufferMaxBytes: bufferMax,
    packetSizeMaxBytes: packetSizeMax,
  }));
}

export function upstreamsSchema(directory: string) {
  return list(upstreamSchema(directory), { min: 0, max: UPSTREAMS_MAX, what: 'upstreams' }).superRefine(
    (upstreams, context) => {
      const takenBy = new Map<string, number>();
      for (const [index, upstream] of upstreams.entries()) {
        const given = upstream?.name;
        if (given === undefined) continue;
        const other = takenBy.get(given);
        if (other === undefined) takenBy.set(given, index);
        else {
          const message = `the name "${given}" is taken by upstreams[${other}]`;
          context.addIssue({ code: 'custom', path: [index, 'name'], message });
        }
      }
    },
    { when: ({ value }) => Array.isArray(value) },
  );
}

const pattern = text({
  pattern: /^[^\0]{1,256}$/,
  wanted: 'a text of 1 to 256 characters, in which * stands for any others',
});

const routeSchema = section({
  listener: pattern.optional().meta(about('Clients of this listener only; * stands for any characters.')),
  user: pattern.optional().meta(about('This user only; * stands for any characters. Anonymous clients match no user.')),
  clientIdPrefix: text({ pattern: /^[^\0]{1,256}$/, wanted: 'a text of 1 to 256 characters' })
    .optional()
    .meta(about('Only clients whose identifier begins so.')),
  namespace: pattern
    .optional()
    .meta(about('Only clients whose identity vouches for this attribute `namespace`; * stands for any characters.')),
  upstream: z
    .string({ error: (issue) => complaint(issue.input, 'the name of an upstream, or embedded') })
    .meta(about('Where they go: the name of an upstream, or embedded.')),
});

export function routesSchema() {
  return list(routeSchema, { min: 0, max: ROUTES_MAX, what: 'routes' });
}

export const upstreamField = z
  .string({ error: (issue) => complaint(issue.input, `embedded, ${URL_WANTED}, or the name of an upstream`) })
  .prefault(EMBEDDED);

/** An upstream of one target, with nothing said about it but its URL, which has been checked. */
export function plainUpstream(target: string): z.output<ReturnType<typeof upstreamSchema>> {
  return upstreamSchema('/').parse({ name: UNNAMED, targets: [{ url: target }] });
}
