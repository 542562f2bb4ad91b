import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import { askEach } from './questions.ts';

/** `answer` undefined: it is stuck until its deadline. */
interface FakeWorker {
  readonly slot: number;
  readonly pid: number;
  isGone: boolean;
  readonly answer: string | undefined;
}

const worker = (slot: number, answer?: string): FakeWorker => ({ slot, pid: 100 + slot, isGone: false, answer });

async function asked(workers: readonly FakeWorker[], during?: () => void) {
  const clock = new ManualClock();
  const heard = askEach(workers, ({ answer }) => {
    if (answer !== undefined) return Promise.resolve(answer);
    return new Promise<undefined>((resolve) => clock.after(2000, () => resolve(undefined)));
  });
  during?.();
  clock.advance(2000);
  return heard;
}

test('the answer is what others know, and names whom no answer came from', async () => {
  const [well, stuck, other] = [worker(1, 'a'), worker(2), worker(3, 'c')];
  const { answers, silent, stuck: themselves } = await asked([well, stuck, other]);
  assert.deepEqual(answers, ['a', 'c']);
  assert.deepEqual(silent, [{ slot: 2, pid: 102 }]);
  assert.deepEqual(themselves, [stuck]);
});

test('one that ends while it is asked is not missed', async () => {
  const dying = worker(2);
  const { answers, silent } = await asked([worker(1, 'a'), dying], () => {
    dying.isGone = true;
  });
  assert.deepEqual([answers, silent], [['a'], []]);
});
