/**
 * Virtual patches of sequences: packets that are right each by itself, and bring down a broker together. The embedded broker needs
 * none of them.
 */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import { sharedFilter } from '../../mqtt/topic.ts';
import { authorOf } from '../../policy/detection/virtual-patches.ts';
import type { Client } from '../client.ts';
import type { TopicOutcome } from '../topic-cache.ts';
import { type Close, close, type Drop, type Refuse, refuse } from '../verdict.ts';

function isOn(client: Client, name: string): boolean {
  return !client.usesOwnBroker && client.policy.virtualPatches.isOn(name);
}

const IDENTIFIER_IN_USE = close(
  Reason.ProtocolError,
  authorOf('CVE-2023-28366'),
  'a QoS 2 PUBLISH has the packet identifier of another that is under way',
);
const REPEATED: Drop = Object.freeze({
  kind: 'drop',
  reason: Reason.PacketIdentifierInUse,
  by: authorOf('CVE-2023-28366'),
  says: 'a QoS 2 PUBLISH came again before it was released; it is acknowledged and not forwarded',
});

/** What is to be done with a QoS 2 PUBLISH in an exchange that is open; undefined where it may go on. */
export function openExchange(client: Client, isRepeated: boolean): Close | Drop | undefined {
  if (!isOn(client, 'CVE-2023-28366')) return undefined;
  return isRepeated ? REPEATED : IDENTIFIER_IN_USE;
}

const DOLLAR = refuse(
  Reason.NotAuthorized,
  authorOf('CVE-2018-12543'),
  'the topic begins with $, and no grant names it',
);

/** The name for what authorization refuses anyway: no wildcard grants a topic that begins with $. */
export function dollarTopic<Outcome extends TopicOutcome>(
  client: Client,
  topic: string,
  outcome: Outcome,
): Outcome | Refuse {
  return outcome.kind === 'refuse' && topic.startsWith('$') && isOn(client, 'CVE-2018-12543') ? DOLLAR : outcome;
}

/**
 * Held shared subscriptions that have to step aside while the client gives up plain ones to the same filters: Mosquitto forgets the
 * first that it finds of them, shared or plain, and goes on using the other when it is freed.
 */
export function stepAside(client: Client, given: readonly string[], shared: Iterable<string>): string[] {
  if (!isOn(client, 'CVE-2024-8376')) return [];
  const plain = new Set(given.filter((filter) => client.subscriptions.has(filter)));
  return [...shared].filter((filter) => plain.has(sharedFilter(filter)?.filter ?? filter));
}

export const STEPPED_ASIDE = {
  by: authorOf('CVE-2024-8376'),
  says: 'a filter is held shared and plain, and the plain one is unsubscribed: the shared one is given up first and taken again',
};

/**
 * The CONNECT with a Will Delay Interval no longer than its Session Expiry Interval, which means the same: the Will is published when
 * either has passed. Undefined where it is so already.
 */
export function shortenedWillDelay(client: Client, packet: ConnectPacket): ConnectPacket | undefined {
  const { will, properties } = packet;
  const { sessionExpiryIntervalS = 0 } = properties;
  if ((will?.properties.willDelayIntervalS ?? 0) <= sessionExpiryIntervalS) return undefined;
  if (will === undefined || !isOn(client, 'CVE-2019-11778')) return undefined;
  return {
    ...packet,
    will: { ...will, properties: { ...will.properties, willDelayIntervalS: sessionExpiryIntervalS } },
  };
}

export const WILL_DELAY_SHORTENED = {
  by: authorOf('CVE-2019-11778'),
  says: 'the Will Delay Interval was longer than the Session Expiry Interval, and is shortened to it',
};
