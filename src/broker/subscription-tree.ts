/** Which subscriptions match a topic: a trie of filter levels, with the answers for recent topics kept. */
import { SharedGroup } from './shared-group.ts';
import { mergeSubscriptions, type Subscription } from './subscription.ts';

/** Everyone a message on one topic goes to. Frozen by convention: an answer in use is not changed by a new subscription. */
export interface Match {
  /** At most one a session. */
  readonly subscriptions: readonly Subscription[];
  readonly groups: readonly SharedGroup[];
}

interface Node {
  children: Map<string, Node> | undefined;
  plus: Node | undefined;
  hash: Node | undefined;
  /** By client identifier. */
  subscriptions: Map<string, Subscription> | undefined;
  /** By share name. */
  groups: Map<string, SharedGroup> | undefined;
}

function makeNode(): Node {
  return { children: undefined, plus: undefined, hash: undefined, subscriptions: undefined, groups: undefined };
}

function isEmpty(node: Node): boolean {
  return (
    node.children === undefined &&
    node.plus === undefined &&
    node.hash === undefined &&
    node.subscriptions === undefined &&
    node.groups === undefined
  );
}

function childOf(node: Node, level: string): Node | undefined {
  if (level === '+') return node.plus;
  if (level === '#') return node.hash;
  return node.children?.get(level);
}

function makeChild(node: Node, level: string): Node {
  if (level === '+') {
    node.plus ??= makeNode();
    return node.plus;
  }
  if (level === '#') {
    node.hash ??= makeNode();
    return node.hash;
  }
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) {
    child = makeNode();
    node.children.set(level, child);
  }
  return child;
}

function removeChild(node: Node, level: string): void {
  if (level === '+') node.plus = undefined;
  else if (level === '#') node.hash = undefined;
  else {
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = undefined;
  }
}

const SHARE_PREFIX = '$share/';

/** A filter taken apart; `share` is undefined for one that is not shared. Undefined for a `$share` without name or filter. */
export function parseFilter(filter: string): { share: string | undefined; filter: string } | undefined {
  if (!filter.startsWith(SHARE_PREFIX))
    return filter === '' || filter === '$share' ? undefined : { share: undefined, filter };
  const slash = filter.indexOf('/', SHARE_PREFIX.length);
  if (slash <= SHARE_PREFIX.length || slash + 1 === filter.length) return undefined;
  return { share: filter.slice(SHARE_PREFIX.length, slash), filter: filter.slice(slash + 1) };
}

/** Topics whose answer is kept, and what topics and answers may hold together. */
const CACHED_TOPICS_MAX = 10_000;
const CACHED_MAX_BYTES = 8_388_608;
const REFERENCE_BYTES = 8;

function sizeOf(topic: string, match: Match): number {
  return topic.length + match.subscriptions.length * REFERENCE_BYTES;
}

export class SubscriptionTree {
  readonly #root = makeNode();
  /** INVARIANT: all of it is true now. An answer that is kept beyond that would keep sessions that have ended. */
  readonly #cache = new Map<string, Match>();
  #cachedBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a subscription or replaces the session's one with the same filter; a filter that `parseFilter` refuses is ignored. */
  put(subscription: Subscription): void {
    const parsed = parseFilter(subscription.filter);
    if (parsed === undefined) return;
    let node = this.#root;
    for (const level of parsed.filter.split('/')) node = makeChild(node, level);
    const { clientId } = subscription.subscriber;
    if (parsed.share !== undefined) {
      this.#putShared(node, parsed.share, parsed.filter, subscription);
      return;
    }
    node.subscriptions ??= new Map();
    const known = node.subscriptions.get(clientId);
    if (known === undefined) this.#count++;
    node.subscriptions.set(clientId, subscription);
    // Clients that reconnect ask again for what they have: that need not cost everybody the kept answers.
    if (known === undefined || !known.equals(subscription)) this.#forget(parsed.filter);
  }

