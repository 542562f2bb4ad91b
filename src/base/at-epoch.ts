/** Waits for a date rather than for a duration: the date may be set while one waits, forth and back. */
import type { Clock, Timer } from './clock.ts';

/** The longest that goes by without a look at the date. */
const LOOK_MS = 3_600_000;

/** Calls `run` once, when the date is reached; within the hour where the clock was set past it. */
export function atEpoch(clock: Clock, epochMs: number, run: () => void): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = clock.after(Math.min(Math.max(0, epochMs - clock.epochMs()), LOOK_MS), look);
  };
  const look = (): void => {
    if (clock.epochMs() >= epochMs) run();
    else arm();
  };
  arm();
  return { cancel: () => timer.cancel() };
}
