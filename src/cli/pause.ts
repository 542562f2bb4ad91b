/** A pause of a command that has nothing else to do. */
import { systemClock } from '../base/clock.ts';
import { stayAwake } from './stay-awake.ts';

/** Resolves after `delayMs`, or when `cut` is called. */
export function pause(delayMs: number): { readonly over: Promise<void>; cut(): void } {
  const sleep = stayAwake();
  let cut = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      sleep();
      resolve();
    };
    const timer = systemClock.after(delayMs, end);
    cut = end;
  });
  return { over, cut };
}
