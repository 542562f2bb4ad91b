/**
 * `$argon2id$v=19$m=…,t=…,p=…$salt$hash`: the PHC string form [RFC 9106], what we write ourselves and what Mosquitto 2.1 writes
 * (m=47104, t=1, p=1, salt and hash of 64 bytes).
 */
import { argon2 } from 'node:crypto';
import type { Chance } from '../../base/chance.ts';
import {
  decodeBase64,
  decodeDecimal,
  encodeBase64Unpadded,
  type HashScheme,
  type PasswordHash,
  SET_ANEW,
  sameBytes,
} from './hash-scheme.ts';

interface Argon2Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/**
 * Our own default: 19 MiB, two passes, one lane, the least that OWASP's Password Storage Cheat Sheet recommends. Not more,
 * because a gateway pays it for every CONNECT: when a thousand devices come back at once, 64 MiB and three passes would
 * keep them out for minutes where this keeps them out for seconds, and two verifications at a time hold 38 MiB. Device
 * passwords made by `sallyport passwd` carry over 100 bits, which no cost factor is needed to protect; the cost is there
 * for those that people chose.
 */
const DEFAULT_COST: Argon2Cost = { memoryKiB: 19_456, passes: 2, parallelism: 1 };
const DEFAULT_SALT_BYTES = 16;
const DEFAULT_HASH_BYTES = 32;

/** Ceilings for what a file may ask for: one verification stays under 256 MiB and about a second. */
const MEMORY_MAX_KIB = 262_144;
const MEMORY_PASSES_MAX_KIB = 1_048_576;
const PARALLELISM_MAX = 16;
const SALT_MIN_BYTES = 8;
const SALT_MAX_BYTES = 64;
const HASH_MIN_BYTES = 16;
const HASH_MAX_BYTES = 64;

function derive(cost: Argon2Cost, password: Uint8Array, salt: Uint8Array, hashBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parameters = {
      message: password,
      nonce: salt,
      parallelism: cost.parallelism,
      tagLength: hashBytes,
      memory: cost.memoryKiB,
      passes: cost.passes,
    };
    argon2('argon2id', parameters, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}

function encode(cost: Argon2Cost, salt: Uint8Array, hash: Uint8Array): string {
  const parameters = `m=${cost.memoryKiB},t=${cost.passes},p=${cost.parallelism}`;
  return `$argon2id$v=19$${parameters}$${encodeBase64Unpadded(salt)}$${encodeBase64Unpadded(hash)}`;
}

class Argon2idHash implements PasswordHash {
  readonly encoded: string;
  readonly cost: string;
  readonly #cost: Argon2Cost;
  readonly #salt: Uint8Array;
  readonly #hash: Uint8Array;

  constructor(encoded: string, cost: Argon2Cost, salt: Uint8Array, hash: Uint8Array) {
    this.encoded = encoded;
    this.cost = `argon2id,m=${cost.memoryKiB},t=${cost.passes},p=${cost.parallelism}`;
    this.#cost = cost;
    this.#salt = salt;
    this.#hash = hash;
    Object.freeze(this);
  }

  async verify(password: Uint8Array): Promise<boolean> {
    return sameBytes(await derive(this.#cost, password, this.#salt, this.#hash.length), this.#hash);
  }

  decoy(chance: Chance): PasswordHash {
    return makeDecoy(chance, this.#cost, this.#salt.length, this.#hash.length);
  }
}

function makeDecoy(chance: Chance, cost: Argon2Cost, saltBytes: number, hashBytes: number): PasswordHash {
  const salt = chance.bytes(saltBytes);
  const hash = chance.bytes(hashBytes);
  return new Argon2idHash(encode(cost, salt, hash), cost, salt, hash);
}

/** A decoy of our own default cost, for a file that has no user to take the cost from. */
export function argon2idDecoy(chance: Chance): PasswordHash {
  return makeDecoy(chance, DEFAULT_COST, DEFAULT_SALT_BYTES, DEFAULT_HASH_BYTES);
}

/** Hashes a new password at our own default cost. */
export async function hashArgon2id(password: Uint8Array, chance: Chance): Promise<string> {
  const salt = chance.bytes(DEFAULT_SALT_BYTES);
  return encode(DEFAULT_COST, salt, await derive(DEFAULT_COST, password, salt, DEFAULT_HASH_BYTES));
}

export const argon2id: HashScheme = {
  name: 'argon2id',
  prefix: '$argon2id$',
  parse(encoded) {
    const [version, parameters, saltText, hashText, ...rest] = encoded.slice(this.prefix.length).split('$');
    if (saltText === undefined || hashText === undefined || parameters === undefined || rest.length > 0) {
      return { says: 'An argon2id hash has the form `$argon2id$v=19$m=,t=,p=$salt$hash`.', cure: SET_ANEW };
    }
    if (version !== 'v=19') return { says: 'Only version 19 of argon2id is supported.', cure: SET_ANEW };

    const [, memoryText = '', passesText = '', parallelismText = ''] =
      /^m=(\d+),t=(\d+),p=(\d+)$/.exec(parameters) ?? [];
    const memoryKiB = decodeDecimal(memoryText);
    const passes = decodeDecimal(passesText);
    const parallelism = decodeDecimal(parallelismText);
    if (memoryKiB === undefined || passes === undefined || parallelism === undefined) {
      return { says: 'The parameters are not of the form `m=19456,t=2,p=1`.', cure: SET_ANEW };
    }
    if (parallelism > PARALLELISM_MAX)
      return { says: `The parallelism p is above ${PARALLELISM_MAX}.`, cure: SET_ANEW };
    if (memoryKiB < 8 * parallelism || memoryKiB > MEMORY_MAX_KIB) {
      return { says: `The memory m is not from 8 times p to ${MEMORY_MAX_KIB} KiB.`, cure: SET_ANEW };
    }
    if (memoryKiB * passes > MEMORY_PASSES_MAX_KIB) {
      return { says: `The memory m times the passes t is above ${MEMORY_PASSES_MAX_KIB}.`, cure: SET_ANEW };
    }

    const salt = decodeBase64(saltText);
    if (salt === undefined || salt.length < SALT_MIN_BYTES || salt.length > SALT_MAX_BYTES) {
      return { says: `The salt is not base64 of ${SALT_MIN_BYTES} to ${SALT_MAX_BYTES} bytes.`, cure: SET_ANEW };
    }
    const hash = decodeBase64(hashText);
    if (hash === undefined || hash.length < HASH_MIN_BYTES || hash.length > HASH_MAX_BYTES) {
      return { says: `The hash is not base64 of ${HASH_MIN_BYTES} to ${HASH_MAX_BYTES} bytes.`, cure: SET_ANEW };
    }
    return new Argon2idHash(encoded, { memoryKiB, passes, parallelism }, salt, hash);
  },
};
