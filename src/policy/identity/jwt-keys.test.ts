import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { makeCa } from '../../../test/kit/certificates.ts';
import { FileFaultError } from '../../base/file-fault.ts';
import { type JwtKey, parseKeyFile, parseRemoteKeySet, StaticKeys, secretKey } from './jwt-keys.ts';

const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = EC.publicKey.export({ format: 'pem', type: 'spki' }) as string;
const JWK = EC.publicKey.export({ format: 'jwk' });

function faults(text: string): string {
  try {
    parseKeyFile(text, 'keys');
  } catch (error) {
    assert.ok(error instanceof FileFaultError);
    return error.message;
  }
  assert.fail('accepted');
}

describe('a key file', () => {
  it('holds PEM blocks, certificates too, and each key is told by its own mark', async () => {
    const { certificatePem } = await makeCa();
    const keys = parseKeyFile(`# two keys\n${PEM}\n${certificatePem}`, 'keys');
    assert.deepEqual(
      keys.map(({ algorithms, kid }) => [algorithms, kid]),
      [
        [['ES256'], undefined],
        [['ES256'], undefined],
      ],
    );
    assert.notEqual(keys[0]!.id, keys[1]!.id);
  });

  it('holds a JWK or a JWK Set, whose alg narrows what a key may do', () => {
    assert.deepEqual(parseKeyFile(JSON.stringify({ ...JWK, kid: 'k1' }), 'keys')[0]!.kid, 'k1');
    const rsa = RSA.publicKey.export({ format: 'jwk' });
    const set = JSON.stringify({ keys: [{ ...rsa, alg: 'PS256', use: 'sig', key_ops: ['verify'] }, JWK] });
    assert.deepEqual(
      parseKeyFile(set, 'keys').map((key) => key.algorithms),
      [['PS256'], ['ES256']],
    );
  });

  it('with a private or symmetric key, or none, is refused with the place and the cure', () => {
    const privatePem = EC.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    assert.match(faults(`\n${privatePem}`), /^keys:2:1: This is a private key\. .*-pubout/);
    assert.match(faults(JSON.stringify(EC.privateKey.export({ format: 'jwk' }))), /private key/);
    assert.match(faults('{"kty":"oct","k":"AAAA"}'), /belongs under `secret`/);
    assert.match(faults(''), /no key in it/);
    assert.match(faults('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'), /cannot be read/);
    assert.match(faults('{"a":1}'), /neither a JWK nor a JWK Set/);
    assert.match(faults('{'), /neither/);
    assert.match(faults(JSON.stringify({ ...JWK, alg: 'ES384' })), /No supported algorithm/);
    assert.match(faults(JSON.stringify({ ...JWK, use: 'enc' })), /not for signatures/);
    assert.match(faults(JSON.stringify({ ...JWK, x: 'AAAA' })), /cannot be read/);
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    assert.match(faults(weak.export({ format: 'pem', type: 'spki' }) as string), /1024 bits is too short/);
    const x25519 = generateKeyPairSync('x25519').publicKey;
    assert.match(faults(x25519.export({ format: 'pem', type: 'spki' }) as string), /No supported algorithm/);
  });
});

describe('a JWK Set from elsewhere', () => {
  it('gives what is usable and leaves the rest, which another program may want', () => {
    const set = { keys: [JWK, { ...JWK, use: 'enc' }, { kty: 'oct', k: 'AAAA' }, { kty: 'new' }, null, 7, 'x', []] };
    assert.equal(parseRemoteKeySet(JSON.stringify(set))?.length, 1);
    const leaked = { keys: [EC.privateKey.export({ format: 'jwk' })] };
    assert.deepEqual(parseRemoteKeySet(JSON.stringify(leaked)), []);
    const many = { keys: Array.from({ length: 500 }, () => JWK) };
    assert.equal(parseRemoteKeySet(JSON.stringify(many))?.length, 100);
    for (const text of ['', '<html>', '[]', 'null', '{"keys":{}}', '{}'])
      assert.equal(parseRemoteKeySet(text), undefined);
  });
});

describe('a shared secret', () => {
  it('is at least as long as the hash [RFC 7518 3.2], and no key file', () => {
    assert.equal(typeof secretKey(Buffer.alloc(32), ['HS256']), 'object');
    assert.match(secretKey(Buffer.alloc(31), ['HS256']) as string, /31 bytes.*needs 32/);
    assert.match(secretKey(Buffer.alloc(63), ['HS256', 'HS512']) as string, /needs 64/);
    assert.match(secretKey(Buffer.from(PEM), ['HS256']) as string, /no secret for HMAC/);
    assert.match(secretKey(Buffer.from(JSON.stringify(JWK)), ['HS256']) as string, /no secret for HMAC/);
  });
});

describe('the choice of keys', () => {
  it('goes by algorithm and name, and a key without a name is never excluded by it', () => {
    const [plain] = parseKeyFile(PEM, 'keys') as [JwtKey];
    const named = { ...plain, id: 'other', kid: 'k1' };
    const keys = new StaticKeys([plain, named]);
    assert.equal(keys.find('ES256', undefined).length, 2);
    assert.equal(keys.find('ES256', 'k1').length, 2);
    assert.deepEqual(keys.find('ES256', 'k2'), [plain]);
    assert.deepEqual(keys.find('RS256', undefined), []);
    assert.equal(keys.has('other'), true);
    assert.equal(keys.has('another'), false);
  });
});
