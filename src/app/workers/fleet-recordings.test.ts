import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import { NOTHING_RECORDED, type RecordingImage } from '../../policy/authorization/learning/recording.ts';
import { FleetRecordings, type RecordingWorker } from './fleet-recordings.ts';

function image(lost: number): RecordingImage {
  return { ...NOTHING_RECORDED, lost };
}

/** Answers when it is told to. */
class FakeWorker implements RecordingWorker {
  readonly slot: number;
  readonly pid: number;
  isGone = false;
  questions = 0;
  #answer: (recording: RecordingImage | undefined) => void = () => undefined;

  constructor(slot: number) {
    this.slot = slot;
    this.pid = 100 + slot;
  }

  takeRecording(): Promise<RecordingImage | undefined> {
    this.questions++;
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  async answer(recording: RecordingImage | undefined): Promise<void> {
    this.#answer(recording);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

const SILENT = [{ slot: 2, pid: 102 }];

test('one that is stuck is named and asked once, and what it says later is there the next time', async () => {
  const clock = new ManualClock();
  const recordings = new FleetRecordings(clock);
  const [well, stuck] = [new FakeWorker(1), new FakeWorker(2)];
  for (const lost of [1, 2]) {
    const taken = recordings.take([well, stuck]);
    await well.answer(image(lost));
    clock.advance(2000);
    assert.deepEqual(await taken, { recordings: [image(lost)], silent: SILENT });
  }
  assert.deepEqual([well.questions, stuck.questions], [2, 1]);
  await stuck.answer(image(3));
  const taken = recordings.take([well, stuck]);
  await well.answer(image(4));
  await stuck.answer(image(5));
  assert.deepEqual(await taken, { recordings: [image(3), image(4), image(5)], silent: [] });
  assert.equal(clock.pendingCount, 0);
});

test('what is forgotten does not come back with a late answer', async () => {
  const clock = new ManualClock();
  const recordings = new FleetRecordings(clock);
  const stuck = new FakeWorker(2);
  const taken = recordings.take([stuck], true);
  clock.advance(2000);
  assert.deepEqual(await taken, { recordings: [], silent: SILENT });
  await stuck.answer(image(1));
  const again = recordings.take([stuck]);
  await stuck.answer(image(2));
  assert.deepEqual(await again, { recordings: [image(2)], silent: [] });
});

test('one that has ended is not named, and what a leaving one gave is kept', async () => {
  const clock = new ManualClock();
  const recordings = new FleetRecordings(clock);
  const dead = new FakeWorker(1);
  const taken = recordings.take([dead]);
  dead.isGone = true;
  await dead.answer(undefined);
  assert.deepEqual(await taken, { recordings: [], silent: [] });
  recordings.left(image(1));
  assert.deepEqual(await recordings.take([]), { recordings: [image(1)], silent: [] });
});
