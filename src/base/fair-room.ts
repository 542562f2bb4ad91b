/**
 * A bounded room for those who come faster than they are served. One key may fill it while nobody else comes; in a full room the most
 * crowded key gives way, newest first, so that no crowd keeps others out. Known ones have three quarters of the room where it comes to
 * that, and three of four turns; strangers have the rest, so that neither starves.
 */
import { FairQueue } from './fair-queue.ts';

export interface Guest {
  /** On whose account it waits. */
  readonly key: string;
  readonly isKnown: boolean;
  /** Costs a fraction of what others cost: three of four turns are for such. */
  readonly isQuick: boolean;
  /** It has had to give way, and is in the room no longer. */
  drop(): void;
}

export interface FairRoomOptions {
  guestsMax: number;
  /** Where all places are taken and no key has more than another: who goes. Default: whoever comes is turned away. */
  readonly whenEven?: 'newcomer' | 'oldest';
}

const KNOWN_SHARE = 0.75;
/** Turns of those who go first, while others wait as well. */
const IN_A_ROW_MAX = 3;

export class FairRoom<Item extends Guest> {
  guestsMax: number;
  readonly #evictsOldest: boolean;
  readonly #known = new Side<Item>();
  readonly #strangers = new Side<Item>();
  readonly #turns = new Turns();

  constructor({ guestsMax, whenEven }: FairRoomOptions) {
    this.guestsMax = guestsMax;
    this.#evictsOldest = whenEven === 'oldest';
  }

  get size(): number {
    return this.#known.size + this.#strangers.size;
  }

  of(key: string): number {
    return this.#known.of(key) + this.#strangers.of(key);
  }

  /** False where it may not come in. Whoever gives way for it is told. */
  push(item: Item): boolean {
    // Where the ceiling was lowered there may be more than it has room for, and they stay.
    if (this.size > this.guestsMax || (this.size === this.guestsMax && !this.#makeRoom(item))) return false;
    this.#sideOf(item).push(item);
    return true;
  }

  remove(item: Item): boolean {
    return this.#sideOf(item).remove(item);
  }

  /** Whose turn it is. */
  shift(): Item | undefined {
    const first = this.#turns.isFirst(this.#known.size, this.#strangers.size);
    return (first ? this.#known : this.#strangers).shift();
  }

  shiftKnown(): Item | undefined {
    return this.#known.shift();
  }

  /** Of the key that has most in the room, if that is more than `key` would have with one more: its newest. Strangers come first. */
  crowderFor(key: string): Item | undefined {
    const own = this.of(key);
    for (const side of [this.#strangers, this.#known]) {
      if (side.most >= own + 2) return side.newestOfMost;
    }
    return undefined;
  }

  #sideOf({ isKnown }: Guest): Side<Item> {
    return isKnown ? this.#known : this.#strangers;
  }

  #makeRoom(item: Item): boolean {
    const knownMin = Math.ceil(this.guestsMax * KNOWN_SHARE);
    const ownMin = item.isKnown ? knownMin : this.guestsMax - knownMin;
    const [own, other] = item.isKnown ? [this.#known, this.#strangers] : [this.#strangers, this.#known];
    // Others have spread over what is ours.
    if (own.size < ownMin && other.size > 0) return this.#evict(other.newestOfMost);
    const present = own.of(item.key);
    if (own.most >= present + 2) return this.#evict(own.newestOfMost);
    if (this.#evictsOldest && present === 0) return this.#evict(own.oldestOfMost);
    return false;
  }

  #evict(item: Item | undefined): boolean {
    if (item === undefined || !this.remove(item)) return false;
    item.drop();
    return this.size < this.guestsMax;
  }
}

/** The known ones, or the strangers. */
class Side<Item extends Guest> {
  readonly #quick = new FairQueue<Item>();
  readonly #others = new FairQueue<Item>();
  readonly #turns = new Turns();

  get size(): number {
    return this.#quick.size + this.#others.size;
  }

  get most(): number {
    return this.#crowded.most;
  }

  get newestOfMost(): Item | undefined {
    return this.#crowded.newestOfMost;
  }

  get oldestOfMost(): Item | undefined {
    return this.#crowded.oldestOfMost;
  }

  get #crowded(): FairQueue<Item> {
    return this.#quick.most > this.#others.most ? this.#quick : this.#others;
  }

  of(key: string): number {
    return this.#quick.of(key) + this.#others.of(key);
  }

  push(item: Item): void {
    this.#queueOf(item).push(item.key, item);
  }

  remove(item: Item): boolean {
    return this.#queueOf(item).remove(item.key, item);
  }

  shift(): Item | undefined {
    const first = this.#turns.isFirst(this.#quick.size, this.#others.size);
    return (first ? this.#quick : this.#others).shift();
  }

  #queueOf({ isQuick }: Guest): FairQueue<Item> {
    return isQuick ? this.#quick : this.#others;
  }
}

/** Whose turn it is of two queues of which one goes first, but not for ever. */
class Turns {
  #inARow = 0;

  /** By how many wait in each. */
  isFirst(first: number, second: number): boolean {
    if (second === 0) this.#inARow = 0;
    const isFirst = first > 0 && this.#inARow < IN_A_ROW_MAX;
    this.#inARow = isFirst && second > 0 ? this.#inARow + 1 : 0;
    return isFirst;
  }
}
