/** Why reading from the client is stopped: several causes may hold at once, and it goes on when the last has gone. */
import type { Downstream } from './downstream.ts';

export const Stop = {
  /** Its CONNECT has not been answered yet. */
  Connecting: 1,
  /** The link takes no more. */
  LinkFull: 2,
  /** Too many of its messages are not acknowledged yet. */
  InflightFull: 4,
  /** It does not read our answers. */
  OutputFull: 8,
  /** It has sent more than its limits allow for now. */
  Throttled: 16,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

export class ReadGate {
  readonly #downstream: Downstream;
  #causes = 0;

  constructor(downstream: Downstream) {
    this.#downstream = downstream;
  }

  get isShut(): boolean {
    return this.#causes !== 0;
  }

  isShutFor(cause: Stop): boolean {
    return (this.#causes & cause) !== 0;
  }

  shut(cause: Stop): void {
    if (this.#causes === 0) this.#downstream.pause();
    this.#causes |= cause;
  }

  open(cause: Stop): void {
    if ((this.#causes & cause) === 0) return;
    this.#causes &= ~cause;
    if (this.#causes === 0) this.#downstream.resume();
  }
}
