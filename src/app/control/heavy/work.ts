/** Has a heavy question answered in a thread: few at once, each with a deadline and a ceiling of memory. */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../../base/clock.ts';
import { OperatorError } from '../../config/problem.ts';
import { ControlProblem } from '../problem-details.ts';
import type { HeavyTask, HeavyTasks } from './task.ts';
import type { FromThread } from './thread.ts';

/** Behind the one that is worked on. */
export const WAITING_MAX = 16;
const DEADLINE_MS = 60_000;
const MEMORY_MAX_MB = 512;

/** What is worked with; a test has other threads, and less memory. */
export interface HeavyMeans {
  readonly threadUrl: URL;
  readonly memoryMaxMb: number;
}

/** The same directory, the same extension: `.ts` when run from source, `.js` when compiled. */
const THREAD_URL = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);
const MEANS: HeavyMeans = { threadUrl: THREAD_URL, memoryMaxMb: MEMORY_MAX_MB };

export interface HeavyContext {
  readonly clock: Clock;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** One after another: a search follows the journal in an index of which there is one, and one proof is enough for a core. */
class Lane {
  /** Those that wait, and the one that is worked on. */
  #taken = 0;
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken > WAITING_MAX) {
      throw new ControlProblem('unavailable', `${WAITING_MAX} such questions are waiting: ask again in a moment.`, {
        headers: { 'retry-after': '5' },
      });
    }
    this.#taken++;
    const done = this.#last.then(work).finally(() => this.#taken--);
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
  means: HeavyMeans = MEANS,
): Promise<HeavyTasks[Task]['answer']> {
  return (task === 'journal' || task === 'incident' ? journalLane : policyLane).run(() =>
    inThread(task, asked, context, means),
  );
}

async function inThread<Task extends HeavyTask>(
  task: Task,
  asked: HeavyTasks[Task]['asked'],
  { clock, signal }: HeavyContext,
  { threadUrl, memoryMaxMb }: HeavyMeans,
): Promise<HeavyTasks[Task]['answer']> {
  const isGone = (): ControlProblem => new ControlProblem('unavailable', 'Nobody waits for the answer any more.');
  if (signal.aborted) throw isGone();
  const { promise, resolve, reject } = Promise.withResolvers<HeavyTasks[Task]['answer']>();
  const worker = new Worker(threadUrl, {
    name: `control ${task}`,
    workerData: { task, asked },
    resourceLimits: { maxOldGenerationSizeMb: memoryMaxMb },
  });
  const give = (problem: ControlProblem): void => {
    reject(problem);
    void worker.terminate();
  };
  const tooMuch = (what: string, cure = 'ask for less'): ControlProblem =>
    new ControlProblem('unavailable', `The answer takes more than ${what}: ${cure}.`);
  const cure =
    task === 'journal' || task === 'incident'
      ? 'a long journal is indexed at first, so ask again, and it goes on from there'
      : undefined;
  const deadline = clock.after(DEADLINE_MS, () => give(tooMuch(`${DEADLINE_MS / 1000} seconds`, cure)));
  const onGone = (): void => give(isGone());
  signal.addEventListener('abort', onGone, { once: true });
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'answer') resolve(message.answer as HeavyTasks[Task]['answer']);
    else reject(new OperatorError(message.says));
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch(`${memoryMaxMb} MiB of memory`) : error);
  });
  worker.on('exit', (code) => reject(new Error(`The thread that answers ended with code ${code}.`)));
  try {
    return await promise;
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onGone);
  }
}
