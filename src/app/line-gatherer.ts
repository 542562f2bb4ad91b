/**
 * Gathers lines that come close upon another, so that a storm of them is some writes a second and no write for each: one wakes a thread, and the
 * thread that moves messages may lose its processor to it. The first after a silence is written at once.
 */
import type { Clock, Timer } from '../base/clock.ts';

/** What comes within this time of a write waits for its end. */
export const GATHER_MS = 20;
/** More than this waits for no time. */
const HELD_MAX_CHARACTERS = 65_536;

export class LineGatherer {
  readonly #clock: Clock;
  readonly #write: (lines: string) => void;
  #held = '';
  #writtenMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /** `write` gets whole lines. */
  constructor(clock: Clock, write: (lines: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  add(line: string): void {
    this.#held += line;
    if (this.#timer !== undefined && this.#held.length < HELD_MAX_CHARACTERS) return;
    const leftMs = this.#writtenMs + GATHER_MS - this.#clock.nowMs();
    if (leftMs <= 0 || this.#held.length >= HELD_MAX_CHARACTERS) this.flush();
    else this.#timer = this.#clock.after(leftMs, () => this.flush());
  }

  /** Writes what is held. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#held === '') return;
    const lines = this.#held;
    this.#held = '';
    this.#writtenMs = this.#clock.nowMs();
    this.#write(lines);
  }
}
