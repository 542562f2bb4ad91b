import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { isRoca, powersOfGenerator, ROCA_PRIMES } from './roca.ts';

test('the powers are the marks that the authors published', () => {
  const mark = (prime: number): bigint =>
    [...powersOfGenerator(prime)].reduce((bits, power) => bits | (1n << BigInt(power)), 0n);
  for (const [prime, published] of [
    [11, 1026n],
    [13, 5658n],
    [17, 107_286n],
    [37, 67_109_890n],
    [53, 5_310_023_542_746_834n],
    [73, 6_041_388_139_249_378_920_330n],
    [157, 126_304_807_362_733_370_595_828_809_000_324_029_340_048_915_994n],
  ] as const) {
    assert.equal(mark(prime), published, String(prime));
  }
});

test('a modulus of two numbers of the form that the library makes has the fingerprint', () => {
  const product = ROCA_PRIMES.reduce((all, prime) => all * BigInt(prime), 1n);
  const power = (exponent: number): bigint => {
    let result = 1n;
    for (let i = 0; i < exponent; i++) result = (result * 65_537n) % product;
    return result;
  };
  for (const [k, a, l, b] of [
    [123_456_789n, 17, 987_654_321n, 255],
    [1n << 900n, 1, (1n << 901n) + 5n, 4000],
  ] as const) {
    assert.ok(isRoca((k * product + power(a)) * (l * product + power(b))));
    assert.ok(!isRoca((k * product + power(a)) * (l * product + power(b)) + 2n));
  }
});

test('keys of OpenSSL do not have it', () => {
  for (let round = 0; round < 3; round++) {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { n } = publicKey.export({ format: 'jwk' });
    assert.ok(!isRoca(BigInt(`0x${Buffer.from(n!, 'base64url').toString('hex')}`)));
  }
});
