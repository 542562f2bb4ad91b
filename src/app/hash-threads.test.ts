import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { letHashingYield } from './hash-threads.ts';

const skip = process.platform === 'linux' ? false : 'threads have priorities of their own on Linux alone';

test('the threads that hash yield, and the one that moves messages does not', { skip }, async () => {
  const before = getPriority(process.pid);
  assert.ok((await letHashingYield()) >= 1);
  assert.equal(getPriority(process.pid), before);
  // Field 19 of a thread's stat is its niceness; the name before it ends with a parenthesis.
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8');
  assert.equal(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]), before);
});
