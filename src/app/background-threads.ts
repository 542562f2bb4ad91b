/**
 * Lets what goes on in the background yield to traffic: on Linux each thread has a niceness of its own, and the runtime's helpers, which
 * hash passwords, collect garbage and compile, get a higher one than the thread that moves messages. An idle processor serves them as
 * before.
 */
import { pbkdf2 } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { promisify } from 'node:util';

const TASKS = '/proc/self/task';
/**
 * By the end of the thread's name, as Node gives it: how much nicer than the process it is to be. A tenth of the main thread's share is left to what
 * collects and compiles, where both want the processor. Hashing gets still less: the main thread waits for a collection, and a hash that has the
 * other processor then would keep everybody waiting for as long as a slice of time lasts.
 */
const NICENESS: Readonly<Record<string, number>> = { 'libuv-worker': 12, V8Worker: 10 };
const NICENESS_MAX = 19;

/** How many threads of each kind yield from now on; none where the system cannot, which costs nothing but latency. */
export async function letBackgroundYield(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  if (process.platform !== 'linux') return counts;
  // The pool has no threads before its first work.
  await promisify(pbkdf2)('', '', 1, 1, 'sha256');
  const own = getPriority();
  for (const thread of await readdir(TASKS)) {
    try {
      const name = (await readFile(`${TASKS}/${thread}/comm`, 'utf8')).trim();
      const kind = Object.keys(NICENESS).find((ending) => name.endsWith(ending));
      if (kind === undefined) continue;
      setPriority(Number(thread), Math.min(NICENESS_MAX, own + NICENESS[kind]!));
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    } catch {
      // A thread that has just ended, or a system that does not let us.
    }
  }
  return counts;
}
