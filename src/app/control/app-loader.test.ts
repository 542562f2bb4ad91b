import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../base/manual-clock.ts';
import { AppLoader } from './app-loader.ts';
import type { ControlServices } from './services.ts';

function loaderBy(clock: ManualClock): AppLoader {
  return new AppLoader({ clock } as unknown as ControlServices);
}

/** Turns until the loader waits for the clock again. */
async function untilPause(clock: ManualClock): Promise<void> {
  while (clock.pendingCount === 0) await turn();
}

test('the application is loaded after the start by itself, in pieces that let others go first', async () => {
  const clock = new ManualClock();
  const loader = loaderBy(clock);
  loader.begin();
  assert.equal(clock.pendingCount, 1);
  clock.advance(5000);
  for (let pauses = 0; pauses < 100; pauses++) {
    await untilPause(clock);
    clock.advance(5);
  }
  await untilPause(clock);
  // Without a further step of the clock.
  const app = await loader.get();
  assert.equal(await loader.get(), app, 'it is made once');
  assert.equal(clock.pendingCount, 0);
});

test('whoever asks first does not wait for the start to be over', async () => {
  const clock = new ManualClock();
  const loader = loaderBy(clock);
  loader.begin();
  await loader.get();
  assert.equal(clock.pendingCount, 0);
});

test('nothing is loaded for a gateway that has ended before', () => {
  const clock = new ManualClock();
  const loader = loaderBy(clock);
  loader.begin();
  loader.close();
  assert.equal(clock.pendingCount, 0);
});
