/** The section `limits`: ceilings of one connection, and what those who share a scope may do together. */
import { z } from 'zod';
import { SIZE_PATTERN } from '../../base/size.ts';
import { checkTopicFilter } from '../../mqtt/topic.ts';
import type { ProtocolVersion } from '../../mqtt/wire.ts';
import { formOf, type LimitName, limitsOf, type Scope } from '../../policy/limits/limit-name.ts';
import { parseLimitValue, wanted } from '../../policy/limits/limit-value.ts';
import { choice, complaint, duration, flag, list, seconds, section, size, text, wholeNumber } from './fields.ts';

const ROLES_MAX = 1000;
const TOPICS_MAX = 1000;

/** What a scope was given, by the name of the limit, as it was written. */
export type GivenLimits = Readonly<Partial<Record<LimitName, unknown>>>;

/** YAML reads `3.1` and `5` as numbers and `3.1.1` as text; both spellings of each are the same version. */
const PROTOCOL_VERSIONS = new Map<string | number, ProtocolVersion>([
  [3.1, 3],
  ['3.1', 3],
  ['3.1.1', 4],
  [5, 5],
  ['5', 5],
  ['5.0', 5],
]);

const protocolVersion = z.literal([3.1, '3.1', '3.1.1', 5, '5', '5.0'], {
  error: (issue) => complaint(issue.input, 'one of 3.1, 3.1.1, 5'),
});

function about(description: string): { description: string } {
  return { description };
}

// --- ceilings of one connection ---

const FIELDS = {
  connectTimeout: duration({ min: '1s', max: '2m' }),
  keepAliveMax: seconds({ min: '10s', max: '65535s' }),
  connectSizeMax: size({ min: '256B', max: '1MiB' }),
  packetSizeMax: size({ min: '256B', max: '256MiB' }),
  topicLengthMax: size({ min: '16B', max: '65535B' }),
  topicDepthMax: wholeNumber({ min: 1, max: 256 }),
  filtersPerSubscribeMax: wholeNumber({ min: 1, max: 10_000 }),
  subscriptionsPerClientMax: wholeNumber({ min: 1, max: 1_000_000 }),
  inflightMax: wholeNumber({ min: 1, max: 65_535 }),
  topicAliasMax: wholeNumber({ min: 0, max: 65_535 }),
  userPropertiesMax: wholeNumber({ min: 0, max: 10_000 }),
  clientIdLengthMax: size({ min: '1B', max: '65535B' }),
  usernameLengthMax: size({ min: '1B', max: '65535B' }),
  willSizeMax: size({ min: '0B', max: '65535B' }),
  retainedMessagesMax: wholeNumber({ min: 0, max: 1_000_000 }),
  retainedBytesMax: size({ min: '0B', max: '16GiB' }),
  outputBufferMax: size({ min: '16KiB', max: '1GiB' }),
  slowReaderTimeout: duration({ min: '1s', max: '1h' }),
  receiveRateMin: size({ min: '0B', max: '1MiB' }),
  pingOnlyMax: seconds({ min: '10s', max: '30d' }, Number.POSITIVE_INFINITY),
  protocolVersions: list(protocolVersion, { min: 1, max: 3, what: 'versions' }),
  rejectControlCharacters: flag(),
};

const SAYS: Readonly<Record<keyof typeof FIELDS, string>> = {
  connectTimeout: 'From the open connection to a whole CONNECT, and from there to its answer.',
  keepAliveMax: 'Longest keep-alive; a client that asks for more, or for none, gets this one.',
  connectSizeMax:
    'Largest packet of a client that has not logged in yet, refused at its header; never more than packetSizeMax.',
  packetSizeMax: 'Largest packet, refused at its header before the rest is read.',
  topicLengthMax: 'Longest topic name or filter.',
  topicDepthMax: 'Levels of a topic name or filter.',
  filtersPerSubscribeMax: 'Filters in one SUBSCRIBE.',
  subscriptionsPerClientMax: 'Filters that one client holds at once.',
  inflightMax: "A client's unacknowledged QoS 1 and 2 messages; MQTT 5 is told as Receive Maximum.",
  topicAliasMax: 'Topic aliases a client may set.',
  userPropertiesMax: 'User properties in one packet.',
  clientIdLengthMax: 'Longest client identifier.',
  usernameLengthMax: 'Longest user name in a CONNECT, unless it is a token.',
  willSizeMax: 'Largest payload of a Will.',
  retainedMessagesMax: 'Topics on which one client may have retained messages.',
  retainedBytesMax: 'Their payloads together.',
  outputBufferMax: 'Output waiting for one slow reader before deliveries are held back.',
  slowReaderTimeout:
    'How long deliveries are held back, or a client reads nothing at all, before the connection is closed.',
  receiveRateMin: 'Bytes a second at which a packet that has begun has to come, over ten seconds; 0 is no such pace.',
  pingOnlyMax: 'How long a client may do nothing but ping before it publishes or subscribes; "never" lets it.',
  protocolVersions: 'MQTT versions that are spoken.',
  rejectControlCharacters:
    'Whether control characters and non-characters in topics and identifiers end the connection.',
};

