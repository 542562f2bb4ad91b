/** A first-in, first-out queue in a ring that grows and is used again: an item costs no allocation, and both ends cost O(1). */

const CAPACITY_START = 4;
/** A ring beyond this is given back when the queue has run empty. */
const CAPACITY_KEPT = 64;

export class Fifo<T> {
  /** Its length is a power of two, or zero before the first item. */
  #ring: (T | undefined)[] = [];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item;
    this.#length++;
  }

  #grow(): void {
    const items: (T | undefined)[] = [...this];
    while (items.length < Math.max(CAPACITY_START, this.#length * 2)) items.push(undefined);
    this.#ring = items;
    this.#head = 0;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    // What has been taken out is not kept alive.
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    if (this.#length === 0 && this.#ring.length > CAPACITY_KEPT) this.clear();
    return item;
  }

  clear(): void {
    this.#ring = [];
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)]!;
  }
}
