import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { GATHER_MS, LineGatherer } from './line-gatherer.ts';

function gathering() {
  const clock = new ManualClock();
  const written: string[] = [];
  return { clock, written, lines: new LineGatherer(clock, (text) => written.push(text)) };
}

test('a line after a silence is written at once, and what comes right behind it together', () => {
  const { clock, written, lines } = gathering();
  lines.add('a\n');
  assert.deepEqual(written, ['a\n']);
  lines.add('b\n');
  lines.add('c\n');
  clock.advance(GATHER_MS - 1);
  lines.add('d\n');
  assert.deepEqual(written, ['a\n']);
  clock.advance(1);
  assert.deepEqual(written, ['a\n', 'b\nc\nd\n']);
  clock.advance(GATHER_MS);
  lines.add('e\n');
  assert.deepEqual(written.at(-1), 'e\n');
});

test('much is written before its time, and what is flushed is written once', () => {
  const { clock, written, lines } = gathering();
  lines.add('a\n');
  const long = `${'x'.repeat(40_000)}\n`;
  lines.add(long);
  assert.equal(written.length, 1);
  lines.add(long);
  assert.deepEqual(written.slice(1), [long + long]);
  lines.add('b\n');
  lines.flush();
  lines.flush();
  clock.advance(10 * GATHER_MS);
  assert.deepEqual(written.slice(2), ['b\n']);
});
