/**
 * Runs the program's command lines in the test's own process: the same words, output and exit codes, without a start of the runtime for
 * each. For tests of what a command says and does; that the program starts at all is what others are for.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { runCommandLine } from '../../src/cli/run-command-line.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const running = new AsyncLocalStorage<{ out: string; err: string }>();

// What the test runner itself writes meanwhile is none of the command's.
for (const [stream, kept] of [
  [process.stdout, 'out'],
  [process.stderr, 'err'],
] as const) {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = ((...args: unknown[]): boolean => {
    const said = running.getStore();
    if (said === undefined || typeof args[0] !== 'string') return write(...args);
    said[kept] += args[0];
    return true;
  }) as typeof stream.write;
}

export async function sallyportInProcess(...args: string[]): Promise<Ran> {
  const said = { out: '', err: '' };
  const code = await running.run(said, () => runCommandLine(args));
  return { code, ...said };
}
