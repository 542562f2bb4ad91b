import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { whileWaiting } from './waiting.ts';

class FakeLine {
  readonly shown: string[] = [];
  isEnded = false;

  show(text: string): void {
    this.shown.push(text);
  }

  end(): void {
    this.isEnded = true;
  }
}

test('an answer that takes long shows for how long, each second, and nothing once it is there', async () => {
  const [clock, line] = [new ManualClock(), new FakeLine()];
  const answer = Promise.withResolvers<string>();
  const waiting = whileWaiting(answer.promise, 'Replacing the workers', clock, line);
  clock.advance(1999);
  assert.deepEqual(line.shown, []);
  for (let i = 0; i < 3; i++) clock.advance(1000);
  assert.deepEqual(
    line.shown,
    [2, 3, 4].map((seconds) => `Replacing the workers: ${seconds} s`),
  );
  answer.resolve('done');
  assert.equal(await waiting, 'done');
  assert.ok(line.isEnded);
  assert.equal(clock.pendingCount, 0);
});

test('an answer that comes soon shows nothing, and a failure is handed on', async () => {
  const [clock, line] = [new ManualClock(), new FakeLine()];
  assert.equal(await whileWaiting(Promise.resolve(1), 'x', clock, line), 1);
  await assert.rejects(whileWaiting(Promise.reject(new Error('no')), 'x', clock, line), /^Error: no$/);
  clock.advance(10_000);
  assert.deepEqual(line.shown, []);
});
