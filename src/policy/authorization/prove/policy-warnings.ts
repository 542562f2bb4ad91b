/** What is not wrong in a policy and probably not meant: grants without effect, roles without holders, wildcards that reach far. */

import { FilterIndex } from '../algebra/filter-index.ts';
import { contains } from '../algebra/filter-sets.ts';
import { isImplied } from '../condition-order.ts';
import { describeGrant } from '../grant-words.ts';
import type { Action, Policy } from '../policy-form.ts';
import { hasPlaceholder } from '../topic-pattern.ts';
import { Effort, Undecided } from './effort.ts';
import { closure, Model, type ModelGrant } from './model.ts';
import { denials, findApplying } from './questions.ts';
import { Search } from './search.ts';
import { type Vocabulary, vocabularyOf } from './vocabulary.ts';

export interface PolicyWarning {
  /**
   * `unreachable`: denies beat the grant everywhere. `subsumed`: another grant holds all of it. `unheld`: nobody has the role.
   * `broker-topics`: a wildcard below `$SYS` or its like. `tenants`: a wildcard where another grant has a placeholder.
   */
  readonly kind: 'unreachable' | 'subsumed' | 'unheld' | 'broker-topics' | 'tenants' | 'not-looked-for';
  readonly file: string;
  readonly line: number;
  readonly says: string;
}

/** Above it, what grants do to each other is not looked for. */
const GRANTS_MAX = 100_000;
const PROGRESS_EVERY = 500;

export interface WarningOptions {
  /** A role that the gateway gives by itself, as a quarantine does. */
  readonly givenRole?: string | undefined;
  /** Hears how many grants have been looked at. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** In the order of the file. */
export function policyWarnings(policy: Policy, { givenRole, onProgress }: WarningOptions = {}): PolicyWarning[] {
  const grants = policy.roles.reduce((sum, role) => sum + role.grants.length, 0);
  if (grants > GRANTS_MAX) {
    const says = `Grants without effect and far-reaching wildcards are looked for in up to ${GRANTS_MAX} grants; there are ${grants}.`;
    return [{ kind: 'not-looked-for', file: policy.file, line: 1, says }];
  }
  const model = new Model(policy);
  return [...unheldRoles(model, givenRole), ...new GrantWarnings(model).all(onProgress)].sort(
    (a, b) => a.line - b.line,
  );
}

function unheldRoles(model: Model, givenRole: string | undefined): PolicyWarning[] {
  return model.policy.roles
    .filter(({ name }) => name !== givenRole && model.holdings(name).length === 0)
    .map(({ file, line, name }) => ({
      kind: 'unheld',
      file,
      line,
      says: `Nobody has role ${name}: no assignment names it or a role that includes it, and one that an identity brings counts only through an assignment.`,
    }));
}

class GrantWarnings {
  readonly #model: Model;
  readonly #vocabulary: Vocabulary;
  readonly #order: ReadonlyMap<ModelGrant, number>;
  readonly #includes: ReadonlyMap<string, readonly string[]>;
  /** Allows with placeholders, by action. */
  readonly #tenants: Readonly<Record<Action, FilterIndex<ModelGrant>>>;

  constructor(model: Model) {
    this.#model = model;
    this.#vocabulary = vocabularyOf([model.policy]);
    this.#order = new Map(model.grants.map((grant, index) => [grant, index]));
    this.#includes = new Map(model.policy.roles.map(({ name, includes }) => [name, includes]));
    this.#tenants = { publish: new FilterIndex(), subscribe: new FilterIndex(), receive: new FilterIndex() };
    for (const each of model.grants) {
      if (each.grant.effect === 'deny' || !hasPlaceholder(each.grant.topic)) continue;
      for (const action of each.grant.actions) this.#tenants[action].add(each.grant.topic, each);
    }
  }

  all(onProgress: ((done: number, all: number) => void) | undefined): PolicyWarning[] {
    const { grants } = this.#model;
    return grants.flatMap((each, index) => {
      if ((index + 1) % PROGRESS_EVERY === 0) onProgress?.(index + 1, grants.length);
      return this.#ofGrant(each);
    });
  }

