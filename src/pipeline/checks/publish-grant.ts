/** May this client publish on this topic? The answer is a permit, or a refusal that names the rule. */
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { issuePublishPermit, type PublishPermit } from '../permit.ts';
import { type Refuse, refuse } from '../verdict.ts';

export function publishGrant(client: Client, topic: string): PublishPermit | Refuse {
  const decision = client.authorization?.publish(topic);
  if (decision?.allowed === true) return issuePublishPermit(client.policy.generation, decision.by);
  return refuse(Reason.NotAuthorized, decision?.by ?? 'authorization:none', 'not authorized to publish on this topic');
}
