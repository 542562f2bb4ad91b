/** Finds filters by what they have in common with another, without a look at each. */
import { spellOut } from '../filter-spelling.ts';
import { hasPlaceholder } from '../topic-pattern.ts';
import { contains } from './filter-sets.ts';

interface Entry<T> {
  readonly filter: string;
  readonly order: number;
  readonly item: T;
}

class Node<T> {
  readonly literals = new Map<string, Node<T>>();
  /** `+`, and levels with placeholders. */
  wild: Node<T> | undefined;
  /** That end here. */
  readonly here: Entry<T>[] = [];
  /** That end with a `#` below. */
  readonly below: Entry<T>[] = [];
}

export class FilterIndex<T> {
  readonly #root = new Node<T>();
  #count = 0;

  add(filter: string, item: T): void {
    const levels = spellOut(filter).split('/');
    const isOpen = levels.at(-1) === '#';
    if (isOpen) levels.pop();
    let node = this.#root;
    for (const level of levels) node = isWild(level) ? wildChildOf(node) : childOf(node, level);
    (isOpen ? node.below : node.here).push({ filter, item, order: this.#count++ });
  }

  /** Those that may share a topic with it, in the order in which they were added; a placeholder may be anything. */
  overlapping(filter: string): T[] {
    return this.#find(filter, true)
      .filter((entry) => firstLevelsMeet(entry.filter, filter))
      .map(({ item }) => item);
  }

  /** Those that hold all its topics, whatever placeholders stand for, in the order in which they were added. */
  containing(filter: string): T[] {
    return this.#find(filter, false)
      .filter((entry) => contains(entry.filter, filter))
      .map(({ item }) => item);
  }

  /** All that are asked for, and perhaps a few more. */
  #find(filter: string, isOverlap: boolean): Entry<T>[] {
    const levels = spellOut(filter).split('/');
    const found: Entry<T>[] = [];
    const take = (entries: readonly Entry<T>[]): void => {
      for (const entry of entries) found.push(entry);
    };
    const takeAll = (node: Node<T>): void => {
      take(node.here);
      take(node.below);
      for (const child of node.literals.values()) takeAll(child);
      if (node.wild !== undefined) takeAll(node.wild);
    };
    const walk = (node: Node<T>, at: number): void => {
      const level = levels[at];
      if (level === '#' && isOverlap) {
        takeAll(node);
        return;
      }
      take(node.below);
      if (level === undefined) {
        take(node.here);
        return;
      }
      if (level === '#') return;
      if (node.wild !== undefined) walk(node.wild, at + 1);
      if (!isWild(level)) {
        const child = node.literals.get(level);
        if (child !== undefined) walk(child, at + 1);
      } else if (isOverlap) for (const child of node.literals.values()) walk(child, at + 1);
    };
    walk(this.#root, 0);
    return found.sort((a, b) => a.order - b.order);
  }
}

/** No wildcard reaches a first level with a `$` [MQTT-4.7.2-1] [MQTT311-4.7.2-1]. */
function firstLevelsMeet(a: string, b: string): boolean {
  const isWildcard = (filter: string): boolean => filter.startsWith('+') || filter.startsWith('#');
  const isDollar = (filter: string): boolean => filter.startsWith('$') && !filter.startsWith('${');
  return !(isWildcard(a) && isDollar(b)) && !(isWildcard(b) && isDollar(a));
}

function isWild(level: string): boolean {
  return level === '+' || hasPlaceholder(level);
}

function wildChildOf<T>(node: Node<T>): Node<T> {
  node.wild ??= new Node();
  return node.wild;
}

function childOf<T>(node: Node<T>, level: string): Node<T> {
  let child = node.literals.get(level);
  if (child === undefined) {
    child = new Node();
    node.literals.set(level, child);
  }
  return child;
}
