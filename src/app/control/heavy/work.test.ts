import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../../../test/kit/eventually.ts';
import type { Misbehaviour } from '../../../../test/kit/heavy-thread.ts';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { OperatorError } from '../../config/problem.ts';
import { openJournal } from '../../observability/journal/writer.ts';
import { ControlProblem } from '../problem-details.ts';
import type { HeavyTask, HeavyTasks } from './task.ts';
import { WAITING_MAX, workApart } from './work.ts';

const MEANS = { threadUrl: new URL('../../../../test/kit/heavy-thread.ts', import.meta.url), memoryMaxMb: 32 };

function ask(
  { does, says = '' }: Misbehaviour,
  { clock = new ManualClock(), task = 'explain' as HeavyTask, signal = new AbortController().signal } = {},
): Promise<unknown> {
  return workApart(task, { does, says } as unknown as HeavyTasks[HeavyTask]['asked'], { clock, signal }, MEANS);
}

function unavailable(pattern: RegExp) {
  return (error: unknown): boolean =>
    error instanceof ControlProblem && error.status === 503 && pattern.test(error.message);
}

test('an answer comes back, and what an operator has to mend as well', async () => {
  assert.equal(await ask({ does: 'answer', says: 'yes' }), 'yes');
  await assert.rejects(ask({ does: 'refuse', says: 'no such file' }), (error: unknown) => {
    return error instanceof OperatorError && error.message === 'no such file';
  });
});

test('what takes too long is ended, though it never lets go of its processor, and the next is answered', async () => {
  const clock = new ManualClock();
  const spinning = ask({ does: 'spin' }, { clock });
  spinning.catch(() => undefined);
  while (clock.pendingCount === 0) await turn();
  const next = ask({ does: 'answer', says: 'later' });
  clock.advance(60_000);
  await assert.rejects(spinning, unavailable(/more than 60 seconds: ask for less/));
  assert.equal(await next, 'later');
  assert.equal(clock.pendingCount, 0);
});

test('what takes too much memory is ended, and this process has none of it', async () => {
  const before = process.memoryUsage().heapUsed;
  await assert.rejects(ask({ does: 'allocate' }), unavailable(/more than 32 MiB of memory: ask for less/));
  assert.ok(process.memoryUsage().heapUsed - before < 16 * 1024 * 1024);
});

test('a thread that fails fails its question, and no other', async () => {
  await assert.rejects(ask({ does: 'throw', says: 'a bug of ours' }), /a bug of ours/);
  await assert.rejects(ask({ does: 'exit' }), /ended with code 3/);
  assert.equal(await ask({ does: 'answer', says: 'well' }), 'well');
});

test('nobody works for one who has gone, whether it waits or is being answered', async () => {
  const [clock, first, second] = [new ManualClock(), new AbortController(), new AbortController()];
  const answered = ask({ does: 'wait' }, { clock, signal: first.signal });
  answered.catch(() => undefined);
  while (clock.pendingCount === 0) await turn();
  const waiting = ask({ does: 'wait' }, { clock, signal: second.signal });
  waiting.catch(() => undefined);
  second.abort();
  first.abort();
  await assert.rejects(answered, unavailable(/Nobody waits/));
  await assert.rejects(waiting, unavailable(/Nobody waits/));
  assert.equal(clock.pendingCount, 0);
});

test('one is worked on and so many wait; whoever comes then is told to come again, and when', async () => {
  const gone = new AbortController();
  const taken = Array.from({ length: 1 + WAITING_MAX }, () => ask({ does: 'wait' }, { signal: gone.signal }));
  for (const each of taken) each.catch(() => undefined);
  await assert.rejects(
    async () => ask({ does: 'answer' }),
    (error: unknown) =>
      unavailable(/16 such questions are waiting: ask again/)(error) &&
      (error as ControlProblem).headers['retry-after'] === '5',
  );
  assert.equal(
    await ask({ does: 'answer', says: 'found' }, { task: 'journal' }),
    'found',
    'searches wait for no proof',
  );
  gone.abort();
  await Promise.allSettled(taken);
  assert.equal(await ask({ does: 'answer', says: 'again' }), 'again');
});

/** More than one piece of the index, so that there is something to keep. */
async function longJournal(t: TestContext): Promise<{ directory: string; records: number }> {
  const directory = await temporaryDirectory('heavy');
  t.after(() => removeDirectory(directory));
  const journal = await openJournal({
    directory,
    clock: new ManualClock(),
    emit: () => undefined,
    version: '0',
    syncIntervalMs: 60_000,
    segmentMaxBytes: 1e9,
    segmentMaxAgeMs: 1e12,
    keepForMs: 1e12,
    keepMaxBytes: 1e10,
  });
  const records = 200_000;
  for (let i = 0; i < records; i++) {
    journal.append('event', { name: 'x.y', clientId: `c${i}` });
    if (i % 20_000 === 0) await journal.flush();
  }
  await journal.close();
  return { directory, records };
}

test('a search that is ended while it indexes a long journal says so, and the next goes on from there', async (t) => {
  const { directory, records } = await longJournal(t);
  const indexed = (): number => {
    if (!existsSync(join(directory, 'index.sqlite'))) return 0;
    const database = new DatabaseSync(join(directory, 'index.sqlite'), { readOnly: true });
    try {
      const { n } = database.prepare('SELECT total(count) AS n FROM block').get() as { n: number };
      return n;
    } catch {
      // It is being made.
      return 0;
    } finally {
      database.close();
    }
  };
  const [clock, signal] = [new ManualClock(), new AbortController().signal];
  const wanted = { fields: { event: 'x.y' }, limit: 3 };
  const search = workApart('journal', { directory, wanted }, { clock, signal });
  search.catch(() => undefined);
  await eventually('a piece is indexed', () => indexed() > 0);
  clock.advance(60_000);
  await assert.rejects(search, unavailable(/ask again, and it goes on from there/));
  const kept = indexed();
  assert.ok(kept > 0);
  const { records: found, isIndexRebuilt } = await workApart('journal', { directory, wanted }, { clock, signal });
  assert.deepEqual(
    found.map(({ d }) => d['clientId']),
    [`c${records - 1}`, `c${records - 2}`, `c${records - 3}`],
  );
  assert.equal(isIndexRebuilt, false, 'nothing was lost');
  assert.equal(indexed(), records + 2, 'with the records that open and seal the segment');
});
