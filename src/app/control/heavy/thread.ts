/** The thread's side: one question comes with its start, one answer goes back, and it is over. */
import { parentPort, workerData } from 'node:worker_threads';
import { FileFaultError } from '../../../base/file-fault.ts';
import { OperatorError } from '../../config/problem.ts';
import { answers, type HeavyTask, type HeavyTasks } from './task.ts';

export interface ThreadRequest<Task extends HeavyTask = HeavyTask> {
  readonly task: Task;
  readonly asked: HeavyTasks[Task]['asked'];
}

export type FromThread =
  | { readonly kind: 'answer'; readonly answer: unknown }
  /** Something the operator has to mend. */
  | { readonly kind: 'refused'; readonly says: string };

async function answer({ task, asked }: ThreadRequest): Promise<FromThread> {
  try {
    return { kind: 'answer', answer: await answers[task](asked as never) };
  } catch (error) {
    if (error instanceof OperatorError || error instanceof FileFaultError) {
      return { kind: 'refused', says: error.message };
    }
    throw error;
  }
}

parentPort?.postMessage(await answer(workerData as ThreadRequest));
