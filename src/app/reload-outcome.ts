/** What came of a reload, and of a replacement of the workers. */
import type { SilentWorker } from './silent-workers.ts';

export type ReloadOutcome =
  | {
      ok: true;
      generation: number;
      changed: string[];
      restartNeeded: string[];
      /** Workers that did not answer: they have the old settings until they go on. */
      silentWorkers?: SilentWorker[];
    }
  | { ok: false; says: string };

export interface ReplacedWorkers {
  /** Those that were stuck, or too slow to leave. */
  readonly ended: SilentWorker[];
}
