/** Scopes to which somebody is narrowed: as they are given, stored, and combined. */

import { nearestHint } from '../../base/nearest-word.ts';
import { OperatorError } from '../config/problem.ts';
import { hasRank, LEAST_ROLES, ROLES, type Role, SCOPES, type Scope } from '../control/scope.ts';

/** `all` is whatever the role may. */
export type ScopeSet = 'all' | ReadonlySet<Scope>;

/** @throws {OperatorError} that names those there are. */
export function roleNamed(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw new OperatorError(`"${text}" is no role; ${nearestHint(text, ROLES)}`);
  return role;
}

/** @throws {OperatorError} that names the first that is none. */
export function scopesNamed(texts: readonly string[]): Scope[] {
  return texts.map((text) => {
    const scope = SCOPES.find((known) => known === text);
    if (scope === undefined) throw new OperatorError(`"${text}" is no scope; ${nearestHint(text, SCOPES)}`);
    return scope;
  });
}

/**
 * Refuses scopes in which nothing can be done: whoever names them counts on them. `who` is what the message calls the bearer.
 * @throws {OperatorError}
 */
export function demandUsable(
  scopes: readonly Scope[],
  { role, may }: { role: Role; may: ScopeSet },
  who: string,
): void {
  const tooHigh = scopes.filter((scope) => !hasRank(role, LEAST_ROLES[scope]));
  if (tooHigh.length > 0) {
    const needs = tooHigh.map((scope) => `${scope} needs the role ${LEAST_ROLES[scope]}`).join(', ');
    throw new OperatorError(`${who} has the role ${role}, with which it can never use that: ${needs}.`);
  }
  const outside = scopes.filter((scope) => may !== 'all' && !may.has(scope));
  if (outside.length === 0) return;
  const own = listedScopes(may)?.join(', ');
  throw new OperatorError(`${who} is narrowed to ${own}, and can never use ${outside.join(', ')}.`);
}

/** For the file: null stands for `all`. */
export function storedScopes(scopes: readonly Scope[] | undefined): string | null {
  return scopes === undefined ? null : [...new Set(scopes)].sort().join(' ');
}

/** INVARIANT: what this version does not know is left out, and never widens anything. */
export function readScopes(stored: string | null): ScopeSet {
  if (stored === null) return 'all';
  const known: ReadonlySet<string> = new Set(SCOPES);
  return new Set(stored.split(' ').filter((text): text is Scope => known.has(text)));
}

/** What both allow. */
export function commonScopes(a: ScopeSet, b: ScopeSet): ScopeSet {
  if (a === 'all') return b;
  return b === 'all' ? a : new Set([...a].filter((scope) => b.has(scope)));
}

/** For people and programs; undefined for `all`. */
export function listedScopes(scopes: ScopeSet): Scope[] | undefined {
  return scopes === 'all' ? undefined : [...scopes].sort();
}
