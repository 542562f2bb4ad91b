import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from './identity.ts';
import { type IdentityTemplate, parseIdentityTemplate } from './identity-template.ts';

const CERTIFICATE: CertificateFacts = {
  commonName: 'pump-7',
  subject: 'O=Water, OU=plant, OU=hall 2, CN=pump-7',
  issuer: 'CN=Device CA',
  organizationalUnits: ['plant', 'hall 2'],
  serial: '1f00',
  fingerprint: 'ab'.repeat(32),
  dnsNames: ['pump-7.example.org', 'other.example.org'],
  uris: ['urn:dev:7'],
  emails: [],
  notAfterMs: 0,
  chain: [],
};

function template(text: string): IdentityTemplate {
  const parsed = parseIdentityTemplate(text);
  if (typeof parsed === 'string') assert.fail(parsed);
  return parsed;
}

test('a user name is made of each field, and of literal text around them', () => {
  const cases: [string, string][] = [
    ['${cert.cn}', 'pump-7'],
    ['${cert.san.dns}', 'pump-7.example.org'],
    ['${cert.san.uri}', 'urn:dev:7'],
    ['${cert.subject}', 'O=Water, OU=plant, OU=hall 2, CN=pump-7'],
    ['${cert.issuer}', 'CN=Device CA'],
    ['${cert.serial}', '1f00'],
    ['${cert.fingerprint}', 'ab'.repeat(32)],
    ['${cert.ou}', 'hall 2'],
    ['dev:${cert.ou}:${cert.cn}!', 'dev:hall 2:pump-7!'],
  ];
  for (const [text, name] of cases) assert.equal(template(text).expand(CERTIFICATE), name, text);
});

test('a certificate without the field gives no name, not half of one', () => {
  assert.equal(template('a-${cert.san.email}').expand(CERTIFICATE), '');
  assert.equal(template('${cert.ou}-${cert.cn}').expand({ ...CERTIFICATE, organizationalUnits: [] }), '');
  assert.equal(template('x${cert.cn}').expand({ ...CERTIFICATE, commonName: '' }), '');
});

test('what a field holds is not read as a template again', () => {
  const sly = { ...CERTIFICATE, commonName: '${cert.serial}' };
  assert.equal(template('${cert.cn}').expand(sly), '${cert.serial}');
});

test('a template that is wrong is refused with the cure', () => {
  const cases: [string, RegExp][] = [
    ['device', /no placeholder/],
    ['${cert.san.ip}', /\$\{cert\.san\.ip\} is no field of a certificate: take one of cert\.cn/],
    ['${constructor}', /is no field/],
    ['${}', /is no field/],
    ['${cert.cn', /not closed/],
    ['a}${cert.cn}', /not closed/],
    ['$cert.cn', /not closed/],
  ];
  for (const [text, says] of cases) assert.match(String(parseIdentityTemplate(text)), says, text);
});
