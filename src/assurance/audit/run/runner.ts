/** Audits many targets at once, each within the run's deadline, none able to stop the others. */
import { OperatorError } from '../../../app/config/problem.ts';
import type { Outcome } from '../model/outcome.ts';
import type { Result } from '../model/result.ts';
import { type AuditContext, type Subject, withoutFacts } from '../model/subject.ts';
import type { Target } from '../model/target.ts';

export interface Job {
  readonly subject: Subject;
  readonly target: Target;
}

export interface Progress {
  readonly done: number;
  readonly all: number;
  /** The target that has just been finished. */
  readonly label: string;
}

export interface RunOptions {
  readonly context: AuditContext;
  readonly jobs: readonly Job[];
  /** Targets under audit at the same time. */
  readonly parallelMax: number;
  readonly onProgress?: (progress: Progress) => void;
}

/** Results in the order of the jobs. */
export async function runJobs({ context, jobs, parallelMax, onProgress }: RunOptions): Promise<Result[]> {
  const results: Result[][] = jobs.map(() => []);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) {
      const job = jobs[index]!;
      results[index] = await runJob(job, context);
      onProgress?.({ done: ++done, all: jobs.length, label: job.target.label });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, jobs.length) }, work));
  return results.flat();
}

async function runJob({ subject, target }: Job, context: AuditContext): Promise<Result[]> {
  const { promise: cutShort, resolve } = Promise.withResolvers<Result[]>();
  const onAbort = (): void => resolve(withoutFacts(subject, target, TIMED_OUT));
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (context.signal.aborted) onAbort();
    // A collector that does not heed the signal is left behind.
    return await Promise.race([subject.assess(target, context), cutShort]);
  } catch (error) {
    // A file that the target names: no bug of ours.
    if (error instanceof OperatorError)
      return withoutFacts(subject, target, {
        status: 'unknown',
        confidence: 'config',
        reason: 'unreadable',
        says: error.message,
      });
    const says = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return withoutFacts(subject, target, { status: 'error', confidence: 'config', reason: 'collector-threw', says });
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}

const TIMED_OUT: Outcome = {
  status: 'unknown',
  confidence: 'config',
  reason: 'timed-out',
  says: "The run's deadline came before this target had been looked at.",
};

/** A signal for a run that must end in time. `cancel` when it has. */
export function deadlineSignal(
  { clock }: Pick<AuditContext, 'clock'>,
  durationMaxMs: number,
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const timer = clock.after(durationMaxMs, () => controller.abort());
  return { signal: controller.signal, cancel: () => timer.cancel() };
}
