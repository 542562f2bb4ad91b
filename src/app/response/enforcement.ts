/** Does in one process what a response asks for: counts whom it hits, then acts, when the turn that brought it is over. */
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Connections } from '../../pipeline/connections.ts';
import type { KnownGoodRules } from '../../pipeline/known-good.ts';
import { type Impact, impactOn } from '../../pipeline/membership.ts';
import type { ResponseOrder } from './responses.ts';

export class Enforcement {
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #knownGood: () => KnownGoodRules;

  constructor(connections: Connections, clock: Clock, knownGood: () => KnownGoodRules) {
    this.#connections = connections;
    this.#clock = clock;
    this.#knownGood = knownGood;
  }

  enforce({ kind, subject, by }: ResponseOrder): Impact {
    const impact = impactOn(this.#connections.all(), subject, this.#knownGood(), this.#clock.nowMs());
    if (kind === 'disconnect') {
      // Never at once: the order may come from the midst of what a connection is doing.
      this.#clock.after(0, () => {
        this.#connections.end(
          subject,
          Reason.AdministrativeAction,
          by,
          'the connection is ended for what came over it',
        );
      });
    }
    return impact;
  }
}
