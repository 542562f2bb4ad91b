/** Waits for what no event tells: looks again every few milliseconds, and gives up with the words of the test. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Patience } from './patience.ts';

const INTERVAL_MS = 10;
/** Generous, because machines that run tests are busy. */
const DEADLINE_MS = 30_000;

export async function eventually(
  what: string,
  look: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  using patience = new Patience(deadlineMs);
  while (!(await look())) {
    if (patience.isOver) assert.fail(`in vain: ${what}`);
    await sleep(INTERVAL_MS);
  }
}
