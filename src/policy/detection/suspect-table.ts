/**
 * Decaying counts of a great many keys in flat memory: a million attackers cost as much as there is room for, and no more. A key is
 * known by 64 bits of a keyed hash; where its neighbourhood is full, the least suspect makes room.
 */
import type { KeyedHash } from '../../base/keyed-hash.ts';

/** Slots of a bucket. A key stands in one of two buckets, the emptier one: so nearly all slots fill before a key has to go. */
const BUCKET = 8;
const SLOTS_MIN = 1024;
/** Share of the slots in use at which a table grows. */
const LOAD_MAX = 0.7;
/** Marks of values that a key was seen with. */
const MARKS = 64;
/** With fewer marks free than this they are cleared, so that more values can be told apart. */
const MARKS_FREE_MIN = 16;
/** A count that has decayed below one sixteenth is forgotten. */
const FORGOTTEN_LOG2 = -4;
/** Slots that move with each call while a table grows: nobody waits for all of them at once. */
const MOVED_AT_ONCE = 64;

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

/** The slots of one size: by place, key, count and marks. */
class Slots {
  readonly count: number;
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
  readonly kept: Float64Array;
  readonly marks: Uint32Array;

  constructor(count: number, tellsApart: boolean) {
    this.count = count;
    this.lows = new Uint32Array(count);
    this.highs = new Uint32Array(count);
    this.kept = new Float64Array(count);
    this.marks = new Uint32Array(tellsApart ? count * 2 : 0);
  }

  /** INVARIANT: no key is zero, so an untouched slot is an empty one. */
  isEmpty(slot: number): boolean {
    return this.lows[slot] === 0 && this.highs[slot] === 0;
  }

  find(low: number, high: number): number {
    for (let half = 0; half < 2; half++) {
      const bucket = this.#bucketOf(half === 0 ? low : high);
      for (let slot = bucket; slot < bucket + BUCKET; slot++) {
        if (this.lows[slot] === low && this.highs[slot] === high) return slot;
      }
    }
    return -1;
  }

  #bucketOf(half: number): number {
    return half & (this.count - 1) & -BUCKET;
  }

  /** An empty slot, or that of the least suspect. */
  room(low: number, high: number): number {
    let least = this.#bucketOf(low);
    let empty = -1;
    let emptiest = 0;
    for (let half = 0; half < 2; half++) {
      const bucket = this.#bucketOf(half === 0 ? low : high);
      let free = 0;
      let lastFree = -1;
      for (let slot = bucket; slot < bucket + BUCKET; slot++) {
        if (this.isEmpty(slot)) {
          free++;
          lastFree = slot;
        } else if (this.kept[slot]! < this.kept[least]!) least = slot;
      }
      if (free > emptiest) {
        emptiest = free;
        empty = lastFree;
      }
    }
    return empty === -1 ? least : empty;
  }

  put(slot: number, low: number, high: number, kept: number): void {
    this.lows[slot] = low;
    this.highs[slot] = high;
    this.kept[slot] = kept;
    this.clearMarks(slot);
  }

  clear(slot: number): void {
    this.put(slot, 0, 0, 0);
  }

  clearMarks(slot: number): void {
    if (this.marks.length > 0) this.marks.fill(0, 2 * slot, 2 * slot + 2);
  }

  get bytes(): number {
    return this.lows.byteLength + this.highs.byteLength + this.kept.byteLength + this.marks.byteLength;
  }
}

/**
 * A count `c` at time `t` is kept as `log2(c) + t / halfLife`: what it has decayed to is then `2 ** (kept - now / halfLife)`, kept
 * values compare as the counts do, and nothing has to be touched as time goes by.
 */
export class SuspectTable {
  readonly halfLifeMs: number;
  readonly #hash: KeyedHash;
  readonly #slotsMax: number;
  readonly #tellsApart: boolean;
  readonly #onEvict: (() => void) | undefined;
  #slots: Slots;
  /** What a table that has grown held before, from `#moved` on. */
  #old: Slots | undefined;
  #moved = 0;
  #used = 0;
  /** The clock never goes back; should it, time stands still here. */
  #nowMs = 0;

