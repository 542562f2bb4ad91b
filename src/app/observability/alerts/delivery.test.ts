import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemChance } from '../../../base/chance.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { Delivery, DeliveryFailure } from './delivery.ts';

function bench(queueMax = 5) {
  const clock = new ManualClock();
  const sent: string[] = [];
  const told: string[] = [];
  const state = { answer: 'well' as 'well' | 'away' | 'refuses' | 'silent', attempts: 0 };
  const delivery = new Delivery<string>({
    clock,
    chance: systemChance,
    timeoutMs: 1000,
    queueMax,
    send: async (item, signal) => {
      state.attempts++;
      if (state.answer === 'away') throw new Error('connection refused');
      if (state.answer === 'refuses') throw new DeliveryFailure('it answered 400', true);
      if (state.answer === 'silent') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      sent.push(item);
      return '200';
    },
    onDown: (says) => told.push(`down: ${says}`),
    onUp: (lost) => told.push(`up: ${lost}`),
    onAbandoned: (lost) => told.push(`abandoned: ${lost}`),
  });
  const push = async (...items: string[]): Promise<void> => {
    for (const item of items) delivery.push(item);
    await turn();
  };
  const advance = async (byMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < byMs; passedMs += 1000) {
      clock.advance(Math.min(1000, byMs - passedMs));
      await turn();
    }
  };
  return { clock, sent, told, state, delivery, push, advance };
}

test('what is pushed is sent, one after another and in order', async () => {
  const { push, sent, delivery } = bench();
  await push('a', 'b', 'c');
  assert.deepEqual(sent, ['a', 'b', 'c']);
  assert.partialDeepStrictEqual(delivery.status, { isDown: false, waiting: 0, delivered: 3, lost: 0 });
});

test('an hour away costs bounded memory and few attempts, is told once, and ends with what had room', async () => {
  const { push, sent, told, state, delivery, advance } = bench(5);
  state.answer = 'away';
  await push('first');
  for (let i = 0; i < 1000; i++) await push(`n${i}`);
  await advance(3_600_000);
  assert.equal(delivery.waiting, 6);
  assert.ok(state.attempts < 30, `${state.attempts} attempts`);
  assert.deepEqual(told, ['down: connection refused']);
  state.answer = 'well';
  await advance(300_000);
  assert.deepEqual(sent, ['first', 'n995', 'n996', 'n997', 'n998', 'n999']);
  assert.deepEqual(told.slice(1), ['up: 995']);
  assert.equal(delivery.status.lost, 995);
});

test('what a receiver refuses for good is given up and counted, and does not hold up what comes behind', async () => {
  const { push, sent, told, state, delivery } = bench();
  state.answer = 'refuses';
  await push('a', 'b');
  assert.equal(delivery.waiting, 0);
  state.answer = 'well';
  await push('c');
  assert.deepEqual(sent, ['c']);
  assert.deepEqual(told, ['down: it answered 400', 'up: 2']);
});

test('a receiver that never answers is given up in time, and tried again', async () => {
  const { push, told, state, delivery, advance } = bench();
  state.answer = 'silent';
  await push('a');
  await advance(1000);
  assert.deepEqual(told, ['down: there was no answer within 1000 ms']);
  assert.equal(delivery.waiting, 1);
  state.answer = 'well';
  await advance(2000);
  assert.equal(delivery.waiting, 0);
});

test('closing waits for what is under way, bounded, and leaves no timer', async () => {
  const { push, state, delivery, clock, told } = bench();
  state.answer = 'silent';
  await push('a', 'b');
  const closed = delivery.close();
  clock.advance(2000);
  await closed;
  await turn();
  assert.deepEqual(told, ['abandoned: 2']);
  assert.equal(delivery.status.lost, 2);
  assert.equal(clock.pendingCount, 0);
});
