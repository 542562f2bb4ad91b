import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { makeCa, makeCertificate, makeCrl, type TestCertificate } from '../../../../test/kit/certificates.ts';
import { OpensslAuthority, withoutOpenssl } from '../../../../test/kit/openssl.ts';
import { encodeDer, Tag } from '../x509/der.ts';
import { isSignedBy } from '../x509/signed.ts';
import { listsInFile, type RevocationList, readRevocationList } from './revocation-list.ts';

const ca = await makeCa('Device CA');
const other = await makeCa('Device CA');
const key = new X509Certificate(ca.certificatePem).publicKey;
const [first, second] = (await Promise.all(
  ['a', 'b'].map((commonName) => makeCertificate(ca, { commonName, use: 'client' })),
)) as [TestCertificate, TestCertificate];

const pause = () => Promise.resolve();

function derOf(pem: string): Uint8Array {
  const [der] = listsInFile(Buffer.from(pem));
  assert.ok(der !== undefined);
  return der;
}

async function read(der: Uint8Array): Promise<RevocationList> {
  const list = await readRevocationList(der, pause);
  if (typeof list === 'string') assert.fail(list);
  return list;
}

async function refusal(der: Uint8Array): Promise<string> {
  const list = await readRevocationList(der, pause);
  if (typeof list !== 'string') assert.fail('the list was read');
  return list;
}

/** Serial numbers as certificates have them: hex without zeros in front. */
function serialOf({ serialNumber }: TestCertificate): string {
  return serialNumber.toLowerCase().replace(/^(00)+(?=.)/, '');
}

test('a list names what is revoked and nothing else', async () => {
  const list = await read(derOf(await makeCrl(ca, [first])));
  assert.equal(list.entries, 1);
  assert.equal(list.names(serialOf(first)), true);
  assert.equal(list.names(`00${serialOf(first)}`), true);
  assert.equal(list.names(serialOf(second)), false);
  assert.equal(await isSignedBy(list.signed, key), true);
});

test('an empty list names nobody', async () => {
  const list = await read(derOf(await makeCrl(ca, [])));
  assert.equal(list.entries, 0);
  assert.equal(list.names(serialOf(first)), false);
});

test('the signature is checked against the key, not the name', async () => {
  const list = await read(derOf(await makeCrl(other, [first])));
  assert.equal(await isSignedBy(list.signed, key), false);
});

test('a list of openssl is read, with its numbers, reasons and dates', { skip: withoutOpenssl }, async () => {
  const authority = new OpensslAuthority(ca);
  after(() => authority.remove());
  authority.book([second], [first]);
  const list = await read(authority.crl({ days: 2 }));
  assert.deepEqual([list.entries, list.names(serialOf(first)), list.names(serialOf(second))], [1, true, false]);
  assert.equal(await isSignedBy(list.signed, key), true);
  assert.ok(Math.abs(list.nextUpdateMs - list.thisUpdateMs - 2 * 86_400_000) < 2000);
});

test('RSA and EdDSA signatures are checked too', async () => {
  for (const kind of ['RSA-2048', 'Ed25519', 'P-384'] as const) {
    const signer = await makeCa('Device CA', {}, kind);
    const list = await read(derOf(await makeCrl(signer, [first])));
    assert.equal(await isSignedBy(list.signed, new X509Certificate(signer.certificatePem).publicKey), true, kind);
    assert.equal(await isSignedBy(list.signed, key), false, kind);
  }
});

test('PEM with several lists, DER, and neither', async () => {
  const pem = await makeCrl(ca, [first]);
  assert.equal(listsInFile(Buffer.from(`# of today\n${pem}\n${pem}`)).length, 2);
  assert.equal(listsInFile(derOf(pem)).length, 1);
  assert.deepEqual(listsInFile(Buffer.from(ca.certificatePem)), []);
  assert.deepEqual(listsInFile(Buffer.alloc(0)), []);
});

