/** Signatures under what authorities publish: certificates, revocation lists, OCSP answers. SHA-2 and later, and nothing weaker. */
import { constants, type KeyObject, verify } from 'node:crypto';
import { constructed, DerFault, DerReader, Tag } from './der.ts';

/** A signed structure as X.509 has them: what was signed, with which algorithm, and the signature. */
export interface Signed {
  readonly content: Uint8Array;
  /** AlgorithmIdentifier, as DER. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** @throws {DerFault} when it is no SEQUENCE of content, algorithm and signature. */
export function readSigned(der: Uint8Array): { signed: Signed; inside: DerReader } {
  const outer = new DerReader(der);
  const whole = outer.read(Tag.Sequence).inside();
  outer.finish();
  const content = whole.read(Tag.Sequence).whole();
  const inside = whole.inside();
  const algorithm = whole.read(Tag.Sequence).whole();
  const signature = whole.bits();
  whole.finish();
  return { signed: { content, algorithm, signature }, inside };
}

interface Algorithm {
  /** Undefined for those that hash by themselves. */
  readonly hash: string | undefined;
  /** `asymmetricKeyType` of keys that sign so. */
  readonly keys: readonly string[];
  readonly padding?: number;
  readonly saltLength?: number;
}

const RSA = ['rsa'];
const EC = ['ec'];

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  '1.2.840.113549.1.1.11': { hash: 'sha256', keys: RSA },
  '1.2.840.113549.1.1.12': { hash: 'sha384', keys: RSA },
  '1.2.840.113549.1.1.13': { hash: 'sha512', keys: RSA },
  '1.2.840.10045.4.3.2': { hash: 'sha256', keys: EC },
  '1.2.840.10045.4.3.3': { hash: 'sha384', keys: EC },
  '1.2.840.10045.4.3.4': { hash: 'sha512', keys: EC },
  '1.3.101.112': { hash: undefined, keys: ['ed25519'] },
  '1.3.101.113': { hash: undefined, keys: ['ed448'] },
  '2.16.840.1.101.3.4.3.17': { hash: undefined, keys: ['ml-dsa-44'] },
  '2.16.840.1.101.3.4.3.18': { hash: undefined, keys: ['ml-dsa-65'] },
  '2.16.840.1.101.3.4.3.19': { hash: undefined, keys: ['ml-dsa-87'] },
};

const RSASSA_PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

function algorithmOf(der: Uint8Array): Algorithm | undefined {
  const identifier = new DerReader(der).read(Tag.Sequence).inside();
  const oid = identifier.oid();
  if (oid !== RSASSA_PSS) return ALGORITHMS[oid];
  const parameters = identifier.read(Tag.Sequence).inside();
  // Left out, the hash is SHA-1.
  if (!parameters.optional(constructed(0))) return undefined;
  const hash = PSS_HASHES[parameters.inside().read(Tag.Sequence).inside().oid()];
  if (hash === undefined) return undefined;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
  return { hash, keys: ['rsa', 'rsa-pss'], padding, saltLength };
}

/** Off the event loop: a large list takes a while to hash. False also for algorithms that are too weak or unknown. */
export function isSignedBy({ content, algorithm: der, signature }: Signed, key: KeyObject): Promise<boolean> {
  let algorithm: Algorithm | undefined;
  try {
    algorithm = algorithmOf(der);
  } catch (error) {
    if (!(error instanceof DerFault)) throw error;
  }
  if (algorithm === undefined || !algorithm.keys.includes(key.asymmetricKeyType ?? '')) return Promise.resolve(false);
  const { hash, keys: _, ...options } = algorithm;
  return new Promise((resolve) => {
    try {
      verify(hash, content, { key, ...options }, signature, (error, isGood) => resolve(error === null && isGood));
    } catch {
      // The key does not go with the algorithm.
      resolve(false);
    }
  });
}
