/**
 * Where a target is known to differ from the specification, and why. Only servers that we do not build may stand here: they
 * validate the suite. A sequence that is listed must fail, so that the list cannot outlive its reasons.
 */
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';

export interface Deviation {
  reason: string;
  versions: readonly ProtocolVersion[];
  /** The beginnings of the claims. */
  claims: readonly string[];
}

/** Mosquitto 2.0.11, as Debian 12 has it. */
const MOSQUITTO: readonly Deviation[] = [
  {
    reason: 'closes the connection that is taken over without DISCONNECT 0x8E',
    versions: [5],
    claims: ['a client that takes over an identifier ends the older connection with 0x8E'],
  },
  {
    reason: 'publishes the Will after DISCONNECT only for reason code 0x04',
    versions: [5],
    claims: ['DISCONNECT with a reason of failure publishes the Will'],
  },
  {
    reason: 'waits out the Will Delay Interval although the session has ended, or drops the Will with it',
    versions: [5],
    claims: [
      'a Will is published as soon as its session ends',
      'a new connection with Clean Start 1 ends the session, which publishes the delayed Will',
    ],
  },
  {
    reason: 'sends one delivery too many after an acknowledgement',
    versions: [5],
    claims: ['no more than 3 QoS 1 deliveries', 'unacknowledged deliveries count against the quota of the next'],
  },
  {
    reason: 'refuses the message that exceeds Receive Maximum with 0x97 instead of disconnecting with 0x93',
    versions: [5],
    claims: ['a client that exceeds the Receive Maximum of the server'],
  },
  {
    reason: 'compares Maximum Packet Size with the Remaining Length, not with the whole packet',
    versions: [5],
    claims: ['a delivery of exactly the Maximum Packet Size comes'],
  },
  {
    reason: 'sends retained messages for a shared subscription',
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
];

export function deviationOf(target: string, claim: string, version: ProtocolVersion): string | undefined {
  if (target !== 'mosquitto') return undefined;
  return MOSQUITTO.find(
    ({ claims, versions }) => versions.includes(version) && claims.some((beginning) => claim.startsWith(beginning)),
  )?.reason;
}
