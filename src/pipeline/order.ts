/**
 * The order of checks, in one place. It reads as the manual does; a new check gets its line here and nowhere else.
 * Before it, the deframer has held the packet's size, and the strict decoder its form, its text and its number of properties.
 */
import type { Chance } from '../base/chance.ts';
import type { ConnectPacket, SubscribePacket, Subscription } from '../mqtt/packet.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import { authenticationRate } from './checks/authentication-rate.ts';
import { banned } from './checks/banned.ts';
import { clientIdentifier, clientIdentifierOfIdentity } from './checks/client-identifier.ts';
import { inflightWindow } from './checks/inflight-window.ts';
import { protocolVersion } from './checks/protocol-version.ts';
import { publishGrant } from './checks/publish-grant.ts';
import { publishRate } from './checks/publish-rate.ts';
import { retainedQuota } from './checks/retained-quota.ts';
import { dollarTopic } from './checks/sequences.ts';
import { subscribeGrant } from './checks/subscribe-grant.ts';
import { subscribeRate } from './checks/subscribe-rate.ts';
import { filtersPerSubscribe, subscriptionQuota } from './checks/subscription-quota.ts';
import { topicFilterShape, topicNameShape } from './checks/topic-shape.ts';
import { usernameLength } from './checks/username.ts';
import type { Client } from './client.ts';
import { LimitedTopic } from './limited-topic.ts';
import type { PublishPermit } from './permit.ts';
import type { TopicEntry, TopicOutcome } from './topic-cache.ts';
import { type Delay, type Denial, PASS, type Verdict } from './verdict.ts';

const order = {
  /** Before the password is looked at; the connection authenticates next, and then admits the Will. */
  connect: [banned, protocolVersion, clientIdentifier, usernameLength, authenticationRate],
  publish: [inflightWindow, publishRate],
  /** Decided once for each topic and policy, and then remembered. */
  topic: [(client: Client, topic: string) => topicNameShape(client.limits, topic), publishGrant],
  /** Of a message that may be published, and is to stay. */
  retain: retainedQuota,
  subscribe: [filtersPerSubscribe, subscribeRate],
  filter: [
    (client: Client, filter: string) => topicFilterShape(client.limits, filter),
    subscriptionQuota,
    subscribeGrant,
  ],
} as const;

function first<P>(checks: readonly ((client: Client, packet: P) => Verdict)[], client: Client, packet: P): Verdict {
  for (const check of checks) {
    const verdict = check(client, packet);
    if (verdict.kind !== 'pass') return verdict;
  }
  return PASS;
}

export function admitConnect(client: Client, packet: ConnectPacket): Verdict {
  return first(order.connect, client, packet);
}

/** Once it is known who the client is; `wasEmpty` where it brought no identifier. */
export function admitIdentity(client: Client, wasEmpty: boolean, chance: Chance): Verdict {
  const verdict = clientIdentifierOfIdentity(client, wasEmpty, chance);
  return verdict.kind === 'pass' ? banned(client) : verdict;
}

/** The permit comes from the topic's last check, out of the cache when the policy has not changed. */
export function admitPublish(client: Client, packet: PublishView, entry: TopicEntry): PublishPermit | Denial | Delay {
  for (const check of order.publish) {
    const verdict = check(client, packet);
    if (verdict.kind !== 'pass') return verdict;
  }
  let outcome = entry.outcome;
  if (entry.generation !== client.rights || outcome === undefined) {
    outcome = decideTopic(client, entry.topic);
    entry.outcome = outcome;
    entry.generation = client.rights;
  }
  const settled = settle(outcome, packet);
  if (settled.kind === 'delay') client.membership?.publish?.giveBack(1, packet.end - packet.start);
  if (settled.kind !== 'pass' || !packet.retain) return settled;
  const verdict = order.retain(client, packet, client.inForce);
  return verdict.kind === 'pass' ? settled : verdict;
}

/** Most topics are decided for good; of the others, each message is. */
function settle(outcome: TopicOutcome, packet: PublishView): PublishPermit | Denial | Delay {
  return outcome.kind === 'depends' ? outcome.judge(packet) : outcome;
}

function decideTopic(client: Client, topic: string): TopicOutcome {
  const [shape, grant] = order.topic;
  const verdict = shape(client, topic);
  if (verdict.kind !== 'pass') return verdict;
  const outcome = dollarTopic(client, topic, grant(client, topic));
  if (outcome.kind === 'refuse') return outcome;
  const filters = client.inForce.topicFilters(topic);
  return filters.length === 0 ? outcome : new LimitedTopic(client, outcome, client.inForce.topicStates(filters));
}

export function admitSubscribe(client: Client, packet: SubscribePacket): Verdict {
  return first(order.subscribe, client, packet);
}

export function admitFilter(client: Client, subscription: Subscription): Verdict {
  return first(order.filter, client, subscription.filter);
}
