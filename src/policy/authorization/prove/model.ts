/** A policy as literals: when each grant applies, and through which assignments each role is held. */
import { NetworkSet } from '../../../base/ip-address.ts';
import { FilterIndex } from '../algebra/filter-index.ts';
import { HoursWindow } from '../hours.ts';
import type { Action, Assignment, Conditions, Effect, Grant, Policy, Role, Selector } from '../policy-form.ts';
import { hasPlaceholder } from '../topic-pattern.ts';
import { type Literal, yes } from './atom.ts';
import { type Pattern, patternOf } from './pattern.ts';

/** One way to hold a role: all of the literals. */
export interface Holding {
  readonly literals: readonly Literal[];
}

interface ConditionParts {
  /** What the client decides: networks, listeners, TLS. */
  readonly ofClient: readonly Literal[];
  /** What the message and the moment decide. */
  readonly ofMessage: readonly Literal[];
}

export class ModelGrant {
  readonly role: Role;
  readonly grant: Grant;
  /** Each by itself is enough to hold its role. */
  readonly holdings: readonly Holding[];
  readonly #conditions: ConditionParts;
  /** Made when it is asked for: of a million grants few bear on an assertion. */
  #pattern: Pattern | undefined;

  constructor(role: Role, grant: Grant, holdings: readonly Holding[], conditions: ConditionParts) {
    this.role = role;
    this.grant = grant;
    this.holdings = holdings;
    this.#conditions = conditions;
  }

  get pattern(): Pattern {
    this.#pattern ??= patternOf(this.grant.topic);
    return this.#pattern;
  }

  get ofClient(): readonly Literal[] {
    return this.#conditions.ofClient;
  }

  get ofMessage(): readonly Literal[] {
    return this.#conditions.ofMessage;
  }
}

/** By effect and action. */
type Indexes = Readonly<Record<Effect, Readonly<Record<Action, FilterIndex<ModelGrant>>>>>;

export class Model {
  readonly policy: Policy;
  readonly grants: readonly ModelGrant[];
  /** Denies with placeholders: where one cannot be filled in, it denies everything. */
  readonly templatedDenies: readonly ModelGrant[];
  /** Roles that nobody has to be named for. */
  readonly commonRoles: ReadonlySet<string>;
  readonly #holdings: ReadonlyMap<string, readonly Holding[]>;
  readonly #including: ReadonlyMap<string, readonly string[]>;
  readonly #indexes: Indexes;

  constructor(policy: Policy) {
    this.policy = policy;
    this.#including = includingRoles(policy);
    const assigned = new Map<string, Assignment[]>();
    for (const assignment of policy.assignments) {
      for (const role of assignment.roles) {
        const before = assigned.get(role);
        if (before === undefined) assigned.set(role, [assignment]);
        else before.push(assignment);
      }
    }
    this.#holdings = new Map(
      policy.roles.map(({ name }) => {
        const through = new Set([name, ...this.includers(name)].flatMap((role) => assigned.get(role) ?? []));
        return [name, holdingsOf([...through])];
      }),
    );
    this.commonRoles = new Set(
      policy.roles
        .map(({ name }) => name)
        .filter((name) => this.holdings(name).some(({ literals }) => isCommon(literals))),
    );
    const conditions = new Map<Conditions, ConditionParts>();
    this.grants = policy.roles.flatMap((role) => {
      const holdings = this.holdings(role.name);
      return role.grants.map((grant) => {
        let parts = conditions.get(grant.when);
        if (parts === undefined) {
          parts = conditionParts(grant.when);
          conditions.set(grant.when, parts);
        }
        return new ModelGrant(role, grant, holdings, parts);
      });
    });
    this.templatedDenies = this.grants.filter(({ grant }) => grant.effect === 'deny' && hasPlaceholder(grant.topic));
    const index = (): Record<Action, FilterIndex<ModelGrant>> => ({
      publish: new FilterIndex(),
      subscribe: new FilterIndex(),
      receive: new FilterIndex(),
    });
    this.#indexes = { allow: index(), deny: index() };
    for (const each of this.grants) {
      for (const action of each.grant.actions) this.#indexes[each.grant.effect][action].add(each.grant.topic, each);
    }
  }

  holdings(role: string): readonly Holding[] {
    return this.#holdings.get(role) ?? [];
  }

  /** Roles that include it, however far round. */
  includers(role: string): ReadonlySet<string> {
    return closure([role], this.#including);
  }

  /** Grants that may have a topic in common with a filter, in the order of the file. */
  overlapping(effect: Effect, action: Action, filter: string): ModelGrant[] {
    return this.#indexes[effect][action].overlapping(filter);
  }

  /** Grants that hold every topic of a filter, whatever its placeholders stand for. */
  containing(effect: Effect, action: Action, filter: string): ModelGrant[] {
    return this.#indexes[effect][action].containing(filter);
  }
}

