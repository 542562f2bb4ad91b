/** What is shown while an answer takes long: for how long it is waited for already. */
import type { Clock, Timer } from '../base/clock.ts';

/** Most answers come sooner, and are none the better for a line that flickers. */
const SHOWN_AFTER_MS = 2000;
const EVERY_MS = 1000;

/** A line that the next one replaces. */
export interface ProgressLine {
  show(text: string): void;
  end(): void;
}

/** Resolves or rejects as `answer` does. `what` is being done, such as `Replacing the workers`. */
export async function whileWaiting<Answer>(
  answer: Promise<Answer>,
  what: string,
  clock: Clock,
  line: ProgressLine,
): Promise<Answer> {
  const startMs = clock.nowMs();
  const showAfter = (delayMs: number): Timer =>
    clock.after(delayMs, () => {
      line.show(`${what}: ${Math.floor((clock.nowMs() - startMs) / 1000)} s`);
      timer = showAfter(EVERY_MS);
    });
  let timer = showAfter(SHOWN_AFTER_MS);
  try {
    return await answer;
  } finally {
    timer.cancel();
    line.end();
  }
}
