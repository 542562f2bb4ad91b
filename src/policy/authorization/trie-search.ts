/**
 * Finds what a trie grants to one client on one topic or filter, in as many steps as the topic has levels. Nothing is allocated:
 * the levels are hashed where they stand, and what was found stays in the search until the next one.
 */
import { PATTERN_LEVELS_MAX } from './topic-pattern.ts';
import {
  Bucket,
  Edge,
  hashLevel,
  hashTemplate,
  Kin,
  MaskBit,
  Node,
  NodeFlag,
  PLUS_LABEL,
  SetHead,
  SetWord,
  slotOf,
  TEMPLATE_LABEL,
  type TrieImage,
} from './trie-image.ts';

/** No grant: larger than every line number. */
export const NO_LINE = 0x3fff_ffff;

const DOLLAR = 0x24;
const PLUS = 0x2b;
const HASH = 0x23;

/** A filter of many `+` could walk a whole trie; beyond this many nodes the search is given up. */
const VISITS_MAX = 10_000;

/** The roles that a client has, as bits and as a list of the words that are not zero. */
export interface HeldRoles {
  readonly words: Uint32Array;
  readonly wordIndexes: readonly number[];
}

/** What the levels with placeholders stand for with one client. */
export interface Expansions {
  /** By template; undefined where the client lacks an attribute, or has one that is not fit for a topic. */
  readonly levels: readonly (string | undefined)[];
  /** By hash of the level, the templates that stand for a level with this hash. */
  readonly byHash: ReadonlyMap<number, readonly number[]>;
}

/** As keys of a map, hashes are whole numbers that need no memory of their own. */
export function expansionKey(levelHash: number): number {
  return levelHash & 0x3fff_ffff;
}

/** A grant that applies only under a condition. */
export interface ConditionalHit {
  readonly condition: number;
  readonly line: number;
  readonly isDeny: boolean;
}

/** Tells of a condition whether it never holds for this client, always, or depending on more. */
export const Holds = { NEVER: 0, ALWAYS: 1, DEPENDS: 2 } as const;
export type Holds = (typeof Holds)[keyof typeof Holds];
export type StateOf = (condition: number, isDeny: boolean) => Holds;

export class TrieSearch {
  /** First line that denies without a condition, or NO_LINE. */
  denyLine = NO_LINE;
  /** First line that allows without a condition, or NO_LINE. */
  allowLine = NO_LINE;
  /** Grants whose conditions depend on more than the client. */
  readonly conditional: ConditionalHit[] = [];
  /** The walk was given up: the filter reaches too many branches. */
  isExhausted = false;

  #image!: TrieImage;
  #held!: HeldRoles;
  #expansions: Expansions | undefined;
  #stateOf!: StateOf;
  #action = 0;
  #text = '';
  #visitsLeft = 0;
  /** Levels of the text, at most one more than the trie is deep. */
  #levels = 0;
  readonly #starts = new Int32Array(PATTERN_LEVELS_MAX + 3);
  readonly #ends = new Int32Array(PATTERN_LEVELS_MAX + 3);
  readonly #hashes = new Int32Array(PATTERN_LEVELS_MAX + 3);

  /** Forgets what was found, and names for whom the next searches are. */
  start(held: HeldRoles, expansions: Expansions | undefined, stateOf: StateOf): void {
    this.denyLine = NO_LINE;
    this.allowLine = NO_LINE;
    if (this.conditional.length > 0) this.conditional.length = 0;
    this.isExhausted = false;
    this.#held = held;
    this.#expansions = expansions;
    this.#stateOf = stateOf;
  }

  /**
   * Finds the grants of an action that match a topic name, or that hold every topic of a filter; a filter has been spelt out.
   * Names and filters walk alike: a literal level of either is matched by itself and by `+`, and the `+` of a filter only by
   * `+`. A `#` that ends a filter stands for any number of levels, so that only a grant's own `#` at the same place or before
   * holds it all.
   */
  match(image: TrieImage, text: string, action: number): void {
    this.#begin(image, text, action);
    this.#match(0, 0);
  }

  /** Finds some grant of an action that shares a topic with a filter, which has been spelt out; the trie is walkable. */
  overlap(image: TrieImage, filter: string, action: number): void {
    this.#begin(image, filter, action);
    this.#visitsLeft = VISITS_MAX;
    this.#overlap(0, 0);
  }

