/** A bounded queue in which those who wait take turns by key: whoever sends a thousand waits behind himself, not before others. */
import { Crowding } from './crowding.ts';

export interface FairQueueOptions {
  /** Items of all keys together. */
  itemsMax: number;
  perKeyMax: number;
}

export class FairQueue<Item> {
  options: FairQueueOptions;
  /** In the order of turns: the first key is next, and goes to the end when it has had its turn. */
  readonly #lanes = new Map<string, Set<Item>>();
  readonly #crowding = new Crowding();
  #size = 0;

  constructor(options: FairQueueOptions) {
    this.options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** False where there is no room, for this key or for any. An item waits once. */
  push(key: string, item: Item): boolean {
    const lane = this.#lanes.get(key);
    if (this.#size >= this.options.itemsMax || (lane?.size ?? 0) >= this.options.perKeyMax) return false;
    if (lane === undefined) this.#lanes.set(key, new Set([item]));
    else lane.add(item);
    this.#crowding.add(key);
    this.#size++;
    return true;
  }

  /**
   * Where the queue is full: takes out the longest waiting of the key that has most, so that there is room for one of `key`.
   * Undefined, and nothing is changed, where `key` would then have as many as that one.
   */
  makeRoom(key: string): Item | undefined {
    if (this.#size < this.options.itemsMax || this.#crowding.most < this.#crowding.of(key) + 2) return undefined;
    const crowded = this.#crowding.mostCrowded!;
    const oldest = this.#lanes.get(crowded)?.values().next().value as Item;
    this.remove(crowded, oldest);
    return oldest;
  }

  /** The longest waiting of the key whose turn it is. */
  shift(): Item | undefined {
    const first = this.#lanes.entries().next().value;
    if (first === undefined) return undefined;
    const [key, lane] = first;
    const item = lane.values().next().value as Item;
    lane.delete(item);
    this.#crowding.remove(key);
    this.#size--;
    this.#lanes.delete(key);
    if (lane.size > 0) this.#lanes.set(key, lane);
    return item;
  }

  /** It waits no longer; false where it did not. */
  remove(key: string, item: Item): boolean {
    const lane = this.#lanes.get(key);
    if (lane?.delete(item) !== true) return false;
    this.#crowding.remove(key);
    this.#size--;
    if (lane.size === 0) this.#lanes.delete(key);
    return true;
  }
}
