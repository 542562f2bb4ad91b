/** Waiting longer after each failure, and never in step with anybody else. */
import type { Chance } from './chance.ts';

const PARTS = 1_000_000;

/** Doubles from `baseMs` with each of `failures` (from 1) up to `maxMs`; half of it is left to chance. */
export function backoffMs(baseMs: number, maxMs: number, failures: number, chance: Chance): number {
  const wholeMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 32));
  return wholeMs / 2 + (wholeMs / 2) * (chance.below(PARTS) / PARTS);
}
