import assert from 'node:assert/strict';
import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { ManualClock } from '../../base/manual-clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Credentials, Identity } from './identity.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';
import { type JwtKey, parseKeyFile, StaticKeys, secretKey } from './jwt-keys.ts';
import { JwtMethod, type JwtOptions } from './jwt-method.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EC = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};
const ED = generateKeyPairSync('ed25519');
const SECRET = Buffer.alloc(64, 's');

const clock = new ManualClock();
const NOW_S = clock.epochMs() / 1000;
const CLAIMS: JWTPayload = { sub: 'pump-7', iss: 'https://issuer.test', aud: 'mqtt', iat: NOW_S, exp: NOW_S + 60 };

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }) as string;
}

function publicKeys(...keys: KeyObject[]): JwtKey[] {
  return keys.flatMap((key) => parseKeyFile(pem(key), 'issuer.pem'));
}

function method(changes: Partial<JwtOptions> = {}): JwtMethod {
  const options: JwtOptions = {
    name: 'jwt',
    tokenIn: 'password',
    algorithms: ['RS256'],
    keys: new StaticKeys(publicKeys(RSA.publicKey)),
    issuer: 'https://issuer.test',
    audience: ['mqtt'],
    requiredClaims: [],
    expiryRequired: true,
    ageMaxS: undefined,
    clockToleranceS: 5,
    tokenSizeMaxBytes: 8192,
    claims: { usernameClaim: 'sub', rolesClaim: undefined, groupsClaim: undefined, attributeClaims: undefined },
    leavesOtherIssuers: false,
    ...changes,
  };
  return new JwtMethod(options, clock);
}

function symmetric(algorithms: JwtAlgorithm[] = ['HS256']): Partial<JwtOptions> {
  return { algorithms, keys: new StaticKeys([secretKey(SECRET, algorithms) as JwtKey]) };
}

function sign(
  claims: JWTPayload = CLAIMS,
  { alg = 'RS256', key = RSA.privateKey as KeyObject | Uint8Array, ...header }: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: alg as string, ...header }).sign(key as KeyObject);
}

function shown(token: string, facts: Partial<Credentials> = {}): Credentials {
  return {
    clientId: 'c1',
    username: undefined,
    password: Buffer.from(token),
    certificateName: undefined,
    anonymousAllowed: false,
    ...facts,
  };
}

async function judge(of: JwtMethod, token: string, facts: Partial<Credentials> = {}): Promise<AuthenticationResult> {
  const result = of.authenticate(shown(token, facts));
  assert.notEqual(result, undefined, 'the method left the token to another');
  return (await result)!;
}

async function identityOf(of: JwtMethod, token: string, facts: Partial<Credentials> = {}): Promise<Identity> {
  const result = await judge(of, token, facts);
  if (!result.ok) assert.fail(result.says);
  return result.identity;
}

async function refusal(of: JwtMethod, token: string, facts: Partial<Credentials> = {}): Promise<string> {
  const result = await judge(of, token, facts);
  if (result.ok) assert.fail(`accepted as ${result.identity.username}`);
  assert.equal(result.reason, Reason.BadUserNameOrPassword);
  assert.equal(result.method, 'jwt');
  return result.says;
}

