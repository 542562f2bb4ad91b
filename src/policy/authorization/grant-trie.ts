/**
 * Rules as a trie of topic levels, so that a question costs the depth of its topic and not the number of rules. A level with a
 * placeholder (`%u`, `dev-%c`) is an edge of its own, named by a number: what it stands for is filled in for each client,
 * once, and the trie is shared by all.
 */
import type { AclAccess } from './acl-file.ts';
import { spellOut } from './filter-spelling.ts';
import { TopicLevels } from './topic-levels.ts';

/** No rule: larger than every line number. */
export const NO_LINE = 0x3fffffff;

/** A filter of many `+` could walk the whole trie; beyond this many nodes it is refused. */
const OVERLAP_VISITS_MAX = 10_000;

const DOLLAR = 0x24;

/** A wildcard in the first level does not match a level that begins with `$` [MQTT-4.7.2-1] [MQTT311-4.7.2-1]. */
function isHidden(level: string, depth: number): boolean {
  return depth === 0 && level.charCodeAt(0) === DOLLAR;
}

/** What the rules say that end at one place: the first line of each kind. */
class Grants {
  denyLine = NO_LINE;
  readLine = NO_LINE;
  writeLine = NO_LINE;
}

class GrantNode {
  /** Edges by literal level. */
  children: Map<string, GrantNode> | undefined;
  /** Edges by number of the level with placeholders. */
  templates: Map<number, GrantNode> | undefined;
  /** Edge of `+`. */
  plus: GrantNode | undefined;
  /** Rules whose filter ends here. */
  here: Grants | undefined;
  /** Rules whose filter goes on with `#`. */
  below: Grants | undefined;
  /** The first line of all read grants here and deeper. */
  subtreeReadLine = NO_LINE;
}

/** What the levels with placeholders mean for one client. */
export interface Expansions {
  /** By level, the numbers of all that stand for it. */
  readonly byLevel: ReadonlyMap<string, readonly number[]>;
  /** By number. */
  readonly levels: readonly string[];
}

export class GrantTrie {
  readonly root = new GrantNode();

  /** `templateOf` gives the number of a level with placeholders, and -1 for any other. */
  insert(filter: string, access: AclAccess, line: number, templateOf: (level: string) => number): void {
    const levels = spellOut(filter).split('/');
    const reads = access === 'read' || access === 'readwrite';
    const endsOpen = levels.at(-1) === '#';
    if (endsOpen) levels.pop();
    let node = this.root;
    for (const level of levels) {
      node = enter(node, level, templateOf(level));
      if (reads) node.subtreeReadLine = Math.min(node.subtreeReadLine, line);
    }
    let grants: Grants;
    if (endsOpen) grants = node.below ??= new Grants();
    else grants = node.here ??= new Grants();
    if (access === 'deny') grants.denyLine = Math.min(grants.denyLine, line);
    if (reads) grants.readLine = Math.min(grants.readLine, line);
    if (access === 'write' || access === 'readwrite') grants.writeLine = Math.min(grants.writeLine, line);
  }
}

function enter(node: GrantNode, level: string, template: number): GrantNode {
  if (level === '+') {
    node.plus ??= new GrantNode();
    return node.plus;
  }
  if (template >= 0) {
    node.templates ??= new Map();
    return enterEdge(node.templates, template);
  }
  node.children ??= new Map();
  return enterEdge(node.children, level);
}

function enterEdge<K>(edges: Map<K, GrantNode>, key: K): GrantNode {
  let node = edges.get(key);
  if (node === undefined) {
    node = new GrantNode();
    edges.set(key, node);
  }
  return node;
}

/**
 * One question to one or more tries. Reused for question after question: the answer stands in `denyLine` and `allowLine`
 * until the next `start`.
 */
export class GrantSearch {
  /** First line that denies, or NO_LINE. */
  denyLine = NO_LINE;
  /** First line that allows, or NO_LINE. */
  allowLine = NO_LINE;
  /** `overlap` was given up: its filter matches too many branches. */
  exhausted = false;
  readonly #levels = new TopicLevels();
  #expansions: Expansions | undefined;
  #reading = false;
  #visitsLeft = 0;

