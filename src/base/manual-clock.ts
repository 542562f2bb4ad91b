/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from './clock.ts';

interface Pending {
  dueMs: number;
  order: number;
  run: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #startEpochMs: number;
  readonly #pending = new Set<Pending>();

  constructor(startEpochMs = 1_700_000_000_000) {
    this.#startEpochMs = startEpochMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#startEpochMs + this.#nowMs;
  }

  /** Sets the clock of the machine, as an administrator or a time server does. */
  setEpoch(epochMs: number): void {
    this.#startEpochMs = epochMs - this.#nowMs;
  }

  after<Subject>(delayMs: number, run: (subject: Subject) => void, subject?: Subject): Timer {
    const pending: Pending = { dueMs: this.#nowMs + delayMs, order: this.#order++, run: () => run(subject as Subject) };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait; a test of clean-up asserts on it. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Moves time forward and runs what falls due, in order of due time, with the clock standing at each due time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      let next: Pending | undefined;
      for (const candidate of this.#pending) {
        if (candidate.dueMs > untilMs) continue;
        if (
          next === undefined ||
          candidate.dueMs < next.dueMs ||
          (candidate.dueMs === next.dueMs && candidate.order < next.order)
        ) {
          next = candidate;
        }
      }
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }
}
