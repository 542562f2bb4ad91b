/** Who may call a route: its least role, then its scope. */
import type { Principal } from './principal.ts';
import { ControlProblem } from './problem-details.ts';
import type { AnyRoute } from './route.ts';
import { hasRank } from './scope.ts';

/** Of whoever may only do what is open to all. */
export const NOBODY: Principal = Object.freeze<Principal>({
  name: 'nobody',
  from: '',
  role: 'viewer',
  scopes: new Set(),
  isLocal: false,
});

/** @throws {ControlProblem} 401 where nobody is known, 403 where whoever is may not. */
export function demandPermission(
  { role, scope }: Pick<AnyRoute, 'role' | 'scope'>,
  principal: Principal | undefined,
  challenge: string | undefined,
): Principal {
  if (role === 'anyone') return principal ?? NOBODY;
  if (principal === undefined) {
    throw new ControlProblem('unauthenticated', 'This needs an operator: log in, or send a token.', {
      headers: { 'www-authenticate': challenge ?? 'Bearer realm="sallyport"' },
    });
  }
  if (!hasRank(principal.role, role)) {
    throw new ControlProblem('forbidden', `This needs the role ${role}, and ${principal.name} has ${principal.role}.`);
  }
  if (scope !== undefined && principal.scopes !== 'all' && !principal.scopes.has(scope)) {
    throw new ControlProblem('forbidden', `This needs the scope ${scope}, which the token of ${principal.name} lacks.`);
  }
  return principal;
}
