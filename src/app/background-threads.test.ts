import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { test } from 'node:test';
import { letBackgroundYield } from './background-threads.ts';

const skip = process.platform === 'linux' ? false : 'threads have priorities of their own on Linux alone';

/** Field 19 of a thread's stat; the name before it ends with a parenthesis. */
function nicenessOf(thread: string): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

function threadsNamed(ending: string): string[] {
  return readdirSync('/proc/self/task').filter((thread) =>
    readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim().endsWith(ending),
  );
}

test('threads that hash, collect and compile yield to the one that moves messages, however nice that is', {
  skip,
}, async () => {
  setPriority(7);
  const counts = await letBackgroundYield();
  assert.equal(nicenessOf(String(process.pid)), 7);
  for (const [ending, niceness] of [
    ['libuv-worker', 19],
    ['V8Worker', 17],
  ] as const) {
    const threads = threadsNamed(ending);
    assert.ok(threads.length >= 1, ending);
    assert.equal(counts.get(ending), threads.length);
    assert.deepEqual(new Set(threads.map(nicenessOf)), new Set([niceness]), ending);
  }
});
