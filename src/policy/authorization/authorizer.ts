/**
 * The ACL, compiled: who may publish, receive and subscribe to what. Nothing granted means no; a deny beats every grant.
 *
 * DEVIATION: in Mosquitto a user's own grant outranks a `pattern deny`, because it asks the user's lines first. Here a deny is
 * a deny, wherever it stands.
 */
import type { AclFile } from './acl-file.ts';
import type { AccessDecision, Authorizer, ClientAuthorization, DecisionWatch } from './decision.ts';
import { DecisionCache, denyAll } from './decision-cache.ts';
import { watched } from './decision-watch.ts';
import { type Expansions, GrantSearch, GrantTrie, NO_LINE } from './grant-trie.ts';

export interface AuthorizerOptions {
  /**
   * When a subscription is accepted. `contained`: one read grant matches every topic that the filter does, so a client learns
   * at once that it asked for more than it may have. `overlapping`: some read grant matches some of them, as clients written
   * for Mosquitto expect; what the client may not read is withheld on delivery. Either way not when a deny matches all.
   */
  readonly subscribe: 'contained' | 'overlapping';
}

/** Without an ACL nobody may do anything. */
const NO_ACL = denyAll('acl:none');
/** The client's name would be special in a topic, or in a filter, and there are patterns that would put it there. */
const UNFIT_NAME = denyAll('acl:reserved-characters');
const NOT_GRANTED: AccessDecision = Object.freeze({ allowed: false, by: 'acl:default' });
const TOO_BROAD: AccessDecision = Object.freeze({ allowed: false, by: 'acl:filter-too-broad' });

export function buildAuthorizer(acl: AclFile | undefined, options: AuthorizerOptions): Authorizer {
  if (acl === undefined)
    return { forClient: (_, watch) => (watch === undefined ? NO_ACL : denyAll('acl:none', watch)) };
  const compiled = new CompiledAcl(acl, options);
  return { forClient: ({ username, clientId }, watch) => compiled.forClient(username, clientId, watch) };
}

class CompiledAcl {
  readonly file: string;
  readonly options: AuthorizerOptions;
  /** One for all clients: a question is asked and answered within one call. */
  readonly search = new GrantSearch();
  readonly #anonymous = new GrantTrie();
  readonly #users = new Map<string, GrantTrie>();
  /** Patterns without `%u`, for everybody. */
  readonly #patterns = new GrantTrie();
  /** Patterns with `%u`, for clients that have a user name. */
  readonly #namedPatterns = new GrantTrie();
  /** Levels with placeholders, by number. */
  readonly #templates: string[] = [];
  readonly #clientIdUse = new PlaceholderUse('%c');
  readonly #usernameUse = new PlaceholderUse('%u');

  constructor(acl: AclFile, options: AuthorizerOptions) {
    this.file = acl.file;
    this.options = options;
    const numbers = new Map<string, number>();
    const templateOf = (level: string): number => {
      if (!level.includes('%c') && !level.includes('%u')) return -1;
      let number = numbers.get(level);
      if (number === undefined) {
        number = this.#templates.push(level) - 1;
        numbers.set(level, number);
      }
      return number;
    };
    const literal = (): number => -1;
    for (const { kind, username, access, filter, line } of acl.rules) {
      if (kind === 'topic') this.#trieOf(username).insert(filter, access, line, literal);
      else {
        const trie = filter.includes('%u') ? this.#namedPatterns : this.#patterns;
        trie.insert(filter, access, line, templateOf);
        this.#clientIdUse.note(filter);
        this.#usernameUse.note(filter);
      }
    }
  }