interface GivenCeilings {
  connectTimeout: number;
  keepAliveMax: number;
  connectSizeMax: number;
  packetSizeMax: number;
  topicLengthMax: number;
  topicDepthMax: number;
  filtersPerSubscribeMax: number;
  subscriptionsPerClientMax: number;
  inflightMax: number;
  topicAliasMax: number;
  userPropertiesMax: number;
  clientIdLengthMax: number;
  usernameLengthMax: number;
  willSizeMax: number;
  retainedMessagesMax?: number | undefined;
  retainedBytesMax?: number | undefined;
  outputBufferMax: number;
  slowReaderTimeout: number;
  receiveRateMin: number;
  pingOnlyMax: number;
  protocolVersions: readonly (string | number)[];
  rejectControlCharacters: boolean;
}

/** Under the names that they have inside, with their units. */
function ceilingsOf(given: GivenCeilings) {
  return {
    connectTimeoutMs: given.connectTimeout,
    keepAliveMaxS: given.keepAliveMax,
    connectSizeMaxBytes: given.connectSizeMax,
    packetSizeMaxBytes: given.packetSizeMax,
    topicLengthMaxBytes: given.topicLengthMax,
    topicDepthMax: given.topicDepthMax,
    filtersPerSubscribeMax: given.filtersPerSubscribeMax,
    subscriptionsPerClientMax: given.subscriptionsPerClientMax,
    inflightMax: given.inflightMax,
    topicAliasMax: given.topicAliasMax,
    userPropertiesMax: given.userPropertiesMax,
    clientIdLengthMaxBytes: given.clientIdLengthMax,
    usernameLengthMaxBytes: given.usernameLengthMax,
    willSizeMaxBytes: given.willSizeMax,
    retainedMessagesMax: given.retainedMessagesMax ?? Number.POSITIVE_INFINITY,
    retainedBytesMax: given.retainedBytesMax ?? Number.POSITIVE_INFINITY,
    outputBufferMaxBytes: given.outputBufferMax,
    slowReaderTimeoutMs: given.slowReaderTimeout,
    receiveRateMinBytesPerS: given.receiveRateMin,
    pingOnlyMaxMs: given.pingOnlyMax * 1000,
    protocolVersions: [...new Set(given.protocolVersions.map((version) => PROTOCOL_VERSIONS.get(version)!))],
    rejectControlCharacters: given.rejectControlCharacters,
  };
}

export type Ceilings = ReturnType<typeof ceilingsOf>;

/** The inner name of each key; one key becomes one value. */
const INNER_NAMES: Readonly<Record<keyof GivenCeilings, keyof ReturnType<typeof ceilingsOf>>> = {
  connectTimeout: 'connectTimeoutMs',
  keepAliveMax: 'keepAliveMaxS',
  connectSizeMax: 'connectSizeMaxBytes',
  packetSizeMax: 'packetSizeMaxBytes',
  topicLengthMax: 'topicLengthMaxBytes',
  topicDepthMax: 'topicDepthMax',
  filtersPerSubscribeMax: 'filtersPerSubscribeMax',
  subscriptionsPerClientMax: 'subscriptionsPerClientMax',
  inflightMax: 'inflightMax',
  topicAliasMax: 'topicAliasMax',
  userPropertiesMax: 'userPropertiesMax',
  clientIdLengthMax: 'clientIdLengthMaxBytes',
  usernameLengthMax: 'usernameLengthMaxBytes',
  willSizeMax: 'willSizeMaxBytes',
  retainedMessagesMax: 'retainedMessagesMax',
  retainedBytesMax: 'retainedBytesMax',
  outputBufferMax: 'outputBufferMaxBytes',
  slowReaderTimeout: 'slowReaderTimeoutMs',
  receiveRateMin: 'receiveRateMinBytesPerS',
  pingOnlyMax: 'pingOnlyMaxMs',
  protocolVersions: 'protocolVersions',
  rejectControlCharacters: 'rejectControlCharacters',
};

