/**
 * Lets password hashing yield to traffic: on Linux each thread has a niceness of its own, and those of the runtime's pool, where
 * hashing runs, get a higher one than the thread that moves messages. An idle processor hashes as fast as before.
 */
import { pbkdf2 } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { promisify } from 'node:util';

/** Names of the pool's threads, as Node gives them. */
const POOL_THREAD = 'libuv-worker';
const TASKS = '/proc/self/task';
/** Above that of the process: about a third of the share of its other threads, where both want the processor. Logins go on under load, too. */
const NICENESS = 5;
const NICENESS_MAX = 19;

/** How many threads yield from now on; 0 where the system cannot, which costs nothing but latency. */
export async function letHashingYield(): Promise<number> {
  if (process.platform !== 'linux') return 0;
  // The pool has no threads before its first work.
  await promisify(pbkdf2)('', '', 1, 1, 'sha256');
  const niceness = Math.min(NICENESS_MAX, getPriority() + NICENESS);
  let count = 0;
  for (const thread of await readdir(TASKS)) {
    try {
      const name = await readFile(`${TASKS}/${thread}/comm`, 'utf8');
      if (name.trim() !== POOL_THREAD) continue;
      setPriority(Number(thread), niceness);
      count++;
    } catch {
      // A thread that has just ended, or a system that does not let us.
    }
  }
  return count;
}
