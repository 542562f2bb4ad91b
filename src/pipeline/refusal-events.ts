/**
 * A connection's refusals as events, with a ceiling: a client that is refused ten thousand times a second fills no log. What
 * is held back is counted, and the next event says how many.
 */
import type { Clock } from '../base/clock.ts';
import type { Emit, GatewayEvent } from '../base/events.ts';

const EVENTS_PER_WINDOW_MAX = 10;
const WINDOW_MS = 1000;

/** Events that one packet can cause. */
type RefusalEvent = Extract<
  GatewayEvent,
  {
    name:
      | 'publish.refused'
      | 'subscribe.refused'
      | 'delivery.withheld'
      | 'delivery.dropped'
      | 'subscription.revoked'
      | 'patch.applied';
  }
>;

export class RefusalEvents {
  readonly #emit: Emit;
  readonly #clock: Clock;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #suppressed = 0;

  constructor(emit: Emit, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
  }

  /** Whether there is room for an event now, which is told then; one for which there is none is counted. */
  admits(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#inWindow = 0;
    }
    if (this.#inWindow < EVENTS_PER_WINDOW_MAX) return true;
    this.#suppressed++;
    return false;
  }

  /** What `admits` has found room for. */
  tell(event: RefusalEvent): void {
    this.#inWindow++;
    if (this.#suppressed > 0) event.suppressed = this.#suppressed;
    this.#suppressed = 0;
    this.#emit(event);
  }

  /** `make` is called only for an event that goes out. Whoever is refused thousands of times a second asks `admits` first, and has no function made. */
  emit(make: () => RefusalEvent): void {
    if (this.admits()) this.tell(make());
  }

  /** How many were held back and have not been told of: the connection's last event carries them. */
  get untold(): number {
    return this.#suppressed;
  }
}
