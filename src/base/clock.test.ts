import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
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

/** The process gets no processor time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function connectedPair(t: TestContext): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await accepted) as [Socket];
  t.after(() => {
    far.destroy();
    near.destroy();
    server.close();
  });
  return { near, far };
}

test('a deadline that passed while the process stood still hears first what came meanwhile', async (t) => {
  const { near, far } = await connectedPair(t);
  const order: string[] = [];
  near.once('data', () => order.push('said in time'));
  const due = new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      order.push('deadline');
      resolve();
    });
  });
  far.write('x');
  standStill(300);
  await due;
  assert.deepEqual(order, ['said in time', 'deadline']);
});

test('a deadline that is called off by what came during a standstill does not run', async (t) => {
  const { near, far } = await connectedPair(t);
  const order: string[] = [];
  const timer = systemClock.after(20, () => order.push('deadline'));
  near.once('data', () => {
    order.push('said in time');
    timer.cancel();
  });
  const later = new Promise<void>((resolve) => systemClock.after(400, resolve));
  far.write('x');
  standStill(300);
  await later;
  assert.deepEqual(order, ['said in time']);
});
