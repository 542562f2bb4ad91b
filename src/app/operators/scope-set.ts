/** Scopes to which somebody is narrowed: as they are given, stored, and combined. */
import { OperatorError } from '../config/problem.ts';
import { ROLES, type Role, SCOPES, type Scope } from '../control/scope.ts';

/** `all` is whatever the role may. */
export type ScopeSet = 'all' | ReadonlySet<Scope>;

/** @throws {OperatorError} that names those there are. */
export function roleNamed(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw new OperatorError(`"${text}" is no role; there are: ${ROLES.join(', ')}.`);
  return role;
}

/** @throws {OperatorError} that names the first that is none. */
export function scopesNamed(texts: readonly string[]): Scope[] {
  return texts.map((text) => {
    const scope = SCOPES.find((known) => known === text);
    if (scope === undefined) throw new OperatorError(`"${text}" is no scope; there are: ${SCOPES.join(', ')}.`);
    return scope;
  });
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
