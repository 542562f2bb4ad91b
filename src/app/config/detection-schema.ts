/** What is taken for an attack: each detector's thresholds, and what follows. */
import { z } from 'zod';
import { RESPONSES, type Response } from '../../policy/detection/detection.ts';
import { VIRTUAL_PATCHES } from '../../policy/detection/virtual-patches.ts';
import { choice, complaint, duration, flag, list, section, size, wholeNumber } from './fields.ts';

const COUNT_MAX = 1_000_000_000;
/** What tells values apart holds no more of them. */
const DISTINCT_MAX = 48;

function about(description: string): { description: string } {
  return { description };
}

function count(fallback: number, description: string) {
  return wholeNumber({ min: 1, max: COUNT_MAX }).prefault(fallback).meta(about(description));
}

function distinct(fallback: number, description: string) {
  return wholeNumber({ min: 2, max: DISTINCT_MAX }).prefault(fallback).meta(about(description));
}

function halfLife(fallback: string, description = 'In this time a score falls to half.') {
  return duration({ min: '1s', max: '30d' }).prefault(fallback).meta(about(description));
}

const DURATIONS = [
  'halfLife',
  'slowHalfLife',
  'duration',
  'warmUp',
  'idleAfter',
  'intervalMin',
  'intervalMax',
  'repeatAfter',
] as const;
const SIZES = ['messageSizeMax'] as const;

/** With units in the names, as everywhere inside. */
type WithUnits<Given> = {
  [Key in keyof Given as Key extends (typeof DURATIONS)[number]
    ? `${Key}Ms`
    : Key extends (typeof SIZES)[number]
      ? `${Key}Bytes`
      : Key extends 'response'
        ? 'responses'
        : Key]: Given[Key];
};

function withUnits<Given extends object>(given: Given): WithUnits<Given> {
  const renamed = Object.entries(given).map(([key, value]) => {
    if ((DURATIONS as readonly string[]).includes(key)) return [`${key}Ms`, value];
    if ((SIZES as readonly string[]).includes(key)) return [`${key}Bytes`, value];
    return [key === 'response' ? 'responses' : key, value];
  });
  return Object.fromEntries(renamed) as WithUnits<Given>;
}

/** The keys that every detector has, and its own. */
function detector<const Shape extends z.core.$ZodLooseShape>(response: readonly Response[], shape: Shape) {
  const fields = section({
    enabled: flag().prefault(true).meta(about('Whether this detector looks.')),
    response: list(choice(RESPONSES), { min: 1, max: RESPONSES.length, what: 'responses' })
      .prefault([...response])
      .meta(about('What follows: log, alert, throttle, disconnect, quarantine, ban.')),
    ...shape,
  });
  return fields.transform(withUnits<z.output<typeof fields>>);
}

const VIRTUAL_PATCH_NAMES = VIRTUAL_PATCHES.map(({ name }) => name) as [string, ...string[]];

