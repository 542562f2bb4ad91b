import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { test } from 'node:test';
import { letHashingYield } from './hash-threads.ts';

const skip = process.platform === 'linux' ? false : 'threads have priorities of their own on Linux alone';

/** Field 19 of a thread's stat; the name before it ends with a parenthesis. */
function nicenessOf(thread: string): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

test('the threads that hash yield to the one that moves messages, however nice that is itself', { skip }, async () => {
  setPriority(7);
  assert.ok((await letHashingYield()) >= 1);
  assert.equal(nicenessOf(String(process.pid)), 7);
  const hashing = readdirSync('/proc/self/task').filter(
    (thread) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim() === 'libuv-worker',
  );
  assert.ok(hashing.length >= 1);
  for (const thread of hashing) assert.equal(nicenessOf(thread), 12);
});
