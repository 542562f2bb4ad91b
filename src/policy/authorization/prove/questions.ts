/** Finds situations in which a policy allows something, or does not: the questions that assertions, reports and diffs are made of. */
import type { Action } from '../policy-form.ts';
import { type Literal, not, type Situation } from './atom.ts';
import { Effort } from './effort.ts';
import type { Model, ModelGrant } from './model.ts';
import { asFilter, canMeet, overlapOf, type Pattern } from './pattern.ts';
import {
  cannotBeFilledIn,
  grantApplies,
  grantContains,
  isMatched,
  type Obstacle,
  roleHeld,
  Search,
  type Sought,
} from './search.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Whom and what a question is limited to. */
export interface Scope {
  readonly action: Action;
  readonly pattern: Pattern;
  /** Each by itself will do: ways to be one of the clients that are meant. */
  readonly clients: readonly (readonly Literal[])[];
  readonly literals: readonly Literal[];
  /** Roles that the clients do not have. */
  readonly barred: ReadonlySet<string>;
}

export interface Found extends Sought {
  /** What decides there; undefined where nothing does. */
  readonly by: ModelGrant | undefined;
  /** Where nothing does: what would have, had the client or the message been another. */
  readonly near?: ModelGrant;
}

function withoutRoles(model: Model, barred: ReadonlySet<string>): Obstacle[] {
  return [...barred].map((role) => roleHeld(model.holdings(role)));
}

/** How a policy may deny everything to somebody, or something on a filter. */
export function denials(model: Model, action: Action, filter: string): Obstacle[] {
  return [
    ...model.overlapping('deny', action, filter).map(grantApplies),
    ...model.templatedDenies.map(cannotBeFilledIn),
  ];
}

/**
 * A topic of the scope on which the policy allows the action. Asked about `subscribe` it is no different: a filter is allowed only
 * where each of its topics, taken as a filter, is.
 */
export function findAllowed(model: Model, vocabulary: Vocabulary, scope: Scope): Found | undefined {
  const { action, pattern, barred } = scope;
  const effort = new Effort();
  const search = new Search(vocabulary, effort);
  const denied = [...withoutRoles(model, barred), ...denials(model, action, pattern.text)];
  for (const by of model.overlapping('allow', action, pattern.text)) {
    if (barred.has(by.role.name)) continue;
    const found = findApplying(search, by, scope, denied);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A topic of the scope on which a grant applies and none of the obstacles does. */
export function findApplying(
  search: Search,
  by: ModelGrant,
  { pattern, clients, literals }: Scope,
  obstacles: readonly Obstacle[],
): Found | undefined {
  if (!canMeet(pattern, by.pattern)) return undefined;
  const wanted = [...literals, ...pattern.fits, ...pattern.matches, ...conditionsOf(by), ...by.pattern.matches];
  return findHeld(search, by, clients, wanted, obstacles);
}

function conditionsOf({ ofClient, ofMessage, pattern }: ModelGrant): Literal[] {
  return [...ofClient, ...ofMessage, ...pattern.fits];
}

/** With each way to hold the role of the grant, and each to be a client that is meant. */
function findHeld(
  search: Search,
  by: ModelGrant,
  clients: Scope['clients'],
  wanted: readonly Literal[],
  obstacles: readonly Obstacle[],
): Found | undefined {
  for (const client of clients) {
    for (const holding of by.holdings) {
      const literals = [...new Set([...client, ...holding.literals, ...wanted])];
      const sought = search.findFor(literals, obstacles);
      if (sought !== undefined) return { ...sought, by };
    }
  }
  return undefined;
}

/** A topic of the scope, with `subscribe` its filter, on which the policy does not allow the action. */
export function findDenied(model: Model, vocabulary: Vocabulary, scope: Scope): Found | undefined {
  const { action, pattern, clients, literals, barred } = scope;
  const obstacles = withoutRoles(model, barred);
  const effort = new Effort();
  const search = new Search(vocabulary, effort);
  const isFilter = action === 'subscribe';
  const asked = [...literals, ...pattern.fits, ...(isFilter ? asFilter(pattern) : pattern.matches)];
  for (const by of model.overlapping('deny', action, pattern.text)) {
    if (barred.has(by.role.name)) continue;
    const meeting = isFilter ? overlapOf(pattern, by.pattern) : canMeet(pattern, by.pattern) && by.pattern.matches;
    if (meeting === undefined || meeting === false) continue;
    const found = findHeld(search, by, clients, [...asked, ...conditionsOf(by), ...meeting], obstacles);
    if (found !== undefined) return found;
  }
  for (const by of model.templatedDenies) {
    for (const lacking of by.pattern.fits) {
      const found = findHeld(search, by, clients, [...asked, ...by.ofClient, not(lacking)], obstacles);
      if (found !== undefined) return found;
    }
  }
  const allows = model.overlapping('allow', action, pattern.text).filter(({ role }) => !barred.has(role.name));
  const allowing = allows.map((grant) => (isFilter ? grantContains(grant, pattern) : grantApplies(grant)));
  for (const client of clients) {
    const wanted = [...new Set([...client, ...asked])];
    const sought = search.find(wanted, [...obstacles, ...allowing]);
    if (sought === undefined) continue;
    const near = nearestOf(allows, sought.situation);
    return { ...sought, by: undefined, ...(near === undefined ? {} : { near }) };
  }
  return undefined;
}

/** Of the grants that have the topic, one of a role that is held, if there is such a one. */
function nearestOf(allows: readonly ModelGrant[], situation: Situation): ModelGrant | undefined {
  const near = allows.filter(({ pattern }) => isMatched(pattern, situation));
  return near.find(({ holdings }) => roleHeld(holdings).waysOut(situation) !== undefined) ?? near[0];
}
