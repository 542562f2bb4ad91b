/** How strong a certificate's key and signature are. */
import type { X509Certificate } from 'node:crypto';
import { weakSignatureHash } from '../../../policy/identity/x509/key-quality.ts';
import { isRoca } from './roca.ts';

const RSA_MIN_BITS = 2048;
const EC_MIN_BITS = 224;

export interface Modulus {
  /** Upper case, without zeros in front. */
  readonly hex: string;
  readonly bits: number;
}

/** Undefined for keys that are not RSA. */
export function modulusOf({ publicKey }: X509Certificate): Modulus | undefined {
  if (publicKey.asymmetricKeyType !== 'rsa' && publicKey.asymmetricKeyType !== 'rsa-pss') return undefined;
  const bits = publicKey.asymmetricKeyDetails?.modulusLength;
  let n: string | undefined;
  try {
    // RSA-PSS keys have no JWK form.
    n = publicKey.asymmetricKeyType === 'rsa' ? publicKey.export({ format: 'jwk' }).n : undefined;
  } catch {
    n = undefined;
  }
  if (n === undefined || bits === undefined) return undefined;
  return { hex: Buffer.from(n, 'base64url').toString('hex').toUpperCase().replace(/^0+/, ''), bits };
}

export interface KeyJudgement {
  readonly observed: string;
  /** A stable word for what is weak; undefined where nothing is. */
  readonly weakness: 'short-key' | 'roca' | 'unusual-key' | undefined;
}

const CURVE_BITS: Readonly<Record<string, number>> = {
  prime192v1: 192,
  secp192k1: 192,
  secp160r1: 160,
  secp160r2: 160,
  secp160k1: 160,
  secp112r1: 112,
  secp128r1: 128,
  secp224r1: 224,
  secp224k1: 224,
  prime256v1: 256,
  secp256k1: 256,
  secp384r1: 384,
  secp521r1: 521,
};

function curveBits(name: string): number | undefined {
  const digits = /^brainpoolP(\d+)[rt]1$/.exec(name)?.[1] ?? /^(?:sect|c2[pt]nb|prime)(\d+)/.exec(name)?.[1];
  return CURVE_BITS[name] ?? (digits === undefined ? undefined : Number(digits));
}

export function judgeKey(certificate: X509Certificate): KeyJudgement {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = certificate.publicKey;
  switch (type) {
    case 'rsa':
    case 'rsa-pss': {
      const { modulusLength = 0 } = details;
      const observed = `RSA of ${modulusLength} bits`;
      if (modulusLength < RSA_MIN_BITS) return { observed, weakness: 'short-key' };
      const modulus = modulusOf(certificate);
      if (modulus !== undefined && isRoca(BigInt(`0x${modulus.hex}`)))
        return { observed: `${observed}, with the fingerprint of ROCA`, weakness: 'roca' };
      return { observed, weakness: undefined };
    }
    case 'ec': {
      const { namedCurve = 'without a name' } = details;
      const bits = curveBits(namedCurve);
      const observed = `EC on the curve ${namedCurve}`;
      return { observed, weakness: bits === undefined ? 'unusual-key' : bits < EC_MIN_BITS ? 'short-key' : undefined };
    }
    case 'ed25519':
    case 'ed448':
    case 'ml-dsa-44':
    case 'ml-dsa-65':
    case 'ml-dsa-87':
      return { observed: type, weakness: undefined };
    default:
      return { observed: `a key of type ${type}`, weakness: 'unusual-key' };
  }
}

/** MD2, MD4, MD5 or SHA-1, where the signature rests on one of them. */
export function brokenHash({ signatureAlgorithmOid }: X509Certificate): string | undefined {
  const hash = weakSignatureHash(signatureAlgorithmOid);
  return hash === 'SHA-224' ? undefined : hash;
}
