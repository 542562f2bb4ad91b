/** How many retained messages a client may make, and of what size together: at the gateway, whatever the broker behind allows. */
import type { Will } from '../../mqtt/packet.ts';
import type { PublishView } from '../../mqtt/publish-view.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import type { Client } from '../client.ts';
import { PASS, type Refuse, refuse } from '../verdict.ts';

const TOO_MANY = {
  retainedMessagesMax: refuse(
    Reason.QuotaExceeded,
    'limit:retainedMessagesMax',
    'the client has retained messages on as many topics as it may',
  ),
  retainedBytesMax: refuse(
    Reason.QuotaExceeded,
    'limit:retainedBytesMax',
    'the retained messages of the client are as large together as they may be',
  ),
};

/** The last question about a PUBLISH, since the answer enters it. On the topic of its Will a client gets back no place that the Will may take. */
export function retainedQuota(client: Client, packet: PublishView, inForce: LimitsInForce): typeof PASS | Refuse {
  const payloadBytes = packet.end - packet.payloadStart;
  const will = client.connect?.will;
  const isOnWill = will?.retain === true && will.topic === packet.topic;
  return enter(client, packet.topic, isOnWill ? Math.max(payloadBytes, will.payload.length) : payloadBytes, inForce);
}

/** A Will counts from the CONNECT on. An empty one deletes only when it is published, if it ever is: it frees no place. */
export function retainedWillQuota(client: Client, { topic, payload }: Will): typeof PASS | Refuse {
  return payload.length === 0 ? PASS : enter(client, topic, payload.length, client.inForce);
}

function enter(client: Client, topic: string, payloadBytes: number, inForce: LimitsInForce): typeof PASS | Refuse {
  const { limits, membership } = client;
  const isLimited =
    limits.retainedMessagesMax !== Number.POSITIVE_INFINITY || limits.retainedBytesMax !== Number.POSITIVE_INFINITY;
  if (!isLimited || membership === undefined) return PASS;
  const exceeded = inForce.ledgerOf(membership.member).enter(topic, payloadBytes, limits);
  return exceeded === undefined ? PASS : TOO_MANY[exceeded];
}
