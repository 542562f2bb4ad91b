/**
 * Where suspects stand: buckets of eight slots, of which a key may stand in two. Grows by linear hashing (Litwin 1980), a bucket at a
 * time, so that there is never a second copy of a table, and nobody waits for the whole of it.
 */

/** Slots of a bucket. A key goes into the emptier one of its two: so nearly all slots fill before a key has to go. */
const BUCKET = 8;
const BUCKET_BITS = 3;
/** Slots of what is allocated at once. */
const SEGMENT = 1024;
const SEGMENT_BITS = 10;
export const SLOTS_MIN = SEGMENT;
/** Share of the slots in use at which another bucket is split. */
const LOAD_MAX = 0.7;
/** Up to this share a key that finds both buckets full sends another one to its other bucket; beyond, there is hardly any room to find. */
const LOAD_DISPLACING_MAX = 0.9;

/** Words of a slot: its key's two halves, and its marks if it has any. */
const WORDS = 2;
const WORDS_MARKED = 4;

interface Segment {
  readonly words: Uint32Array;
  readonly kept: Float64Array;
}

export class SuspectSlots {
  readonly #words: number;
  readonly #slotsMax: number;
  readonly #segments: Segment[] = [];
  /** Buckets when the present round of splitting began, a power of two; of these, those before `#split` have been split. */
  #round = SLOTS_MIN >>> BUCKET_BITS;
  #split = 0;
  /** The bucket that is looked through next for what has decayed. */
  #swept = 0;
  #used = 0;

  /** `slotsMax`: a power of two, of `SLOTS_MIN` or more. */
  constructor(slotsMax: number, isMarked: boolean) {
    this.#words = isMarked ? WORDS_MARKED : WORDS;
    this.#slotsMax = slotsMax;
    this.#allocate();
  }

  get used(): number {
    return this.#used;
  }

