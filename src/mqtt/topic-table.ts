/**
 * From topic bytes to what is known of that topic, so that a topic seen again costs one hash and one comparison instead of a
 * string and whatever was decided about it.
 */

import { DistinctCount } from '../base/distinct-count.ts';

/** A topic that was seen. `Outcome` is for its holder's last decision about it. */
export interface KnownTopic<Outcome> {
  readonly hash: number;
  readonly bytes: Uint8Array;
  readonly topic: string;
  /** What the outcome was decided under; -1 is none. */
  generation: number;
  outcome: Outcome | undefined;
}

/** Up to so many topics, each that is taken in counts as new. */
const COUNTED_MAX = 32;
const SLOTS_MIN = 4;
const SLOTS_MAX = 256;

/** Direct-mapped: a collision replaces, so the size is its ceiling. Begins small, because most clients know few topics. */
export class TopicTable<Outcome> {
  /** Topics taken in, those that were forgotten and came again included; and the last of them. */
  insertions = 0;
  latest: KnownTopic<Outcome> | undefined;
  /** The topic of the last lookup: most clients publish to the same one again and again. */
  recent: KnownTopic<Outcome> | undefined;
  /** The rule of the last scan, which the text of `recent` has passed. */
  #recentIsStrict = false;
  #seen: DistinctCount | undefined;
  #slots: (KnownTopic<Outcome> | undefined)[] = new Array(SLOTS_MIN);
  #evictions = 0;

  /**
   * Whether `bytes[start..end)` is the topic of the last lookup, so that its text needs no check. `isStrict` says which rule it is held
   * to (`rejectControlCharacters`): under another one than last time it has to be checked again.
   */
  repeats(bytes: Uint8Array, start: number, end: number, isStrict: boolean): boolean {
    // First of all: the next lookup is of a topic that was checked under this rule.
    if (isStrict !== this.#recentIsStrict) {
      this.#recentIsStrict = isStrict;
      this.recent = undefined;
    }
    const { recent } = this;
    return recent !== undefined && sameBytes(recent.bytes, bytes, start, end);
  }

  /** The entry for `bytes[start..end)`, made where it is new. INVARIANT: the text has passed the check that `repeats` saves. */
  lookup(bytes: Uint8Array, start: number, end: number): KnownTopic<Outcome> {
    // FNV-1a: short, and good enough where a collision only costs a decision.
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    const at = hash & (this.#slots.length - 1);
    const entry = this.#slots[at];
    if (entry !== undefined && entry.hash === hash && sameBytes(entry.bytes, bytes, start, end)) {
      this.recent = entry;
      return entry;
    }
    return this.#insert(hash, bytes, start, end, entry !== undefined);
  }

  #insert(hash: number, bytes: Uint8Array, start: number, end: number, evicts: boolean): KnownTopic<Outcome> {
    // A copy: a kept slice would pin the whole chunk it was read in.
    const copy = Buffer.from(bytes.subarray(start, end));
    const entry: KnownTopic<Outcome> = {
      hash,
      bytes: copy,
      topic: copy.toString(),
      generation: -1,
      outcome: undefined,
    };
    if (evicts && this.#slots.length < SLOTS_MAX && ++this.#evictions > this.#slots.length) this.#grow();
    this.#slots[hash & (this.#slots.length - 1)] = entry;
    this.latest = entry;
    this.recent = entry;
    if (++this.insertions > COUNTED_MAX) this.#count(entry);
    return entry;
  }

  /** Different topics ever taken in; an estimate once they are many. */
  get distinct(): number {
    return this.#seen?.estimate() ?? this.insertions;
  }

  /** More than a few: from now on only those count that were not seen before. */
  #count(entry: KnownTopic<Outcome>): void {
    if (this.#seen === undefined) {
      this.#seen = new DistinctCount();
      for (const known of this.#slots) if (known !== undefined) this.#seen.add(known.hash);
    }
    this.#seen.add(entry.hash);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array(old.length * 4);
    this.#evictions = 0;
    for (const entry of old) {
      if (entry !== undefined) this.#slots[entry.hash & (this.#slots.length - 1)] = entry;
    }
  }
}

function sameBytes(kept: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (kept.length !== length) return false;
  // From behind: topics of one client begin alike.
  for (let i = length - 1; i >= 0; i--) if (kept[i] !== bytes[start + i]) return false;
  return true;
}
