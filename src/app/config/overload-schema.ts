/** The section `overload`: what the gateway may use, when it begins to turn load away, and whom it keeps to the last. */
import { z } from 'zod';
import { complaint, duration, flag, section, size, wholeNumber } from './fields.ts';

function about(description: string): { description: string } {
  return { description };
}

/** `auto` is what the system gives. */
function orAuto<Type extends z.ZodType>(type: Type, wanted: string) {
  return z.union([z.literal('auto'), type], { error: (issue) => complaint(issue.input, `auto, or ${wanted}`) });
}

const knownGoodSchema = section({
  connectedMin: duration({ min: '1s', max: '7d' }).prefault('5m').meta(about('How long a client has to be connected.')),
  packetsPerSecondMax: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(50)
    .meta(about('Packets a second that it sends at the most, over ten seconds.')),
}).transform((given) => ({
  connectedMinMs: given.connectedMin,
  packetsPerSecondMax: given.packetsPerSecondMax,
}));

export const overloadSchema = section({
  enabled: flag()
    .prefault(true)
    .meta(
      about(
        'Whether anything is done about overload; the ceilings on half-open connections and handshakes hold anyhow.',
      ),
    ),
  eventLoopDelayMax: duration({ min: '20ms', max: '10s' })
    .prefault('500ms')
    .meta(about('How late the event loop may be, nine times of ten.')),
  memoryMax: orAuto(size({ min: '64MiB', max: '1024GiB' }), 'a size such as 512MiB')
    .prefault('auto')
    .meta(about('Resident memory of all processes; auto is four fifths of what the system or the control group has.')),
  descriptorsMax: orAuto(wholeNumber({ min: 64, max: 10_000_000 }), 'a whole number of at least 64')
    .prefault('auto')
    .meta(about('Open files and sockets of one process; auto is the limit that it runs under.')),
  upstreamQueueMax: size({ min: '1MiB', max: '64GiB' })
    .prefault('256MiB')
    .meta(about('What waits to be sent to brokers, in one process.')),
  halfOpenMax: wholeNumber({ min: 10, max: 1_000_000 })
    .prefault(8192)
    .meta(
      about('Connections without a CONNACK, in one process; never more than half of the descriptors that there are.'),
    ),
  halfOpenPerAddressMax: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(8192)
    .meta(about('Of them, from one IPv4 address or IPv6 /64, also while nobody else comes.')),
  waitingMax: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(8192)
    .meta(about('Connections that wait at the door while the gateway is overloaded.')),
  tlsHandshakesMax: wholeNumber({ min: 1, max: 10_000 }).prefault(64).meta(about('TLS handshakes under way at once.')),
  tlsHandshakesWaitingMax: wholeNumber({ min: 1, max: 100_000 })
    .prefault(8192)
    .meta(about('TLS handshakes that wait to begin.')),
  idleAfter: duration({ min: '1s', max: '7d' })
    .prefault('1m')
    .meta(about('From when on a client that listens to nothing and only pings counts as idle.')),
  idlePerAddressMax: wholeNumber({ min: 1, max: 100 })
    .prefault(10)
    .meta(about("Idle connections of one address, in percent of the listener's connectionsMax.")),
  knownGood: knownGoodSchema.prefault({}).meta(about('Who is kept to the last.')),
}).transform(
  ({ eventLoopDelayMax, memoryMax, descriptorsMax, upstreamQueueMax, idleAfter, idlePerAddressMax, ...rest }) => ({
    ...rest,
    eventLoopDelayMaxMs: eventLoopDelayMax,
    memoryMaxBytes: memoryMax === 'auto' ? undefined : memoryMax,
    descriptorsMax: descriptorsMax === 'auto' ? undefined : descriptorsMax,
    upstreamQueueMaxBytes: upstreamQueueMax,
    idleAfterMs: idleAfter,
    idlePerAddressMaxPercent: idlePerAddressMax,
  }),
);
