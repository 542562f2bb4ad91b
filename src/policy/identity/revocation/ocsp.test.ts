import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { makeCa, makeCertificate } from '../../../../test/kit/certificates.ts';
import { OpensslAuthority, withoutOpenssl } from '../../../../test/kit/openssl.ts';
import { readCertificate } from '../x509/certificate-fields.ts';
import { type Authority, KnownAuthorities, TrustedRoots } from './certificate-path.ts';
import { certificateId, ocspRequest } from './ocsp-request.ts';
import { type OcspAnswer, type OcspQuestion, readOcspResponse } from './ocsp-response.ts';

const ca = await makeCa('Device CA');
const namesake = await makeCa('Device CA');
const good = await makeCertificate(ca, { commonName: 'good', use: 'client' });
const revoked = await makeCertificate(ca, { commonName: 'revoked', use: 'client' });
const stranger = await makeCertificate(ca, { commonName: 'stranger', use: 'client' });
const responder = await makeCertificate(ca, { commonName: 'responder', use: 'ocsp' });
const [issuer] = new TrustedRoots(ca.certificatePem, new KnownAuthorities()).authorities as [Authority];

const NONCE = Buffer.alloc(16, 7);

const openssl = withoutOpenssl === false ? new OpensslAuthority(ca) : undefined;
openssl?.book([good], [revoked]);
after(() => openssl?.remove());
const skip = withoutOpenssl;

function questionOf(certificate: { certificatePem: string }, epochMs = Date.now()): OcspQuestion & { der: Buffer } {
  const fields = readCertificate(new X509Certificate(certificate.certificatePem).raw);
  const id = certificateId({ fields, issuer });
  return { id, issuer, nonce: NONCE, epochMs, der: ocspRequest(id, NONCE) };
}

async function answer(der: Uint8Array, question: OcspQuestion): Promise<OcspAnswer> {
  const result = await readOcspResponse(der, question);
  if (typeof result === 'string') assert.fail(result);
  return result;
}

test('openssl reads our request as it was meant', { skip }, () => {
  const text = openssl!.readRequest(questionOf(good).der);
  assert.match(text, new RegExp(`Serial Number: 0*${good.serialNumber}`, 'i'));
  assert.match(text, /Hash Algorithm: sha1/);
  assert.match(text, /OCSP Nonce:[\s\S]*(07){16}/);
});

test('answers of the issuer itself: good, revoked, unknown', { skip }, async () => {
  for (const [certificate, status] of [
    [good, 'good'],
    [revoked, 'revoked'],
    [stranger, 'unknown'],
  ] as const) {
    const question = questionOf(certificate);
    assert.equal((await answer(openssl!.respond(question.der, { minutes: 5 }), question)).status, status);
  }
});

test('an answer holds until its nextUpdate, and for an hour where it has none', { skip }, async () => {
  const question = questionOf(good);
  const short = await answer(openssl!.respond(question.der, { minutes: 5 }), question);
  assert.equal(short.nextUpdateMs - short.thisUpdateMs, 300_000);
  const open = await answer(openssl!.respond(question.der), question);
  assert.equal(open.nextUpdateMs - open.thisUpdateMs, 3_600_000);
});

test('a responder that the issuer has authorized may answer, one that it has not may not', { skip }, async () => {
  const question = questionOf(good);
  const { status } = await answer(openssl!.respond(question.der, { signer: responder }), question);
  assert.equal(status, 'good');
  const notForThis = openssl!.respond(question.der, { signer: stranger });
  assert.match(String(await readOcspResponse(notForThis, question)), /not from the issuer, nor from a responder/);
  const foreign = await makeCertificate(namesake, { commonName: 'responder', use: 'ocsp' });
  const byNamesake = openssl!.respond(question.der, { signer: foreign });
  assert.match(String(await readOcspResponse(byNamesake, question)), /not from the issuer, nor from a responder/);
  const lapsed = await makeCertificate(ca, {
    commonName: 'responder',
    use: 'ocsp',
    notAfter: new Date(Date.now() - 3_600_000),
  });
  const byLapsed = openssl!.respond(question.der, { signer: lapsed });
  assert.match(String(await readOcspResponse(byLapsed, question)), /not from the issuer, nor from a responder/);
});

test('an answer signed with a wrong key, in the name of the issuer, is refused', { skip }, async () => {
  const forger = new OpensslAuthority(namesake);
  after(() => forger.remove());
  forger.book([revoked], []);
  const question = questionOf(revoked);
  const fields = readCertificate(new X509Certificate(revoked.certificatePem).raw);
  const [fake] = new TrustedRoots(namesake.certificatePem, new KnownAuthorities()).authorities as [Authority];
  const forged = forger.respond(ocspRequest(certificateId({ fields, issuer: fake }), NONCE));
  assert.match(String(await readOcspResponse(forged, question)), /signature of the answer is wrong/);
});

test('an answer to another question is refused: its nonce, its certificate, its time', { skip }, async () => {
  const question = questionOf(good);
  const der = openssl!.respond(question.der, { minutes: 5 });
  const ask = (changes: Partial<OcspQuestion>) => readOcspResponse(der, { ...question, ...changes });
  assert.match(String(await ask({ nonce: Buffer.alloc(16, 8) })), /nonce/);
  assert.match(String(await ask({ id: questionOf(revoked).id })), /does not speak of the certificate/);
  assert.match(String(await ask({ epochMs: Date.now() + 3_600_000 })), /out of date/);
  assert.match(String(await ask({ epochMs: Date.now() - 3_600_000 })), /from the future/);
});

test('an answer that is cut off or changed anywhere says nothing', { skip }, async () => {
  const question = questionOf(revoked);
  const der = openssl!.respond(question.der, { minutes: 5 });
  for (let length = 0; length < der.length; length++) {
    assert.equal(typeof (await readOcspResponse(der.subarray(0, length), question)), 'string', `${length} octets`);
  }
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at]! ^= 0x01;
    const result = await readOcspResponse(changed, question);
    // The certificates that come along are not signed over; whatever they say, the answer is not.
    if (typeof result !== 'string') assert.equal(result.status, 'revoked', `octet ${at}`);
  }
});

test('a responder that refuses says why', async () => {
  const question = questionOf(good);
  const cases: [number, RegExp][] = [
    [1, /malformed/],
    [3, /try again later/],
    [6, /does not answer us/],
    [99, /status 99/],
  ];
  for (const [status, says] of cases) {
    assert.match(String(await readOcspResponse(Buffer.of(0x30, 3, 0x0a, 1, status), question)), says);
  }
});

test('whatever bytes come, reading them ends with a sentence', async () => {
  const question = questionOf(good);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      assert.equal(typeof (await readOcspResponse(bytes, question)), 'string');
    }),
  );
});
