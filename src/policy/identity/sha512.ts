/** `$6$salt$hash`: one round of SHA-512 over password and salt, as Mosquitto wrote up to 1.6. Read, never written. */
import { createHash } from 'node:crypto';
import type { Chance } from '../../base/chance.ts';
import { decodeBase64, type HashScheme, type PasswordHash, SET_ANEW, sameBytes } from './hash-scheme.ts';

const HASH_BYTES = 64;
/** Mosquitto has written 12 and, since 2.1, 64. */
const SALT_MIN_BYTES = 8;
const SALT_MAX_BYTES = 64;

class Sha512Hash implements PasswordHash {
  readonly encoded: string;
  readonly cost = 'sha512';
  readonly isQuick = true;
  readonly #salt: Uint8Array;
  readonly #hash: Uint8Array;

  constructor(encoded: string, salt: Uint8Array, hash: Uint8Array) {
    this.encoded = encoded;
    this.#salt = salt;
    this.#hash = hash;
    Object.freeze(this);
  }

  /** On the event loop: a round over the longest password MQTT can carry, 64 KiB, is a fraction of a millisecond. */
  async verify(password: Uint8Array): Promise<boolean> {
    return sameBytes(createHash('sha512').update(password).update(this.#salt).digest(), this.#hash);
  }

  decoy(chance: Chance): PasswordHash {
    const salt = chance.bytes(this.#salt.length);
    const hash = chance.bytes(HASH_BYTES);
    return new Sha512Hash(`$6$${salt.toString('base64')}$${hash.toString('base64')}`, salt, hash);
  }
}

export const sha512: HashScheme = {
  name: 'sha512',
  prefix: '$6$',
  parse(encoded) {
    const [saltText, hashText, ...rest] = encoded.slice(this.prefix.length).split('$');
    if (saltText === undefined || hashText === undefined || rest.length > 0) {
      return { says: 'A `$6$` hash has the form `$6$salt$hash`.', cure: SET_ANEW };
    }
    const salt = decodeBase64(saltText);
    if (salt === undefined || salt.length < SALT_MIN_BYTES || salt.length > SALT_MAX_BYTES) {
      return { says: `The salt is not base64 of ${SALT_MIN_BYTES} to ${SALT_MAX_BYTES} bytes.`, cure: SET_ANEW };
    }
    const hash = decodeBase64(hashText);
    if (hash === undefined || hash.length !== HASH_BYTES) {
      return { says: `The hash is not base64 of ${HASH_BYTES} bytes.`, cure: SET_ANEW };
    }
    return new Sha512Hash(encoded, salt, hash);
  },
};
