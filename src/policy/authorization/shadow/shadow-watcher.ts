/** Asks a candidate policy whatever the active one is asked, and counts where they differ. It decides nothing. */
import type { AccessDecision, Authorizer, DecisionWatch, DecisionWatcher, PublishFacts, Subject } from '../decision.ts';
import type { ShadowTally } from './shadow-tally.ts';

export class ShadowWatcher implements DecisionWatcher {
  readonly #candidate: Authorizer;
  readonly #tally: ShadowTally;

  constructor(candidate: Authorizer, tally: ShadowTally) {
    this.#candidate = candidate;
    this.#tally = tally;
  }

  forClient(subject: Subject): DecisionWatch {
    const rights = this.#candidate.forClient(subject);
    const tally = this.#tally;
    return (action, topic, active) => {
      const candidate = rights[action](topic);
      if (active.depends === undefined && candidate.depends === undefined) {
        tally.compare(action, topic, subject, active, candidate);
        return active;
      }
      // One of them depends on the message, so each message is compared; what the active one says is what holds.
      const depends = (facts: PublishFacts): AccessDecision => {
        const decided = active.depends?.(facts) ?? active;
        tally.compare(action, topic, subject, decided, candidate.depends?.(facts) ?? candidate);
        return decided;
      };
      return Object.freeze({ allowed: false, by: active.by, depends });
    };
  }
}
