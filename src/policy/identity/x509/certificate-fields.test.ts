import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeCa, makeCertificate, makeIntermediate } from '../../../../test/kit/certificates.ts';
import { certificateFacts } from './certificate-facts.ts';
import { readCertificate } from './certificate-fields.ts';
import { DerFault } from './der.ts';

const ca = await makeCa('Device CA');

test('every field that decisions are made on is read', async () => {
  const made = await makeCertificate(ca, {
    commonName: 'Pumpe 7, Süd',
    use: 'client',
    organizationalUnits: ['Wasser', 'Halle 2'],
    hosts: ['pump-7.example.org', '192.0.2.1'],
    uris: ['urn:dev:7', 'https://example.org/a,b'],
    emails: ['pump@example.org'],
    crlUris: ['http://ca.example.org/a.crl', 'http://ca.example.org/b.crl'],
    ocspUri: 'http://ocsp.example.org/',
  });
  const certificate = new X509Certificate(made.certificatePem);
  const fields = readCertificate(certificate.raw);
  assert.partialDeepStrictEqual(fields, {
    commonName: 'Pumpe 7, Süd',
    organizationalUnits: ['Wasser', 'Halle 2'],
    dnsNames: ['pump-7.example.org'],
    uris: ['urn:dev:7', 'https://example.org/a,b'],
    emails: ['pump@example.org'],
    isAuthority: false,
    maySignLists: false,
    extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'],
    listUris: ['http://ca.example.org/a.crl', 'http://ca.example.org/b.crl'],
    responderUris: ['http://ocsp.example.org/'],
  });
  assert.equal(fields.serial.replace(/^0/, ''), certificate.serialNumber.toLowerCase().replace(/^0/, ''));
  assert.equal(fields.notAfterMs, certificate.validToDate.getTime());
  assert.equal(fields.notBeforeMs, certificate.validFromDate.getTime());
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  assert.equal(Buffer.compare(fields.publicKeyInfo, spki), 0);
});

test('an authority is known as one', async () => {
  const plant = await makeIntermediate(ca, 'Plant CA');
  const fields = readCertificate(new X509Certificate(plant.certificatePem).raw);
  assert.deepEqual([fields.isAuthority, fields.maySignLists], [true, true]);
  const issuer = readCertificate(new X509Certificate(ca.certificatePem).raw);
  assert.equal(Buffer.compare(fields.issuer, issuer.subject), 0);
});

test('the facts of a connection are the certificate’s, with fingerprint and names in one line', async () => {
  const made = await makeCertificate(ca, { commonName: 'pump-7', use: 'client', organizationalUnits: ['Water'] });
  const facts = certificateFacts(new X509Certificate(made.certificatePem));
  assert.partialDeepStrictEqual(facts, {
    commonName: 'pump-7',
    subject: 'OU=Water, CN=pump-7',
    issuer: 'CN=Device CA',
    fingerprint: made.fingerprint,
    dnsNames: [],
  });
});

test('a certificate that is cut off or followed by something is none', async () => {
  const { raw } = new X509Certificate(ca.certificatePem);
  for (let length = 0; length < raw.length; length++) {
    assert.throws(() => readCertificate(raw.subarray(0, length)), DerFault, `${length} octets`);
  }
  assert.throws(() => readCertificate(Buffer.concat([raw, Buffer.of(0)])), DerFault);
});

test('a certificate that is changed anywhere is read or is none, and never anything else', async () => {
  const { raw } = new X509Certificate(ca.certificatePem);
  for (let at = 0; at < raw.length; at++) {
    for (const bit of [0x01, 0x20, 0x80]) {
      const changed = Buffer.from(raw);
      changed[at]! ^= bit;
      try {
        readCertificate(changed);
      } catch (error) {
        assert.ok(error instanceof DerFault, `octet ${at}: ${String(error)}`);
      }
    }
  }
});
