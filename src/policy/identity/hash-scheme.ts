/** What every way of storing a password has in common: one file a scheme fills this in, `password-hash.ts` lists them. */
import { timingSafeEqual } from 'node:crypto';
import type { Chance } from '../../base/chance.ts';

/** One stored password. Frozen. */
export interface PasswordHash {
  /** As it stands in the file. */
  readonly encoded: string;
  /** Scheme and cost in one word: two hashes with the same cost take the same time to verify. */
  readonly cost: string;
  /** Takes no longer than to wait for a turn would. */
  readonly isQuick?: boolean;
  /** Runs off the event loop where it takes long. Rejects only when the runtime cannot compute it. */
  verify(password: Uint8Array): Promise<boolean>;
  /** A hash of the same cost that no known password matches: what an unknown user is verified against. */
  decoy(chance: Chance): PasswordHash;
}

/** Why a stored password is refused. Neither sentence quotes it: it might be the password itself. */
export interface HashFault {
  readonly says: string;
  readonly cure: string;
}

export interface HashScheme {
  readonly name: string;
  /** How a stored password of this scheme begins. */
  readonly prefix: string;
  /** `encoded` begins with `prefix`. */
  parse(encoded: string): PasswordHash | HashFault;
}

export function isHashFault(parsed: PasswordHash | HashFault): parsed is HashFault {
  return 'says' in parsed;
}

/** The cure for all that cannot be mended by hand. */
export const SET_ANEW = 'Set the password anew with `sallyport passwd add`.';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The bytes of canonical base64, with or without padding; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const unpadded = text.replace(/=+$/, '');
  return encodeBase64Unpadded(bytes) === unpadded ? bytes : undefined;
}

export function encodeBase64Unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

/** A decimal without sign, leading zero or blanks; undefined for anything else, and for more than nine digits. */
export function decodeDecimal(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

/** Compares in a time that does not tell where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
