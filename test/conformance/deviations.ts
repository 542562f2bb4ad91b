/**
 * Where a target is known to differ from the specification, and why: Mosquitto, which validates the suite, and the gateway,
 * where a comment with DEVIATION in the source gives the reason. A sequence that is listed must fail, so that the list cannot
 * outlive its reasons.
 */
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';

export interface Deviation {
  reason: string;
  versions: readonly ProtocolVersion[];
  /** The beginnings of the claims. */
  claims: readonly string[];
  /** Mosquitto's own doing, which shows through the gateway; the rest the gateway does not let it come to. */
  shows?: true;
}

const GATEWAY: readonly Deviation[] = [
  {
    reason: 'every version means what its flags say: src/mqtt/packets/connect.ts',
    versions: [3],
    claims: ['a user name and a password that the flags promise may be missing'],
  },
];

/** Mosquitto 2.0.11, as Debian 12 has it. */
const MOSQUITTO: readonly Deviation[] = [
  {
    reason: 'closes the connection that is taken over without DISCONNECT 0x8E',
    shows: true,
    versions: [5],
    claims: ['a client that takes over an identifier ends the older connection with 0x8E'],
  },
  {
    reason: 'publishes the Will after DISCONNECT only for reason code 0x04',
    shows: true,
    versions: [5],
    claims: ['DISCONNECT with a reason of failure publishes the Will'],
  },
  {
    reason: 'waits out the Will Delay Interval although the session has ended, or drops the Will with it',
    shows: true,
    versions: [5],
    claims: [
      'a Will is published as soon as its session ends',
      'a new connection with Clean Start 1 ends the session, which publishes the delayed Will',
    ],
  },
  {
    reason: 'sends one delivery too many after an acknowledgement',
    shows: true,
    versions: [5],
    claims: [
      'no more than 3 QoS 1 deliveries',
      'unacknowledged deliveries count against the quota of the next',
      'fewer unacknowledged deliveries than before are sent again',
    ],
  },
  {
    reason: 'closes the connection at the second repetition of a QoS 2 PUBLISH',
    shows: true,
    versions: [3, 4, 5],
    claims: ['a whole QoS 2 handshake in one write'],
  },
  {
    reason: 'counts packet identifiers up without looking for those in use',
    shows: true,
    versions: [5],
    claims: ['the packet identifier of an unacknowledged delivery is not given to another'],
  },
  {
    reason: 'refuses the message that exceeds Receive Maximum with 0x97 instead of disconnecting with 0x93',
    versions: [5],
    claims: ['a client that exceeds the Receive Maximum of the server'],
  },
  {
    reason: 'compares Maximum Packet Size with the Remaining Length, not with the whole packet',
    shows: true,
    versions: [5],
    claims: ['a delivery of exactly the Maximum Packet Size comes'],
  },
  {
    reason: 'sends retained messages for a shared subscription',
    shows: true,
    versions: [5],
    claims: ['no retained messages come for a shared subscription'],
  },
  {
    reason: 'does not check No Local on shared subscriptions',
    versions: [5],
    claims: ['No Local on a shared subscription'],
  },
  {
    reason: 'does not check the form of shared subscriptions',
    versions: [5],
    claims: ['//t ', '/g ', '/g/ ', '/+/t ', '/# ', '/ ', '/+/# '].map(
      (rest) => `the shared subscription $share${rest}`,
    ),
  },
  {
    reason: 'ignores reserved flags and bodies of packets that it needs nothing from',
    versions: [4, 5],
    claims: ['PUBACK', 'PUBREC', 'PUBCOMP', 'PINGREQ']
      .map((name) => `the connection ends after reserved flags of ${name} `)
      .concat('the connection ends after a PINGREQ with a body'),
  },
  { reason: 'as above', versions: [3], claims: ['the connection ends after a PINGREQ with a body'] },
  {
    reason: 'ignores packets that only a server sends',
    versions: [3, 4, 5],
    claims: ['SUBACK', 'UNSUBACK', 'PINGRESP'].map((name) => `the connection ends after ${name} of a client`),
  },
  {
    reason: 'allows DUP at QoS 0',
    versions: [4, 5],
    claims: ['the connection ends after PUBLISH at QoS 0 with DUP 1'],
  },
  {
    reason: 'takes a Remaining Length in more bytes than it needs',
    versions: [5],
    claims: ['the connection ends after a Remaining Length that is longer'],
  },
  {
    reason: 'does not check these properties of what a client publishes',
    versions: [5],
    claims: [
      'the connection ends after Response Topic with a wildcard',
      'the connection ends after Subscription Identifier of a client',
      'CONNECT is refused for Response Topic of a Will with a wildcard',
    ],
  },
  {
    reason: 'does not check the reason codes of acknowledgements, nor what stands behind them',
    versions: [5],
    claims: [
      'the connection ends after PUBACK with a reason code of another packet',
      'the connection ends after PUBACK with bytes behind its properties',
      'the connection ends after PUBREC with an unknown reason code',
      'the connection ends after PUBREL with a reason code of another packet',
      'the connection ends after PUBCOMP with a reason code of another packet',
    ],
  },
  {
    reason: 'does not check the length of acknowledgements',
    versions: [3, 4],
    claims: ['the connection ends after PUBACK with a reason code, which 5.0 alone has'],
  },
  {
    reason: 'refuses the client for another reason first',
    versions: [5],
    claims: ['CONNECT is refused for Authentication Data without a method'],
  },
];

const OF_TARGET: Readonly<Record<string, readonly Deviation[]>> = {
  gateway: GATEWAY,
  mosquitto: MOSQUITTO,
  'gateway-mosquitto': [...GATEWAY, ...MOSQUITTO.filter(({ shows }) => shows === true)],
};

export function deviationOf(target: string, claim: string, version: ProtocolVersion): string | undefined {
  return OF_TARGET[target]?.find(
    ({ claims, versions }) => versions.includes(version) && claims.some((beginning) => claim.startsWith(beginning)),
  )?.reason;
}
