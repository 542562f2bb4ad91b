/** The keys that tokens are verified with: public keys from PEM, JWK and JWK Set texts, and shared secrets. */
import { createHash, createPublicKey, createSecretKey, type KeyObject, type webcrypto } from 'node:crypto';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { algorithmsOf, isJwtAlgorithm, type JwtAlgorithm, secretMinBytes } from './jwt-algorithms.ts';

export interface JwtKey {
  /** Tells this key from any other, and says nothing about a secret. */
  readonly id: string;
  /** What tokens call it; undefined where its holder gave it no name. */
  readonly kid: string | undefined;
  readonly algorithms: readonly JwtAlgorithm[];
  readonly key: KeyObject;
}

/** Where a token's key is looked up. */
export interface KeySource {
  /**
   * The keys that may have signed with `algorithm` under the name `kid`; `unavailable` where nobody can say. Never rejects.
   */
  find(
    algorithm: JwtAlgorithm,
    kid: string | undefined,
  ): readonly JwtKey[] | Promise<readonly JwtKey[] | 'unavailable'>;
  /** Whether the key with this id is still one of them, as far as is known now. */
  has(id: string): boolean;
  /** Whether there are keys that can be asked; not where a set has yet to be fetched, or has grown too old. */
  readonly isAtHand: boolean;
}

const RSA_MIN_BITS = 2048;
export const KEYS_MAX = 100;

export class StaticKeys implements KeySource {
  readonly isAtHand = true;
  readonly #keys: readonly JwtKey[];

  constructor(keys: readonly JwtKey[]) {
    this.#keys = keys;
  }

  find(algorithm: JwtAlgorithm, kid: string | undefined): readonly JwtKey[] {
    return matching(this.#keys, algorithm, kid);
  }

  has(id: string): boolean {
    return this.#keys.some((key) => key.id === id);
  }
}

/** A key without a name may be meant by any; a token without one may mean any. */
export function matching(keys: readonly JwtKey[], algorithm: JwtAlgorithm, kid: string | undefined): JwtKey[] {
  return keys.filter(
    (key) => key.algorithms.includes(algorithm) && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
}

/** A shared secret, or why it will not do, as a sentence that does not repeat it. */
export function secretKey(secret: Uint8Array, algorithms: readonly JwtAlgorithm[]): JwtKey | string {
  // The classic confusion: a public key, which everybody has, configured as the secret.
  if (/-----BEGIN |ssh-(?:rsa|ed25519) |"kty"\s*:/.test(Buffer.from(secret).toString('latin1'))) {
    return 'The secret is a key file, which is no secret for HMAC: give its public half under `keys`, with its own algorithms.';
  }
  const neededBytes = Math.max(...algorithms.map(secretMinBytes));
  if (secret.length < neededBytes) {
    return `The secret has ${secret.length} bytes, and ${algorithms.join(', ')} needs ${neededBytes} (RFC 7518): make one with \`openssl rand -base64 64\`.`;
  }
  const id = createHash('sha256').update('secret:').update(secret).digest('base64url');
  return Object.freeze({ id, kid: undefined, algorithms: [...algorithms], key: createSecretKey(secret) });
}

/**
 * The public keys in a file: PEM blocks (public keys or certificates), a JWK, or a JWK Set.
 * @throws {FileFaultError} when it holds anything else.
 */
export function parseKeyFile(text: string, file: string): JwtKey[] {
  const faults: FileFault[] = [];
  const report = (line: number, says: string, cure: string): void =>
    void faults.push({ file, line, column: 1, says, cure });
  const found = text.trimStart().startsWith('{') ? fromJson(text, report) : fromPem(text, report);
  if (found.length === 0 && faults.length === 0) {
    report(1, 'There is no key in it.', 'Give a public key or a certificate as PEM, or a JWK, or a JWK Set.');
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return found;
}

/**
 * The usable keys of a JWK Set from somewhere else; others (for encryption, of kinds unknown here, private or symmetric ones,
 * which nobody may publish) are left out. Undefined when the text is no JWK Set.
 */
export function parseRemoteKeySet(text: string): JwtKey[] | undefined {
  const list = parseSet(text);
  if (list === undefined) return undefined;
  return list.slice(0, KEYS_MAX).flatMap((jwk) => {
    const key = fromJwk(jwk);
    return typeof key === 'string' ? [] : [key];
  });
}

type Report = (line: number, says: string, cure: string) => void;

function fromPem(text: string, report: Report): JwtKey[] {
  const keys: JwtKey[] = [];
  for (const match of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)) {
    const line = text.slice(0, match.index).split('\n').length;
    if (match[1]!.includes('PRIVATE')) {
      report(
        line,
        'This is a private key.',
        'Give its public half: `openssl pkey -in FILE -pubout`; keep this one with the issuer.',
      );
      continue;
    }
    try {
      const key = described(createPublicKey(match[0]), undefined, undefined);
      if (typeof key === 'string') report(line, key, 'Give another key.');
      else keys.push(key);
    } catch {
      report(line, `This ${match[1]!.toLowerCase()} cannot be read.`, 'Give a public key or a certificate as PEM.');
    }
  }
  return keys;
}

function fromJson(text: string, report: Report): JwtKey[] {
  const list = parseSet(text);
  if (list === undefined) {
    report(1, 'This is neither a JWK nor a JWK Set.', 'A JWK Set is a JSON object with a list `keys`.');
    return [];
  }
  if (list.length > KEYS_MAX) report(1, `There are ${list.length} keys, more than ${KEYS_MAX}.`, 'Remove old ones.');
  const keys: JwtKey[] = [];
  for (const [index, jwk] of list.slice(0, KEYS_MAX).entries()) {
    const key = fromJwk(jwk);
    if (typeof key === 'string') report(1, `Key ${index + 1} of the set: ${key}`, 'Remove it, or give another.');
    else keys.push(key);
  }
  return keys;
}

function parseSet(text: string): unknown[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (Array.isArray(value['keys'])) return value['keys'];
  return typeof value['kty'] === 'string' ? [value] : undefined;
}

/** The key, or what is wrong with it. */
function fromJwk(jwk: unknown): JwtKey | string {
  if (!isRecord(jwk) || typeof jwk['kty'] !== 'string') return 'It has no `kty`.';
  const { kty, use, key_ops: operations, kid, alg } = jwk;
  if (kty === 'oct') return 'It is symmetric; a shared secret belongs under `secret`.';
  if ('d' in jwk) return 'It is a private key; keep it with the issuer.';
  if (use !== undefined && use !== 'sig') return 'It is not for signatures.';
  if (Array.isArray(operations) && !operations.includes('verify')) return 'It is not for verifying.';
  if (kid !== undefined && typeof kid !== 'string') return 'Its `kid` is no text.';
  if (alg !== undefined && !isJwtAlgorithm(alg)) return 'Its `alg` is none that is supported.';
  try {
    return described(createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' }), kid, alg);
  } catch {
    return 'It cannot be read.';
  }
}

function described(key: KeyObject, kid: string | undefined, alg: JwtAlgorithm | undefined): JwtKey | string {
  const { modulusLength } = key.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined && modulusLength < RSA_MIN_BITS) {
    return `An RSA key of ${modulusLength} bits is too short; ${RSA_MIN_BITS} are the least.`;
  }
  const able = algorithmsOf(key);
  const algorithms = alg === undefined ? able : able.filter((name) => name === alg);
  if (algorithms.length === 0) return 'No supported algorithm takes a key of this kind.';
  const id = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64url');
  return Object.freeze({ id, kid, algorithms, key });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
