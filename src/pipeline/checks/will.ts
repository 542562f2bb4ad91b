/** A Will is a PUBLISH that waits: it is judged as one, at CONNECT, before the broker sees it. */
import type { Emit } from '../../base/events.ts';
import type { ConnectPacket, Will } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { PublishFacts } from '../../policy/authorization/decision.ts';
import type { Client } from '../client.ts';
import { topicSize } from '../limited-topic.ts';
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

/** As above, for the Will of a CONNECT: it is no larger than its topic takes, and one to be retained takes a place of the client's. */
function enterWill(client: Client, will: Will): PublishPermit | Denial {
  const outcome = admitWill(client, will);
  if (outcome.kind !== 'pass') return outcome;
  const { topic, payload, retain } = will;
  const size = topicSize(client.inForce.topicStates(client.inForce.topicFilters(topic)));
  if (size !== undefined && Buffer.byteLength(topic) + payload.length > size.maxBytes) return size.exceeded;
  if (!retain) return outcome;
  const quota = retainedWillQuota(client, will);
  return quota.kind === 'pass' ? outcome : quota;
}

/** As `enterWill`, of the CONNECT's Will where it has one; a refusal is told. */
export function willRefusal(client: Client, { will }: ConnectPacket, emit: Emit): Denial | undefined {
  const outcome = will === undefined ? undefined : enterWill(client, will);
  if (will === undefined || outcome === undefined || outcome.kind === 'pass') return undefined;
  const { reason, by, says } = outcome;
  emit({ name: 'will.refused', ...client.facts(), topic: will.topic, reason, by, says });
  return outcome;
}

function factsOf({ qos, retain, payload }: Will): PublishFacts {
  return { qos, retain, payloadBytes: payload.length };
}
