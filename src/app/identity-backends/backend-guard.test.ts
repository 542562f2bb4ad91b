import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { BackendGuard, type BackendGuardOptions } from './backend-guard.ts';

const UNAVAILABLE = { ok: false, trouble: 'unavailable' };
const BUSY = { ok: false, trouble: 'busy' };

/** Lets promises run that are ready. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<BackendGuardOptions> = {}) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const guard = new BackendGuard({
    backend: 'b',
    clock,
    emit: (event) => void events.push(event),
    timeoutMs: 1000,
    concurrencyMax: 2,
    queueMax: 2,
    failuresMax: 3,
    pauseMs: 5000,
    ...options,
  });
  const started: { end: (value: string) => void; fail: (error: Error) => void; signal: AbortSignal }[] = [];
  const ask = () => guard.ask((signal) => new Promise<string>((end, fail) => void started.push({ end, fail, signal })));
  const fail = async (): Promise<unknown> => {
    const answer = ask();
    started.at(-1)!.fail(new Error('no'));
    return answer;
  };
  return { guard, clock, events, started, ask, fail };
}

test('at most so many ask at once, the others follow in order, and beyond that is busy, said once', async () => {
  const { ask, started, events } = setUp();
  const answers = [ask(), ask(), ask(), ask()];
  assert.equal(started.length, 2);
  assert.deepEqual([await ask(), await ask()], [BUSY, BUSY]);
  assert.deepEqual(
    events.map((event) => event.name === 'ceiling.reached' && event.limit),
    [2],
  );
  started[0]!.end('first');
  assert.deepEqual(await answers[0], { ok: true, value: 'first' });
  assert.equal(started.length, 3);
  started[1]!.end('second');
  await answers[1];
  started[2]!.end('third');
  started[3]!.end('fourth');
  assert.deepEqual(await answers[3], { ok: true, value: 'fourth' });
});

test('one that hangs is given up at its deadline and frees its place, whether or not it heeds the signal', async () => {
  const { ask, started, clock, events } = setUp({ concurrencyMax: 1 });
  const hanging = ask();
  clock.advance(500);
  const next = ask();
  clock.advance(500);
  assert.deepEqual(await hanging, UNAVAILABLE);
  assert.equal(started[0]!.signal.aborted, true);
  assert.equal(started.length, 2);
  started[1]!.end('here');
  assert.deepEqual(await next, { ok: true, value: 'here' });
  assert.deepEqual(
    events.map(({ name }) => name),
    ['backend.failed', 'backend.recovered'],
  );
  started[0]!.end('much too late');
  await settled();
  assert.equal(clock.pendingCount, 0);
});

test('who waits in vain for a turn has met a busy gateway, not a failing backend', async () => {
  const { ask, clock, events } = setUp({ concurrencyMax: 1, failuresMax: 1 });
  void ask();
  clock.advance(999);
  const waiting = ask();
  clock.advance(1);
  assert.deepEqual(await waiting, UNAVAILABLE, 'the breaker has opened meanwhile');
  assert.equal(events.length, 2);
  const other = setUp({ concurrencyMax: 1, timeoutMs: 1000 });
  const first = other.ask();
  const second = other.ask();
  other.started[0]!.signal.addEventListener('abort', () => undefined);
  other.clock.advance(1000);
  assert.deepEqual([await first, await second], [UNAVAILABLE, BUSY]);
});

test('failures in a row open the breaker, one tries when the pause is over, and a success closes it', async () => {
  const { ask, fail, started, clock, events } = setUp();
  for (let count = 0; count < 3; count++) assert.deepEqual(await fail(), UNAVAILABLE);
  assert.equal(started.length, 3);
  assert.deepEqual(await ask(), UNAVAILABLE);
  assert.equal(started.length, 3, 'it is left alone');
  clock.advance(5000);
  const trying = ask();
  assert.deepEqual(await ask(), UNAVAILABLE, 'only one tries');
  assert.equal(started.length, 4);
  started[3]!.fail(new Error('still no'));
  await trying;
  assert.deepEqual(await ask(), UNAVAILABLE);
  clock.advance(5000);
  const back = ask();
  started.at(-1)!.end('here');
  assert.deepEqual(await back, { ok: true, value: 'here' });
  const says = events.map((event) => (event.name === 'backend.failed' ? event.says : event.name));
  assert.deepEqual(says, [
    'no',
    'no; it is not asked for 5000 ms, after 3 failures in a row',
    'still no; it is not asked for 5000 ms, after 4 failures in a row',
    'backend.recovered',
  ]);
});

test('a success between failures counts them from the start', async () => {
  const { ask, fail, started } = setUp();
  for (let round = 0; round < 3; round++) {
    await fail();
    await fail();
    const answer = ask();
    started.at(-1)!.end('here');
    assert.deepEqual(await answer, { ok: true, value: 'here' });
  }
});

test('a question that throws at once is a failure like another', async () => {
  const { guard } = setUp();
  assert.deepEqual(
    await guard.ask(() => {
      throw new Error('bug');
    }),
    UNAVAILABLE,
  );
});

test('closing ends what is under way, and says nothing about a backend that is well', async () => {
  const { guard, ask, started, events } = setUp({ concurrencyMax: 1 });
  const answers = [ask(), ask()];
  guard.close();
  assert.deepEqual(await Promise.all(answers), [UNAVAILABLE, UNAVAILABLE]);
  assert.equal(started[0]!.signal.aborted, true);
  assert.deepEqual(await ask(), UNAVAILABLE);
  assert.deepEqual(events, []);
});