test('what a decision cannot be made on is refused by name', async () => {
  const oid = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const indirect = encodeDer(Tag.Sequence, Buffer.of(0x84, 1, 0xff));
  const someReasons = encodeDer(Tag.Sequence, Buffer.of(0x83, 2, 0, 0x40));
  const cases: [string, boolean, Buffer, RegExp][] = [
    ['2.5.29.27', true, encodeDer(Tag.Integer, Buffer.of(1)), /delta list.*give the complete list/],
    ['2.5.29.28', true, indirect, /indirect list/],
    ['2.5.29.28', true, someReasons, /some reasons/],
    ['1.2.3.4', true, oid('0500'), /critical extension that is not known here \(1\.2\.3\.4\)/],
  ];
  for (const [id, critical, value, says] of cases) {
    const pem = await makeCrl(ca, [first], { extensions: [[id, critical, value]] });
    assert.match(await refusal(derOf(pem)), says);
  }
  const harmless = await makeCrl(ca, [first], { extensions: [['1.2.3.4', false, oid('0500')]] });
  assert.equal((await read(derOf(harmless))).entries, 1);
});

test('a list for users only says so', async () => {
  const onlyUsers = encodeDer(Tag.Sequence, Buffer.of(0x81, 1, 0xff));
  const { scope } = await read(derOf(await makeCrl(ca, [], { extensions: [['2.5.29.28', true, onlyUsers]] })));
  assert.deepEqual(scope, { onlyUsers: true, onlyAuthorities: false, uris: undefined });
});

test('a list that is cut off, followed by something, or changed anywhere is refused or not signed', async () => {
  const der = Buffer.from(derOf(await makeCrl(ca, [first, second])));
  for (let length = 0; length < der.length; length++) {
    assert.equal(typeof (await readRevocationList(der.subarray(0, length), pause)), 'string', `${length} octets`);
  }
  assert.match(await refusal(Buffer.concat([der, Buffer.of(0)])), /something follows/);
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at]! ^= 0x01;
    const list = await readRevocationList(changed, pause);
    if (typeof list !== 'string') assert.equal(await isSignedBy(list.signed, key), false, `octet ${at}`);
  }
});

test('whatever bytes come, reading them ends with a list or a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const framed = encodeDer(Tag.Sequence, encodeDer(Tag.Sequence, bytes), bytes);
      for (const der of [bytes, framed]) assert.equal(typeof (await readRevocationList(der, pause)), 'string');
    }),
  );
});

/** A list of `count` serial numbers, unsigned. */
function large(count: number): Buffer {
  const algorithm = encodeDer(Tag.Sequence, Buffer.from('06082a8648ce3d040302', 'hex'));
  const time = encodeDer(Tag.UtcTime, Buffer.from('250101000000Z'));
  const serial = Buffer.alloc(9, 0x40);
  const entries: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    serial.writeUInt32BE(i, 4);
    entries.push(encodeDer(Tag.Sequence, encodeDer(Tag.Integer, serial), time));
  }
  const later = encodeDer(Tag.UtcTime, Buffer.from('490101000000Z'));
  const content = [encodeDer(Tag.Integer, Buffer.of(1)), algorithm, encodeDer(Tag.Sequence), time, later];
  const body = encodeDer(Tag.Sequence, ...content, encodeDer(Tag.Sequence, Buffer.concat(entries)));
  return encodeDer(Tag.Sequence, body, algorithm, encodeDer(Tag.BitString, Buffer.of(0, 1)));
}

test('a list of two hundred thousand entries is read in turns, and finds each of them', async () => {
  const count = 200_000;
  let pauses = 0;
  const list = await readRevocationList(large(count), async () => void pauses++);
  if (typeof list === 'string') assert.fail(list);
  assert.equal(list.entries, count);
  assert.ok(pauses >= 48);
  const serial = Buffer.alloc(9, 0x40);
  for (let i = 0; i < count; i += 997) {
    serial.writeUInt32BE(i, 4);
    assert.equal(list.names(serial.toString('hex')), true);
    serial[0] = 0x41;
    assert.equal(list.names(serial.toString('hex')), false);
    serial[0] = 0x40;
  }
});
