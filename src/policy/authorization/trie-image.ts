/**
 * A finished trie of grants as plain memory: it is built in one thread, handed to another without a copy, and asked there. A
 * million grants are a handful of arrays, not millions of objects.
 *
 * A node is an index; the root is node 0, and since nothing leads to the root, 0 stands for no node. An edge by a literal level is
 * found in one hash table for all nodes, an edge by a level with placeholders likewise, by the number of that level. What is
 * granted at a node stands in a run of buckets, one for each set of actions and condition, with all the roles that have it.
 */

/** Words of a node: where its `+` leads, its buckets, the buckets of a `#` below it, and flags. */
export const Node = { WORDS: 4, PLUS: 0, HERE: 1, BELOW: 2, FLAGS: 3 } as const;

export const NodeFlag = { LITERALS: 1, TEMPLATES: 2 } as const;

/** Words of a node's kin, for walks along all its children: its first child, its next sibling, and the level between. */
export const Kin = { WORDS: 4, FIRST_CHILD: 0, NEXT_SIBLING: 1, LABEL: 2, LABEL_LENGTH: 3 } as const;

/** Words of a slot of the hash table: parent + 1 (0 is an empty slot), child, and the level's place among `units`. */
export const Edge = { WORDS: 4, PARENT: 0, CHILD: 1, LABEL: 2, LABEL_LENGTH: 3 } as const;

/** In place of a length: the label is the number of a level with placeholders. */
export const TEMPLATE_LABEL = 0xffff_ffff;
/** Likewise, for kin only: the level is `+`. */
export const PLUS_LABEL = 0xffff_fffe;

/** Words of a bucket: mask, condition (0 is none), the role or the set of roles, and the line. Buckets count from 1. */
export const Bucket = { WORDS: 4, MASK: 0, CONDITION: 1, ROLES: 2, LINE: 3 } as const;

/** Bits of a bucket's mask; the lowest three are the actions. */
export const MaskBit = { PUBLISH: 1, SUBSCRIBE: 2, RECEIVE: 4, DENY: 8, SET: 16, LAST: 32 } as const;

/** Words of a set's header: where its words begin and how many there are, and where its lines begin. */
export const SetHead = { WORDS: 3, FIRST: 0, COUNT: 1, LINES: 2 } as const;

/** Words of one part of a set: 32 roles' index, their bits, and how many roles of the set come before them. */
export const SetWord = { WORDS: 3, INDEX: 0, BITS: 1, RANK: 2 } as const;

export interface TrieImage {
  readonly nodes: Uint32Array<ArrayBuffer>;
  /** Empty where the trie is only ever searched along one way. */
  readonly kin: Uint32Array<ArrayBuffer>;
  /** A power of two of slots. */
  readonly edges: Uint32Array<ArrayBuffer>;
  /** UTF-16 units of all literal levels, each level once. */
  readonly units: Uint16Array<ArrayBuffer>;
  readonly buckets: Uint32Array<ArrayBuffer>;
  readonly sets: Uint32Array<ArrayBuffer>;
  readonly setWords: Uint32Array<ArrayBuffer>;
  readonly setLines: Uint32Array<ArrayBuffer>;
  /** Levels of the deepest grant, a final `#` not counted. */
  readonly depthMax: number;
}

/** The memory of an image, for a thread that gives it away. */
export function buffersOf(image: TrieImage): ArrayBuffer[] {
  const { nodes, kin, edges, units, buckets, sets, setWords, setLines } = image;
  return [nodes, kin, edges, units, buckets, sets, setWords, setLines].map(({ buffer }) => buffer);
}

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the UTF-16 units of `text[start..end)`. */
export function hashLevel(text: string, start: number, end: number): number {
  let hash = FNV_BASIS;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash;
}

/** The same hash, of a level that is among the units already. */
export function hashUnits(units: Uint16Array, start: number, end: number): number {
  let hash = FNV_BASIS;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ units[at]!, FNV_PRIME);
  return hash;
}

/** Where in the table the search for an edge begins, before the mask. */
export function slotOf(parent: number, levelHash: number): number {
  let hash = Math.imul(parent, 0x9e3779b1) ^ levelHash;
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** In place of a level's hash, for a level with placeholders. */
export function hashTemplate(template: number): number {
  return Math.imul(template + 1, 0xc2b2ae35);
}
