/** A built-in user as lists show it. Times are ISO 8601; of the hash only the kind is told. */
import { isHashFault, parsePasswordHash } from '../../policy/identity/password-hash.ts';
import type { ListedUser } from './user-admin.ts';

const DAY_MS = 86_400_000;

export interface UserRecord {
  readonly username: string;
  readonly disabled: boolean;
  readonly createdAt: string;
  readonly passwordChangedAt: string;
  readonly passwordAgeDays: number;
  readonly lastLoginAt: string | null;
  /** Such as `argon2id`, with its cost. */
  readonly scheme: string;
}

export function userRecord(user: ListedUser, nowMs: number): UserRecord {
  return {
    username: user.username,
    disabled: user.isDisabled,
    createdAt: isoOf(user.createdAtMs),
    passwordChangedAt: isoOf(user.passwordChangedAtMs),
    passwordAgeDays: Math.floor((nowMs - user.passwordChangedAtMs) / DAY_MS),
    lastLoginAt: user.lastLoginAtMs === undefined ? null : isoOf(user.lastLoginAtMs),
    scheme: schemeOf(user.hash),
  };
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

function schemeOf(encoded: string): string {
  const hash = parsePasswordHash(encoded);
  return isHashFault(hash) ? 'damaged' : hash.cost;
}
