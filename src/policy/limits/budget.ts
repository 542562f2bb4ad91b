/**
 * One limit of one scope: its buckets, one for each window, and the connections that wait for them in turn.
 *
 * Charging costs a few operations on numbers. Whoever has to wait is woken by the budget's own timer, first come first served,
 * so that ten thousand connections behind one limit are one timer.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { ExcessAction, RateName, Scope } from './limit-name.ts';
import { formOf } from './limit-name.ts';
import type { Limit, RateWindow } from './limit-value.ts';
import { TokenBucket } from './token-bucket.ts';

/** A connection that has stopped. */
export interface Waiter {
  /** Go on; takes what it can within the call. */
  resume(): void;
}

/** Waking for less than this would cost more than it lets through. */
const WAKE_MIN_MS = 20;

export class Budget {
  readonly name: RateName;
  readonly scope: Scope;
  /** Whose it is, such as a user's name; empty for `global`. */
  readonly key: string;
  readonly isBytes: boolean;
  /** What becomes of a packet that is too much. */
  action: ExcessAction;
  limit: Limit;
  /** What was asked of it since the last look, permitted or not: what shares among processes are measured by. */
  wanted = 0;
  readonly #clock: Clock;
  #buckets: TokenBucket[];
  #windows: readonly RateWindow[];
  /** What of the written rate is this process's, or is left under load. */
  #factor: number;
  #waiters: Map<Waiter, number> | undefined;
  #timer: Timer | undefined;
  /** It is the turn of one that has waited. */
  #serving = false;

  constructor(scope: Scope, key: string, limit: Limit, action: ExcessAction, clock: Clock, factor = 1) {
    this.scope = scope;
    this.key = key;
    this.limit = limit;
    this.name = limit.name as RateName;
    this.action = action;
    this.isBytes = isBytes(this.name);
    this.#clock = clock;
    this.#factor = factor;
    this.#windows = windowsOf(limit);
    const nowMs = clock.nowMs();
    this.#buckets = this.#windows.map((window) => this.#bucket(window, nowMs));
  }

  #bucket(window: RateWindow, nowMs: number): TokenBucket {
    return new TokenBucket(this.#rate(window), this.#burst(window), nowMs);
  }