  get count(): number {
    return (this.#round + this.#split) << BUCKET_BITS;
  }

  get bytes(): number {
    return this.#segments.length * SEGMENT * (this.#words * 4 + 8);
  }

  /** -1: the key has no slot. */
  find(low: number, high: number): number {
    const found = this.#findIn(this.#bucketOf(low), low, high);
    return found === -1 ? this.#findIn(this.#bucketOf(high), low, high) : found;
  }

  kept(slot: number): number {
    return this.#segments[slot >>> SEGMENT_BITS]!.kept[slot & (SEGMENT - 1)]!;
  }

  keep(slot: number, kept: number): void {
    this.#segments[slot >>> SEGMENT_BITS]!.kept[slot & (SEGMENT - 1)] = kept;
  }

  /** One of the slot's two words of marks. */
  marks(slot: number, word: 0 | 1): number {
    return this.#segments[slot >>> SEGMENT_BITS]!.words[(slot & (SEGMENT - 1)) * WORDS_MARKED + WORDS + word]!;
  }

  setMarks(slot: number, word: 0 | 1, marks: number): void {
    this.#segments[slot >>> SEGMENT_BITS]!.words[(slot & (SEGMENT - 1)) * WORDS_MARKED + WORDS + word] = marks;
  }

  /** INVARIANT: no key is zero, so an untouched slot is an empty one. */
  isEmpty(slot: number): boolean {
    const { words } = this.#segments[slot >>> SEGMENT_BITS]!;
    const at = (slot & (SEGMENT - 1)) * this.#words;
    return words[at] === 0 && words[at + 1] === 0;
  }

  /**
   * A slot for a key that has none, empty or that of the least suspect, which has to go then. What is kept below `forgotten` counts as
   * gone already.
   */
  room(low: number, high: number, forgotten: number): number {
    if (this.#isLoaded) this.#sweep(forgotten);
    if (this.#isLoaded && this.count < this.#slotsMax) this.#grow();
    const one = this.#bucketOf(low);
    const other = this.#bucketOf(high);
    const bucket = this.#usedOf(one) <= this.#usedOf(other) ? one : other;
    const empty = this.#emptyIn(bucket);
    if (empty !== -1) return empty;
    const least = this.#leastOf(one, other);
    if (this.kept(least) < forgotten || this.#used > this.count * LOAD_DISPLACING_MAX) return least;
    let displaced = this.#displace(one);
    if (displaced === -1) displaced = this.#displace(other);
    return displaced === -1 ? least : displaced;
  }

  put(slot: number, low: number, high: number, kept: number): void {
    if (this.isEmpty(slot)) this.#used++;
    const segment = this.#segments[slot >>> SEGMENT_BITS]!;
    const at = slot & (SEGMENT - 1);
    segment.kept[at] = kept;
    segment.words[at * this.#words] = low;
    segment.words[at * this.#words + 1] = high;
    if (this.#words === WORDS_MARKED) segment.words.fill(0, at * WORDS_MARKED + WORDS, (at + 1) * WORDS_MARKED);
  }

  get #isLoaded(): boolean {
    return this.#used >= this.count * LOAD_MAX;
  }

  /** Lets go what has decayed in the next bucket: a table grows only where nearly all are still counted. */
  #sweep(forgotten: number): void {
    const bucket = this.#swept << BUCKET_BITS;
    this.#swept = (this.#swept + 1) % (this.#round + this.#split);
    for (let slot = bucket; slot < bucket + BUCKET; slot++) {
      if (!this.isEmpty(slot) && this.kept(slot) < forgotten) this.#clear(slot);
    }
  }

  #allocate(): void {
    this.#segments.push({ words: new Uint32Array(SEGMENT * this.#words), kept: new Float64Array(SEGMENT) });
  }

  /** The first slot of the bucket that a half of a key leads to. */
  #bucketOf(half: number): number {
    const bucket = (half >>> BUCKET_BITS) & (2 * this.#round - 1);
    return (bucket < this.#round + this.#split ? bucket : bucket - this.#round) << BUCKET_BITS;
  }

  #findIn(bucket: number, low: number, high: number): number {
    const { words } = this.#segments[bucket >>> SEGMENT_BITS]!;
    const step = this.#words;
    let at = (bucket & (SEGMENT - 1)) * step;
    for (let slot = bucket; slot < bucket + BUCKET; slot++, at += step) {
      if (words[at] === low && words[at + 1] === high) return slot;
    }
    return -1;
  }

  /** The last empty slot: of keys that are counted alike the first goes, so whoever came before there was a crowd stays. */
  #emptyIn(bucket: number): number {
    for (let slot = bucket + BUCKET - 1; slot >= bucket; slot--) if (this.isEmpty(slot)) return slot;
    return -1;
  }

  #usedOf(bucket: number): number {
    let used = 0;
    for (let slot = bucket; slot < bucket + BUCKET; slot++) if (!this.isEmpty(slot)) used++;
    return used;
  }

  #leastOf(one: number, other: number): number {
    let least = one;
    for (const bucket of [one, other]) {
      for (let slot = bucket; slot < bucket + BUCKET; slot++) if (this.kept(slot) < this.kept(least)) least = slot;
    }
    return least;
  }

  /** Sends a key of a full bucket to its other bucket, and gives the slot that this leaves. -1: those are full, too. */
  #displace(bucket: number): number {
    for (let slot = bucket; slot < bucket + BUCKET; slot++) {
      const { words } = this.#segments[slot >>> SEGMENT_BITS]!;
      const at = (slot & (SEGMENT - 1)) * this.#words;
      const byLow = this.#bucketOf(words[at]!);
      const to = this.#emptyIn(byLow === bucket ? this.#bucketOf(words[at + 1]!) : byLow);
      if (to === -1) continue;
      this.#move(slot, to);
      return slot;
    }
    return -1;
  }

  /** Splits the next bucket: which of its keys go to the new one is told by one more bit of what led them here. */
  #grow(): void {
    const from = this.#split << BUCKET_BITS;
    const to = (this.#round + this.#split) << BUCKET_BITS;
    if (to >>> SEGMENT_BITS === this.#segments.length) this.#allocate();
    this.#split++;
    for (let i = 0; i < BUCKET; i++) {
      const slot = from + i;
      if (this.isEmpty(slot)) continue;
      const { words } = this.#segments[slot >>> SEGMENT_BITS]!;
      const at = (slot & (SEGMENT - 1)) * this.#words;
      if (this.#bucketOf(words[at]!) !== from && this.#bucketOf(words[at + 1]!) !== from) this.#move(slot, to + i);
    }
    if (this.#split < this.#round) return;
    this.#round *= 2;
    this.#split = 0;
  }

  #clear(slot: number): void {
    this.put(slot, 0, 0, 0);
    this.#used--;
  }

  /** To an empty slot. */
  #move(from: number, to: number): void {
    const source = this.#segments[from >>> SEGMENT_BITS]!;
    const target = this.#segments[to >>> SEGMENT_BITS]!;
    const at = (from & (SEGMENT - 1)) * this.#words;
    const toAt = (to & (SEGMENT - 1)) * this.#words;
    this.put(to, source.words[at]!, source.words[at + 1]!, this.kept(from));
    for (let word = WORDS; word < this.#words; word++) target.words[toAt + word] = source.words[at + word]!;
    this.#clear(from);
  }
}
