/** Waits for what no event tells: looks again every few milliseconds, and gives up with the words of the test. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 10;
/** Generous, because machines that run tests are busy. */
const DEADLINE_MS = 20_000;

export async function eventually(
  what: string,
  look: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await look())) {
    if (Date.now() > deadline) assert.fail(`in vain: ${what}`);
    await sleep(INTERVAL_MS);
  }
}