  #trieOf(username: string | undefined): GrantTrie {
    if (username === undefined) return this.#anonymous;
    let trie = this.#users.get(username);
    if (trie === undefined) {
      trie = new GrantTrie();
      this.#users.set(username, trie);
    }
    return trie;
  }

  forClient(username: string | undefined, clientId: string, watch?: DecisionWatch): ClientAuthorization {
    // Authentication refuses such names already; whoever comes here without it must not gain a wildcard (CVE-2017-7650).
    const isFit = this.#clientIdUse.takes(clientId) && (username === undefined || this.#usernameUse.takes(username));
    if (!isFit) return watch === undefined ? UNFIT_NAME : denyAll('acl:reserved-characters', watch);
    return new ClientGrants(this, this.#triesOf(username), username, clientId, watch);
  }

  #triesOf(username: string | undefined): readonly GrantTrie[] {
    if (username === undefined) return [this.#patterns, this.#anonymous];
    const own = this.#users.get(username);
    return own === undefined ? [this.#patterns, this.#namedPatterns] : [this.#patterns, this.#namedPatterns, own];
  }

  /** What the levels with placeholders are for this client; undefined where there are none. */
  expand(username: string | undefined, clientId: string): Expansions | undefined {
    if (this.#templates.length === 0) return undefined;
    const byLevel = new Map<string, number[]>();
    const levels = this.#templates.map((template) =>
      // In one pass: a user named `%c` is not replaced again.
      template.replace(/%[cu]/g, (placeholder) => (placeholder === '%c' ? clientId : (username ?? placeholder))),
    );
    for (const [number, level] of levels.entries()) {
      const numbers = byLevel.get(level);
      if (numbers === undefined) byLevel.set(level, [number]);
      else numbers.push(number);
    }
    return { byLevel, levels };
  }
}

/** How the patterns use one placeholder, and so which names can stand for it. */
class PlaceholderUse {
  readonly #placeholder: string;
  #used = false;
  /** Some pattern begins with it: a name such as `$SYS` would reach what no wildcard does. */
  #leads = false;

  constructor(placeholder: string) {
    this.#placeholder = placeholder;
  }

  note(filter: string): void {
    this.#used ||= filter.includes(this.#placeholder);
    this.#leads ||= filter.startsWith(this.#placeholder);
  }

  takes(name: string): boolean {
    if (!this.#used) return true;
    return name !== '' && !/[+#/\u0000-\u001f\u007f-\u009f]/.test(name) && !(this.#leads && name.startsWith('$'));
  }
}

/** Holds next to nothing before it is asked: most clients are idle, and go in one direction. */
class ClientGrants implements ClientAuthorization {
  readonly #acl: CompiledAcl;
  readonly #tries: readonly GrantTrie[];
  readonly #username: string | undefined;
  readonly #clientId: string;
  readonly #watch: DecisionWatch | undefined;
  #expansions: Expansions | undefined;
  #isExpanded = false;
  #published: DecisionCache | undefined;
  #received: DecisionCache | undefined;

  constructor(
    acl: CompiledAcl,
    tries: readonly GrantTrie[],
    username: string | undefined,
    clientId: string,
    watch: DecisionWatch | undefined,
  ) {
    this.#acl = acl;
    this.#tries = tries;
    this.#username = username;
    this.#clientId = clientId;
    this.#watch = watch;
  }

  publish(topic: string): AccessDecision {
    this.#published ??= this.#cacheFor('publish');
    return this.#published.of(topic);
  }

  receive(topic: string): AccessDecision {
    this.#received ??= this.#cacheFor('receive');
    return this.#received.of(topic);
  }

  /** By itself: a method with a closure in it costs memory at each call, and those that ask are called for each delivery. */
  #cacheFor(action: 'publish' | 'receive'): DecisionCache {
    return new DecisionCache(watched(this.#watch, action, (name) => this.#decide(name, action === 'receive')));
  }

  subscribe(filter: string): AccessDecision {
    const decision = this.#decideFilter(filter);
    return this.#watch === undefined ? decision : this.#watch('subscribe', filter, decision);
  }

  #expanded(): Expansions | undefined {
    if (!this.#isExpanded) {
      this.#expansions = this.#acl.expand(this.#username, this.#clientId);
      this.#isExpanded = true;
    }
    return this.#expansions;
  }

  #decideFilter(filter: string): AccessDecision {
    const search = this.#acl.search;
    search.startWithFilter(filter, this.#expanded());
    for (const trie of this.#tries) search.contain(trie);
    if (search.denyLine !== NO_LINE || search.allowLine !== NO_LINE || this.#acl.options.subscribe === 'contained') {
      return this.#conclude(search);
    }
    for (const trie of this.#tries) {
      search.overlap(trie);
      if (search.exhausted) return TOO_BROAD;
      if (search.allowLine !== NO_LINE) break;
    }
    return this.#conclude(search);
  }

  #decide(topic: string, reading: boolean): AccessDecision {
    const search = this.#acl.search;
    search.startWithTopic(topic, reading, this.#expanded());
    for (const trie of this.#tries) search.match(trie);
    return this.#conclude(search);
  }

  #conclude(search: GrantSearch): AccessDecision {
    if (search.denyLine !== NO_LINE) return { allowed: false, by: `acl:${this.#acl.file}:${search.denyLine}` };
    if (search.allowLine !== NO_LINE) return { allowed: true, by: `acl:${this.#acl.file}:${search.allowLine}` };
    return NOT_GRANTED;
  }
}
