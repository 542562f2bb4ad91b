/** What an answer leaves out because of workers that gave none in time: on stderr, so that the answer stays what it is. */
import { type SilentWorker, workersNamed } from '../app/silent-workers.ts';
import { printError } from './terminal.ts';

/** `means` is a clause: what that does to the answer. */
export function tellSilent(silent: readonly SilentWorker[], means: string): void {
  if (silent.length > 0) printError(`No answer came in time from ${workersNamed(silent)}: ${means}.`);
}
