/** OCSP answers of any date, which `openssl ocsp` does not give: signed by the authority itself. */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { KnownAuthorities, TrustedRoots } from '../../src/policy/identity/revocation/certificate-path.ts';
import { certificateId } from '../../src/policy/identity/revocation/ocsp-request.ts';
import { readCertificate } from '../../src/policy/identity/x509/certificate-fields.ts';
import { constructed, encodeDer, primitive, Tag } from '../../src/policy/identity/x509/der.ts';
import type { TestAuthority, TestCertificate } from './certificates.ts';

const BASIC_RESPONSE = Buffer.from('06092b0601050507300101', 'hex');
const ECDSA_WITH_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return encodeDer(Tag.GeneralizedTime, Buffer.from(digits));
}

/** Without a nonce, as responders that prepare their answers give it. */
export function ocspAnswer(
  ca: TestAuthority,
  certificate: TestCertificate,
  { status, thisUpdateMs, nextUpdateMs }: { status: 'good' | 'revoked'; thisUpdateMs: number; nextUpdateMs: number },
): Buffer {
  const [issuer] = new TrustedRoots(ca.certificatePem, new KnownAuthorities()).authorities;
  const fields = readCertificate(new X509Certificate(certificate.certificatePem).raw);
  const says = status === 'good' ? encodeDer(primitive(0)) : encodeDer(constructed(1), time(thisUpdateMs));
  const single = encodeDer(
    Tag.Sequence,
    certificateId({ fields, issuer: issuer! }),
    says,
    time(thisUpdateMs),
    encodeDer(constructed(0), time(nextUpdateMs)),
  );
  const data = encodeDer(
    Tag.Sequence,
    encodeDer(constructed(1), issuer!.fields.subject),
    time(thisUpdateMs),
    encodeDer(Tag.Sequence, single),
  );
  const signature = sign('sha256', data, createPrivateKey(ca.keyPem));
  const bits = encodeDer(Tag.BitString, Buffer.of(0), signature);
  const basic = encodeDer(Tag.Sequence, data, ECDSA_WITH_SHA256, bits);
  const bytes = encodeDer(Tag.Sequence, BASIC_RESPONSE, encodeDer(Tag.OctetString, basic));
  return encodeDer(Tag.Sequence, encodeDer(Tag.Enumerated, Buffer.of(0)), encodeDer(constructed(0), bytes));
}
