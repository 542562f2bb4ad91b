/** When everything that needs no time has been done. */
import { turnShare } from '../../src/base/turn-share.ts';

/** Lets promises and microtasks run, and what waits in this process for a later turn of the event loop, with what comes of it. */
export async function settled(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turnShare.waiting === 0) return;
    await turnShare.whenIdle();
  }
}