describe('a token that is in order', () => {
  const cases: [alg: JwtAlgorithm, pair: { privateKey: KeyObject; publicKey: KeyObject }][] = [
    ['RS256', RSA],
    ['RS384', RSA],
    ['RS512', RSA],
    ['PS256', RSA],
    ['PS384', RSA],
    ['PS512', RSA],
    ['ES256', EC.ES256],
    ['ES384', EC.ES384],
    ['ES512', EC.ES512],
    ['EdDSA', ED],
    ['Ed25519', ED],
  ];
  for (const [alg, { privateKey, publicKey }] of cases) {
    it(`of ${alg} establishes its subject`, async () => {
      const keys = new StaticKeys(publicKeys(publicKey));
      const token = await sign(CLAIMS, { alg, key: privateKey });
      assert.equal((await identityOf(method({ algorithms: [alg], keys }), token)).username, 'pump-7');
    });
  }

  for (const alg of ['HS256', 'HS384', 'HS512'] as const) {
    it(`of ${alg} establishes its subject`, async () => {
      const token = await sign(CLAIMS, { alg, key: createSecretKey(SECRET) });
      assert.equal((await identityOf(method(symmetric([alg])), token)).username, 'pump-7');
    });
  }

  it('ends its session when it expires, the tolerance included', async () => {
    assert.equal((await identityOf(method(), await sign())).expiresAtMs, (NOW_S + 60 + 5) * 1000);
    const young = method({ ageMaxS: 20 });
    assert.equal((await identityOf(young, await sign())).expiresAtMs, (NOW_S + 20 + 5) * 1000);
    const endless = method({ expiryRequired: false });
    const { exp: _exp, ...claims } = CLAIMS;
    assert.equal((await identityOf(endless, await sign(claims))).expiresAtMs, undefined);
    const far = await identityOf(method(), await sign({ ...CLAIMS, exp: 1e300 }));
    assert.equal(far.expiresAtMs, 8.64e15);
  });

  it('turns its single values into attributes, and leaves lists and objects out', async () => {
    const token = await sign({ ...CLAIMS, site: 'basel', line: 4, spare: true, list: ['x'], deep: { a: 1 }, no: null });
    const { attributes } = await identityOf(method(), token);
    assert.deepEqual(attributes, {
      'claim.sub': 'pump-7',
      'claim.iss': 'https://issuer.test',
      'claim.aud': 'mqtt',
      'claim.iat': String(NOW_S),
      'claim.exp': String(NOW_S + 60),
      'claim.site': 'basel',
      'claim.line': '4',
      'claim.spare': 'true',
    });
  });

  it('gives roles and groups from the claims that are named, nested ones and scopes too', async () => {
    const claims = {
      usernameClaim: 'preferred.name',
      rolesClaim: 'realm_access.roles',
      groupsClaim: 'scope',
      attributeClaims: ['tenant'],
    };
    const token = await sign({
      ...CLAIMS,
      preferred: { name: 'ada' },
      realm_access: { roles: ['operator', 'reader'] },
      scope: 'a  b',
      tenant: 't1',
      other: 'x',
    });
    const { username, roles, groups, attributes } = await identityOf(method({ claims }), token);
    assert.deepEqual(
      { username, roles, groups, attributes },
      { username: 'ada', roles: ['operator', 'reader'], groups: ['a', 'b'], attributes: { 'claim.tenant': 't1' } },
    );
  });

  it('may stand in place of the user name, whose text is then a secret', async () => {
    const token = await sign();
    const inUsername = method({ tokenIn: 'username' });
    const password = Buffer.from('anything');
    assert.equal((await identityOf(inUsername, '', { username: token, password })).username, 'pump-7');
    assert.equal(inUsername.isSecret(token), true);
    assert.equal(inUsername.isSecret('pump-7'), false);
  });

  it('has to agree with the user name beside it', async () => {
    assert.equal((await identityOf(method(), await sign(), { username: 'pump-7' })).username, 'pump-7');
    assert.match(await refusal(method(), await sign(), { username: 'pump-8' }), /user name is not the one/);
  });
});

describe('what is no token', () => {
  it('is left to the next method', () => {
    for (const text of [
      '',
      'password',
      'a.b.c',
      'example.com.org',
      'e.e.e',
      'eyJ',
      'eyJh.eyJh.',
      'a.b',
      `e${'x'.repeat(70_000)}.a.b`,
    ]) {
      assert.equal(method().authenticate(shown(text)), undefined, text.slice(0, 40));
    }
    assert.equal(method().authenticate(shown('', { password: undefined, username: 'pump-7' })), undefined);
    assert.equal(method().authenticate(shown('', { password: Buffer.from([0xff, 0x00, 0x80]) })), undefined);
  });

  it('is left also when it is a token of another issuer that another entry may know', async () => {
    const patient = method({ leavesOtherIssuers: true });
    const foreign = await sign({ ...CLAIMS, iss: 'https://other.test' });
    assert.equal(patient.authenticate(shown(foreign)), undefined);
    assert.match(await refusal(method(), foreign), /claim "iss"/);
  });
});

