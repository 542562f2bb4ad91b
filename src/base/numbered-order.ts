/** What has numbers, in their order, so that whoever turns pages goes on where the last one ended without a walk from the start. */

/** Below so many gaps nothing is moved. */
const GAPS_MIN = 1024;

export class NumberedOrder<Item> {
  /** Ascending; a gap keeps its number, so that the search goes on. */
  #numbers: number[] = [];
  #items: (Item | undefined)[] = [];
  #gaps = 0;

  get count(): number {
    return this.#items.length - this.#gaps;
  }

  /** No other has the number. One that is not the highest so far moves those that are higher: they should be few. */
  add(number: number, item: Item): void {
    const last = this.#numbers.at(-1);
    if (last === undefined || number > last) {
      this.#numbers.push(number);
      this.#items.push(item);
      return;
    }
    const at = this.#firstFrom(number);
    this.#numbers.splice(at, 0, number);
    this.#items.splice(at, 0, item);
  }

  /** Without effect where there is none. */
  remove(number: number): void {
    const at = this.#firstFrom(number);
    if (this.#numbers[at] !== number || this.#items[at] === undefined) return;
    this.#items[at] = undefined;
    this.#gaps++;
    // Half of it, at most: each removal pays for two that are moved.
    if (this.#gaps > GAPS_MIN && this.#gaps * 2 > this.#items.length) this.#close();
  }

  #close(): void {
    this.#numbers = this.#numbers.filter((_, at) => this.#items[at] !== undefined);
    this.#items = this.#items.filter((item) => item !== undefined);
    this.#gaps = 0;
  }

  /** Undefined where there is none. */
  get(number: number): Item | undefined {
    const at = this.#firstFrom(number);
    return this.#numbers[at] === number ? this.#items[at] : undefined;
  }

  /** Those whose number is higher; to be read at once, before anything changes. */
  *after(number: number): Generator<Item> {
    const items = this.#items;
    for (let at = this.#firstFrom(number + 1); at < items.length; at++) {
      const item = items[at];
      if (item !== undefined) yield item;
    }
  }

  /** The first place whose number is not lower. */
  #firstFrom(number: number): number {
    let [low, high] = [0, this.#numbers.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