  #rate({ amount, windowMs }: RateWindow): number {
    return (amount / windowMs) * this.#factor;
  }

  /** A share of a small burst is still one message. */
  #burst({ burst }: RateWindow): number {
    return Math.max(burst * this.#factor, Math.min(burst, this.isBytes ? 64 : 1));
  }

  /** Whether it cannot pay now. While others wait, whoever comes anew is behind them. */
  lacks(cost: number, nowMs: number): boolean {
    if (this.#waiters !== undefined && this.#waiters.size > 0 && !this.#serving) return true;
    for (const bucket of this.#buckets) {
      bucket.refill(nowMs);
      if (bucket.lacks(cost)) return true;
    }
    return false;
  }

  take(cost: number): void {
    this.wanted += cost;
    for (const bucket of this.#buckets) bucket.take(cost);
  }

  giveBack(cost: number): void {
    this.wanted -= cost;
    for (const bucket of this.#buckets) bucket.giveBack(cost);
  }

  /** Takes it whether it is there or not; true when something is owed afterwards. */
  owes(cost: number, nowMs: number): boolean {
    let isOwing = false;
    this.wanted += cost;
    for (const bucket of this.#buckets) {
      bucket.refill(nowMs);
      bucket.take(cost);
      if (bucket.level < 0) isOwing = true;
    }
    return isOwing;
  }

  missingMs(cost: number): number {
    let longestMs = 0;
    for (const bucket of this.#buckets) longestMs = Math.max(longestMs, bucket.missingMs(cost));
    return longestMs;
  }

  /** Nothing was taken that has not come back: it says no more than a new one. */
  isFull(nowMs: number): boolean {
    for (const bucket of this.#buckets) {
      bucket.refill(nowMs);
      if (bucket.level < bucket.burst) return false;
    }
    return true;
  }

  /** Level and burst of each window, for people. */
  levels(nowMs: number): { readonly level: number; readonly burst: number; readonly perMs: number }[] {
    return this.#buckets.map((bucket) => {
      bucket.refill(nowMs);
      return { level: bucket.level, burst: bucket.burst, perMs: bucket.ratePerMs };
    });
  }

  /** Where it is running out: what was asked since the last call, and who waits, as a part of its whole rate; else 0. */
  demand(nowMs: number): number {
    const { wanted } = this;
    this.wanted = 0;
    const isNear = this.waiting > 0 || this.levels(nowMs).some(({ level, burst }) => level < burst / 2);
    const [window] = this.#windows;
    if (!isNear || window === undefined) return 0;
    return (wanted / window.amount) * (window.windowMs / 1000) + this.waiting;
  }

  // --- waiting ---

  get waiting(): number {
    return this.#waiters?.size ?? 0;
  }

  /** Will be resumed when `cost` can be paid, after those that wait already. */
  wait(waiter: Waiter, cost: number): void {
    this.#waiters ??= new Map();
    this.#waiters.set(waiter, cost);
    if (this.#timer === undefined) this.#arm();
  }

  forget(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
    if (this.#waiters?.size === 0) this.#disarm();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const [cost = 0] = this.#waiters?.values() ?? [];
    const nowMs = this.#clock.nowMs();
    let delayMs = 1;
    for (const bucket of this.#buckets) {
      bucket.refill(nowMs);
      // Half a burst at most: what comes while the bucket is full is lost.
      const halfMs = (bucket.burst / 2 - bucket.level) / bucket.ratePerMs;
      delayMs = Math.max(delayMs, bucket.missingMs(cost), Math.min(WAKE_MIN_MS, halfMs));
    }
    this.#timer = this.#clock.after(delayMs, () => this.#serve());
  }

  #serve(): void {
    this.#timer = undefined;
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    // Whoever is not content with its turn waits again, behind those that are here now.
    for (let left = waiters.size; left > 0; left--) {
      const [waiter, cost] = waiters.entries().next().value ?? [];
      if (waiter === undefined || cost === undefined) break;
      this.#serving = true;
      const isShort = this.lacks(cost, this.#clock.nowMs());
      if (!isShort) {
        waiters.delete(waiter);
        waiter.resume();
      }
      this.#serving = false;
      if (isShort) break;
    }
    if (waiters.size > 0 && this.#timer === undefined) this.#arm();
  }

  // --- change ---

  /** Goes on under another value, as full as it was. */
  change(limit: Limit, action: ExcessAction): void {
    this.action = action;
    if (limit === this.limit) return;
    this.limit = limit;
    const windows = windowsOf(limit);
    const nowMs = this.#clock.nowMs();
    const before = this.#buckets;
    this.#windows = windows;
    this.#buckets = windows.map((window, i) => {
      const bucket = before[i];
      if (bucket === undefined) return this.#bucket(window, nowMs);
      bucket.retune(this.#rate(window), this.#burst(window), nowMs);
      return bucket;
    });
    this.#rearm();
  }

  get factor(): number {
    return this.#factor;
  }

  set factor(factor: number) {
    if (factor === this.#factor) return;
    this.#factor = factor;
    const nowMs = this.#clock.nowMs();
    for (const [i, window] of this.#windows.entries()) {
      this.#buckets[i]?.retune(this.#rate(window), this.#burst(window), nowMs);
    }
    this.#rearm();
  }

  #rearm(): void {
    if (this.#timer === undefined) return;
    this.#disarm();
    this.#arm();
  }

  /** It is no more: nobody waits for what does not limit. */
  dissolve(): void {
    this.#disarm();
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const waiter of waiters?.keys() ?? []) waiter.resume();
  }
}

function windowsOf({ value }: Limit): readonly RateWindow[] {
  return value.form === 'rate' ? value.windows : [];
}

function isBytes(name: RateName): boolean {
  const form = formOf(name);
  return form.form === 'rate' && form.bytes;
}