  #putShared(node: Node, share: string, filter: string, subscription: Subscription): void {
    node.groups ??= new Map();
    let group = node.groups.get(share);
    if (group === undefined) {
      group = new SharedGroup();
      node.groups.set(share, group);
      this.#forget(filter);
    }
    const before = group.size;
    group.put(subscription);
    this.#count += group.size - before;
  }

  remove(clientId: string, filter: string): void {
    const parsed = parseFilter(filter);
    if (parsed === undefined) return;
    const levels = parsed.filter.split('/');
    const path = [this.#root];
    for (const level of levels) {
      const child = childOf(path.at(-1)!, level);
      if (child === undefined) return;
      path.push(child);
    }
    this.#removeAt(path.at(-1)!, clientId, parsed);
    for (let depth = levels.length; depth > 0 && isEmpty(path[depth]!); depth--) {
      removeChild(path[depth - 1]!, levels[depth - 1]!);
    }
  }

  #removeAt(node: Node, clientId: string, { share, filter }: { share: string | undefined; filter: string }): void {
    if (share === undefined) {
      if (node.subscriptions?.delete(clientId) !== true) return;
      this.#count--;
      this.#forget(filter);
      if (node.subscriptions.size === 0) node.subscriptions = undefined;
      return;
    }
    const group = node.groups?.get(share);
    if (group === undefined) return;
    const before = group.size;
    group.remove(clientId);
    this.#count -= before - group.size;
    if (group.size > 0) return;
    this.#forget(filter);
    node.groups?.delete(share);
    if (node.groups?.size === 0) node.groups = undefined;
  }

  match(topic: string): Match {
    const cached = this.#cache.get(topic);
    if (cached !== undefined) return cached;
    const match = this.#find(topic);
    const sizeBytes = sizeOf(topic, match);
    if (this.#cache.size >= CACHED_TOPICS_MAX || this.#cachedBytes + sizeBytes > CACHED_MAX_BYTES) this.#forgetAll();
    if (sizeBytes > CACHED_MAX_BYTES) return match;
    this.#cachedBytes += sizeBytes;
    this.#cache.set(topic, match);
    return match;
  }

  /** What is subscribed with this filter has changed. One without wildcards concerns its own topic alone. */
  #forget(filter: string): void {
    if (filter.includes('+') || filter.includes('#')) {
      this.#forgetAll();
      return;
    }
    const cached = this.#cache.get(filter);
    if (cached === undefined) return;
    this.#cachedBytes -= sizeOf(filter, cached);
    this.#cache.delete(filter);
  }

  #forgetAll(): void {
    if (this.#cache.size === 0) return;
    this.#cache.clear();
    this.#cachedBytes = 0;
  }

  /** Level by level with a frontier of nodes, not by recursion: a deep topic costs time, never the stack. */
  #find(topic: string): Match {
    const found: Subscription[] = [];
    const groups: SharedGroup[] = [];
    const collect = (node: Node | undefined): void => {
      if (node === undefined) return;
      if (node.subscriptions !== undefined) for (const one of node.subscriptions.values()) found.push(one);
      if (node.groups !== undefined) for (const group of node.groups.values()) groups.push(group);
    };
    const levels = topic.split('/');
    let frontier = [this.#root];
    for (let i = 0; i < levels.length && frontier.length > 0; i++) {
      const level = levels[i]!;
      // A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
      const wildcards = i > 0 || !level.startsWith('$');
      const next: Node[] = [];
      for (const node of frontier) {
        if (wildcards) {
          collect(node.hash);
          if (node.plus !== undefined) next.push(node.plus);
        }
        const child = node.children?.get(level);
        if (child !== undefined) next.push(child);
      }
      frontier = next;
    }
    for (const node of frontier) {
      collect(node);
      // `a/#` matches `a` as well [MQTT5 4.7.1.2].
      collect(node.hash);
    }
    return { subscriptions: mergeBySession(found), groups };
  }
}

function mergeBySession(found: Subscription[]): Subscription[] {
  if (found.length < 2) return found;
  const bySession = new Map<string, Subscription[]>();
  for (const subscription of found) {
    const { clientId } = subscription.subscriber;
    const others = bySession.get(clientId);
    if (others === undefined) bySession.set(clientId, [subscription]);
    else others.push(subscription);
  }
  return bySession.size === found.length ? found : [...bySession.values()].map(mergeSubscriptions);
}
