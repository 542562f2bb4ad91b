/**
 * Decides by a compiled policy. Deny beats allow, and nothing granted means no. What a client's identity, listener and address
 * decide is decided once; what a message or the time decides is handed back as a question that the caller asks for each message.
 *
 * A subscription is allowed when one grant allows every topic of its filter, and no deny of `subscribe` reaches any of them. To let
 * a wide filter stand and only withhold some of what comes through it, a policy denies `receive` there.
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';
import { AssignedRoles } from './assigned-roles.ts';
import { Condition } from './condition.ts';
import type {
  AccessDecision,
  Authorizer,
  ClientAuthorization,
  DecisionWatch,
  PublishFacts,
  RoleLimit,
  Subject,
} from './decision.ts';
import { DecisionCache, denyAll } from './decision-cache.ts';
import { watched } from './decision-watch.ts';
import { spellOut } from './filter-spelling.ts';
import type { CompiledPolicy, TemplatedDeny } from './policy-compiled.ts';
import { fillIn } from './topic-pattern.ts';
import { hashLevel, MaskBit } from './trie-image.ts';
import {
  type ConditionalHit,
  type Expansions,
  expansionKey,
  type HeldRoles,
  Holds,
  NO_LINE,
  TrieSearch,
} from './trie-search.ts';

const NOT_GRANTED: AccessDecision = Object.freeze({ allowed: false, by: 'policy:default' });
const NO_ROLES = denyAll(NOT_GRANTED.by);
const TOO_BROAD: AccessDecision = Object.freeze({ allowed: false, by: 'policy:filter-too-broad' });

/** Lines whose decisions are kept; of a larger policy, those that were made last. */
const DECISIONS_MAX = 16_384;
/** Different sets of roles that are kept for the next client with the same. */
const ROLE_SETS_MAX = 1024;

export function buildPolicyAuthorizer(policy: CompiledPolicy, clock: Clock): Authorizer {
  return new PolicyAuthorizer(policy, clock);
}

/** The policy as if it gave everybody this role and no other; undefined where it has no such role. */
export function buildRoleAuthorizer(policy: CompiledPolicy, role: string, clock: Clock): Authorizer | undefined {
  const number = policy.roleNames.indexOf(role);
  if (number === -1) return undefined;
  return new PolicyAuthorizer({ ...policy, assignments: [{ roles: [number], to: {} }] }, clock);
}

/** What follows from a set of roles, whoever has it. */
interface RoleSet extends HeldRoles {
  readonly names: readonly string[];
  readonly limits: readonly RoleLimit[];
  /** Templates in grants of these roles. */
  readonly templates: readonly number[];
  readonly templatedDenies: readonly TemplatedDeny[];
}

class PolicyAuthorizer implements Authorizer {
  readonly policy: CompiledPolicy;
  /** One for all clients: a question is asked and answered within one call. */
  readonly search = new TrieSearch();
  /** By number. */
  readonly conditions: readonly Condition[];
  readonly #assigned: AssignedRoles;
  readonly #decisions = new BoundedMap<number, AccessDecision>({ entriesMax: DECISIONS_MAX });
  readonly #roleSets = new BoundedMap<string, RoleSet>({ entriesMax: ROLE_SETS_MAX });

  constructor(policy: CompiledPolicy, clock: Clock) {
    this.policy = policy;
    this.conditions = policy.conditions.map((when) => new Condition(when, clock));
    this.#assigned = new AssignedRoles(policy.assignments);
  }

  forClient(subject: Subject, watch?: DecisionWatch): ClientAuthorization {
    const roles = this.#assigned.of(subject);
    if (roles.length === 0) return watch === undefined ? NO_ROLES : denyAll(NOT_GRANTED.by, watch);
    const held = this.#roleSet(roles);
    const expansions = this.#expand(held.templates, subject);
    for (const { template, condition, line } of held.templatedDenies) {
      if (expansions?.levels[template] !== undefined) continue;
      // Nobody can tell what this deny was meant to keep the client from: so it is kept from everything.
      const state = this.conditions[condition]!.stateFor(subject, true);
      if (state !== Holds.NEVER) return denyAll(authorOf(this.policy.file, line), watch);
    }
    return new ClientRights(this, subject, { held, expansions, watch });
  }

