/** The chain that is in force, and for a while those before it: they still answer the logins that a reload has overtaken. */
import type { Clock, Timer } from '../base/clock.ts';
import type { Chain } from './identity-methods.ts';

export class ChainInForce {
  readonly #clock: Clock;
  readonly #leaving = new Map<Chain, Timer>();
  #current: Chain | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `graceMs` is how long a login may have been under way. */
  replace(chain: Chain, graceMs: number): void {
    const old = this.#current;
    this.#current = chain;
    if (old === undefined) return;
    const timer = this.#clock.after(graceMs, () => {
      this.#leaving.delete(old);
      old.close();
    });
    this.#leaving.set(old, timer);
  }

  close(): void {
    for (const [chain, timer] of this.#leaving) {
      timer.cancel();
      chain.close();
    }
    this.#leaving.clear();
    this.#current?.close();
  }
}