  constructor(options: SuspectTableOptions) {
    this.halfLifeMs = options.halfLifeMs;
    this.#hash = options.hash;
    this.#slotsMax = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(options.keysMax)));
    this.#tellsApart = options.tellsApart ?? false;
    this.#onEvict = options.onEvict;
    this.#slots = new Slots(SLOTS_MIN, this.#tellsApart);
  }

  /** Keys held, decayed or not. */
  get size(): number {
    return this.#used;
  }

  get bytes(): number {
    return this.#slots.bytes + (this.#old?.bytes ?? 0);
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
    const word = 2 * slot + (bit >>> 5);
    const mask = 1 << (bit & 31);
    if (slots.kept[slot]! - decayed < FORGOTTEN_LOG2) slots.clearMarks(slot);
    if ((slots.marks[word]! & mask) !== 0) return 2 ** (slots.kept[slot]! - decayed);
    const free = MARKS - bitsOf(slots.marks[2 * slot]!) - bitsOf(slots.marks[2 * slot + 1]!);
    if (free <= MARKS_FREE_MIN) slots.clearMarks(slot);
    slots.marks[word]! |= mask;
    // The fuller the marks, the more new values fall on one that is taken: each that does not stands for those too.
    return this.#raise(slot, MARKS / free, decayed);
  }

  /** What a key's count has decayed to. */
  count(key: string, nowMs: number): number {
    const decayed = this.#decay(nowMs);
    this.#hash.of(key);
    const { high } = this.#hash;
    const low = this.#hash.low === 0 ? 1 : this.#hash.low;
    for (const slots of [this.#slots, this.#old]) {
      const slot = slots?.find(low, high) ?? -1;
      if (slot !== -1) return 2 ** (slots!.kept[slot]! - decayed);
    }
    return 0;
  }

  #decay(nowMs: number): number {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    return this.#nowMs / this.halfLifeMs;
  }

  #raise(slot: number, weight: number, decayed: number): number {
    const count = 2 ** (this.#slots.kept[slot]! - decayed) + weight;
    this.#slots.kept[slot] = Math.log2(count) + decayed;
    return count;
  }

  /** The key's slot, taken for it where it had none. */
  #slotOf(key: string, decayed: number): number {
    this.#hash.of(key);
    const { high } = this.#hash;
    const low = this.#hash.low === 0 ? 1 : this.#hash.low;
    if (this.#old !== undefined) this.#moveSome(this.#old, decayed);
    const known = this.#slots.find(low, high);
    if (known !== -1) return known;
    const before = this.#old?.find(low, high) ?? -1;
    if (before !== -1) return this.#move(this.#old!, before, decayed);
    if (this.#used >= this.#slots.count * LOAD_MAX) this.#grow();
    return this.#take(low, high, Number.NEGATIVE_INFINITY, decayed);
  }

  #take(low: number, high: number, kept: number, decayed: number): number {
    const slots = this.#slots;
    const slot = slots.room(low, high);
    if (slots.isEmpty(slot)) this.#used++;
    else if (slots.kept[slot]! - decayed > FORGOTTEN_LOG2) this.#onEvict?.();
    slots.put(slot, low, high, kept);
    return slot;
  }

  #grow(): void {
    if (this.#old !== undefined || this.#slots.count >= this.#slotsMax) return;
    this.#old = this.#slots;
    this.#moved = 0;
    this.#slots = new Slots(this.#old.count * 2, this.#tellsApart);
    this.#used = 0;
  }

  #moveSome(old: Slots, decayed: number): void {
    const until = Math.min(old.count, this.#moved + MOVED_AT_ONCE);
    for (; this.#moved < until; this.#moved++) {
      if (!old.isEmpty(this.#moved)) this.#move(old, this.#moved, decayed);
    }
    if (until === old.count) this.#old = undefined;
  }

  #move(old: Slots, from: number, decayed: number): number {
    const slot = this.#take(old.lows[from]!, old.highs[from]!, old.kept[from]!, decayed);
    if (this.#tellsApart) this.#slots.marks.set(old.marks.subarray(2 * from, 2 * from + 2), 2 * slot);
    old.clear(from);
    return slot;
  }
}

function bitsOf(word: number): number {
  let rest = word - ((word >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
