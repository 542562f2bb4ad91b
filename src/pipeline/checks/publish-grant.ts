/**
 * May this client publish on this topic? The answer is a permit, or a refusal that names the rule, or, where it depends on the
 * message, the means to tell for each.
 */
import type { Client } from '../client.ts';
import { DependingGrant, publishOutcome } from '../depending-grant.ts';
import type { PublishPermit } from '../permit.ts';
import type { Refuse } from '../verdict.ts';

export function publishGrant(client: Client, topic: string): PublishPermit | Refuse | DependingGrant {
  const decision = client.authorization?.publish(topic);
  const { generation } = client.policy;
  return decision?.depends === undefined
    ? publishOutcome(decision, generation)
    : new DependingGrant(generation, decision.depends);
}
