/** What is kept for a topic where the answer depends on the message: each is judged, and the answers are made once each. */
import { Reason } from '../mqtt/reason.ts';
import type { AccessDecision, PublishFacts } from '../policy/authorization/decision.ts';
import { issuePublishPermit, type PublishPermit } from './permit.ts';
import { type Refuse, refuse } from './verdict.ts';

export class DependingGrant {
  readonly kind = 'depends';
  readonly #generation: number;
  readonly #depends: (facts: PublishFacts) => AccessDecision;
  /** As many as the topic has grants with conditions, and one more. */
  readonly #outcomes = new Map<AccessDecision, PublishPermit | Refuse>();

  constructor(generation: number, depends: (facts: PublishFacts) => AccessDecision) {
    this.#generation = generation;
    this.#depends = depends;
  }

  judge(facts: PublishFacts): PublishPermit | Refuse {
    const decision = this.#depends(facts);
    let outcome = this.#outcomes.get(decision);
    if (outcome === undefined) {
      outcome = publishOutcome(decision, this.#generation);
      this.#outcomes.set(decision, outcome);
    }
    return outcome;
  }
}

export function publishOutcome(decision: AccessDecision | undefined, generation: number): PublishPermit | Refuse {
  if (decision?.allowed === true) return issuePublishPermit(generation, decision.by);
  return refuse(Reason.NotAuthorized, decision?.by ?? 'authorization:none', 'not authorized to publish on this topic');
}
