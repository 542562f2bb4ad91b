/** A Will is a PUBLISH that waits: it is judged as one, at CONNECT, before the broker sees it. */
import type { Will } from '../../mqtt/packet.ts';
import type { PublishFacts } from '../../policy/authorization/decision.ts';
import type { Client } from '../client.ts';
import type { PublishPermit } from '../permit.ts';
import type { Denial } from '../verdict.ts';
import { publishGrant } from './publish-grant.ts';
import { topicNameShape } from './topic-shape.ts';

export function admitWill(client: Client, will: Will): PublishPermit | Denial {
  const shape = topicNameShape(client.policy.limits, will.topic);
  if (shape.kind !== 'pass') return shape;
  const outcome = publishGrant(client, will.topic);
  return outcome.kind === 'depends' ? outcome.judge(factsOf(will)) : outcome;
}

function factsOf({ qos, retain, payload }: Will): PublishFacts {
  return { qos, retain, payloadBytes: payload.length };
}