/** Only what a listener says otherwise. */
function someCeilingsOf(
  given: {
    readonly [Key in keyof GivenCeilings]?: GivenCeilings[Key] | undefined;
  },
): Partial<Ceilings> {
  const whole = ceilingsOf({ protocolVersions: [], ...given } as unknown as GivenCeilings);
  const keys = (Object.keys(INNER_NAMES) as (keyof GivenCeilings)[]).filter((key) => given[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [INNER_NAMES[key], whole[INNER_NAMES[key]]]));
}

const ofOneConnection = {
  connectTimeout: FIELDS.connectTimeout.prefault('10s').meta(about(SAYS.connectTimeout)),
  keepAliveMax: FIELDS.keepAliveMax.prefault('20m').meta(about(SAYS.keepAliveMax)),
  connectSizeMax: FIELDS.connectSizeMax.prefault('64KiB').meta(about(SAYS.connectSizeMax)),
  packetSizeMax: FIELDS.packetSizeMax.prefault('256KiB').meta(about(SAYS.packetSizeMax)),
  topicLengthMax: FIELDS.topicLengthMax.prefault(512).meta(about(SAYS.topicLengthMax)),
  topicDepthMax: FIELDS.topicDepthMax.prefault(16).meta(about(SAYS.topicDepthMax)),
  filtersPerSubscribeMax: FIELDS.filtersPerSubscribeMax.prefault(128).meta(about(SAYS.filtersPerSubscribeMax)),
  subscriptionsPerClientMax: FIELDS.subscriptionsPerClientMax.prefault(512).meta(about(SAYS.subscriptionsPerClientMax)),
  inflightMax: FIELDS.inflightMax.prefault(256).meta(about(SAYS.inflightMax)),
  topicAliasMax: FIELDS.topicAliasMax.prefault(16).meta(about(SAYS.topicAliasMax)),
  userPropertiesMax: FIELDS.userPropertiesMax.prefault(32).meta(about(SAYS.userPropertiesMax)),
  clientIdLengthMax: FIELDS.clientIdLengthMax.prefault(128).meta(about(SAYS.clientIdLengthMax)),
  usernameLengthMax: FIELDS.usernameLengthMax.prefault(1024).meta(about(SAYS.usernameLengthMax)),
  willSizeMax: FIELDS.willSizeMax.prefault('16KiB').meta(about(SAYS.willSizeMax)),
  retainedMessagesMax: FIELDS.retainedMessagesMax.optional().meta(about(SAYS.retainedMessagesMax)),
  retainedBytesMax: FIELDS.retainedBytesMax.optional().meta(about(SAYS.retainedBytesMax)),
  outputBufferMax: FIELDS.outputBufferMax.prefault('1MiB').meta(about(SAYS.outputBufferMax)),
  slowReaderTimeout: FIELDS.slowReaderTimeout.prefault('30s').meta(about(SAYS.slowReaderTimeout)),
  receiveRateMin: FIELDS.receiveRateMin.prefault('256B').meta(about(SAYS.receiveRateMin)),
  pingOnlyMax: FIELDS.pingOnlyMax.prefault('1h').meta(about(SAYS.pingOnlyMax)),
  protocolVersions: FIELDS.protocolVersions.prefault([3.1, '3.1.1', 5]).meta(about(SAYS.protocolVersions)),
  rejectControlCharacters: FIELDS.rejectControlCharacters.prefault(true).meta(about(SAYS.rejectControlCharacters)),
};

