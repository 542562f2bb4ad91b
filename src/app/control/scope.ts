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

/** With less than this role, no route lets a scope do anything. */
export const LEAST_ROLES: Readonly<Record<Scope, Role>> = {
  'alerts:read': 'viewer',
  'alerts:write': 'operator',
  'audit:write': 'operator',
  'bans:read': 'viewer',
  'bans:write': 'operator',
  'clients:read': 'viewer',
  'clients:write': 'operator',
  'config:read': 'operator',
  'config:write': 'admin',
  'events:read': 'viewer',
  'incidents:read': 'viewer',
  'journal:read': 'viewer',
  'learning:read': 'viewer',
  'learning:write': 'operator',
  'limits:read': 'viewer',
  'limits:write': 'operator',
  'metrics:read': 'viewer',
  'operators:read': 'admin',
  'operators:write': 'admin',
  'policy:read': 'viewer',
  'recorder:read': 'operator',
  'recorder:write': 'operator',
  'status:read': 'viewer',
  'upstreams:read': 'viewer',
  'upstreams:write': 'operator',
  'users:read': 'operator',
  'users:write': 'operator',
};

export function hasRank(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}
