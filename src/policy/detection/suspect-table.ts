/**
 * Decaying counts of a great many keys in flat memory: a million attackers cost as much as there is room for, and no more. A key is
 * known by 64 bits of a keyed hash; where its neighbourhood is full, the least suspect makes room.
 */
import type { KeyedHash } from '../../base/keyed-hash.ts';
import { SLOTS_MIN, SuspectSlots } from './suspect-slots.ts';

/** Marks of values that a key was seen with. */
const MARKS = 64;
/** With fewer marks free than this they are cleared, so that more values can be told apart. */
const MARKS_FREE_MIN = 16;
/** A count that has decayed below one sixteenth is forgotten. */
const FORGOTTEN_LOG2 = -4;
/** Counts decay between one and the next: the tenth within a short time is the tenth, although 9.7 are left. */
export function isReached(count: number, threshold: number): boolean {
  return Math.round(count) >= threshold;
}

export interface SuspectTableOptions {
  readonly hash: KeyedHash;
  readonly halfLifeMs: number;
  /** Rounded up to a power of two. */
  readonly keysMax: number;
  /** Whether `addDistinct` is used: it takes half as much memory again. */
  readonly tellsApart?: boolean;
  /** Told when a key that is still counted had to go. */
  readonly onEvict?: () => void;
}

/**
 * A count `c` at time `t` is kept as `log2(c) + t / halfLife`: what it has decayed to is then `2 ** (kept - now / halfLife)`, kept
 * values compare as the counts do, and nothing has to be touched as time goes by.
 */
export class SuspectTable {
  readonly halfLifeMs: number;
  readonly #hash: KeyedHash;
  readonly #onEvict: (() => void) | undefined;
  readonly #slots: SuspectSlots;
  /** The clock never goes back; should it, time stands still here. */
  #nowMs = 0;

  constructor(options: SuspectTableOptions) {
    this.halfLifeMs = options.halfLifeMs;
    this.#hash = options.hash;
    this.#onEvict = options.onEvict;
    const slotsMax = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(options.keysMax)));
    this.#slots = new SuspectSlots(slotsMax, options.tellsApart ?? false);
  }

  /** Keys held, decayed or not. */
  get size(): number {
    return this.#slots.used;
  }

  get bytes(): number {
    return this.#slots.bytes;
  }

  /** Counts `weight` more for a key, and tells its count. */
  add(key: string, weight: number, nowMs: number): number {
    const decayed = this.#decay(nowMs);
    return this.#raise(this.#slotOf(key, decayed), weight, decayed);
  }

  /**
   * Counts a value that the key was not seen with lately, and tells how many there were: an estimate, good to a tenth. A value that is
   * seen again counts nothing.
   */
  addDistinct(key: string, value: string, nowMs: number): number {
    const decayed = this.#decay(nowMs);
    const slot = this.#slotOf(key, decayed);
    const slots = this.#slots;
    this.#hash.of(value);
    const bit = this.#hash.low & (MARKS - 1);
    const word = bit < 32 ? 0 : 1;
    const mask = 1 << (bit & 31);
    if (slots.kept(slot) - decayed < FORGOTTEN_LOG2) this.#clearMarks(slot);
    if ((slots.marks(slot, word) & mask) !== 0) return 2 ** (slots.kept(slot) - decayed);
    const free = MARKS - bitsOf(slots.marks(slot, 0)) - bitsOf(slots.marks(slot, 1));
    if (free <= MARKS_FREE_MIN) this.#clearMarks(slot);
    slots.setMarks(slot, word, slots.marks(slot, word) | mask);
    // The fuller the marks, the more new values fall on one that is taken: each that does not stands for those too.
    return this.#raise(slot, MARKS / free, decayed);
  }

  /** What a key's count has decayed to. */
  count(key: string, nowMs: number): number {
    const decayed = this.#decay(nowMs);
    this.#hash.of(key);
    const { high } = this.#hash;
    const slot = this.#slots.find(this.#hash.low === 0 ? 1 : this.#hash.low, high);
    return slot === -1 ? 0 : 2 ** (this.#slots.kept(slot) - decayed);
  }

  #clearMarks(slot: number): void {
    this.#slots.setMarks(slot, 0, 0);
    this.#slots.setMarks(slot, 1, 0);
  }

  #decay(nowMs: number): number {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    return this.#nowMs / this.halfLifeMs;
  }

  #raise(slot: number, weight: number, decayed: number): number {
    const count = 2 ** (this.#slots.kept(slot) - decayed) + weight;
    this.#slots.keep(slot, Math.log2(count) + decayed);
    return count;
  }

  /** The key's slot, taken for it where it had none. */
  #slotOf(key: string, decayed: number): number {
    this.#hash.of(key);
    const { high } = this.#hash;
    const low = this.#hash.low === 0 ? 1 : this.#hash.low;
    const known = this.#slots.find(low, high);
    if (known !== -1) return known;
    const slot = this.#slots.room(low, high, decayed + FORGOTTEN_LOG2);
    if (!this.#slots.isEmpty(slot) && this.#slots.kept(slot) - decayed > FORGOTTEN_LOG2) this.#onEvict?.();
    this.#slots.put(slot, low, high, Number.NEGATIVE_INFINITY);
    return slot;
  }
}

function bitsOf(word: number): number {
  let rest = word - ((word >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
