/** `$7$iterations$salt$hash`: PBKDF2-HMAC-SHA512, what mosquitto_passwd writes from 1.6 on. Read, never written. */
import { pbkdf2 } from 'node:crypto';
import type { Chance } from '../../base/chance.ts';
import { decodeBase64, decodeDecimal, type HashScheme, type PasswordHash, SET_ANEW, sameBytes } from './hash-scheme.ts';

const HASH_BYTES = 64;
/** Mosquitto has written 12 and, since 2.1, 64. */
const SALT_MIN_BYTES = 8;
const SALT_MAX_BYTES = 64;
/**
 * Mosquitto's own defaults are 101 and, since 2.1, 1000; OWASP asks for 210,000. A million is a quarter of a second, and the
 * most that one CONNECT may cost.
 */
const ITERATIONS_MAX = 1_000_000;

class Pbkdf2Hash implements PasswordHash {
  readonly encoded: string;
  readonly cost: string;
  readonly #iterations: number;
  readonly #salt: Uint8Array;
  readonly #hash: Uint8Array;

  constructor(encoded: string, iterations: number, salt: Uint8Array, hash: Uint8Array) {
    this.encoded = encoded;
    this.cost = `pbkdf2-sha512,i=${iterations}`;
    this.#iterations = iterations;
    this.#salt = salt;
    this.#hash = hash;
    Object.freeze(this);
  }

  verify(password: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      pbkdf2(password, this.#salt, this.#iterations, HASH_BYTES, 'sha512', (error, hash) => {
        if (error) reject(error);
        else resolve(sameBytes(hash, this.#hash));
      });
    });
  }

  decoy(chance: Chance): PasswordHash {
    const salt = chance.bytes(this.#salt.length);
    const hash = chance.bytes(HASH_BYTES);
    const encoded = `$7$${this.#iterations}$${salt.toString('base64')}$${hash.toString('base64')}`;
    return new Pbkdf2Hash(encoded, this.#iterations, salt, hash);
  }
}

export const pbkdf2Sha512: HashScheme = {
  name: 'pbkdf2-sha512',
  prefix: '$7$',
  parse(encoded) {
    const [iterationsText, saltText, hashText, ...rest] = encoded.slice(this.prefix.length).split('$');
    if (iterationsText === undefined || saltText === undefined || hashText === undefined || rest.length > 0) {
      return { says: 'A `$7$` hash has the form `$7$iterations$salt$hash`.', cure: SET_ANEW };
    }
    const iterations = decodeDecimal(iterationsText);
    if (iterations === undefined || iterations > ITERATIONS_MAX) {
      return { says: `The iterations are not a number from 1 to ${ITERATIONS_MAX}.`, cure: SET_ANEW };
    }
    const salt = decodeBase64(saltText);
    if (salt === undefined || salt.length < SALT_MIN_BYTES || salt.length > SALT_MAX_BYTES) {
      return { says: `The salt is not base64 of ${SALT_MIN_BYTES} to ${SALT_MAX_BYTES} bytes.`, cure: SET_ANEW };
    }
    const hash = decodeBase64(hashText);
    if (hash === undefined || hash.length !== HASH_BYTES) {
      return { says: `The hash is not base64 of ${HASH_BYTES} bytes.`, cure: SET_ANEW };
    }
    return new Pbkdf2Hash(encoded, iterations, salt, hash);
  },
};
