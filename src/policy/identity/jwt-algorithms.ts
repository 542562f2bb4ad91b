/** Everything about each signature algorithm that tokens may use, in one place [RFC 7518 3.1, RFC 8037 3.1]. */
import type { KeyObject } from 'node:crypto';

interface Row {
  /** Of the one kind of key that it takes: a secret, or a public key of this type as the runtime names it. */
  readonly key: 'secret' | 'rsa' | 'ec' | 'ed25519';
  readonly curve?: string;
  /** Shortest secret [RFC 7518 3.2]. */
  readonly secretMinBytes?: number;
}

const TABLE = {
  HS256: { key: 'secret', secretMinBytes: 32 },
  HS384: { key: 'secret', secretMinBytes: 48 },
  HS512: { key: 'secret', secretMinBytes: 64 },
  RS256: { key: 'rsa' },
  RS384: { key: 'rsa' },
  RS512: { key: 'rsa' },
  PS256: { key: 'rsa' },
  PS384: { key: 'rsa' },
  PS512: { key: 'rsa' },
  ES256: { key: 'ec', curve: 'prime256v1' },
  ES384: { key: 'ec', curve: 'secp384r1' },
  ES512: { key: 'ec', curve: 'secp521r1' },
  EdDSA: { key: 'ed25519' },
  Ed25519: { key: 'ed25519' },
} as const satisfies Readonly<Record<string, Row>>;

export type JwtAlgorithm = keyof typeof TABLE;

export const JWT_ALGORITHMS = Object.keys(TABLE) as [JwtAlgorithm, ...JwtAlgorithm[]];

/** `none` is no algorithm, and neither is anything that this table lacks. */
export function isJwtAlgorithm(name: unknown): name is JwtAlgorithm {
  return typeof name === 'string' && Object.hasOwn(TABLE, name);
}

export function isSymmetric(algorithm: JwtAlgorithm): boolean {
  return TABLE[algorithm].key === 'secret';
}

/** The algorithms that a key may be used with: a public key never verifies an HMAC, whatever a token says. */
export function algorithmsOf(key: KeyObject): JwtAlgorithm[] {
  const kind = key.type === 'secret' ? 'secret' : key.type === 'public' ? key.asymmetricKeyType : undefined;
  return JWT_ALGORITHMS.filter((name) => {
    const row: Row = TABLE[name];
    if (row.key !== kind) return false;
    if (row.curve !== undefined) return row.curve === key.asymmetricKeyDetails?.namedCurve;
    return row.secretMinBytes === undefined || (key.symmetricKeySize ?? 0) >= row.secretMinBytes;
  });
}

export function secretMinBytes(algorithm: JwtAlgorithm): number {
  const row: Row = TABLE[algorithm];
  return row.secretMinBytes ?? 0;
}
