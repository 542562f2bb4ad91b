/** Builds the trie of a policy's grants, one grant after the other, and turns it into the image that is searched. */
import { spellOut } from './filter-spelling.ts';
import { hasPlaceholder } from './topic-pattern.ts';
import {
  Bucket,
  Edge,
  hashLevel,
  hashTemplate,
  hashUnits,
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

const PLUS = 0x2b;
const HASH = 0x23;

/** Words of a grant while the trie grows: a list from the node, the youngest first. */
const Record = { WORDS: 5, NEXT: 0, ROLE: 1, LINE: 2, MASK: 3, CONDITION: 4 } as const;

/** Unsigned words that grow by doubling. */
class Words {
  array: Uint32Array<ArrayBuffer>;
  length = 0;

  constructor(capacity: number) {
    this.array = new Uint32Array(capacity);
  }

  /** Adds `count` zeros; returns where they begin. */
  extend(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.array.length) {
      const larger = new Uint32Array(Math.max(this.length, this.array.length * 2));
      larger.set(this.array);
      this.array = larger;
    }
    return at;
  }

  finish(): Uint32Array<ArrayBuffer> {
    return this.array.slice(0, this.length);
  }
}

export interface BuilderOptions {
  /** Whether searches will walk along all children of a node. */
  readonly isWalkable: boolean;
  /** The number of a level with placeholders; `isFirst` tells the first level of a filter from the others. */
  readonly templateOf: (level: string, isFirst: boolean) => number;
}

export interface NewGrant {
  /** A valid topic filter. */
  readonly topic: string;
  readonly role: number;
  /** Actions, and `MaskBit.DENY`. */
  readonly mask: number;
  readonly condition: number;
  readonly line: number;
}

