/** Reads a user as databases and key-value stores have it: a hash of a known scheme, and lists and maps that are what they should be. */
import { BackendFault } from './backend.ts';
import { isHashFault, parsePasswordHash } from './password-hash.ts';
import type { SourcedUser } from './stored-login-method.ts';
import { readAttributes, readNames } from './vouched.ts';

/** What stands in a row or a hash map; all but the first may be absent or null. */
export interface RawUser {
  readonly passwordHash: unknown;
  readonly roles?: unknown;
  readonly groups?: unknown;
  readonly attributes?: unknown;
}

/** @throws {BackendFault} for whatever is not as documented; nothing of it is repeated. */
export function readSourcedUser({ passwordHash, roles, groups, attributes }: RawUser): SourcedUser {
  if (typeof passwordHash !== 'string') throw new BackendFault('the password hash is no text');
  const hash = parsePasswordHash(passwordHash);
  if (isHashFault(hash)) throw new BackendFault(`the password hash is of no use: ${hash.says}`);
  return {
    hash,
    roles: readNames(listOf(roles), 'roles'),
    groups: readNames(listOf(groups), 'groups'),
    attributes: readAttributes(mapOf(attributes), 'attributes'),
  };
}

/** A list as it is, as JSON, or as text with commas. */
function listOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (value === '') return [];
  return value.startsWith('[') ? parseJson(value) : value.split(',').map((name) => name.trim());
}

function mapOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value === '' ? {} : parseJson(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BackendFault('a list or a map is no JSON');
  }
}
