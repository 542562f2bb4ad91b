/** A thread that does with a heavy question what a test of its limits asks for. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromThread } from '../../src/app/control/heavy/thread.ts';

/** Stands where the question would. */
export interface Misbehaviour {
  readonly does: 'answer' | 'refuse' | 'spin' | 'wait' | 'allocate' | 'throw' | 'exit';
  readonly says?: string;
}

const { does, says = '' } = (workerData as { asked: Misbehaviour }).asked;
const tell = (message: FromThread): void => parentPort?.postMessage(message);

switch (does) {
  case 'answer':
    tell({ kind: 'answer', answer: says });
    break;
  case 'refuse':
    tell({ kind: 'refused', says });
    break;
  case 'spin':
    for (;;);
  case 'wait':
    setInterval(() => undefined, 1000);
    break;
  case 'allocate': {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => i + kept.length));
  }
  case 'throw':
    throw new Error(says);
  case 'exit':
    process.exit(3);
}
