import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { LiveScreen } from './live-screen.ts';

class FakeTerminal extends EventEmitter {
  rows = 24;
  columns = 80;
  isRaw = false;
  written: string[] = [];

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  resume(): void {}

  pause(): void {}

  write(text: string): void {
    this.written.push(text);
  }
}

test('a page is drawn anew at once when the terminal has another size, and fits it', async () => {
  const [stdin, stdout] = [new FakeTerminal(), new FakeTerminal()];
  const sizes: [number, number][] = [];
  const screen = new LiveScreen(
    stdin as unknown as NodeJS.ReadStream,
    stdout as unknown as NodeJS.WriteStream,
    (rows, columns) => {
      sizes.push([rows, columns]);
      return Array.from({ length: 30 }, () => 'x'.repeat(100));
    },
  );
  const shown = screen.show(3_600_000, async () => assert.fail('it was not time to look'));
  Object.assign(stdout, { rows: 5, columns: 20 });
  stdout.emit('resize');
  const lines = stdout.written.at(-1)!.split('\r\n');
  assert.equal(lines.length, 5);
  assert.ok(lines.every((line) => (line.match(/x/g) ?? []).length === 20));
  assert.deepEqual(sizes, [
    [24, 80],
    [5, 20],
  ]);
  stdin.emit('data', Buffer.from('q'));
  await shown;
  assert.equal(stdin.isRaw, false);
  assert.deepEqual([stdin.listenerCount('data'), stdout.listenerCount('resize')], [0, 0]);
});