const ofOneListener = {
  connectTimeout: FIELDS.connectTimeout.optional().meta(about(SAYS.connectTimeout)),
  keepAliveMax: FIELDS.keepAliveMax.optional().meta(about(SAYS.keepAliveMax)),
  connectSizeMax: FIELDS.connectSizeMax.optional().meta(about(SAYS.connectSizeMax)),
  packetSizeMax: FIELDS.packetSizeMax.optional().meta(about(SAYS.packetSizeMax)),
  topicLengthMax: FIELDS.topicLengthMax.optional().meta(about(SAYS.topicLengthMax)),
  topicDepthMax: FIELDS.topicDepthMax.optional().meta(about(SAYS.topicDepthMax)),
  filtersPerSubscribeMax: FIELDS.filtersPerSubscribeMax.optional().meta(about(SAYS.filtersPerSubscribeMax)),
  subscriptionsPerClientMax: FIELDS.subscriptionsPerClientMax.optional().meta(about(SAYS.subscriptionsPerClientMax)),
  inflightMax: FIELDS.inflightMax.optional().meta(about(SAYS.inflightMax)),
  topicAliasMax: FIELDS.topicAliasMax.optional().meta(about(SAYS.topicAliasMax)),
  userPropertiesMax: FIELDS.userPropertiesMax.optional().meta(about(SAYS.userPropertiesMax)),
  clientIdLengthMax: FIELDS.clientIdLengthMax.optional().meta(about(SAYS.clientIdLengthMax)),
  usernameLengthMax: FIELDS.usernameLengthMax.optional().meta(about(SAYS.usernameLengthMax)),
  willSizeMax: FIELDS.willSizeMax.optional().meta(about(SAYS.willSizeMax)),
  retainedMessagesMax: FIELDS.retainedMessagesMax.optional().meta(about(SAYS.retainedMessagesMax)),
  retainedBytesMax: FIELDS.retainedBytesMax.optional().meta(about(SAYS.retainedBytesMax)),
  outputBufferMax: FIELDS.outputBufferMax.optional().meta(about(SAYS.outputBufferMax)),
  slowReaderTimeout: FIELDS.slowReaderTimeout.optional().meta(about(SAYS.slowReaderTimeout)),
  receiveRateMin: FIELDS.receiveRateMin.optional().meta(about(SAYS.receiveRateMin)),
  pingOnlyMax: FIELDS.pingOnlyMax.optional().meta(about(SAYS.pingOnlyMax)),
  protocolVersions: FIELDS.protocolVersions.optional().meta(about(SAYS.protocolVersions)),
  rejectControlCharacters: FIELDS.rejectControlCharacters.optional().meta(about(SAYS.rejectControlCharacters)),
};

// --- what a scope shares ---

const SHARED_SAYS: Readonly<Partial<Record<LimitName, string>>> = {
  connects: 'Connections that are opened, such as 100/1s burst 1000, or a list of rates.',
  authentications: 'Logins that are tried, whether or not they succeed.',
  authenticationFailures:
    'Logins that fail. Beyond it no login is looked at, but from where the user has logged in before.',
  connectionsMax: 'Connections open at once.',
  'publish.messagesPerSecond': 'Messages from clients.',
  'publish.bytesPerSecond': 'Their packets in bytes.',
  'publish.onExcess':
    'What becomes of more: delay stops reading, drop discards QoS 0 and delays the rest, refuse answers 0x97, disconnect ends the connection.',
  'deliver.messagesPerSecond': 'Messages to clients.',
  'deliver.bytesPerSecond': 'Their packets in bytes.',
  'deliver.onExcess':
    'What becomes of more: delay holds the link to the broker, drop discards QoS 0 and holds for the rest.',
  'subscribe.filtersPerSecond': 'Topic filters in SUBSCRIBE packets.',
  'subscribe.onExcess': 'What becomes of more: refuse answers 0x97, disconnect ends the connection.',
};

function sayingOf(name: LimitName): string {
  return SHARED_SAYS[name] ?? SAYS[name as keyof typeof SAYS];
}

/** As it was written, once it is known to be right: it is shown to people again. */
function limitField(name: LimitName) {
  const form = formOf(name);
  const telling = { error: (issue: { input?: unknown }): string => complaint(issue.input, wanted(form)) };
  const shape =
    form.form === 'rate'
      ? z.union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))], telling)
      : form.form === 'count'
        ? z.int(telling)
        : form.form === 'size'
          ? z.union([z.int(), z.string().regex(SIZE_PATTERN)], telling)
          : choice(form.actions as [string, ...string[]]);
  return z
    .unknown()
    .pipe(shape)
    .superRefine((given, context) => {
      const value = parseLimitValue(name, given);
      if (typeof value === 'string') context.addIssue({ code: 'custom', message: value, input: given });
    });
}

type Shape = Record<string, z.ZodType>;

