/** A queue in which those who wait take turns by key: whoever sends a thousand waits behind himself, not before others. */
import { Crowding } from './crowding.ts';
import { TwoEndedSet } from './two-ended-set.ts';

/** INVARIANT: whoever has one keeps it bounded, and knows best who is turned away. */
export class FairQueue<Item> {
  /** In the order of turns: the first key is next, and goes to the end when it has had its turn. */
  readonly #lanes = new Map<string, TwoEndedSet<Item>>();
  readonly #crowding = new Crowding();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Items of the key that has most. */
  get most(): number {
    return this.#crowding.most;
  }

  of(key: string): number {
    return this.#crowding.of(key);
  }

  /** An item waits once. */
  push(key: string, item: Item): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      const made = new TwoEndedSet<Item>();
      made.add(item);
      this.#lanes.set(key, made);
    } else lane.add(item);
    this.#crowding.add(key);
    this.#size++;
  }

  /** The longest waiting of the key that has most; it waits on. */
  get oldestOfMost(): Item | undefined {
    return this.#laneOfMost?.oldest;
  }

  /** The one of them that came last. */
  get newestOfMost(): Item | undefined {
    return this.#laneOfMost?.newest;
  }

  get #laneOfMost(): TwoEndedSet<Item> | undefined {
    const { mostCrowded } = this.#crowding;
    return mostCrowded === undefined ? undefined : this.#lanes.get(mostCrowded);
  }

  /**
   * Takes out the longest waiting of the key that has most, so that there is room for one of `key`. Undefined, and nothing is
   * changed, where `key` would then have as many as that one.
   */
  makeRoom(key: string): Item | undefined {
    const crowded = this.#crowding.mostCrowded;
    if (crowded === undefined || this.most < this.of(key) + 2) return undefined;
    const oldest = this.oldestOfMost as Item;
    this.remove(crowded, oldest);
    return oldest;
  }

  /** The longest waiting of the key whose turn it is. */
  shift(): Item | undefined {
    const first = this.#lanes.entries().next().value;
    if (first === undefined) return undefined;
    const [key, lane] = first;
    const item = lane.oldest as Item;
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
