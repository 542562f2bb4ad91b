/** Retained messages: one a topic, found by topic or by filter. */
import type { Clock } from '../base/clock.ts';
import type { Ceilings } from './ceilings.ts';
import type { Message } from './message.ts';
import type { Store } from './store.ts';

interface Node {
  children: Map<string, Node> | undefined;
  message: Message | undefined;
}

/** Expired messages are looked for at most this often when there is no room left. */
const SWEEP_MS = 1_000;

export class RetainedStore {
  readonly #root: Node = { children: undefined, message: undefined };
  readonly #byTopic = new Map<string, Message>();
  /** Topics whose message has an expiry. */
  readonly #expiring = new Set<string>();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ceilings: Ceilings;
  #bytes = 0;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, clock: Clock, ceilings: Ceilings) {
    this.#store = store;
    this.#clock = clock;
    this.#ceilings = ceilings;
  }

  get count(): number {
    return this.#byTopic.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of this size on this topic can be retained; expired ones make room first. */
  hasRoom(topic: string, sizeBytes: number): boolean {
    if (this.#fits(topic, sizeBytes)) return true;
    this.#sweep();
    return this.#fits(topic, sizeBytes);
  }

  #fits(topic: string, sizeBytes: number): boolean {
    const { retainedMessagesMax, retainedBytesMax } = this.#ceilings.current;
    const known = this.#byTopic.get(topic);
    const countAfter = known === undefined ? this.count + 1 : this.count;
    return countAfter <= retainedMessagesMax && this.#bytes - (known?.sizeBytes ?? 0) + sizeBytes <= retainedBytesMax;
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#sweptAtMs < SWEEP_MS) return;
    this.#sweptAtMs = nowMs;
    const epochMs = this.#clock.epochMs();
    for (const topic of this.#expiring) {
      if (this.#byTopic.get(topic)?.expiredAt(epochMs) === true) this.delete(topic);
    }
  }

  /** Replaces the topic's message [MQTT-3.3.1-5] and writes it to the store. */
  put(message: Message): void {
    this.restore(message);
    this.#store.putRetained(message);
  }

  /** Replaces the topic's message in memory only: it came from the store, or the broker makes it anew. */
  restore(message: Message): void {
    const { topic } = message;
    const known = this.#byTopic.get(topic);
    this.#bytes += message.sizeBytes - (known?.sizeBytes ?? 0);
    this.#byTopic.set(topic, message);
    if (message.expiresAtMs === undefined) this.#expiring.delete(topic);
    else this.#expiring.add(topic);
    let node = this.#root;
    for (const level of topic.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = { children: undefined, message: undefined };
        node.children.set(level, child);
      }
      node = child;
    }
    node.message = message;
  }

  delete(topic: string): void {
    const message = this.#byTopic.get(topic);
    if (message === undefined) return;
    this.#byTopic.delete(topic);
    this.#expiring.delete(topic);
    this.#bytes -= message.sizeBytes;
    this.#store.deleteRetained(topic);
    const levels = topic.split('/');
    const path = [this.#root];
    for (const level of levels) path.push(path.at(-1)!.children!.get(level)!);
    path.at(-1)!.message = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.message !== undefined || node.children !== undefined) break;
      const parent = path[depth - 1]!;
      parent.children!.delete(levels[depth - 1]!);
      if (parent.children!.size === 0) parent.children = undefined;
    }
  }

  get(topic: string): Message | undefined {
    const message = this.#byTopic.get(topic);
    if (message === undefined || !message.expiredAt(this.#clock.epochMs())) return message;
    this.delete(topic);
    return undefined;
  }

  /**
   * The messages that match a filter, found one by one as they are asked for: a client that subscribes to everything and reads
   * slowly costs a cursor, not a list. What changes meanwhile is seen as it is then.
   */
  *matching(filter: string): Generator<Message, undefined> {
    if (!filter.includes('+') && !filter.includes('#')) {
      const message = this.get(filter);
      if (message !== undefined) yield message;
      return;
    }
    const epochMs = this.#clock.epochMs();
    for (const { message } of this.#nodes(filter.split('/'))) {
      if (message === undefined) continue;
      if (message.expiredAt(epochMs)) this.delete(message.topic);
      else yield message;
    }
  }

  /** Depth first, with a stack of iterators instead of recursion. */
  *#nodes(levels: readonly string[]): Generator<Node, undefined> {
    const lastDepth = levels.length - 1;
    const stack: { nodes: Iterator<Node>; depth: number }[] = [{ nodes: firstLevel(this.#root, levels[0]!), depth: 0 }];
    for (;;) {
      const top = stack.at(-1);
      if (top === undefined) return;
      const next = top.nodes.next();
      if (next.done === true) {
        stack.pop();
        continue;
      }
      const node = next.value;
      const { depth } = top;
      if (levels[depth] === '#') {
        yield node;
        stack.push({ nodes: below(node, '#'), depth });
        continue;
      }
      // `a/#` matches `a` as well [MQTT5 4.7.1.2].
      if (depth === lastDepth || (depth === lastDepth - 1 && levels[lastDepth] === '#')) yield node;
      if (depth < lastDepth) stack.push({ nodes: below(node, levels[depth + 1]!), depth: depth + 1 });
    }
  }
}

function below(node: Node, level: string): Iterator<Node> {
  if (node.children === undefined) return [].values();
  if (level === '+' || level === '#') return node.children.values();
  const child = node.children.get(level);
  return (child === undefined ? [] : [child]).values();
}

/** A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1]. */
function* firstLevel(root: Node, level: string): Generator<Node, undefined> {
  if (level !== '+' && level !== '#') {
    const child = root.children?.get(level);
    if (child !== undefined) yield child;
    return;
  }
  if (root.children === undefined) return;
  for (const [name, child] of root.children) if (!name.startsWith('$')) yield child;
}
