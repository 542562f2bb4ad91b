import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Config } from '../config/config.ts';
import type { ReloadOutcome } from '../reload-outcome.ts';
import { FleetReload, type ReloadedWorker } from './fleet-reload.ts';
import type { AnswerDeadline } from './worker-handle.ts';

const CONFIG = {} as Config;
const TAKEN: ReloadOutcome = { ok: true, generation: 2, changed: ['limits'], restartNeeded: [] };
const REFUSED: ReloadOutcome = { ok: false, says: 'sallyport.yaml:3 is wrong' };

class FakeWorker implements ReloadedWorker {
  readonly slot: number;
  readonly pid: number;
  isGone = false;
  isReady = true;
  isKilled = false;
  /** Its event loop turns. */
  isAlive = true;
  readonly asked: Config[] = [];
  /** Undefined: it never comes by itself. */
  readonly outcome: ReloadOutcome | undefined;
  answer: (outcome: ReloadOutcome | undefined) => void = () => undefined;

  constructor(slot: number, outcome: ReloadOutcome | undefined) {
    this.slot = slot;
    this.pid = 100 + slot;
    this.outcome = outcome;
  }

  isAnswering({ clock, ms }: AnswerDeadline): Promise<boolean> {
    if (this.isAlive) return Promise.resolve(true);
    return new Promise((resolve) => clock.after(ms, () => resolve(false)));
  }

  reload(config: Config): Promise<ReloadOutcome | undefined> {
    this.asked.push(config);
    if (this.isAlive && this.outcome !== undefined) return Promise.resolve(this.outcome);
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  kill(): void {
    this.isKilled = true;
  }
}

function stuck(slot: number): FakeWorker {
  const worker = new FakeWorker(slot, TAKEN);
  worker.isAlive = false;
  return worker;
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function run(workers: readonly FakeWorker[], ...passMs: number[]): Promise<ReloadOutcome> {
  const clock = new ManualClock();
  const done = new FleetReload(clock).run(workers, CONFIG);
  for (const ms of passMs) {
    await turns();
    clock.advance(ms);
  }
  const outcome = await done;
  await turns();
  assert.equal(clock.pendingCount, 0);
  return outcome;
}

test('one that is stuck is named, and told once the others have taken it', async () => {
  const workers = [stuck(1), new FakeWorker(2, TAKEN), new FakeWorker(3, TAKEN)];
  assert.deepEqual(await run(workers, 2000), { ...TAKEN, silentWorkers: [{ slot: 1, pid: 101 }] });
  assert.deepEqual(
    workers.map(({ asked }) => asked.length),
    [1, 1, 1],
  );
});

test('what is refused is not asked of one that is stuck', async () => {
  const workers = [stuck(1), new FakeWorker(2, REFUSED), new FakeWorker(3, TAKEN)];
  assert.deepEqual(await run(workers, 2000), REFUSED);
  assert.deepEqual(
    workers.map(({ asked }) => asked.length),
    [0, 1, 0],
  );
});

test('where all are stuck nothing changes, and all are named', async () => {
  const workers = [stuck(1), stuck(2)];
  await assert.rejects(
    run(workers, 2000),
    /^OperatorError: No worker answers: worker 1 \(process 101\), worker 2 \(process 102\)\./,
  );
  assert.deepEqual(
    workers.map(({ asked }) => asked.length),
    [0, 0],
  );
});

test('one that hangs in the reload itself is not waited for longer than all may take, and the next one speaks', async () => {
  const hanging = new FakeWorker(1, undefined);
  const workers = [hanging, new FakeWorker(2, undefined), new FakeWorker(3, TAKEN)];
  const outcome = await run(workers, 30_000, 2000);
  assert.deepEqual(outcome, {
    ...TAKEN,
    silentWorkers: [
      { slot: 1, pid: 101 },
      { slot: 2, pid: 102 },
    ],
  });
});

test('a late answer that differs from what all others have decided has the worker start anew', async () => {
  const [late, refusing] = [stuck(1), stuck(2)];
  await run([late, refusing, new FakeWorker(3, TAKEN)], 2000);
  late.answer(TAKEN);
  refusing.answer(REFUSED);
  await turns();
  assert.deepEqual([late.isKilled, refusing.isKilled], [false, true]);

  const hanging = new FakeWorker(1, undefined);
  assert.deepEqual(await run([hanging, new FakeWorker(2, REFUSED)], 30_000), REFUSED);
  hanging.answer(TAKEN);
  await turns();
  assert.equal(hanging.isKilled, true);
});

test('a worker that refuses what another has taken starts anew, and one that is gone says nothing', async () => {
  const gone = new FakeWorker(1, TAKEN);
  gone.isGone = true;
  const [speaker, odd] = [new FakeWorker(2, TAKEN), new FakeWorker(3, REFUSED)];
  assert.deepEqual(await run([gone, speaker, odd]), { ...TAKEN, silentWorkers: [] });
  assert.deepEqual([gone.asked.length, speaker.isKilled, odd.isKilled], [0, false, true]);
  await assert.rejects(run([gone]), /being started again/);
});
