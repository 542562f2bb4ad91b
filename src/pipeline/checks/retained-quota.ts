/** How many retained messages a client may make, and of what size together: at the gateway, whatever the broker behind allows. */
import type { PublishView } from '../../mqtt/publish-view.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

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

/** The last question about a PUBLISH, since the answer enters it. */
export function retainedQuota(client: Client, packet: PublishView, inForce: LimitsInForce): Verdict {
  const { limits, membership } = client;
  const isLimited =
    limits.retainedMessagesMax !== Number.POSITIVE_INFINITY || limits.retainedBytesMax !== Number.POSITIVE_INFINITY;
  if (!isLimited || membership === undefined) return PASS;
  const payloadBytes = packet.end - packet.payloadStart;
  const exceeded = inForce.ledgerOf(membership.member).enter(packet.topic, payloadBytes, limits);
  return exceeded === undefined ? PASS : TOO_MANY[exceeded];
}
