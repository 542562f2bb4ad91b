/** What operators may: roles by rank, and scopes, to which an account or a token can be narrowed. */

/** By rank: each may all that those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A subject, and what is done to it. */
export const SCOPES = [
  'alerts:read',
  'alerts:write',
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
