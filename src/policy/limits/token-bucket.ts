/**
 * A token bucket: refilled evenly by monotonic time up to its burst, emptied by what happens. A packet that is larger than the
 * burst passes when the bucket is full, and what it takes beyond is owed before the next one passes.
 */

/** Sums of fractions fall short of whole numbers by less than this. */
const ROUNDING = 1e-6;

export class TokenBucket {
  /** Below 0 where something is owed. */
  level: number;
  ratePerMs: number;
  burst: number;
  #atMs: number;

  /** Begins full. */
  constructor(ratePerMs: number, burst: number, nowMs: number) {
    this.ratePerMs = ratePerMs;
    this.burst = burst;
    this.level = burst;
    this.#atMs = nowMs;
  }

  /** Time that stands still or goes back gives nothing and takes nothing. */
  refill(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = nowMs;
    const level = this.level + passedMs * this.ratePerMs;
    this.level = level > this.burst ? this.burst : level;
  }

  /** As of the last refill. */
  lacks(cost: number): boolean {
    return this.level + ROUNDING < (cost < this.burst ? cost : this.burst);
  }

  /** How long until it no longer lacks, from the last refill on. */
  missingMs(cost: number): number {
    const missing = Math.min(cost, this.burst) - this.level;
    return missing <= ROUNDING ? 0 : missing / this.ratePerMs;
  }

  take(cost: number): void {
    this.level -= cost;
  }

  giveBack(cost: number): void {
    this.level = Math.min(this.burst, this.level + cost);
  }

  /** Goes on at another rate, as full in proportion as it was; what is owed stays owed. */
  retune(ratePerMs: number, burst: number, nowMs: number): void {
    this.refill(nowMs);
    this.level = this.level > 0 ? (this.level / this.burst) * burst : Math.max(this.level, -burst);
    this.ratePerMs = ratePerMs;
    this.burst = burst;
  }
}
