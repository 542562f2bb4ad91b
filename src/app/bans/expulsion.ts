/** Ends the open connections of whoever is banned: within the same turn of the event loop, or soon after when bans come in a flood. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Connections } from '../../pipeline/connections.ts';
import type { BanFollower } from '../../policy/detection/bans/ban-book.ts';

/** A look at every connection takes some milliseconds where there are ten thousand; a flood of bans shares one. */
const INTERVAL_MIN_MS = 20;

export class Expulsion implements BanFollower {
  readonly #connections: Connections;
  readonly #clock: Clock;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(connections: Connections, clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** Never at once: the ban may come from the midst of what a connection is doing. */
  banned(): void {
    const delayMs = Math.max(0, this.#lookedMs + INTERVAL_MIN_MS - this.#clock.nowMs());
    this.#timer ??= this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#lookedMs = this.#clock.nowMs();
      this.#connections.expelBanned();
    });
  }

  lifted(): void {}

  close(): void {
    this.#timer?.cancel();
  }
}
