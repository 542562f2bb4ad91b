/** The schemes a stored password may have, in one table, and the one that new passwords get. */
import { argon2id } from './argon2id.ts';
import { type HashFault, type HashScheme, type PasswordHash, SET_ANEW } from './hash-scheme.ts';
import { pbkdf2Sha512 } from './pbkdf2-sha512.ts';
import { sha512 } from './sha512.ts';

export { argon2idDecoy as defaultDecoy, hashArgon2id as hashPassword } from './argon2id.ts';
export { type HashFault, isHashFault, type PasswordHash } from './hash-scheme.ts';

const SCHEMES: readonly HashScheme[] = [sha512, pbkdf2Sha512, argon2id];

/** Far above the longest of any scheme. */
const ENCODED_MAX_CHARS = 512;

/** Schemes of other programs, so that the report can name them. Anything else is not quoted: it may be a password. */
const FOREIGN = /^\$(1|5|2[abxy]|y|argon2i|argon2d|scrypt|PBKDF2)\$/;

/** Reads one stored password: everything behind `user:`. */
export function parsePasswordHash(encoded: string): PasswordHash | HashFault {
  if (!encoded.startsWith('$')) {
    return {
      says: 'The password is not hashed.',
      cure: 'Set a new one with `sallyport passwd add`; this one has been readable.',
    };
  }
  if (encoded.length > ENCODED_MAX_CHARS) {
    return { says: `The hash is longer than ${ENCODED_MAX_CHARS} characters.`, cure: SET_ANEW };
  }
  const scheme = SCHEMES.find((candidate) => encoded.startsWith(candidate.prefix));
  if (scheme !== undefined) return scheme.parse(encoded);
  const foreign = FOREIGN.exec(encoded);
  return {
    says: `The hash scheme${foreign ? ` ${foreign[1]}` : ''} is unknown; known are $6$, $7$ and $argon2id$.`,
    cure: SET_ANEW,
  };
}
