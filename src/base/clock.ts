/** Time as a dependency: everything that waits or measures takes a `Clock`, so that tests decide what time it is. */
import { COARSE_FROM_MS, CoarseTimers } from './coarse-timers.ts';

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
   * Calls `run` once, `delayMs` from now (0 or more; any length), never earlier; from `COARSE_FROM_MS` on it may be `COARSE_MS`
   * later. After a standstill of the process, what came in meanwhile is heard first: a deadline is for the other side. A pending
   * timer does not keep the process alive.
   */
  after(delayMs: number, run: () => void): Timer;
  /** The same without a closure for each call: `run` is a function of everybody's, and told whom it is called for. */
  after<Subject>(delayMs: number, run: (subject: Subject) => void, subject: Subject): Timer;
}

/** The longest delay the runtime's own timers take; longer ones are cut into legs. */
const LEG_MAX_MS = 0x7fffffff;
/** Later than this a timer runs only where the process did not: it was stopped, or its machine was, or it was long at something. */
const STANDSTILL_MS = 100;

type Run = (subject: unknown) => void;

/** One that is over holds nothing. */
class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #run: Run | undefined;
  #subject: unknown;
  #restMs = 0;

  constructor(delayMs: number, run: Run, subject: unknown) {
    this.#run = run;
    this.#subject = subject;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    const legMs = Math.min(delayMs, LEG_MAX_MS);
    this.#restMs = delayMs - legMs;
    this.#dueMs = performance.now() + legMs;
    this.#handle = setTimeout(SystemTimer.#onElapsed, legMs, this).unref();
  }

  static #onElapsed(timer: SystemTimer): void {
    if (timer.#restMs > 0) {
      timer.#arm(timer.#restMs);
      return;
    }
    // Timers run before sockets are read. Whoever spoke in time while we stood still must not be taken for silent.
    if (performance.now() - timer.#dueMs > STANDSTILL_MS) setImmediate(SystemTimer.#onDue, timer);
    else SystemTimer.#onDue(timer);
  }

  /** One that was cancelled on the way here has nothing to run. */
  static #onDue(timer: SystemTimer): void {
    const run = timer.#run;
    const subject = timer.#subject;
    timer.#over();
    run?.(subject);
  }

  #over(): void {
    this.#handle = undefined;
    this.#run = undefined;
    this.#subject = undefined;
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#over();
  }
}

class SystemClock implements Clock {
  readonly #coarse = new CoarseTimers({
    nowMs: () => performance.now(),
    after: (delayMs, run) => new SystemTimer(delayMs, run, undefined),
  });

  nowMs(): number {
    return performance.now();
  }

  epochMs(): number {
    return Date.now();
  }

  after<Subject>(delayMs: number, run: (subject: Subject) => void, subject?: Subject): Timer {
    return delayMs < COARSE_FROM_MS
      ? new SystemTimer(delayMs, run as Run, subject)
      : this.#coarse.after(delayMs, run as Run, subject);
  }
}

export const systemClock: Clock = new SystemClock();

/** The same clock with another time of day: that of a question about another day. */
export function withEpoch(clock: Clock, epochMs: () => number): Clock {
  return {
    nowMs: () => clock.nowMs(),
    epochMs,
    after: <Subject>(delayMs: number, run: (subject: Subject) => void, subject?: Subject) =>
      clock.after(delayMs, run as Run, subject),
  };
}
