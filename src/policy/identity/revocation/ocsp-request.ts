/** The question to an OCSP responder [RFC 6960 4.1]: is this certificate of that issuer still good? */
import { createHash } from 'node:crypto';
import { constructed, encodeDer, Tag } from '../x509/der.ts';
import type { PathStep } from './certificate-path.ts';

const SHA1 = Buffer.from('06052b0e03021a', 'hex');
/** `id-pkix-ocsp-nonce`. */
const NONCE = Buffer.from('06092b0601050507300102', 'hex');

/**
 * Names the certificate [RFC 6960 4.1.1]. The hash only finds the issuer, so that SHA-1, which all responders know, does no harm:
 * what they answer is signed with better.
 */
export function certificateId({ fields, issuer }: Pick<PathStep, 'fields' | 'issuer'>): Buffer {
  const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest();
  const serial = Buffer.from(fields.serial, 'hex');
  const positive = serial[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial;
  return encodeDer(
    Tag.Sequence,
    encodeDer(Tag.Sequence, SHA1, encodeDer(Tag.Null)),
    encodeDer(Tag.OctetString, sha1(fields.issuer)),
    encodeDer(Tag.OctetString, sha1(issuer.fields.publicKeyBits)),
    encodeDer(Tag.Integer, positive),
  );
}

/** A nonce makes the answer one to this question; responders that prepare their answers leave it out. */
export function ocspRequest(id: Uint8Array, nonce: Uint8Array | undefined): Buffer {
  const list = encodeDer(Tag.Sequence, encodeDer(Tag.Sequence, id));
  if (nonce === undefined) return encodeDer(Tag.Sequence, encodeDer(Tag.Sequence, list));
  const value = encodeDer(Tag.OctetString, encodeDer(Tag.OctetString, nonce));
  const extensions = encodeDer(constructed(2), encodeDer(Tag.Sequence, encodeDer(Tag.Sequence, NONCE, value)));
  return encodeDer(Tag.Sequence, encodeDer(Tag.Sequence, list, extensions));
}
