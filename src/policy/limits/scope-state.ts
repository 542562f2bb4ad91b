/** One scope that somebody is in, such as a user with connections: its limits in force and its budgets. */
import type { Clock } from '../../base/clock.ts';
import { Budget } from './budget.ts';
import type { ExcessAction, LimitName, RateName, Scope } from './limit-name.ts';
import type { Limit } from './limit-value.ts';

/** Which action decides about which rates, and what is done where none is written. */
const ACTION_OF: Partial<Record<RateName, readonly [LimitName, ExcessAction]>> = {
  'publish.messagesPerSecond': ['publish.onExcess', 'delay'],
  'publish.bytesPerSecond': ['publish.onExcess', 'delay'],
  'deliver.messagesPerSecond': ['deliver.onExcess', 'delay'],
  'deliver.bytesPerSecond': ['deliver.onExcess', 'delay'],
  'subscribe.filtersPerSecond': ['subscribe.onExcess', 'refuse'],
};

export class ScopeState {
  readonly scope: Scope;
  readonly key: string;
  /** Connections that are in it and charge its budgets. */
  members = 0;
  /** All that applies, also several of one name, of which the tightest wins. */
  limits: readonly Limit[] = [];
  budgets: readonly Budget[] = [];
  /** Of the rules and overrides that `limits` were made of. */
  revision = -1;
  #told: Map<LimitName, { atMs: number; suppressed: number }> | undefined;

  constructor(scope: Scope, key: string) {
    this.scope = scope;
    this.key = key;
  }

  /** Puts limits into force; budgets that stay keep what was taken of them. */
  apply(limits: readonly Limit[], clock: Clock, factor: number): void {
    this.limits = limits;
    const left = [...this.budgets];
    const budgets: Budget[] = [];
    for (const limit of limits) {
      if (limit.value.form !== 'rate') continue;
      const [actionName, otherwise] = ACTION_OF[limit.name as RateName] ?? [undefined, 'refuse' as const];
      const action = actionIn(limits, actionName) ?? otherwise;
      const at = left.findIndex(({ name }) => name === limit.name);
      const [kept] = at === -1 ? [] : left.splice(at, 1);
      if (kept === undefined) budgets.push(new Budget(this.scope, this.key, limit, action, clock, factor));
      else {
        kept.change(limit, action);
        budgets.push(kept);
      }
    }
    this.budgets = budgets;
    for (const budget of left) budget.dissolve();
  }

  /** Forgetting it would change nothing. */
  isFull(nowMs: number): boolean {
    return this.budgets.every((budget) => budget.isFull(nowMs));
  }

  /** Whether an excess may be told of: how many were held back since the last one, or undefined where this one is too. */
  tellable(name: LimitName, nowMs: number, everyMs: number): number | undefined {
    this.#told ??= new Map();
    const told = this.#told.get(name);
    if (told !== undefined && nowMs - told.atMs < everyMs) {
      told.suppressed++;
      return undefined;
    }
    this.#told.set(name, { atMs: nowMs, suppressed: 0 });
    return told?.suppressed ?? 0;
  }

  dissolve(): void {
    for (const budget of this.budgets) budget.dissolve();
  }
}

function actionIn(limits: readonly Limit[], name: LimitName | undefined): ExcessAction | undefined {
  const found = name === undefined ? undefined : limits.find((limit) => limit.name === name)?.value;
  return found?.form === 'action' ? found.action : undefined;
}
