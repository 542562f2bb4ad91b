/** A pause of a command that has nothing else to do: timers of the clock keep no process alive, an open port does. */
import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';

/** Resolves after `delayMs`, or when `cut` is called. */
export function pause(delayMs: number): { readonly over: Promise<void>; cut(): void } {
  const { port1 } = new MessageChannel();
  port1.on('message', () => undefined);
  let cut = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      port1.close();
      resolve();
    };
    const timer = systemClock.after(delayMs, end);
    cut = end;
  });
  return { over, cut };
}
