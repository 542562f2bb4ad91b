/** Limits that an operator, or a response to an attack, has set for now: they replace what their scope has otherwise, and expire. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { LimitName } from './limit-name.ts';
import { scopeKey, type Target } from './limit-rules.ts';
import type { Limit } from './limit-value.ts';
import { targetText } from './target.ts';

export interface Override {
  readonly target: Target;
  readonly limit: Limit;
  /** Monotonic; infinite where it lasts until somebody takes it back, or the gateway ends. */
  readonly untilMs: number;
}

const OVERRIDES_MAX = 10_000;

export class Overrides {
  readonly #clock: Clock;
  readonly #onExpired: (expired: readonly Override[]) => void;
  /** By target, then by name. */
  readonly #all = new Map<string, Map<LimitName, Override>>();
  #count = 0;
  #timer: Timer | undefined;
  /** When the timer looks; nothing expires before. */
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onExpired: (expired: readonly Override[]) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#count;
  }

  /** False where there are as many as there may be. */
  set(override: Override): boolean {
    const key = keyOf(override.target);
    let ofTarget = this.#all.get(key);
    const isNew = ofTarget?.has(override.limit.name) !== true;
    if (isNew && this.#count >= OVERRIDES_MAX) return false;
    if (ofTarget === undefined) {
      ofTarget = new Map();
      this.#all.set(key, ofTarget);
    }
    ofTarget.set(override.limit.name, override);
    if (isNew) this.#count++;
    if (override.untilMs < this.#dueMs) this.#arm(override.untilMs);
    return true;
  }

  /** Takes back one, or all of a target; how many there were. */
  unset(target: Target, name?: LimitName): number {
    const key = keyOf(target);
    const ofTarget = this.#all.get(key);
    if (ofTarget === undefined) return 0;
    let gone = 0;
    if (name === undefined) {
      gone = ofTarget.size;
      ofTarget.clear();
    } else if (ofTarget.delete(name)) gone = 1;
    if (ofTarget.size === 0) this.#all.delete(key);
    this.#count -= gone;
    return gone;
  }

  of(target: Target): ReadonlyMap<LimitName, Override> | undefined {
    return this.#all.get(keyOf(target));
  }

  list(): Override[] {
    return [...this.#all.values()].flatMap((ofTarget) => [...ofTarget.values()]);
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.nowMs()), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.#clock.nowMs();
    const expired = this.list().filter(({ untilMs }) => untilMs <= nowMs);
    for (const { target, limit } of expired) this.unset(target, limit.name);
    this.#arm(this.list().reduce((dueMs, { untilMs }) => Math.min(dueMs, untilMs), Number.POSITIVE_INFINITY));
    if (expired.length > 0) this.#onExpired(expired);
  }

  close(): void {
    this.#timer?.cancel();
  }
}

function keyOf(target: Target): string {
  return target.key === undefined ? targetText(target) : scopeKey(target.scope, target.key);
}
