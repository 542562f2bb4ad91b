/** The budgets that one kind of packet of one connection is charged to. */
import type { Budget } from './budget.ts';

export class Meter {
  readonly budgets: readonly Budget[];

  /** INVARIANT: not empty. Where nothing is limited there is no meter. */
  constructor(budgets: readonly Budget[]) {
    this.budgets = budgets;
  }

  /** Charges one packet to all budgets, or to none: then the one that lacks longest is returned. */
  charge(count: number, bytes: number, nowMs: number): Budget | undefined {
    const { budgets } = this;
    let tightest: Budget | undefined;
    let longestMs = -1;
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!;
      const cost = budget.isBytes ? bytes : count;
      if (!budget.lacks(cost, nowMs)) continue;
      const missingMs = budget.missingMs(cost);
      if (missingMs > longestMs) {
        longestMs = missingMs;
        tightest = budget;
      }
    }
    if (tightest !== undefined) {
      tightest.wanted += tightest.isBytes ? bytes : count;
      return tightest;
    }
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!;
      budget.take(budget.isBytes ? bytes : count);
    }
    return undefined;
  }

  /** The packet has not gone its way after all. */
  giveBack(count: number, bytes: number): void {
    for (const budget of this.budgets) budget.giveBack(budget.isBytes ? bytes : count);
  }

  /** Charges what cannot be refused any more; the budget that owes longest is returned. */
  chargeAnyway(count: number, bytes: number, nowMs: number): Budget | undefined {
    const { budgets } = this;
    let tightest: Budget | undefined;
    let longestMs = -1;
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!;
      if (!budget.owes(budget.isBytes ? bytes : count, nowMs)) continue;
      const missingMs = budget.missingMs(0);
      if (missingMs > longestMs) {
        longestMs = missingMs;
        tightest = budget;
      }
    }
    return tightest;
  }
}