  /** Begins with a topic name, for `match`. */
  startWithTopic(topic: string, reading: boolean, expansions: Expansions | undefined): void {
    this.#start(topic, reading, expansions);
  }

  /** Begins with a topic filter, for `contain` and `overlap`. */
  startWithFilter(filter: string, expansions: Expansions | undefined): void {
    this.#start(spellOut(filter), true, expansions);
  }

  #start(text: string, reading: boolean, expansions: Expansions | undefined): void {
    this.denyLine = NO_LINE;
    this.allowLine = NO_LINE;
    this.exhausted = false;
    this.#levels.start(text);
    this.#expansions = expansions;
    this.#reading = reading;
    this.#visitsLeft = OVERLAP_VISITS_MAX;
  }

  /** Finds the rules that match the topic name. */
  match(trie: GrantTrie): void {
    this.#match(trie.root, 0);
  }

  /** Finds the rules that match every topic which the filter matches. */
  contain(trie: GrantTrie): void {
    this.#match(trie.root, 0);
  }

  /** Finds a read grant that matches some topic which the filter matches; any one, not the first. */
  overlap(trie: GrantTrie): void {
    this.#overlap(trie.root, 0);
  }

  /**
   * Names and filters walk alike: a literal level of either is matched by itself and by `+`, and the `+` of a filter only by
   * `+`. A `#` that ends a filter stands for any number of levels, so that only a rule's own `#` at the same place or
   * before holds it all.
   */
  #match(node: GrantNode, depth: number): void {
    if (node.below !== undefined) this.#take(node.below);
    const level = this.#levels.at(depth);
    if (level === undefined) {
      if (node.here !== undefined) this.#take(node.here);
      return;
    }
    if (level === '#') return;
    const child = node.children?.get(level);
    if (child !== undefined) this.#match(child, depth + 1);
    if (node.plus !== undefined && !isHidden(level, depth)) this.#match(node.plus, depth + 1);
    if (node.templates === undefined || this.#expansions === undefined) return;
    const numbers = this.#expansions.byLevel.get(level);
    if (numbers === undefined) return;
    for (const number of numbers) {
      const next = node.templates.get(number);
      if (next !== undefined) this.#match(next, depth + 1);
    }
  }

  #take(grants: Grants): void {
    if (grants.denyLine < this.denyLine) this.denyLine = grants.denyLine;
    const line = this.#reading ? grants.readLine : grants.writeLine;
    if (line < this.allowLine) this.allowLine = line;
  }

  /** True when the search is over. */
  #overlap(node: GrantNode, depth: number): boolean {
    if (this.#visitsLeft-- === 0) {
      this.exhausted = true;
      return true;
    }
    if (node.below !== undefined && this.#found(node.below.readLine)) return true;
    const level = this.#levels.at(depth);
    if (level === undefined) return node.here !== undefined && this.#found(node.here.readLine);
    if (level === '#') return this.#found(node.subtreeReadLine);
    if (node.plus !== undefined && !isHidden(level, depth) && this.#overlap(node.plus, depth + 1)) return true;
    return level === '+' ? this.#overlapAny(node, depth) : this.#overlapLiteral(node, level, depth);
  }

  #overlapAny(node: GrantNode, depth: number): boolean {
    for (const [level, next] of node.children ?? []) {
      if (isHidden(level, depth)) continue;
      if (this.#overlap(next, depth + 1)) return true;
    }
    for (const [number, next] of node.templates ?? []) {
      const level = this.#expansions?.levels[number];
      if (level === undefined || isHidden(level, depth)) continue;
      if (this.#overlap(next, depth + 1)) return true;
    }
    return false;
  }

  #overlapLiteral(node: GrantNode, level: string, depth: number): boolean {
    const child = node.children?.get(level);
    if (child !== undefined && this.#overlap(child, depth + 1)) return true;
    for (const number of this.#expansions?.byLevel.get(level) ?? []) {
      const next = node.templates?.get(number);
      if (next !== undefined && this.#overlap(next, depth + 1)) return true;
    }
    return false;
  }

  #found(line: number): boolean {
    if (line === NO_LINE) return false;
    this.allowLine = line;
    return true;
  }
}
