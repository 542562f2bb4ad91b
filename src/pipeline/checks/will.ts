/** A Will is a PUBLISH that waits: it is judged as one, at CONNECT, before the broker sees it. */
import type { Will } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { PublishFacts } from '../../policy/authorization/decision.ts';
import type { Client } from '../client.ts';
import type { PublishPermit } from '../permit.ts';
import { type Denial, refuse } from '../verdict.ts';
import { publishGrant } from './publish-grant.ts';
import { retainedWillQuota } from './retained-quota.ts';
import { topicNameShape } from './topic-shape.ts';

const TOO_LARGE = refuse(Reason.QuotaExceeded, 'limit:willSizeMax', 'the Will is larger than it may be');

export function admitWill(client: Client, will: Will): PublishPermit | Denial {
  const shape = topicNameShape(client.limits, will.topic);
  if (shape.kind !== 'pass') return shape;
  if (will.payload.length > client.limits.willSizeMaxBytes) return TOO_LARGE;
  const outcome = publishGrant(client, will.topic);
  return outcome.kind === 'depends' ? outcome.judge(factsOf(will)) : outcome;
}

/** As above, for the Will of a CONNECT: one to be retained takes its place among the client's retained messages. */
export function enterWill(client: Client, will: Will): PublishPermit | Denial {
  const outcome = admitWill(client, will);
  if (outcome.kind !== 'pass' || !will.retain) return outcome;
  const quota = retainedWillQuota(client, will);
  return quota.kind === 'pass' ? outcome : quota;
}

function factsOf({ qos, retain, payload }: Will): PublishFacts {
  return { qos, retain, payloadBytes: payload.length };
}