describe('a token is refused', () => {
  it('with alg none, in any spelling, signed or not', async () => {
    const unsecured = new UnsecuredJWT(CLAIMS).encode();
    assert.match(await refusal(method(), unsecured), /algorithm/);
    const [, payload, signature] = (await sign()).split('.');
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, ['RS256'], { a: 1 }]) {
      const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
      for (const end of ['', signature]) {
        assert.match(await refusal(method(), `${header}.${payload}.${end}`), /algorithm/, JSON.stringify(alg));
      }
    }
  });

  it('with the public key used as the secret of an HMAC (key confusion)', async () => {
    for (const secret of [
      pem(RSA.publicKey),
      pem(RSA.publicKey).trim(),
      RSA.publicKey.export({ format: 'der', type: 'spki' }),
    ]) {
      const [header, payload] = [{ alg: 'HS256', typ: 'JWT' }, CLAIMS].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      const mac = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
      const forged = `${header}.${payload}.${mac}`;
      assert.match(await refusal(method(), forged), /algorithm/);
      // Even an entry that named both kinds would not use the key for an HMAC.
      assert.match(await refusal(method({ algorithms: ['RS256', 'HS256'] }), forged), /key is not known/);
    }
  });

  it('with another algorithm of the same key than those that are allowed', async () => {
    assert.match(await refusal(method(), await sign(CLAIMS, { alg: 'PS256' })), /algorithm/);
    assert.match(await refusal(method(), await sign(CLAIMS, { alg: 'RS512' })), /algorithm/);
  });

  it('with keys of its own in its header', async () => {
    const evil = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = evil.publicKey.export({ format: 'jwk' });
    for (const header of [
      { jwk },
      { jku: 'https://evil.test/keys' },
      { x5u: 'https://evil.test/c' },
      { x5c: ['AAAA'] },
    ]) {
      const forged = await sign(CLAIMS, { key: evil.privateKey, ...header });
      assert.match(await refusal(method(), forged), /signature does not match/);
    }
  });

  it('with a kid that is a path, a query, a prototype, or no text', async () => {
    const named = (kid: string): JwtKey => ({ ...publicKeys(RSA.publicKey)[0]!, kid });
    const of = method({ keys: new StaticKeys([named('k1')]) });
    assert.equal((await identityOf(of, await sign(CLAIMS, { kid: 'k1' }))).username, 'pump-7');
    for (const kid of ['../../dev/null', "k1' OR 1=1", '__proto__', 'constructor', '', 'K1', 'k1\u0000']) {
      assert.match(await refusal(of, await sign(CLAIMS, { kid })), /key is not known/, kid);
    }
    const [, payload, signature] = (await sign()).split('.');
    for (const kid of [1, null, ['k1'], { k: 1 }, 'x'.repeat(300)]) {
      const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid })).toString('base64url');
      assert.match(await refusal(of, `${header}.${payload}.${signature}`), /key name/, JSON.stringify(kid));
    }
  });

  it('whose signature, payload or header was changed', async () => {
    const [header, payload, signature] = (await sign()).split('.') as [string, string, string];
    const admin = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'admin' })).toString('base64url');
    const typed = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'x' })).toString('base64url');
    const flipped = Buffer.from(signature, 'base64url');
    flipped[10]! ^= 1;
    for (const token of [
      `${header}.${admin}.${signature}`,
      `${typed}.${payload}.${signature}`,
      `${header}.${payload}.${flipped.toString('base64url')}`,
      `${header}.${payload}.`,
      `${header}.${payload}.AAAA`,
    ]) {
      assert.match(await refusal(method(), token), /signature does not match|malformed/);
    }
  });

  it('that another key has signed', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    assert.match(await refusal(method(), await sign(CLAIMS, { key: other.privateKey })), /signature does not match/);
  });

  it('with an extension it calls critical, or an unencoded payload', async () => {
    const [, payload, signature] = (await sign()).split('.');
    for (const extra of [
      { crit: ['exp'], exp: 1 },
      { crit: ['b64'], b64: false },
      { crit: [] },
      { crit: ['unheard-of'], 'unheard-of': true },
    ]) {
      const header = Buffer.from(JSON.stringify({ alg: 'RS256', ...extra })).toString('base64url');
      await refusal(method(), `${header}.${payload}.${signature}`);
    }
  });

  it('without exp, or with times that are no numbers', async () => {
    const { exp: _exp, ...claims } = CLAIMS;
    assert.match(await refusal(method(), await sign(claims)), /lacks the claim "exp"/);
    for (const exp of ['9999999999', null, [9_999_999_999], {}, true]) {
      await refusal(method(), await sign({ ...CLAIMS, exp: exp as unknown as number }));
    }
    for (const claim of ['exp', 'nbf', 'iat']) {
      const token = await sign({ ...CLAIMS, [claim]: 'soon' });
      assert.match(await refusal(method(), token), new RegExp(`claim "${claim}" is of a wrong type`));
    }
  });

  it('that has expired, is not valid yet, or is too old; the clocks may differ by the tolerance', async () => {
    assert.match(await refusal(method(), await sign({ ...CLAIMS, exp: NOW_S - 5 })), /expired/);
    assert.equal((await identityOf(method(), await sign({ ...CLAIMS, exp: NOW_S - 4 }))).username, 'pump-7');
    assert.match(await refusal(method(), await sign({ ...CLAIMS, nbf: NOW_S + 6 })), /not valid yet/);
    assert.equal((await identityOf(method(), await sign({ ...CLAIMS, nbf: NOW_S + 5 }))).username, 'pump-7');
    const young = method({ ageMaxS: 60 });
    assert.match(await refusal(young, await sign({ ...CLAIMS, iat: NOW_S - 66 })), /too long ago/);
    assert.match(await refusal(young, await sign({ ...CLAIMS, iat: NOW_S + 66 })), /in the future/);
    const { iat: _iat, ...undated } = CLAIMS;
    assert.match(await refusal(young, await sign(undated)), /lacks the claim "iat"/);
  });

  it('for another issuer or audience, or without them, or without a claim that is required', async () => {
    assert.match(await refusal(method(), await sign({ ...CLAIMS, iss: 'https://issuer.test.evil' })), /"iss"/);
    assert.match(await refusal(method(), await sign({ ...CLAIMS, aud: ['web', 'api'] })), /"aud"/);
    const { aud: _aud, ...noAudience } = CLAIMS;
    assert.match(await refusal(method(), await sign(noAudience)), /"aud"/);
    assert.match(await refusal(method({ requiredClaims: ['tenant'] }), await sign()), /"tenant"/);
  });

  it('larger than the bound, before any key is looked up', async () => {
    const keys = { find: () => assert.fail('looked up'), has: () => false, isAtHand: true };
    const huge = await sign({ ...CLAIMS, filler: 'x'.repeat(8192) });
    assert.match(await refusal(method({ keys }), huge), /larger/);
  });

  it('with a user name that is missing, no text, or would be a pattern', async () => {
    const { sub: _sub, ...nameless } = CLAIMS;
    assert.match(await refusal(method(), await sign(nameless)), /holds no user name/);
    for (const sub of ['', 7, ['a'], null]) {
      await refusal(method(), await sign({ ...CLAIMS, sub: sub as unknown as string }));
    }
    for (const sub of ['#', 'a+b', 'a/b', 'a\u0000']) {
      assert.match(await refusal(method(), await sign({ ...CLAIMS, sub })), /wildcard/);
    }
  });

  it('whose claims burst the bounds, rather than cut to fit', async () => {
    assert.match(await refusal(method(), await sign({ ...CLAIMS, long: 'x'.repeat(1025) })), /too long/);
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`c${index}`, index]));
    assert.match(await refusal(method(), await sign({ ...CLAIMS, ...many })), /more than 64/);
    const claims = { usernameClaim: 'sub', rolesClaim: 'roles', groupsClaim: undefined, attributeClaims: [] };
    for (const roles of [
      [1],
      ['a', ''],
      { a: 1 },
      [['a']].flat(0),
      Array.from({ length: 129 }, String),
      'x'.repeat(200),
    ]) {
      if (Array.isArray(roles) && roles[0] === 'a' && roles.length === 1) continue;
      await refusal(method({ claims }), await sign({ ...CLAIMS, roles }));
    }
  });

  it('when its payload is no JSON object', async () => {
    for (const text of ['null', '[]', '1', '{', '']) {
      const header = Buffer.from(JSON.stringify({ alg: 'HS256' })).toString('base64url');
      const payload = Buffer.from(text).toString('base64url') || 'A';
      const mac = createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url');
      await refusal(method(symmetric()), `${header}.${payload}.${mac}`);
    }
  });
});