  /** By its line: shared by all clients that it decides for. */
  decision(allowed: boolean, line: number): AccessDecision {
    const known = this.#decisions.get(line);
    if (known?.allowed === allowed) return known;
    const decision = Object.freeze({ allowed, by: authorOf(this.policy.file, line) });
    this.#decisions.set(line, decision);
    return decision;
  }

  /** With all that the roles include. */
  #roleSet(roles: readonly number[]): RoleSet {
    const key = roles.join(' ');
    const known = this.#roleSets.get(key);
    if (known !== undefined) return known;
    const { includes, templatesOf, templatedDenies } = this.policy;
    const closure = new Set(roles);
    // A set that grows while it is walked is walked to its end.
    for (const role of closure) for (const included of includes[role]!) closure.add(included);
    const words = new Uint32Array(Math.ceil(includes.length / 32));
    for (const role of closure) words[role >>> 5]! |= 1 << (role & 31);
    const { file, roleNames, limitsOf } = this.policy;
    const set: RoleSet = {
      words,
      names: [...closure].map((role) => roleNames[role]!),
      limits: [...closure].flatMap((role) =>
        (limitsOf.get(role) ?? []).map(({ name, text, line }) => ({
          name,
          text,
          source: `${file}:${line} role ${roleNames[role]!}`,
        })),
      ),
      wordIndexes: [...new Set([...closure].map((role) => role >>> 5))],
      templates: [...new Set([...closure].flatMap((role) => templatesOf.get(role) ?? []))],
      templatedDenies: [...closure].flatMap((role) => templatedDenies.get(role) ?? []).sort((a, b) => a.line - b.line),
    };
    this.#roleSets.set(key, set);
    return set;
  }

  #expand(templates: readonly number[], subject: Subject): Expansions | undefined {
    if (templates.length === 0) return undefined;
    const levels: (string | undefined)[] = [];
    const byHash = new Map<number, number[]>();
    for (const number of templates) {
      const { level, isFirst } = this.policy.templates[number]!;
      const filled = fillIn(level, subject, isFirst);
      levels[number] = filled;
      if (filled === undefined) continue;
      const key = expansionKey(hashLevel(filled, 0, filled.length));
      const sameHash = byHash.get(key);
      if (sameHash === undefined) byHash.set(key, [number]);
      else sameHash.push(number);
    }
    return { levels, byHash };
  }
}

function authorOf(file: string, line: number): string {
  return `policy:${file}:${line}`;
}

/** What a client's rights are made of, beside who it is. */
interface ClientParts {
  readonly held: RoleSet;
  readonly expansions: Expansions | undefined;
  readonly watch: DecisionWatch | undefined;
}

class ClientRights implements ClientAuthorization {
  readonly roles: readonly string[];
  readonly limits: readonly RoleLimit[];
  readonly #authorizer: PolicyAuthorizer;
  readonly #held: HeldRoles;
  readonly #expansions: Expansions | undefined;
  readonly #published: DecisionCache;
  readonly #received: DecisionCache;
  readonly #subscribed: (filter: string) => AccessDecision;
  readonly #stateOf: (condition: number, isDeny: boolean) => Holds;

  constructor(authorizer: PolicyAuthorizer, subject: Subject, { held, expansions, watch }: ClientParts) {
    this.#published = new DecisionCache(watched(watch, 'publish', (topic) => this.#decide(topic, MaskBit.PUBLISH)));
    this.#received = new DecisionCache(watched(watch, 'receive', (topic) => this.#decide(topic, MaskBit.RECEIVE)));
    this.#subscribed = watched(watch, 'subscribe', (filter) => this.#decideFilter(filter));
    this.roles = held.names;
    this.limits = held.limits;
    this.#authorizer = authorizer;
    this.#held = held;
    this.#expansions = expansions;
    this.#stateOf = staticStates(authorizer.conditions, subject);
  }

