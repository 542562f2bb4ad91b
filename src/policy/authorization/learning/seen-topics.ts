/**
 * The topics that one user was seen with in one way, generalized while they come in: a level that takes too many values becomes `+`,
 * and what lies too deep becomes `#`. So it stays small whatever a client thinks of, and says what is a pattern and what is not.
 */

/** What speaks for a filter. Times are epoch milliseconds. */
export interface Evidence {
  times: number;
  firstMs: number;
  lastMs: number;
  /** A topic as it was, cut where it is long. */
  example: string;
}

/** One filter, as it is kept on disk and sent between processes. */
export type SeenFilter = readonly [filter: string, times: number, firstMs: number, lastMs: number, example: string];

/** Shared by all that is recorded. */
export interface NodeBudget {
  used: number;
  readonly max: number;
  /** Somebody ran into it. */
  isExhausted: boolean;
}

interface Node {
  /** By level; made with the first. */
  children: Map<string, Node> | undefined;
  /** Under `+`. */
  any: Node | undefined;
  /** `#` from here on. */
  rest: Evidence | undefined;
  /** The topic that ends here. */
  here: Evidence | undefined;
  /** New levels go under `+`. */
  isBusy: boolean;
}

/** Deeper levels become one `#`. */
const DEPTH_MAX = 16;
/** Names that begin with `$` at the root: no wildcard reaches them, so they cannot become one. */
const SYSTEM_ROOTS_MAX = 16;
const EXAMPLE_MAX_CHARS = 200;

export class SeenTopics {
  readonly #root: Node = { children: undefined, any: undefined, rest: undefined, here: undefined, isBusy: false };
  readonly #branchingMax: number;
  readonly #budget: NodeBudget;

  /** `branchingMax` is how many values a level keeps apart. */
  constructor(branchingMax: number, budget: NodeBudget) {
    this.#branchingMax = branchingMax;
    this.#budget = budget;
  }

  /** `filter` may be a topic, and may have placeholders as whole levels; false when there is no room for it. */
  add(filter: string, evidence: Readonly<Evidence>): boolean {
    const levels = filter.split('/');
    let node = this.#root;
    for (const [depth, level] of levels.entries()) {
      if (level === '#' || depth === DEPTH_MAX) {
        node.rest = joined(node.rest, evidence);
        return true;
      }
      const next = this.#childOf(node, level);
      if (next === undefined) return false;
      node = next;
    }
    node.here = joined(node.here, evidence);
    return true;
  }

  #childOf(node: Node, level: string): Node | undefined {
    const known = level === '+' ? node.any : node.children?.get(level);
    if (known !== undefined) return known;
    const isSystem = node === this.#root && level.startsWith('$') && !isPlaceholder(level);
    if (isSystem) return this.#systemRoot(node, level);
    if (level === '+') return this.#anyOf(node);
    // A placeholder stands for one value, however many users it is filled in for.
    if (!isPlaceholder(level) && (node.isBusy || this.#isFull(node))) {
      this.#makeBusy(node);
      return this.#anyOf(node);
    }
    return this.#newChild(node, level);
  }

  #systemRoot(node: Node, level: string): Node | undefined {
    const systems = [...(node.children?.keys() ?? [])].filter((name) => name.startsWith('$') && !isPlaceholder(name));
    return systems.length >= SYSTEM_ROOTS_MAX ? undefined : this.#newChild(node, level);
  }

  #isFull(node: Node): boolean {
    if (this.#budget.used >= this.#budget.max) {
      this.#budget.isExhausted = true;
      return true;
    }
    let literals = 0;
    for (const name of node.children?.keys() ?? []) if (this.#isLiteral(node, name)) literals++;
    return literals >= this.#branchingMax;
  }

  #isLiteral(node: Node, level: string): boolean {
    return !isPlaceholder(level) && !(node === this.#root && level.startsWith('$'));
  }

  #anyOf(node: Node): Node {
    node.any ??= this.#newNode();
    return node.any;
  }

  #newChild(node: Node, level: string): Node {
    const child = this.#newNode();
    node.children ??= new Map();
    node.children.set(level, child);
    return child;
  }

  #newNode(): Node {
    this.#budget.used++;
    return { children: undefined, any: undefined, rest: undefined, here: undefined, isBusy: false };
  }

  /** Its levels become one `+`. */
  #makeBusy(node: Node): void {
    node.isBusy = true;
    for (const [level, child] of [...(node.children ?? [])]) {
      if (!this.#isLiteral(node, level)) continue;
      node.children!.delete(level);
      this.#budget.used--;
      this.#pour(child, this.#anyOf(node));
    }
  }

  /** `from` is in no tree any more. */
  #pour(from: Node, into: Node): void {
    if (from.here !== undefined) into.here = joined(into.here, from.here);
    if (from.rest !== undefined) into.rest = joined(into.rest, from.rest);
    if (from.isBusy) this.#makeBusy(into);
    const below: [string, Node][] = [...(from.children ?? [])];
    if (from.any !== undefined) below.push(['+', from.any]);
    for (const [level, child] of below) {
      this.#budget.used--;
      // INVARIANT: below the root every level finds a place.
      this.#pour(child, this.#childOf(into, level)!);
    }
  }

  filters(): SeenFilter[] {
    const found: SeenFilter[] = [];
    const tell = (levels: readonly string[], { times, firstMs, lastMs, example }: Evidence): void => {
      found.push([levels.join('/'), times, firstMs, lastMs, example]);
    };
    const visit = (node: Node, levels: readonly string[]): void => {
      if (node.here !== undefined) tell(levels, node.here);
      if (node.rest !== undefined) tell([...levels, '#'], node.rest);
      for (const [level, child] of node.children ?? []) visit(child, [...levels, level]);
      if (node.any !== undefined) visit(node.any, [...levels, '+']);
    };
    visit(this.#root, []);
    return found;
  }
}

export function isPlaceholder(level: string): boolean {
  return level.startsWith('${');
}

function joined(known: Evidence | undefined, more: Readonly<Evidence>): Evidence {
  if (known === undefined) return { ...more, example: more.example.slice(0, EXAMPLE_MAX_CHARS) };
  known.times += more.times;
  known.firstMs = Math.min(known.firstMs, more.firstMs);
  known.lastMs = Math.max(known.lastMs, more.lastMs);
  return known;
}
