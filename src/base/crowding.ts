/** Counts by key, and which key counts most, in constant time: whoever finds out at a flood must not walk through all that is there. */
export class Crowding {
  readonly #countOf = new Map<string, number>();
  /** At each count the keys that have it, the first to reach it first. */
  readonly #keysAt: (Set<string> | undefined)[] = [];
  #most = 0;

  /** The highest count of any key. */
  get most(): number {
    return this.#most;
  }

  /** A key that has the highest count; undefined where nothing counts. */
  get mostCrowded(): string | undefined {
    return this.#keysAt[this.#most]?.values().next().value;
  }

  of(key: string): number {
    return this.#countOf.get(key) ?? 0;
  }

  add(key: string): void {
    const count = this.of(key) + 1;
    this.#move(key, count - 1, count);
    if (count > this.#most) this.#most = count;
  }

  /** One less; the key counts at least one. */
  remove(key: string): void {
    const count = this.of(key) - 1;
    this.#move(key, count + 1, count);
    // One step is enough: the key itself is at the count below.
    if (this.#keysAt[this.#most] === undefined) this.#most--;
  }

  #move(key: string, from: number, to: number): void {
    const left = this.#keysAt[from];
    left?.delete(key);
    if (left?.size === 0) this.#keysAt[from] = undefined;
    if (to === 0) {
      this.#countOf.delete(key);
      return;
    }
    this.#countOf.set(key, to);
    const joined = this.#keysAt[to];
    if (joined === undefined) this.#keysAt[to] = new Set([key]);
    else joined.add(key);
  }
}