describe('keys that are not there', () => {
  it('make the login unavailable, not refused and not permitted', async () => {
    const keys = { find: () => Promise.resolve('unavailable' as const), has: () => false, isAtHand: true };
    const result = await judge(method({ keys }), await sign());
    assert.deepEqual([result.ok, !result.ok && result.reason], [false, Reason.ServerUnavailable]);
  });

  it('that fail inside let nobody in', async () => {
    const keys = { find: () => Promise.reject(new Error('boom')), has: () => false, isAtHand: true };
    assert.match(await refusal(method({ keys }), await sign()), /could not be checked/);
  });
});

describe('an identity from a token', () => {
  const STANDING = { anonymousAllowed: false };
  it('holds over a reload that changes nothing about it, and ends with its key, its settings or its time', async () => {
    const identity = await identityOf(method(), await sign());
    assert.equal(method().stillValid(identity, STANDING), true);
    assert.equal(method({ audience: ['web'] }).stillValid(identity, STANDING), false);
    const rotated = new StaticKeys(publicKeys(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey));
    assert.equal(method({ keys: rotated }).stillValid(identity, STANDING), false);
    assert.equal(method().stillValid({ ...identity, expiresAtMs: clock.epochMs() }, STANDING), false);
    assert.equal(method().stillValid({ ...identity, credential: '' }, STANDING), false);
  });

  it('of a client that has gone holds while the keys cannot be asked, until its time is over or the settings change', async () => {
    const identity = await identityOf(method(), await sign());
    const away = { ...STANDING, isAway: true };
    const keys = { find: () => [], has: () => false, isAtHand: false };
    assert.equal(method({ keys }).stillValid(identity, away), true);
    assert.equal(method({ keys }).stillValid(identity, STANDING), false);
    assert.equal(method({ keys: { ...keys, isAtHand: true } }).stillValid(identity, away), false);
    assert.equal(method({ keys, audience: ['web'] }).stillValid(identity, away), false);
    assert.equal(method({ keys }).stillValid({ ...identity, expiresAtMs: clock.epochMs() }, away), false);
  });
});

describe('the enhanced method JWT', () => {
  it('asks a client that began without a token for one, and takes it', async () => {
    const [wire] = method().enhanced;
    assert.equal(wire?.name, 'JWT');
    const exchange = wire!.begin(shown('', { username: 'pump-7', password: undefined }));
    assert.deepEqual(await exchange.step(undefined), { kind: 'continue', data: undefined });
    const step = await exchange.step(Buffer.from(await sign()));
    assert.ok(step?.kind === 'done' && step.result.ok);
    assert.equal(step.result.identity.method, 'jwt');
  });

  it('declines what is no token, and refuses a token of somebody else', async () => {
    const begin = () => method().enhanced[0]!.begin(shown('', { username: 'pump-7', password: undefined }));
    assert.equal(await begin().step(Buffer.from('not a token')), undefined);
    const step = await begin().step(Buffer.from(await sign({ ...CLAIMS, sub: 'pump-8' })));
    assert.ok(step?.kind === 'done' && !step.result.ok);
  });
});
