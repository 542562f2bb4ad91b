/** A question to several workers at once, answered with what those know that answer in time. */
import { type Heard, namesOf, type SilentWorker } from '../silent-workers.ts';

/** A worker, as far as it is asked. */
export interface AskedWorker extends SilentWorker {
  readonly isGone: boolean;
}

export interface HeardWorkers<Worker, Answer> extends Heard<Answer> {
  /** Those that are silent themselves. */
  readonly stuck: readonly Worker[];
}

/** `ask` resolves with undefined where no answer comes in time, or the worker ends; one that has ended is not missed. */
export async function askEach<Worker extends AskedWorker, Answer>(
  workers: readonly Worker[],
  ask: (worker: Worker) => Promise<Answer | undefined>,
): Promise<HeardWorkers<Worker, Answer>> {
  const all = await Promise.all(workers.map(ask));
  const stuck = workers.filter((worker, i) => all[i] === undefined && !worker.isGone);
  return { answers: all.filter((answer) => answer !== undefined), silent: namesOf(stuck), stuck };
}
