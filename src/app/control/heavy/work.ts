/** Has a heavy question answered in a thread: few at once, each with a deadline and a ceiling of memory. */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../../base/clock.ts';
import { OperatorError } from '../../config/problem.ts';
import { ControlProblem } from '../problem-details.ts';
import type { HeavyTask, HeavyTasks } from './task.ts';
import type { FromThread } from './thread.ts';

const WAITING_MAX = 16;
const DEADLINE_MS = 60_000;
const MEMORY_MAX_MB = 512;

/** The same directory, the same extension: `.ts` when run from source, `.js` when compiled. */
const THREAD_URL = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

export interface HeavyContext {
  readonly clock: Clock;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** One after another: a search follows the journal in an index of which there is one, and one proof is enough for a core. */
class Lane {
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= WAITING_MAX) {
      throw new ControlProblem('unavailable', `${WAITING_MAX} such questions are waiting: ask again in a moment.`, {
        headers: { 'retry-after': '5' },
      });
    }
    this.#waiting++;
    const done = this.#last.then(work).finally(() => this.#waiting--);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

const journalLane = new Lane();
const policyLane = new Lane();

/**
 * @throws {OperatorError} with what has to be mended; {ControlProblem} 503 where too many wait, or where it takes too long or too
 * much memory.
 */
export async function workApart<Task extends HeavyTask>(
  task: Task,
  asked: HeavyTasks[Task]['asked'],
  context: HeavyContext,
): Promise<HeavyTasks[Task]['answer']> {
  return (task === 'journal' || task === 'incident' ? journalLane : policyLane).run(() =>
    inThread(task, asked, context),
  );
}

async function inThread<Task extends HeavyTask>(
  task: Task,
  asked: HeavyTasks[Task]['asked'],
  { clock, signal }: HeavyContext,
): Promise<HeavyTasks[Task]['answer']> {
  const isGone = (): ControlProblem => new ControlProblem('unavailable', 'Nobody waits for the answer any more.');
  if (signal.aborted) throw isGone();
  const { promise, resolve, reject } = Promise.withResolvers<HeavyTasks[Task]['answer']>();
  const worker = new Worker(THREAD_URL, {
    name: `control ${task}`,
    workerData: { task, asked },
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
  });
  const give = (problem: ControlProblem): void => {
    reject(problem);
    void worker.terminate();
  };
  const tooMuch = (what: string): ControlProblem =>
    new ControlProblem('unavailable', `The answer takes more than ${what}: ask for less.`);
  const deadline = clock.after(DEADLINE_MS, () => give(tooMuch(`${DEADLINE_MS / 1000} seconds`)));
  const onGone = (): void => give(isGone());
  signal.addEventListener('abort', onGone, { once: true });
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'answer') resolve(message.answer as HeavyTasks[Task]['answer']);
    else reject(new OperatorError(message.says));
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch(`${MEMORY_MAX_MB} MiB of memory`) : error);
  });
  worker.on('exit', (code) => reject(new Error(`The thread that answers ended with code ${code}.`)));
  try {
    return await promise;
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onGone);
  }
}
