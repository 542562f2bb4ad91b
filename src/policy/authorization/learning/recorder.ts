/** Notes what clients are allowed to do, where it is decided first; a denied attempt is no use that a policy should allow. */
import type { Clock } from '../../../base/clock.ts';
import type { AccessDecision, DecisionWatch, DecisionWatcher, PublishFacts, Subject } from '../decision.ts';
import type { Recording } from './recording.ts';

export class Recorder implements DecisionWatcher {
  readonly #recording: Recording;
  readonly #clock: Clock;

  constructor(recording: Recording, clock: Clock) {
    this.#recording = recording;
    this.#clock = clock;
  }

  forClient(subject: Subject): DecisionWatch {
    return (action, topic, decision) => {
      const note = (): void => this.#recording.note(subject, action, topic, this.#clock.epochMs());
      const { depends } = decision;
      if (depends === undefined) {
        if (decision.allowed) note();
        return decision;
      }
      let isNoted = false;
      const watched = (facts: PublishFacts): AccessDecision => {
        const decided = depends(facts);
        if (decided.allowed && !isNoted) {
          isNoted = true;
          note();
        }
        return decided;
      };
      return Object.freeze({ ...decision, depends: watched });
    };
  }
}
