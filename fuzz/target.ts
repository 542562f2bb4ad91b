/** What a fuzz target is. */
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /**
   * One round from `random`. Returns how many packets it fed. What is wrong is thrown: any exception out of the code under
   * test, or a broken promise that the target checks.
   */
  round(random: Random): Promise<number> | number;
  /** After the last round: whether everything that was taken has been given back. */
  finish?(): Promise<void> | void;
}
