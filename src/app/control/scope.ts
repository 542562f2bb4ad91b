/** What of the control API a principal may touch: roles by rank, and scopes by subject. A route names one of each. */

/** By rank: each may all that those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A scope is a subject and what is done to it. `write` does not bring `read`: a token that only bans need not see who is banned. */
export const SCOPES = [
  'alerts:read',
  'alerts:write',
  'audit:write',
  'bans:read',
  'bans:write',
  'clients:read',
  'clients:write',
  'config:read',
  'config:write',
  'events:read',
  'incidents:read',
  'journal:read',
  'learning:read',
  'learning:write',
  'limits:read',
  'limits:write',
  'metrics:read',
  'operators:read',
  'operators:write',
  'policy:read',
  'recorder:read',
  'recorder:write',
  'status:read',
  'upstreams:read',
  'upstreams:write',
  'users:read',
  'users:write',
] as const;
export type Scope = (typeof SCOPES)[number];

export function hasRank(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}
