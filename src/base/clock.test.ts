import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, withEpoch } from './clock.ts';
import { ManualClock } from './manual-clock.ts';

test('a clock of another day runs as the one it is made of', () => {
  const clock = new ManualClock();
  const other = withEpoch(clock, () => 42);
  const heard: unknown[] = [];
  other.after(10, (subject: string) => heard.push(subject), 'due');
  other.after(20, () => heard.push('never')).cancel();
  clock.advance(30);
  assert.deepEqual([other.epochMs(), other.nowMs(), heard], [42, 30, ['due']]);
  assert.ok(withEpoch(systemClock, () => 0).nowMs() > 0);
});