  #begin(image: TrieImage, text: string, action: number): void {
    this.#image = image;
    this.#action = action;
    this.#text = text;
    const levelsMax = image.depthMax + 1;
    let levels = 0;
    for (let start = 0; start <= text.length && levels < levelsMax; levels++) {
      let end = text.indexOf('/', start);
      if (end === -1) end = text.length;
      this.#starts[levels] = start;
      this.#ends[levels] = end;
      this.#hashes[levels] = hashLevel(text, start, end);
      start = end + 1;
    }
    this.#levels = levels;
  }

  #match(node: number, depth: number): void {
    const { nodes } = this.#image;
    const at = node * Node.WORDS;
    const below = nodes[at + Node.BELOW]!;
    if (below !== 0) this.#take(below);
    if (depth === this.#levels) {
      const here = nodes[at + Node.HERE]!;
      if (here !== 0) this.#take(here);
      return;
    }
    const first = this.#text.charCodeAt(this.#starts[depth]!);
    if (first === HASH) return;
    const flags = nodes[at + Node.FLAGS]!;
    if ((flags & NodeFlag.LITERALS) !== 0) {
      const child = this.#literalChild(node, depth);
      if (child !== 0) this.#match(child, depth + 1);
    }
    const plus = nodes[at + Node.PLUS]!;
    if (plus !== 0 && !(depth === 0 && first === DOLLAR)) this.#match(plus, depth + 1);
    if ((flags & NodeFlag.TEMPLATES) === 0 || this.#expansions === undefined) return;
    const templates = this.#expansions.byHash.get(expansionKey(this.#hashes[depth]!));
    if (templates === undefined) return;
    for (const template of templates) {
      if (!this.#isLevel(this.#expansions.levels[template]!, depth)) continue;
      const child = this.#templateChild(node, template);
      if (child !== 0) this.#match(child, depth + 1);
    }
  }

  #isLevel(level: string, depth: number): boolean {
    const start = this.#starts[depth]!;
    return level.length === this.#ends[depth]! - start && this.#text.startsWith(level, start);
  }

  #literalChild(parent: number, depth: number): number {
    const { edges, units } = this.#image;
    const mask = edges.length / Edge.WORDS - 1;
    const start = this.#starts[depth]!;
    const length = this.#ends[depth]! - start;
    let slot = slotOf(parent, this.#hashes[depth]!) & mask;
    for (;;) {
      const at = slot * Edge.WORDS;
      const owner = edges[at + Edge.PARENT]!;
      if (owner === 0) return 0;
      if (owner === parent + 1 && edges[at + Edge.LABEL_LENGTH] === length) {
        const label = edges[at + Edge.LABEL]!;
        let i = 0;
        while (i < length && units[label + i] === this.#text.charCodeAt(start + i)) i++;
        if (i === length) return edges[at + Edge.CHILD]!;
      }
      slot = (slot + 1) & mask;
    }
  }

  #templateChild(parent: number, template: number): number {
    const { edges } = this.#image;
    const mask = edges.length / Edge.WORDS - 1;
    let slot = slotOf(parent, hashTemplate(template)) & mask;
    for (;;) {
      const at = slot * Edge.WORDS;
      const owner = edges[at + Edge.PARENT]!;
      if (owner === 0) return 0;
      const isTemplate = edges[at + Edge.LABEL_LENGTH] === TEMPLATE_LABEL;
      if (owner === parent + 1 && isTemplate && edges[at + Edge.LABEL] === template) return edges[at + Edge.CHILD]!;
      slot = (slot + 1) & mask;
    }
  }

  #take(firstBucket: number): void {
    const { buckets } = this.#image;
    for (let at = firstBucket * Bucket.WORDS; ; at += Bucket.WORDS) {
      const mask = buckets[at + Bucket.MASK]!;
      if ((mask & this.#action) !== 0) {
        const line = (mask & MaskBit.SET) === 0 ? this.#lineOfRole(at) : this.#lineOfSet(buckets[at + Bucket.ROLES]!);
        if (line !== NO_LINE) this.#hit(line, buckets[at + Bucket.CONDITION]!, (mask & MaskBit.DENY) !== 0);
      }
      if ((mask & MaskBit.LAST) !== 0) return;
    }
  }

  #hit(line: number, condition: number, isDeny: boolean): void {
    const holds = condition === 0 ? Holds.ALWAYS : this.#stateOf(condition, isDeny);
    if (holds === Holds.DEPENDS) this.conditional.push({ condition, line, isDeny });
    else if (holds === Holds.NEVER) return;
    else if (isDeny) this.denyLine = Math.min(this.denyLine, line);
    else this.allowLine = Math.min(this.allowLine, line);
  }

  #lineOfRole(at: number): number {
    const { buckets } = this.#image;
    const role = buckets[at + Bucket.ROLES]!;
    const isHeld = (this.#held.words[role >>> 5]! & (1 << (role & 31))) !== 0;
    return isHeld ? buckets[at + Bucket.LINE]! : NO_LINE;
  }

  /** The first line of all roles that are in the set and held. */
  #lineOfSet(set: number): number {
    const { sets, setWords, setLines } = this.#image;
    const head = set * SetHead.WORDS;
    const first = sets[head + SetHead.FIRST]!;
    const count = sets[head + SetHead.COUNT]!;
    const lines = sets[head + SetHead.LINES]!;
    const { words, wordIndexes } = this.#held;
    let line = NO_LINE;
    // Along the shorter of the two.
    if (count <= wordIndexes.length) {
      for (let part = first; part < first + count; part++) {
        const at = part * SetWord.WORDS;
        line = Math.min(line, firstLine(setWords, setLines, lines, at, words[setWords[at + SetWord.INDEX]!]!));
      }
      return line;
    }
    for (const index of wordIndexes) {
      let low = first;
      let high = first + count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (setWords[middle * SetWord.WORDS + SetWord.INDEX]! < index) low = middle + 1;
        else high = middle;
      }
      const at = low * SetWord.WORDS;
      if (low === first + count || setWords[at + SetWord.INDEX] !== index) continue;
      line = Math.min(line, firstLine(setWords, setLines, lines, at, words[index]!));
    }
    return line;
  }

  /** True when the walk is over. */
  #overlap(node: number, depth: number): boolean {
    if (this.#visitsLeft-- === 0) {
      this.isExhausted = true;
      return true;
    }
    const { nodes } = this.#image;
    const at = node * Node.WORDS;
    if (this.#found(nodes[at + Node.BELOW]!)) return true;
    if (depth === this.#levels) return this.#found(nodes[at + Node.HERE]!);
    const first = this.#text.charCodeAt(this.#starts[depth]!);
    const isRest = first === HASH;
    if (isRest && this.#found(nodes[at + Node.HERE]!)) return true;
    return isRest || first === PLUS ? this.#overlapAny(node, depth, isRest) : this.#overlapLiteral(node, depth, first);
  }

  #overlapAny(node: number, depth: number, isRest: boolean): boolean {
    const { kin } = this.#image;
    const nextDepth = isRest ? depth : depth + 1;
    let child = kin[node * Kin.WORDS + Kin.FIRST_CHILD]!;
    for (; child !== 0; child = kin[child * Kin.WORDS + Kin.NEXT_SIBLING]!) {
      if (this.#stepsInto(child, node === 0) && this.#overlap(child, nextDepth)) return true;
    }
    return false;
  }

  /** Whether a wildcard leads into a child: not where its level begins with `$` [MQTT-4.7.2-1] [MQTT311-4.7.2-1]. */
  #stepsInto(child: number, isFirst: boolean): boolean {
    const { kin, units } = this.#image;
    const label = kin[child * Kin.WORDS + Kin.LABEL]!;
    const length = kin[child * Kin.WORDS + Kin.LABEL_LENGTH]!;
    if (length === PLUS_LABEL) return true;
    if (length !== TEMPLATE_LABEL) return !isFirst || length === 0 || units[label] !== DOLLAR;
    const level = this.#expansions?.levels[label];
    return level !== undefined && !(isFirst && level.charCodeAt(0) === DOLLAR);
  }

  #overlapLiteral(node: number, depth: number, first: number): boolean {
    const child = this.#literalChild(node, depth);
    if (child !== 0 && this.#overlap(child, depth + 1)) return true;
    const plus = this.#image.nodes[node * Node.WORDS + Node.PLUS]!;
    if (plus !== 0 && !(depth === 0 && first === DOLLAR) && this.#overlap(plus, depth + 1)) return true;
    for (const template of this.#expansions?.byHash.get(expansionKey(this.#hashes[depth]!)) ?? []) {
      if (!this.#isLevel(this.#expansions!.levels[template]!, depth)) continue;
      const next = this.#templateChild(node, template);
      if (next !== 0 && this.#overlap(next, depth + 1)) return true;
    }
    return false;
  }

  /** Takes a run of buckets; true when the search has what it came for. */
  #found(firstBucket: number): boolean {
    if (firstBucket === 0) return false;
    this.#take(firstBucket);
    return this.denyLine !== NO_LINE;
  }
}

/** The first line of the roles in one word of a set that `heldBits` has too. */
function firstLine(setWords: Uint32Array, setLines: Uint32Array, lines: number, at: number, heldBits: number): number {
  const bits = setWords[at + SetWord.BITS]!;
  let line = NO_LINE;
  for (let common = bits & heldBits; common !== 0; common &= common - 1) {
    const lowest = common & -common;
    const rank = setWords[at + SetWord.RANK]! + countBits(bits & (lowest - 1));
    line = Math.min(line, setLines[lines + rank]!);
  }
  return line;
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