/** Whatever a literal of these demands, everyone can meet it, or everyone with a name, or without. */
function isCommon(literals: readonly Literal[]): boolean {
  return literals.every(({ atom }) => atom.kind === 'named');
}

function includingRoles({ roles }: Policy): Map<string, string[]> {
  const including = new Map<string, string[]>();
  for (const { name, includes } of roles) {
    for (const included of includes) {
      const before = including.get(included);
      if (before === undefined) including.set(included, [name]);
      else before.push(name);
    }
  }
  return including;
}

/** What can be reached from the starts, themselves left out. */
export function closure(starts: readonly string[], next: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set(starts.flatMap((start) => next.get(start) ?? []));
  // A set that grows while it is walked is walked to its end.
  for (const name of reached) for (const further of next.get(name) ?? []) reached.add(further);
  return reached;
}

function selectorLiterals(selector: Selector): Literal[] {
  const { who, users, groups, identityRoles, clientIds, listeners, networks, attributes = [] } = selector;
  const literals: Literal[] = [];
  if (who !== undefined) literals.push({ atom: { kind: 'named' }, holds: who === 'authenticated' });
  if (users !== undefined) literals.push(yes({ kind: 'oneOf', variable: 'username', values: new Set(users) }));
  if (groups !== undefined) literals.push(yes({ kind: 'brings', what: 'groups', names: new Set(groups) }));
  if (identityRoles !== undefined) literals.push(yes({ kind: 'brings', what: 'roles', names: new Set(identityRoles) }));
  if (clientIds !== undefined) literals.push(yes({ kind: 'clientId', patterns: clientIds }));
  if (listeners !== undefined) literals.push(yes({ kind: 'listener', names: new Set(listeners) }));
  if (networks !== undefined) literals.push(yes({ kind: 'network', networks: new NetworkSet(networks) }));
  for (const { name, values } of attributes) {
    literals.push(yes({ kind: 'oneOf', variable: name, values: new Set(values) }));
  }
  return literals;
}

/** Assignments that name only users, or only values of the same kind, are one: there may be a line for each of many. */
function holdingsOf(assignments: readonly Assignment[]): Holding[] {
  const holdings: Holding[] = [];
  const merged = new Map<string, Set<string>>();
  for (const { to } of assignments) {
    const literals = selectorLiterals(to);
    const [only] = literals;
    // Everyone: no other way is needed.
    if (only === undefined) return [{ literals: [] }];
    const { atom } = only;
    const values = literals.length > 1 ? undefined : valuesOf(only);
    if (values === undefined) {
      holdings.push({ literals });
      continue;
    }
    const key = `${atom.kind} ${atom.kind === 'oneOf' ? atom.variable : atom.kind === 'brings' ? atom.what : ''}`;
    const all = merged.get(key);
    if (all !== undefined) {
      for (const value of values) all.add(value);
      continue;
    }
    const set = new Set(values);
    merged.set(key, set);
    holdings.push({ literals: [withValues(only, set)] });
  }
  return holdings;
}

function valuesOf({ atom }: Literal): ReadonlySet<string> | undefined {
  if (atom.kind === 'oneOf') return atom.values;
  return atom.kind === 'brings' ? atom.names : undefined;
}

function withValues({ atom, holds }: Literal, values: ReadonlySet<string>): Literal {
  if (atom.kind === 'oneOf') return { atom: { ...atom, values }, holds };
  return atom.kind === 'brings' ? { atom: { ...atom, names: values }, holds } : { atom, holds };
}

export function conditionParts(when: Conditions): ConditionParts {
  const { qosMax, retain, payloadMaxBytes, hours, networks, listeners, tls } = when;
  const ofClient: Literal[] = [];
  const ofMessage: Literal[] = [];
  if (networks !== undefined) ofClient.push(yes({ kind: 'network', networks: new NetworkSet(networks) }));
  if (listeners !== undefined) ofClient.push(yes({ kind: 'listener', names: new Set(listeners) }));
  if (tls !== undefined) ofClient.push(yes({ kind: 'tls' }));
  if (qosMax !== undefined) ofMessage.push(yes({ kind: 'qos', max: qosMax }));
  if (retain !== undefined) ofMessage.push(yes({ kind: 'retain', value: retain }));
  if (payloadMaxBytes !== undefined) ofMessage.push(yes({ kind: 'payload', maxBytes: payloadMaxBytes }));
  if (hours !== undefined) {
    ofMessage.push(yes({ kind: 'hours', windows: hours.map((each) => new HoursWindow(each)) }));
  }
  return { ofClient, ofMessage };
}
