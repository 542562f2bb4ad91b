/** What one probe of an endpoint may cost it, and us: connections, bytes and seconds. */

export interface BudgetLimits {
  readonly connectionsMax: number;
  readonly bytesMax: number;
}

/** A broker that is asked politely needs far less; one that floods gets no further. */
export const PROBE_LIMITS: BudgetLimits = { connectionsMax: 150, bytesMax: 4 * 1024 * 1024 };

export class ProbeBudget {
  readonly #limits: BudgetLimits;
  #connections = 0;
  #bytes = 0;

  constructor(limits: BudgetLimits = PROBE_LIMITS) {
    this.#limits = limits;
  }

  /** False where there have been enough of them. */
  connect(): boolean {
    return ++this.#connections <= this.#limits.connectionsMax;
  }

  /** False where there has been enough. */
  take(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= this.#limits.bytesMax;
  }
}
