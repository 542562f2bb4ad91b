/** Notices by its connection attempts alone that a target does worse than it should. */
import type { EjectionOptions } from './upstream-options.ts';

export class Outlier {
  #consecutive = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #attempts = 0;
  #failures = 0;
  #ejections = 0;
  #lastEjectedMs = 0;

  succeeded(nowMs: number, options: EjectionOptions): void {
    this.#count(nowMs, options, false);
    this.#consecutive = 0;
  }

  /** Why it should be ejected, if it should. */
  failed(nowMs: number, options: EjectionOptions): string | undefined {
    this.#count(nowMs, options, true);
    this.#consecutive++;
    const { consecutiveFailuresMax, failureShareMaxPercent, attemptsMin } = options;
    if (consecutiveFailuresMax > 0 && this.#consecutive >= consecutiveFailuresMax) {
      return `${this.#consecutive} connection attempts failed one after another`;
    }
    if (this.#attempts >= attemptsMin && this.#failures * 100 > failureShareMaxPercent * this.#attempts) {
      return `${this.#failures} of ${this.#attempts} connection attempts failed`;
    }
    return undefined;
  }

  #count(nowMs: number, { windowMs }: EjectionOptions, isFailure: boolean): void {
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#attempts = 0;
      this.#failures = 0;
    }
    this.#attempts++;
    if (isFailure) this.#failures++;
  }

  /** How many ejections stand against it now, this one included; a good while without one forgives them all. */
  eject(nowMs: number, options: EjectionOptions): number {
    if (nowMs - this.#lastEjectedMs > 2 * options.durationMaxMs) this.#ejections = 0;
    this.#lastEjectedMs = nowMs;
    this.#ejections++;
    this.forget();
    return this.#ejections;
  }

  /** What was counted so far says nothing any more. */
  forget(): void {
    this.#consecutive = 0;
    this.#attempts = 0;
    this.#failures = 0;
  }
}
