/** How many different values there were, in 256 bytes: HyperLogLog (Flajolet et al. 2007), good to a twelfth. */

const REGISTERS = 256;
const INDEX_BITS = 8;
/** The correction for this number of registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

export class DistinctCount {
  readonly #registers = new Uint8Array(REGISTERS);
  #isStale = true;
  #estimate = 0;

  /** Counts a value by its hash of 32 bits. */
  add(hash: number): void {
    // The hash may be a short one whose bits are not all as good as each other.
    let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
    const register = mixed & (REGISTERS - 1);
    const rank = Math.clz32(mixed >>> INDEX_BITS) - INDEX_BITS + 1;
    if (rank <= this.#registers[register]!) return;
    this.#registers[register] = rank;
    this.#isStale = true;
  }

  /** Never falls. */
  estimate(): number {
    if (!this.#isStale) return this.#estimate;
    this.#isStale = false;
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    // Few values: how many registers were never met says it better.
    const found = raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw;
    this.#estimate = Math.max(this.#estimate, Math.round(found));
    return this.#estimate;
  }
}
