/** Time as a dependency: everything that waits or measures takes a `Clock`, so that tests decide what time it is. */

/** A pending call; cancelling one that has run or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic time in milliseconds (fractional), for deadlines, rates and durations. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, for what is stored or shown. Never for durations. */
  epochMs(): number;
  /**
   * Calls `run` once, `delayMs` from now (0 or more; any length). A pending timer does not keep the process alive.
   */
  after(delayMs: number, run: () => void): Timer;
}

/** The longest delay the runtime's own timers take; longer ones are cut into legs. */
const LEG_MAX_MS = 0x7fffffff;

/** Every connection has a few: one that is over holds nothing, and one that waits has no closure of its own. */
class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  #run: (() => void) | undefined;
  #restMs = 0;

  constructor(delayMs: number, run: () => void) {
    this.#run = run;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    const legMs = Math.min(delayMs, LEG_MAX_MS);
    this.#restMs = delayMs - legMs;
    this.#handle = setTimeout(SystemTimer.#onElapsed, legMs, this);
    this.#handle.unref();
  }

  static #onElapsed(timer: SystemTimer): void {
    if (timer.#restMs > 0) {
      timer.#arm(timer.#restMs);
      return;
    }
    const run = timer.#run;
    timer.#handle = undefined;
    timer.#run = undefined;
    run?.();
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#run = undefined;
  }
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after: (delayMs, run) => new SystemTimer(delayMs, run),
};
