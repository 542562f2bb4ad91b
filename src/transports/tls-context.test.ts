import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { ListenerError } from './listener-error.ts';
import type { TlsOptions } from './listener-options.ts';
import { commonName, loadTls } from './tls-context.ts';

const DAY_MS = 86_400_000;
const nowMs = Date.now();
const ca = await makeCa('CA');
const good = await makeCertificate(ca, { commonName: 'good', use: 'server' });
const other = await makeCertificate(ca, { commonName: 'other', use: 'server' });
const encryptedPem = createPrivateKey(good.keyPem).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'secret',
}) as string;
const certificate = {
  certificatePem: good.certificatePem,
  keyPem: good.keyPem,
  certificateFile: '/etc/s/server.crt',
  keyFile: '/etc/s/server.key',
};

function load(options: Partial<TlsOptions>, atMs = nowMs) {
  return loadTls('secure', { certificates: [certificate], ...options }, atMs);
}

test('what is wrong with certificates, keys and trust is said in one sentence with file and cure', () => {
  const cases: [string, Partial<TlsOptions>, string, RegExp][] = [
    ['no certificates', { certificates: [] }, 'settings_invalid', /needs a certificate and a key; name their files$/],
    [
      'no PEM',
      { certificates: [{ ...certificate, certificatePem: 'hello' }] },
      'certificate_unreadable',
      /^listener secure: \/etc\/s\/server\.crt holds no PEM certificate; it should start with -----BEGIN CERTIFICATE-----$/,
    ],
    [
      'a key where the certificate should be',
      { certificates: [{ ...certificate, certificatePem: good.keyPem }] },
      'certificate_unreadable',
      /server\.crt holds no PEM certificate/,
    ],
    [
      'a broken certificate',
      {
        certificates: [
          { ...certificate, certificatePem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
        ],
      },
      'certificate_unreadable',
      /server\.crt cannot be read; write it anew$/,
    ],
    [
      'a broken chain',
      {
        certificates: [
          {
            ...certificate,
            certificatePem: `${good.certificatePem}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`,
          },
        ],
      },
      'certificate_unreadable',
      /server\.crt cannot be used \(.+\); write them anew/,
    ],
    [
      'no key',
      { certificates: [{ ...certificate, keyPem: '' }] },
      'key_unreadable',
      /server\.key holds no PEM private key/,
    ],
    [
      'a broken key',
      { certificates: [{ ...certificate, keyPem: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }] },
      'key_unreadable',
      /server\.key cannot be read; write it anew$/,
    ],
    [
      'a key of another',
      { certificates: [{ ...certificate, keyPem: other.keyPem }] },
      'key_mismatch',
      /the key in \/etc\/s\/server\.key does not belong to the certificate in \/etc\/s\/server\.crt; name the key it was made with/,
    ],
    [
      'no passphrase',
      { certificates: [{ ...certificate, keyPem: encryptedPem }] },
      'passphrase_missing',
      /server\.key is encrypted; name a file or variable with its passphrase$/,
    ],
    [
      'a wrong passphrase',
      { certificates: [{ ...certificate, keyPem: encryptedPem, passphrase: 'wrong' }] },
      'passphrase_wrong',
      /does not open the key in \/etc\/s\/server\.key; correct it$/,
    ],
    [
      'no client CA',
      { clientCertificate: 'require' },
      'client_ca_missing',
      /\(require\), but no client CA is named to check them against; name its file$/,
    ],
    [
      'no PEM in the client CA',
      { clientCertificate: 'request', clientCaPem: 'x', clientCaFile: 'ca.crt' },
      'client_ca_unreadable',
      /ca\.crt holds no PEM certificate/,
    ],
    [
      'a broken client CA',
      {
        clientCertificate: 'request',
        clientCaPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
        clientCaFile: 'ca.crt',
      },
      'client_ca_unreadable',
      /ca\.crt holds a certificate that cannot be read/,
    ],
  ];
  for (const [name, options, code, message] of cases) {
    assert.throws(
      () => load(options),
      (error) => {
        assert.ok(error instanceof ListenerError, name);
        assert.equal(error.code, code, name);
        assert.match(error.message, message, name);
        return true;
      },
      name,
    );
  }
});

test('an encrypted key opens with its passphrase', () => {
  const { certificates } = load({ certificates: [{ ...certificate, keyPem: encryptedPem, passphrase: 'secret' }] });
  assert.equal(certificates[0]!.fingerprint, good.fingerprint);
});

test('certificates outside their time are refused with the date', () => {
  assert.throws(() => load({}, nowMs + 400 * DAY_MS), /server\.crt expired on \d{4}-\d\d-\d\d; renew it$/);
  assert.throws(
    () => load({}, nowMs - 3 * DAY_MS),
    /server\.crt is valid only from \d{4}-.*; check this machine's clock, or wait$/,
  );
});

test('the common name is the most specific one, whatever stands around it', () => {
  assert.equal(commonName('O=Example\nCN=sensor-7'), 'sensor-7');
  assert.equal(commonName('CN=first\nCN=second'), 'second');
  assert.equal(commonName('O=Example'), undefined);
});