/** Names with a dot become sections. */
function shapeOf(scope: Scope, defaults: GivenLimits, leftOut: readonly LimitName[] = []): Shape {
  const shape: Shape = {};
  const inner = new Map<string, Shape>();
  for (const name of limitsOf(scope)) {
    if (leftOut.includes(name)) continue;
    const [outer = '', key] = name.split('.');
    const given = defaults[name];
    const field = (given === undefined ? limitField(name).optional() : limitField(name).prefault(given)).meta(
      about(sayingOf(name)),
    );
    if (key === undefined) shape[outer] = field;
    else inner.set(outer, { ...inner.get(outer), [key]: field });
  }
  for (const [outer, fields] of inner) shape[outer] = section(fields).prefault({});
  return shape;
}

/** Back to names with a dot. */
function flatten(scope: Scope, given: Readonly<Record<string, unknown>>): GivenLimits {
  const flat: Partial<Record<LimitName, unknown>> = {};
  for (const name of limitsOf(scope)) {
    const [outer = '', key] = name.split('.');
    const value = given[outer];
    const own = key === undefined ? value : (value as Readonly<Record<string, unknown>> | undefined)?.[key];
    if (own !== undefined) flat[name] = own;
  }
  return flat;
}

function scopeSection(scope: Scope, defaults: GivenLimits = {}) {
  return section(shapeOf(scope, defaults))
    .transform((given) => flatten(scope, given))
    .prefault({});
}

const networkSection = section({
  prefixV4: wholeNumber({ min: 8, max: 32 }).prefault(24).meta(about('Bits of an IPv4 address that are its network.')),
  prefixV6: wholeNumber({ min: 16, max: 128 })
    .prefault(64)
    .meta(about('Bits of an IPv6 address that are its network.')),
  ...shapeOf('network', {}),
})
  .transform(({ prefixV4, prefixV6, ...given }) => ({ prefixV4, prefixV6, limits: flatten('network', given) }))
  .prefault({});

const roleName = text({ pattern: /^[^\p{Cc}]{1,128}$/u, wanted: 'the name of a role' });
const topicFilter = z
  .string({ error: (issue) => complaint(issue.input, 'a topic filter such as video/#') })
  .refine((given) => given !== '' && checkTopicFilter(given) === undefined, {
    error: (issue) => complaint(issue.input, 'a topic filter such as video/#'),
  });

/** No two entries of a list about the same. */
function unique(key: 'role' | 'filter') {
  return (all: readonly Readonly<Record<string, unknown>>[], context: z.core.$RefinementCtx): void => {
    const seen = new Map<unknown, number>();
    for (const [index, entry] of all.entries()) {
      const other = seen.get(entry[key]);
      if (other === undefined) seen.set(entry[key], index);
      else {
        const message = `is given twice: the other is entry ${other}; make them one`;
        context.addIssue({ code: 'custom', path: [index, key], message, input: entry[key] });
      }
    }
  };
}

const roleSection = section({ role: roleName.meta(about('The role.')), ...shapeOf('role', {}) }).transform(
  ({ role, ...given }) => ({ role, limits: flatten('role', given) }),
);
const topicSection = section({
  filter: topicFilter.meta(about('The topic filter.')),
  ...shapeOf('topic', {}),
}).transform(({ filter, ...given }) => ({ filter, limits: flatten('topic', given) }));

export const limitsSchema = section({
  ...ofOneConnection,
  global: scopeSection('global'),
  address: scopeSection('address', { connects: '500/1s burst 10000', authenticationFailures: '10/1s burst 300' }),
  network: networkSection,
  user: scopeSection('user', { authenticationFailures: '10/1m burst 30' }),
  client: scopeSection('client'),
  roles: list(roleSection, { min: 0, max: ROLES_MAX, what: 'roles' })
    .superRefine(unique('role'))
    .prefault([])
    .meta(about('What all clients with a role may do together, and the ceilings of each.')),
  topics: list(topicSection, { min: 0, max: TOPICS_MAX, what: 'topic filters' })
    .superRefine(unique('filter'))
    .prefault([])
    .meta(about('What all clients together may publish to the topics of a filter.')),
}).transform(({ global, address, network, user, client, roles, topics, ...ceilings }) => ({
  ...ceilingsOf(ceilings),
  scopes: { global, address, network, user, client, roles, topics },
  /** By key path such as `limits.user.connectionsMax`, file and line of what the file gives; known once the file is. */
  places: {} as Record<string, string>,
}));

/** What one listener has otherwise than the rest, and what its connections share. */
export const listenerLimitsSchema = section({
  ...ofOneListener,
  ...shapeOf('listener', {}, ['connectionsMax']),
}).transform((given) => ({
  ceilings: someCeilingsOf(given),
  shared: flatten('listener', given as Readonly<Record<string, unknown>>),
}));
