/** What another policy would allow and deny to each role, as filters, and to whom it would give the role. */
import { difference, type Remainder } from '../algebra/difference.ts';
import { FilterIndex } from '../algebra/filter-index.ts';
import { intersection } from '../algebra/filter-sets.ts';
import { isImplied } from '../condition-order.ts';
import { describeConditions, describeSelector } from '../grant-words.ts';
import { ACTIONS, type Action, type Conditions, type Grant, type Policy, type Role } from '../policy-form.ts';
import { closure } from './model.ts';

export interface TopicChange extends Remainder {
  readonly action: Action;
  /** By the grants of the role and of those that it includes; barred is what they deny whichever other role allows it. */
  readonly becomes: 'allowed' | 'denied' | 'barred' | 'unbarred';
  /** Under which conditions, in words; empty where under all. */
  readonly when: string;
}

export interface RoleDifference {
  readonly role: string;
  readonly is: 'new' | 'gone' | 'changed';
  readonly changes: readonly TopicChange[];
  /** In words, whom the role is newly assigned to, and whom no longer. */
  readonly assigned: readonly string[];
  readonly unassigned: readonly string[];
}

/** Roles that differ, those of the new policy first, in the order of their files. */
export function diffPolicies(before: Policy, after: Policy): RoleDifference[] {
  const [old, now] = [new Side(before), new Side(after)];
  const names = new Set([...now.names, ...old.names]);
  return [...names].flatMap((role) => {
    const changes = ACTIONS.flatMap((action) => changesOf(old.grants(role, action), now.grants(role, action), action));
    const [was, is] = [old.assigned(role), now.assigned(role)];
    const assigned = [...is].filter((text) => !was.has(text));
    const unassigned = [...was].filter((text) => !is.has(text));
    const kind = old.names.has(role) ? (now.names.has(role) ? 'changed' : 'gone') : 'new';
    if (kind === 'changed' && changes.length + assigned.length + unassigned.length === 0) return [];
    return [{ role, is: kind, changes, assigned, unassigned }];
  });
}

class Side {
  readonly names: ReadonlySet<string>;
  readonly #policy: Policy;
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #includes: ReadonlyMap<string, readonly string[]>;

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#roles = new Map(policy.roles.map((role) => [role.name, role]));
    this.#includes = new Map(policy.roles.map(({ name, includes }) => [name, includes]));
    this.names = new Set(this.#roles.keys());
  }

  /** Of the role and all that it includes. */
  grants(role: string, action: Action): Grant[] {
    const roles = this.names.has(role) ? [role, ...closure([role], this.#includes)] : [];
    return roles.flatMap((name) => this.#roles.get(name)!.grants.filter(({ actions }) => actions.includes(action)));
  }

  assigned(role: string): ReadonlySet<string> {
    const assignments = this.#policy.assignments.filter(({ roles }) => roles.includes(role));
    return new Set(assignments.map(({ to }) => describeSelector(to)));
  }
}

/** Under each condition, and each of an allow with each of a deny, since what a deny leaves over depends on both. */
function changesOf(old: readonly Grant[], now: readonly Grant[], action: Action): TopicChange[] {
  const all = [...old, ...now];
  const conditionsOf = (effect: Grant['effect']): Conditions[] => {
    const found = all
      .filter((grant) => grant.effect === effect)
      .map(({ when }) => [describeConditions(when), when] as const);
    return [...new Map(found).values()];
  };
  const allows = [{}, ...conditionsOf('allow')];
  const denies = [{}, ...conditionsOf('deny')];
  const seen = new Set<string>();
  const changes: TopicChange[] = [];
  const told: { readonly under: readonly Conditions[]; readonly text: string }[] = [];
  for (const allow of allows) {
    for (const deny of denies) {
      const under = [allow, deny];
      const when = [...new Set(under.map(describeConditions))].filter((text) => text !== '').join(', ');
      if (seen.has(when) || isContradiction(allow, deny)) continue;
      seen.add(when);
      const [was, is] = [permitted(old, under), permitted(now, under)];
      const found = [
        ['allowed', gained(was, is)],
        ['denied', gained(is, was)],
        ['barred', difference(is.denies, was.denies)],
        ['unbarred', difference(was.denies, is.denies)],
      ] as const;
      for (const [becomes, remainders] of found) {
        for (const remainder of remainders) {
          const text = `${becomes} ${remainder.filter} ${remainder.except.join(' ')}`;
          // What holds under weaker conditions has been said.
          if (told.some((one) => one.text === text && one.under.every((each) => isImplied(each, under)))) continue;
          told.push({ under, text });
          changes.push({ action, becomes, when, ...remainder });
        }
      }
    }
  }
  return changes;
}

function isContradiction(a: Conditions, b: Conditions): boolean {
  return a.retain !== undefined && b.retain !== undefined && a.retain !== b.retain;
}

interface Permitted {
  readonly allows: readonly string[];
  readonly denies: readonly string[];
}

/** What surely applies where the conditions are met. */
function permitted(grants: readonly Grant[], under: readonly Conditions[]): Permitted {
  const applying = grants.filter(({ when }) => isImplied(when, under));
  const topics = (effect: Grant['effect']): string[] => [
    ...new Set(applying.filter((grant) => grant.effect === effect).map(({ topic }) => topic)),
  ];
  return { allows: topics('allow'), denies: topics('deny') };
}

/** Topics that `to` permits and `from` does not: those that `from` has no allow for, and those that it denies. */
function gained(from: Permitted, to: Permitted): Remainder[] {
  const [had, allowed] = [new Set(from.allows), new Set(to.allows)];
  const denied = new Set(to.denies);
  const granted = difference(
    [...allowed].filter((filter) => !had.has(filter)),
    [...from.allows, ...to.denies],
  );
  const now = indexOf(to.allows);
  const undenied = from.denies
    .filter((filter) => !denied.has(filter))
    .flatMap((deny) => now.overlapping(deny).map((allow) => intersection(allow, deny) ?? deny));
  const covered = granted.filter(({ except }) => except.length === 0).map(({ filter }) => filter);
  return [...granted, ...difference(undenied, [...to.denies, ...covered])];
}

function indexOf(filters: readonly string[]): FilterIndex<string> {
  const index = new FilterIndex<string>();
  for (const filter of filters) index.add(filter, filter);
  return index;
}
