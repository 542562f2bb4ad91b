/**
 * The floor under keys and signatures of client certificates: RSA from 2048 bits, curves from 256, SHA-2 and later. It holds for
 * the certificate and for those that were sent with it, and it is not a setting: whoever can factor a key is its owner.
 */
import type { X509Certificate } from 'node:crypto';

const RSA_MIN_BITS = 2048;

const CURVES = new Set([
  'prime256v1',
  'secp256k1',
  'secp384r1',
  'secp521r1',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
]);

const OTHER_KEYS = new Set(['ed25519', 'ed448', 'ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87']);

/** Signature algorithms by OID. */
const WEAK_SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.3': 'MD4',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.3.14.3.2.29': 'SHA-1',
  '1.2.840.10040.4.3': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  '1.2.840.10045.4.3.1': 'SHA-224',
  '1.2.840.113549.1.1.14': 'SHA-224',
};

/** What is too weak about a certificate or those behind it, in words; undefined when nothing is. */
export function weaknessOf(leaf: X509Certificate): string | undefined {
  const seen = new Set<string>();
  for (let next: X509Certificate | undefined = leaf; next !== undefined; next = next.issuerCertificate) {
    if (seen.has(next.fingerprint256)) break;
    seen.add(next.fingerprint256);
    // A root is trusted for being in the file, not for what it says about itself.
    const weakness = weakKey(next) ?? (next.issuer === next.subject ? undefined : weakSignature(next));
    if (weakness !== undefined) return next === leaf ? weakness : `an authority in its chain: ${weakness}`;
  }
  return undefined;
}

function weakKey(certificate: X509Certificate): string | undefined {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = certificate.publicKey;
  switch (type) {
    case 'rsa':
    case 'rsa-pss': {
      const { modulusLength = 0 } = details;
      return modulusLength < RSA_MIN_BITS ? `an RSA key of ${modulusLength} bits, at least ${RSA_MIN_BITS}` : undefined;
    }
    case 'ec': {
      const { namedCurve = 'unknown' } = details;
      return CURVES.has(namedCurve) ? undefined : `a key on the curve ${namedCurve}, at least P-256`;
    }
    default:
      return OTHER_KEYS.has(type) ? undefined : `a key of type ${type}, which is not accepted`;
  }
}

/** The hash of a signature algorithm below SHA-256, by the algorithm's OID; undefined for all others. */
export function weakSignatureHash(oid: string | undefined): string | undefined {
  return oid === undefined ? undefined : WEAK_SIGNATURES[oid];
}

function weakSignature({ signatureAlgorithmOid }: X509Certificate): string | undefined {
  const hash = weakSignatureHash(signatureAlgorithmOid);
  return hash === undefined ? undefined : `a signature with ${hash}, at least SHA-256`;
}