export class TrieBuilder {
  readonly #options: BuilderOptions;
  readonly #nodes = new Words(Node.WORDS * 1024);
  readonly #kin = new Words(Kin.WORDS * 1024);
  readonly #records = new Words(Record.WORDS * 1024);
  #edges = new Uint32Array(Edge.WORDS * 1024);
  #edgeCount = 0;
  #units = new Uint16Array(4096);
  #unitsLength = 0;
  /** Where each literal level stands among the units. */
  readonly #labels = new Map<string, number>();
  #depthMax = 0;

  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#newNode(0, 0, 0);
    // Record 0 stands for no record.
    this.#records.extend(Record.WORDS);
  }

  add(grant: NewGrant): void {
    const topic = spellOut(grant.topic);
    let node = 0;
    let depth = 0;
    let list: number = Node.HERE;
    for (let start = 0; start <= topic.length; depth++) {
      let end = topic.indexOf('/', start);
      if (end === -1) end = topic.length;
      const first = topic.charCodeAt(start);
      if (first === HASH) {
        list = Node.BELOW;
        break;
      }
      node = end === start + 1 && first === PLUS ? this.#enterPlus(node) : this.#enter(node, topic, start, end);
      start = end + 1;
    }
    this.#depthMax = Math.max(this.#depthMax, depth);
    const at = this.#records.extend(Record.WORDS);
    const records = this.#records.array;
    const head = node * Node.WORDS + list;
    records[at + Record.NEXT] = this.#nodes.array[head]!;
    records[at + Record.ROLE] = grant.role;
    records[at + Record.LINE] = grant.line;
    records[at + Record.MASK] = grant.mask;
    records[at + Record.CONDITION] = grant.condition;
    this.#nodes.array[head] = at;
  }

  #newNode(parent: number, label: number, labelLength: number): number {
    const node = this.#nodes.extend(Node.WORDS) / Node.WORDS;
    if (!this.#options.isWalkable) return node;
    const at = this.#kin.extend(Kin.WORDS);
    if (node === 0) return node;
    const kin = this.#kin.array;
    const parentAt = parent * Kin.WORDS + Kin.FIRST_CHILD;
    kin[at + Kin.NEXT_SIBLING] = kin[parentAt]!;
    kin[at + Kin.LABEL] = label;
    kin[at + Kin.LABEL_LENGTH] = labelLength;
    kin[parentAt] = node;
    return node;
  }

  #enterPlus(node: number): number {
    const at = node * Node.WORDS + Node.PLUS;
    const known = this.#nodes.array[at]!;
    if (known !== 0) return known;
    const made = this.#newNode(node, 0, PLUS_LABEL);
    this.#nodes.array[at] = made;
    return made;
  }

  #enter(parent: number, topic: string, start: number, end: number): number {
    const level = topic.slice(start, end);
    if (hasPlaceholder(level)) {
      const template = this.#options.templateOf(level, start === 0);
      return this.#enterEdge(parent, hashTemplate(template), template, TEMPLATE_LABEL);
    }
    return this.#enterEdge(parent, hashLevel(level, 0, level.length), this.#labelOf(level), level.length);
  }

  /** Labels are kept once each, so equal levels have equal labels. */
  #enterEdge(parent: number, hash: number, label: number, labelLength: number): number {
    const mask = this.#edges.length / Edge.WORDS - 1;
    const edges = this.#edges;
    let slot = slotOf(parent, hash) & mask;
    for (; edges[slot * Edge.WORDS + Edge.PARENT] !== 0; slot = (slot + 1) & mask) {
      const at = slot * Edge.WORDS;
      if (
        edges[at + Edge.PARENT] === parent + 1 &&
        edges[at + Edge.LABEL] === label &&
        edges[at + Edge.LABEL_LENGTH] === labelLength
      ) {
        return edges[at + Edge.CHILD]!;
      }
    }
    const child = this.#newNode(parent, label, labelLength);
    const at = slot * Edge.WORDS;
    edges[at + Edge.PARENT] = parent + 1;
    edges[at + Edge.CHILD] = child;
    edges[at + Edge.LABEL] = label;
    edges[at + Edge.LABEL_LENGTH] = labelLength;
    const flag = labelLength === TEMPLATE_LABEL ? NodeFlag.TEMPLATES : NodeFlag.LITERALS;
    this.#nodes.array[parent * Node.WORDS + Node.FLAGS]! |= flag;
    // At most two thirds full.
    if (++this.#edgeCount * 3 > (mask + 1) * 2) this.#grow();
    return child;
  }

  #grow(): void {
    const old = this.#edges;
    this.#edges = new Uint32Array(old.length * 2);
    const mask = this.#edges.length / Edge.WORDS - 1;
    for (let from = 0; from < old.length; from += Edge.WORDS) {
      if (old[from + Edge.PARENT] === 0) continue;
      const parent = old[from + Edge.PARENT]! - 1;
      let slot = slotOf(parent, this.#hashOf(old[from + Edge.LABEL]!, old[from + Edge.LABEL_LENGTH]!)) & mask;
      while (this.#edges[slot * Edge.WORDS + Edge.PARENT] !== 0) slot = (slot + 1) & mask;
      for (let word = 0; word < Edge.WORDS; word++) this.#edges[slot * Edge.WORDS + word] = old[from + word]!;
    }
  }

  #hashOf(label: number, labelLength: number): number {
    if (labelLength === TEMPLATE_LABEL) return hashTemplate(label);
    return hashUnits(this.#units, label, label + labelLength);
  }

  #labelOf(level: string): number {
    const known = this.#labels.get(level);
    if (known !== undefined) return known;
    const start = this.#unitsLength;
    const end = start + level.length;
    if (end > this.#units.length) {
      const larger = new Uint16Array(Math.max(end, this.#units.length * 2));
      larger.set(this.#units);
      this.#units = larger;
    }
    for (let at = 0; at < level.length; at++) this.#units[start + at] = level.charCodeAt(at);
    this.#unitsLength = end;
    this.#labels.set(level, start);
    return start;
  }

  /** The builder must not be used afterwards. */
  finish(): TrieImage {
    const buckets = new BucketWriter();
    const nodes = this.#nodes.finish();
    for (let node = 0; node < nodes.length; node += Node.WORDS) {
      for (const list of [Node.HERE, Node.BELOW]) {
        const head = nodes[node + list]!;
        if (head !== 0) nodes[node + list] = this.#writeBuckets(buckets, head);
      }
    }
    return {
      nodes,
      kin: this.#kin.finish(),
      edges: this.#edges,
      units: this.#units.slice(0, this.#unitsLength),
      ...buckets.finish(),
      depthMax: this.#depthMax,
    };
  }

  #writeBuckets(buckets: BucketWriter, head: number): number {
    const records = this.#records.array;
    const recordAt = (at: number): Granted => ({
      role: records[at + Record.ROLE]!,
      line: records[at + Record.LINE]!,
      mask: records[at + Record.MASK]!,
      condition: records[at + Record.CONDITION]!,
    });
    // As nearly everywhere: one grant, which needs no list.
    if (records[head + Record.NEXT] === 0) return buckets.writeOne(recordAt(head));
    const granted: Granted[] = [];
    for (let at = head; at !== 0; at = records[at + Record.NEXT]!) granted.push(recordAt(at));
    return buckets.write(granted);
  }
}

type Granted = Omit<NewGrant, 'topic'>;

/** Writes what is granted at one place as buckets: the grants with the same actions and condition, with all their roles. */
class BucketWriter {
  readonly #buckets = new Words(Bucket.WORDS * 1024);
  readonly #sets = new Words(SetHead.WORDS * 64);
  readonly #setWords = new Words(SetWord.WORDS * 64);
  readonly #setLines = new Words(64);

  constructor() {
    // Bucket 0 stands for no bucket.
    this.#buckets.extend(Bucket.WORDS);
  }

  /** Returns the bucket. */
  writeOne({ mask, condition, role, line }: Granted): number {
    const at = this.#buckets.extend(Bucket.WORDS);
    const { array } = this.#buckets;
    array[at + Bucket.MASK] = mask | MaskBit.LAST;
    array[at + Bucket.CONDITION] = condition;
    array[at + Bucket.ROLES] = role;
    array[at + Bucket.LINE] = line;
    return at / Bucket.WORDS;
  }

  /** Returns the first bucket. */
  write(granted: Granted[]): number {
    const first = this.#buckets.length / Bucket.WORDS;
    granted.sort((a, b) => a.mask - b.mask || a.condition - b.condition || a.role - b.role || a.line - b.line);
    for (let start = 0; start < granted.length; ) {
      const { mask, condition } = granted[start]!;
      let end = start + 1;
      while (end < granted.length && granted[end]!.mask === mask && granted[end]!.condition === condition) end++;
      this.#writeBucket(granted, start, end);
      start = end;
    }
    this.#buckets.array[this.#buckets.length - Bucket.WORDS + Bucket.MASK]! |= MaskBit.LAST;
    return first;
  }

  #writeBucket(granted: Granted[], start: number, end: number): void {
    const { mask, condition, role, line } = granted[start]!;
    const isSet = granted[end - 1]!.role !== role;
    const roles = isSet ? this.#writeSet(granted, start, end) : role;
    const at = this.#buckets.extend(Bucket.WORDS);
    this.#buckets.array.set([isSet ? mask | MaskBit.SET : mask, condition, roles, line], at);
  }

  /** Of each role the first line; the grants are in the order of roles, and then of lines. */
  #writeSet(granted: Granted[], start: number, end: number): number {
    const head = this.#sets.extend(SetHead.WORDS);
    const wordsStart = this.#setWords.length;
    const linesStart = this.#setLines.length;
    let before = -1;
    let word = -1;
    for (let i = start; i < end; i++) {
      const { role, line } = granted[i]!;
      if (role === before) continue;
      before = role;
      const index = role >>> 5;
      if (word === -1 || this.#setWords.array[word + SetWord.INDEX] !== index) {
        word = this.#setWords.extend(SetWord.WORDS);
        this.#setWords.array[word + SetWord.INDEX] = index;
        this.#setWords.array[word + SetWord.RANK] = this.#setLines.length - linesStart;
      }
      this.#setWords.array[word + SetWord.BITS]! |= 1 << (role & 31);
      const lineAt = this.#setLines.extend(1);
      this.#setLines.array[lineAt] = line;
    }
    const count = (this.#setWords.length - wordsStart) / SetWord.WORDS;
    this.#sets.array.set([wordsStart / SetWord.WORDS, count, linesStart], head);
    return head / SetHead.WORDS;
  }

  finish(): Pick<TrieImage, 'buckets' | 'sets' | 'setWords' | 'setLines'> {
    return {
      buckets: this.#buckets.finish(),
      sets: this.#sets.finish(),
      setWords: this.#setWords.finish(),
      setLines: this.#setLines.finish(),
    };
  }
}