  publish(topic: string): AccessDecision {
    return this.#published.of(topic);
  }

  receive(topic: string): AccessDecision {
    return this.#received.of(topic);
  }

  subscribe(filter: string): AccessDecision {
    return this.#subscribed(filter);
  }

  #decideFilter(filter: string): AccessDecision {
    const { policy, search } = this.#authorizer;
    const spelt = spellOut(filter);
    this.#start();
    search.overlap(policy.subscribeDenies, spelt, MaskBit.SUBSCRIBE);
    if (search.isExhausted) return TOO_BROAD;
    if (search.denyLine === NO_LINE) search.match(policy.grants, spelt, MaskBit.SUBSCRIBE);
    const decision = this.#conclude();
    // A subscription is no message: what is left open is only the time, and that is now.
    return decision.depends?.(NO_MESSAGE) ?? decision;
  }

  #start(): void {
    this.#authorizer.search.start(this.#held, this.#expansions, this.#stateOf);
  }

  #decide(topic: string, action: number): AccessDecision {
    const { policy, search } = this.#authorizer;
    this.#start();
    search.match(policy.grants, topic, action);
    return this.#conclude();
  }

  #conclude(): AccessDecision {
    const { denyLine, allowLine, conditional } = this.#authorizer.search;
    if (denyLine !== NO_LINE) return this.#decision(false, denyLine);
    const allowed = allowLine === NO_LINE ? NOT_GRANTED : this.#decision(true, allowLine);
    if (conditional.length === 0) return allowed;
    const denies = this.#openCases(conditional, true);
    if (denies.length === 0 && allowed.allowed) return allowed;
    return openDecision(denies, allowed.allowed ? [] : this.#openCases(conditional, false), allowed);
  }

  #decision(allowed: boolean, line: number): AccessDecision {
    return this.#authorizer.decision(allowed, line);
  }

  #openCases(hits: readonly ConditionalHit[], isDeny: boolean): OpenCase[] {
    return hits
      .filter((hit) => hit.isDeny === isDeny)
      .sort((a, b) => a.line - b.line)
      .map(({ condition, line }) => ({
        condition: this.#authorizer.conditions[condition]!,
        decision: this.#decision(!isDeny, line),
      }));
  }
}

/** A subscription has no payload to be too large, and no QoS of a message: no condition of either can be on it. */
const NO_MESSAGE: PublishFacts = Object.freeze({ qos: 0, retain: false, payloadBytes: 0 });

/** A grant whose condition is not decided yet, and what it would decide. */
interface OpenCase {
  readonly condition: Condition;
  readonly decision: AccessDecision;
}

/** The first that applies, denies first; otherwise what is left without any of them. */
function openDecision(
  denies: readonly OpenCase[],
  allows: readonly OpenCase[],
  otherwise: AccessDecision,
): AccessDecision {
  const cases = [...denies, ...allows];
  const depends = (facts: PublishFacts): AccessDecision => {
    for (const { condition, decision } of cases) if (condition.holds(facts)) return decision;
    return otherwise;
  };
  return Object.freeze({ allowed: false, by: cases[0]!.decision.by, depends });
}

/** Remembers, for one client, how far each condition is decided; most policies have none. */
function staticStates(
  conditions: readonly Condition[],
  subject: Subject,
): (condition: number, isDeny: boolean) => Holds {
  const states = new Map<number, Holds>();
  return (condition, isDeny) => {
    const key = isDeny ? -condition : condition;
    let state = states.get(key);
    if (state === undefined) {
      state = conditions[condition]!.stateFor(subject, isDeny);
      states.set(key, state);
    }
    return state;
  };
}