const shape = {
  bruteForce: detector(['ban'], {
    failuresPerAddress: count(10, 'Failed logins from one address (IPv6: one network).'),
    failuresPerName: count(10, 'Failed logins under one user name or client identifier, from wherever; alerts only.'),
    halfLife: halfLife('2m'),
    slowFailures: count(60, 'Failed logins by address or name that are too many over hours.'),
    slowHalfLife: halfLife('6h', 'In this time the slow score falls to half.'),
  })
    .prefault({})
    .meta(about('Many failed logins.')),
  credentialStuffing: detector(['ban'], {
    namesPerAddress: distinct(8, 'User names that one address (IPv6: one network) failed to log in as.'),
    addressesPerName: distinct(8, 'Addresses that failed to log in as one user; alerts only.'),
    halfLife: halfLife('10m'),
    slowNames: distinct(24, 'User names that one address failed to log in as, over hours.'),
    slowHalfLife: halfLife('6h', 'In this time the slow score falls to half.'),
  })
    .prefault({})
    .meta(about('Failed logins under many names, or as one user from many addresses.')),
  unauthorizedAccess: detector(['alert'], {
    refusalsPerClient: count(20, 'Publishes, subscriptions and Wills of one client that were not granted.'),
    refusalsPerAddress: count(200, 'The same, of all clients of one address.'),
    halfLife: halfLife('5m'),
  })
    .prefault({})
    .meta(about('Many requests that were not granted.')),
  clientIdTakeover: detector(['alert'], {
    attemptsPerAddress: count(5, "Connects under another identity's client identifier, from one address."),
    halfLife: halfLife('10m'),
  })
    .prefault({})
    .meta(about("Attempts to connect under others' client identifiers.")),
  flapping: detector(['alert'], {
    connectsPerClient: count(15, 'Connects of one client.'),
    halfLife: halfLife('1m'),
  })
    .prefault({})
    .meta(about('A client that connects over and over.')),
  topicScan: detector(['alert'], {
    refusedTopicsPerClient: distinct(20, 'Different topics and filters of one client that were not granted.'),
    newTopicsPerClient: count(5000, 'Topics that one client published to for the first time, all of them granted.'),
    halfLife: halfLife('5m'),
  })
    .prefault({})
    .meta(about('A client that tries topics out.')),
  wildcardHarvesting: detector(['alert'], {
    filtersPerClient: count(3, 'Filters that take in everything, such as # and +/#, granted or not.'),
    halfLife: halfLife('10m'),
  })
    .prefault({})
    .meta(about('Subscriptions that take in everything.')),
  sysProbing: detector(['alert'], {
    attemptsPerClient: count(3, 'Refused publishes to $SYS and subscriptions to it.'),
    halfLife: halfLife('10m'),
  })
    .prefault({})
    .meta(about("Attempts at the broker's own topics.")),
  malformedPackets: detector(['ban'], {
    faultsPerAddress: count(10, 'Packets from one address that break the protocol.'),
    halfLife: halfLife('5m'),
  })
    .prefault({})
    .meta(about('A source of packets that break the protocol.')),
  oversizedPackets: detector(['alert'], {
    attemptsPerAddress: count(5, 'Packets from one address that announce more than packetSizeMax.'),
    halfLife: halfLife('5m'),
  })
    .prefault({})
    .meta(about('A source of packets that are too large.')),
  connectFlood: detector(['ban'], {
    connectsPerAddress: count(100, 'Connections of one address that ended before they had logged in.'),
    connectsPerNetwork: count(1000, 'The same, of one network.'),
    halfLife: halfLife('30s'),
  })
    .prefault({})
    .meta(about('A source of connections that come to nothing.')),
  distributedAttack: detector(['alert'], {
    addressesPerPattern: count(100, 'Addresses that do the same bad thing on one listener.'),
    halfLife: halfLife('1m'),
  })
    .prefault({})
    .meta(about('Many addresses with one pattern.')),
  publishFlood: detector(['alert'], {
    messagesPerSecond: count(2000, 'Messages a second of one client.'),
    bytesPerSecond: size({ min: '1KB', max: '16GiB' }).prefault('20MB').meta(about('Bytes a second of one client.')),
    halfLife: halfLife('10s', 'In this time an older rate counts half.'),
  })
    .prefault({})
    .meta(about('A client that publishes more than it should.')),
  qos2Hoarding: detector(['alert'], {
    exchangesPerClient: count(50, 'QoS 2 exchanges that one client keeps open.'),
    duration: duration({ min: '1s', max: '1d' })
      .prefault('30s')
      .meta(about('How long the oldest of them has been open.')),
  })
    .prefault({})
    .meta(about('A client that leaves QoS 2 exchanges open.')),
  willAbuse: detector(['alert'], {
    refusedPerClient: count(5, 'Wills of one client or address that were refused.'),
    publishedPerClient: count(10, 'Wills that one client had published by breaking off.'),
    halfLife: halfLife('10m'),
  })
    .prefault({})
    .meta(about('Wills that are refused, or published over and over.')),
  retainedFlood: detector(['alert'], {
    messagesPerClient: count(2000, 'Retained messages of one client.'),
    halfLife: halfLife('10m'),
  })
    .prefault({})
    .meta(about('A client that stores retained messages without end.')),
  sharedCredential: detector(['alert'], {
    networksPerCertificate: distinct(4, 'Networks that one client certificate comes from.'),
    clientIdsPerCertificate: distinct(4, 'Client identifiers that one client certificate is used with.'),
    networksPerUsername: distinct(16, 'Networks that one user comes from.'),
    clientIdsPerUsername: distinct(32, 'Client identifiers that one user has.'),
    halfLife: halfLife('6h'),
  })
    .prefault({})
    .meta(about('One certificate or user that is used by many.')),
  unusualVolume: detector(['alert'], {
    factor: count(8, "Times the client's own usual volume."),
    messagesPerSecondMin: count(20, 'Messages a second below which nothing is unusual.'),
    warmUp: duration({ min: '1m', max: '30d' })
      .prefault('30m')
      .meta(about('How long a client is watched before anything is unusual.')),
    halfLife: halfLife('1h', 'In this time what is usual moves half of the way to what is.'),
  })
    .prefault({})
    .meta(about('A client that suddenly publishes far more than it usually does.')),
  beaconing: detector(['alert'], {
    beacons: count(8, 'Small messages to new topics with random names, at even intervals.'),
    messageSizeMax: size({ min: '1B', max: '256KiB' }).prefault(512).meta(about('Largest of them.')),
    intervalMin: duration({ min: '2s', max: '1h' }).prefault('5s').meta(about('Shortest interval.')),
    intervalMax: duration({ min: '2s', max: '1d' }).prefault('30m').meta(about('Longest interval.')),
    jitterMaxPercent: wholeNumber({ min: 1, max: 100 })
      .prefault(20)
      .meta(about('How far intervals may differ and still be even.')),
  })
    .prefault({})
    .meta(about('Small messages to random topics at even intervals, as of remote control.')),
  slowConnections: detector(['alert'], {
    idlePerAddress: count(50, 'Open clients of one address that neither subscribed nor published.'),
    idleAfter: duration({ min: '5s', max: '1d' }).prefault('2m').meta(about('How long a client has to be so.')),
    unfinishedPerAddress: count(20, 'Connections of one address on which no whole CONNECT came in time.'),
    halfLife: halfLife('5m'),
  })
    .prefault({})
    .meta(about('Connections that are held open and idle, or never finished.')),
  virtualPatches: detector(['ban'], {
    hitsPerAddress: count(3, 'Packets from one address that are known to bring down brokers.'),
    halfLife: halfLife('1h'),
    off: list(
      z.enum(VIRTUAL_PATCH_NAMES, {
        error: (issue) => complaint(issue.input, `one of ${VIRTUAL_PATCH_NAMES.join(', ')}`),
      }),
      { min: 0, max: VIRTUAL_PATCH_NAMES.length, what: 'names' },
    )
      .prefault([])
      .meta(about('Virtual patches that are switched off, by name.')),
  })
    .prefault({})
    .meta(about('Packets that are known to bring down brokers.')),
};

const fields = section({
  enabled: flag().prefault(true).meta(about('Whether anything is looked for; virtual patches hold all the same.')),
  trackedMax: wholeNumber({ min: 1024, max: 16_777_216 })
    .prefault(1_048_576)
    .meta(about('Addresses that each detector remembers, rounded up to a power of two; the least suspect makes room.')),
  networkPrefixV4: wholeNumber({ min: 8, max: 32 }).prefault(24).meta(about('Bits of an IPv4 network.')),
  networkPrefixV6: wholeNumber({ min: 16, max: 128 })
    .prefault(64)
    .meta(about('Bits of an IPv6 network; it stands for the address wherever one is counted.')),
  repeatAfter: duration({ min: '1s', max: '1d' })
    .prefault('1m')
    .meta(about('How often an attack that goes on is told again, at most; at least its half-life.')),
  ...shape,
});

export const detectionSchema = fields.transform(withUnits<z.output<typeof fields>>);
