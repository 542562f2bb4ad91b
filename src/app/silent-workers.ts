/** Workers that did not answer in time: every answer that asks all of them leaves theirs out, and names them alike. */
import { z } from 'zod';

export interface SilentWorker {
  readonly slot: number;
  readonly pid: number;
}

/** What all workers were asked: what came in time, and from whom nothing came. */
export interface Heard<Answer> {
  readonly answers: readonly Answer[];
  readonly silent: readonly SilentWorker[];
}

/** Plain data, of whatever stands for the workers. */
export function namesOf(workers: Iterable<SilentWorker>): SilentWorker[] {
  return [...workers].map(({ slot, pid }) => ({ slot, pid }));
}

/** `worker 1 (process 4711), worker 2 (process 4712)`. */
export function workersNamed(workers: readonly SilentWorker[]): string {
  return workers.map(({ slot, pid }) => `worker ${slot} (process ${pid})`).join(', ');
}

/** Behind a sentence that says that something is nowhere: who was not heard. Empty where all were. */
export function unheardOf(silent: readonly SilentWorker[]): string {
  return silent.length === 0 ? '' : ` What ${workersNamed(silent)} may have is not known: no answer came.`;
}

/** As answers of the control API have them. `says`: what that means for the answer. */
export function silentWorkersSchema(says: string) {
  return z
    .array(z.strictObject({ slot: z.int().min(0), pid: z.int().min(0) }))
    .meta({ description: `Workers that did not answer in time. ${says}` });
}
