import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { ToWorker } from './messages.ts';
import { WorkerHandle } from './worker-handle.ts';

/** Says that it is there, and then nothing more. */
const SILENT = `process.send({ kind: 'event', event: { name: 'gateway.started' } }); process.on('message', () => undefined);`;

test('a worker that is not ready in time is ended, and one that is silent is not waited for', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-worker-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const exec = join(directory, 'silent.cjs');
  writeFileSync(exec, SILENT);
  cluster.setupPrimary({ exec, args: [], serialization: 'advanced' });
  const clock = new ManualClock();
  const { promise: isThere, resolve: sayThere } = Promise.withResolvers<void>();
  const { promise: end, resolve: sayEnd } = Promise.withResolvers<number | string>();
  const worker = new WorkerHandle(1, 0, { onMessage: () => sayThere(), onExit: (_, code) => sayEnd(code) });
  const started = worker.start({ kind: 'start' } as Extract<ToWorker, { kind: 'start' }>, { clock, ms: 60_000 });
  const refused = assert.rejects(
    started,
    /^Error: The worker \(process \d+\) was not ready within 60 s, and was ended\.$/,
  );
  await isThere;

  const answering = worker.isAnswering({ clock, ms: 2000 });
  clock.advance(2000);
  assert.equal(await answering, false);
  assert.equal(worker.isGone, false);
  const waiting = worker.takeRecording();

  clock.advance(58_000);
  await refused;
  assert.equal(await end, 'SIGKILL');
  assert.equal(await waiting, undefined, 'one that is gone keeps nobody waiting');
  assert.equal(worker.isGone, true);
  assert.equal(clock.pendingCount, 0);
});
