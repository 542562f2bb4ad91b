/** A set that knows its oldest and its newest member, both in constant time. */

/** Stale entries that are worth no sweep. */
const STALE_MAX = 16;

export class TwoEndedSet<Item> {
  /** In the order in which they came. */
  readonly #items = new Set<Item>();
  /** The same, with some that are gone between them: the runtime's set tells only its first. */
  #stack: Item[] = [];

  get size(): number {
    return this.#items.size;
  }

  get oldest(): Item | undefined {
    return this.#items.values().next().value;
  }

  get newest(): Item | undefined {
    const stack = this.#stack;
    while (stack.length > 0 && !this.#items.has(stack.at(-1)!)) stack.pop();
    return stack.at(-1);
  }

  add(item: Item): void {
    this.#items.add(item);
    this.#stack.push(item);
  }

  /** False where it was not there. */
  delete(item: Item): boolean {
    if (!this.#items.delete(item)) return false;
    if (this.#stack.length > 2 * this.#items.size + STALE_MAX) this.#stack = [...this.#items];
    return true;
  }
}