  #ofGrant(each: ModelGrant): PolicyWarning[] {
    const { grant, role } = each;
    const told = `role ${role.name}: ${describeGrant(grant)}`;
    const warn = (kind: PolicyWarning['kind'], says: string): PolicyWarning[] => {
      return [{ kind, file: grant.file, line: grant.line, says: `${told}; it ${says}` }];
    };
    const subsumer = this.#subsumerOf(each);
    if (subsumer !== undefined) return warn('subsumed', `says nothing that ${placeOf(subsumer)} does not say already.`);
    // That nobody has the role is said of the role.
    if (grant.effect === 'deny' || each.holdings.length === 0) return [];
    const beaten = grant.actions.filter((action) => this.#isBeaten(each, action));
    if (beaten.length === grant.actions.length) {
      return warn('unreachable', `never applies: denies beat it everywhere (${this.#deniesOf(each)}).`);
    }
    const some =
      beaten.length === 0 ? [] : warn('unreachable', `never applies to ${beaten.join(', ')}: denies beat it there.`);
    const unasserted = grant.actions.filter((action) => !this.#isAsserted(each, action));
    if (unasserted.length === 0) return some;
    if (isWildcardBelowDollar(grant.topic)) {
      return [...some, ...warn('broker-topics', 'reaches by a wildcard what the broker tells of itself.')];
    }
    for (const action of unasserted) {
      const tenant = this.#tenantReached(each, action);
      if (tenant === undefined) continue;
      const says = `reaches what ${placeOf(tenant)} keeps apart for each client, ${tenant.grant.topic}, of all of them.`;
      return [...some, ...warn('tenants', says)];
    }
    return some;
  }

  /** A grant whose clients, topics and conditions include all of this one's, for each action; of two equal ones the first. */
  #subsumerOf(each: ModelGrant): ModelGrant | undefined {
    const { grant } = each;
    const subsumers = grant.actions.map((action) =>
      this.#model
        .containing(grant.effect, action, grant.topic)
        .find(
          (other) => this.#subsumes(other, each) && (this.#isBefore(other, each) || !this.#subsumesAll(each, other)),
        ),
    );
    return subsumers.includes(undefined) ? undefined : subsumers[0];
  }

  #isBefore(a: ModelGrant, b: ModelGrant): boolean {
    return this.#order.get(a)! < this.#order.get(b)!;
  }

  #subsumesAll(a: ModelGrant, b: ModelGrant): boolean {
    return (
      this.#subsumes(a, b) &&
      b.grant.actions.every((action) => a.grant.actions.includes(action)) &&
      contains(a.grant.topic, b.grant.topic)
    );
  }

  /** As far as clients and conditions go. */
  #subsumes(a: ModelGrant, b: ModelGrant): boolean {
    if (a === b || !isImplied(a.grant.when, [b.grant.when])) return false;
    if (a.role === b.role || a.holdings.some(({ literals }) => literals.length === 0)) return true;
    return closure([b.role.name], this.#includes).has(a.role.name);
  }

  #isBeaten(each: ModelGrant, action: Action): boolean {
    const obstacles = denials(this.#model, action, each.grant.topic);
    if (obstacles.length === 0) return false;
    const scope = { action, pattern: each.pattern, clients: [[]], literals: [], barred: new Set<string>() };
    try {
      return findApplying(new Search(this.#vocabulary, new Effort()), each, scope, obstacles) === undefined;
    } catch (error) {
      if (error instanceof Undecided) return false;
      throw error;
    }
  }

  #deniesOf({ grant }: ModelGrant): string {
    const denies = grant.actions.flatMap((action) => this.#model.overlapping('deny', action, grant.topic));
    const lines = [...new Set([...denies, ...this.#model.templatedDenies].map(({ grant: { line } }) => line))];
    return `line ${lines.slice(0, 3).join(', ')}${lines.length > 3 ? ', …' : ''}`;
  }

  /** Whoever asserts that only this role may has thought of it. */
  #isAsserted({ role, grant }: ModelGrant, action: Action): boolean {
    return this.#model.policy.assertions.some(
      ({ kind, subject, action: asserted, topic, when }) =>
        kind === 'only' &&
        subject.kind === 'role' &&
        subject.names.includes(role.name) &&
        asserted === action &&
        Object.keys(when).length === 0 &&
        contains(topic, grant.topic),
    );
  }

  /** A grant with a placeholder in a level where this one has a wildcard, and that shares topics with it. */
  #tenantReached({ grant, pattern }: ModelGrant, action: Action): ModelGrant | undefined {
    if (!/[+#]/.test(grant.topic)) return undefined;
    return this.#tenants[action].overlapping(grant.topic).find(({ pattern: { levels } }) =>
      levels.some((term, index) => {
        if (!term?.some((part) => 'variable' in part)) return false;
        return index < pattern.levels.length ? pattern.levels[index] === undefined : pattern.isOpen;
      }),
    );
  }
}

/** Wildcards in the first level reach no such topic [MQTT-4.7.2-1] [MQTT311-4.7.2-1]. */
function isWildcardBelowDollar(topic: string): boolean {
  return topic.startsWith('$') && !topic.startsWith('${') && /[+#]/.test(topic);
}

function placeOf({ role, grant }: ModelGrant): string {
  return `line ${grant.line} (role ${role.name})`;
}
