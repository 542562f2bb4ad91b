import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { anonymousMethod } from './anonymous.ts';
import { buildAuthenticator } from './authenticator.ts';
import { certificateMethod } from './certificate.ts';
import { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Authenticator, CertificateFacts, Credentials, Identity } from './identity.ts';
import { type PasswordFile, parsePasswordFile } from './password-file.ts';
import { PasswordFileMethod, type PasswordFileOptions } from './password-file-method.ts';

const TEXT = readFileSync(new URL('./fixtures/mosquitto-2.0.passwd', import.meta.url), 'utf8');
const FILE = parsePasswordFile(TEXT, 'users');

const queue = new HashQueue({ clock: new ManualClock(), emit: () => undefined });

function chain(options: PasswordFileOptions): Authenticator {
  return buildAuthenticator([certificateMethod, new PasswordFileMethod(options), anonymousMethod]);
}

function build(passwordFile: PasswordFile | undefined = FILE): Authenticator {
  return chain({ passwordFile, queue, chance: systemChance });
}

function shown(facts: Partial<Omit<Credentials, 'password'>> & { password?: string } = {}): Credentials {
  return {
    clientId: 'c1',
    username: undefined,
    certificateName: undefined,
    anonymousAllowed: false,
    ...facts,
    password: facts.password === undefined ? undefined : Buffer.from(facts.password),
  };
}

function identityOf(result: AuthenticationResult): Identity {
  if (!result.ok) assert.fail(`${result.by}: ${result.says}`);
  return result.identity;
}

/** Reason code and author of a denial. */
function denial(result: AuthenticationResult): [number, string] {
  if (result.ok) assert.fail(`accepted as ${result.identity.username}`);
  assert.match(result.says, /\.$/);
  return [result.reason, result.by];
}

const PROVEN = { username: 'sensor-1', password: 'throwaway-1' };

test('the right password establishes the identity', async () => {
  const { credential, ...identity } = identityOf(await build().authenticate(shown(PROVEN)));
  assert.deepEqual(identity, { username: 'sensor-1', clientId: 'c1', method: 'password-file' });
  assert.match(credential, /^[0-9a-f]{64}$/);
});

test('a wrong password and an unknown user are refused in the same words', async () => {
  const wrong = await build().authenticate(shown({ ...PROVEN, password: 'wrong' }));
  const unknown = await build().authenticate(shown({ ...PROVEN, username: 'nobody' }));
  assert.deepEqual(denial(wrong), [0x86, 'password-file:users']);
  assert.deepEqual(wrong, unknown);
});

test('an unknown user is verified against a hash of the cost that most users have', async () => {
  const verified: string[] = [];
  const spy = new HashQueue({ clock: new ManualClock(), emit: () => undefined });
  const verify = spy.verify.bind(spy);
  spy.verify = (hash, password, asker) => {
    verified.push(hash.cost);
    return verify(hash, password, asker);
  };
  const mixed = `${TEXT}old:$6$${'A'.repeat(16)}$${Buffer.alloc(64).toString('base64')}\n`;
  const passwordFile = parsePasswordFile(mixed, 'users');
  const authenticator = chain({ passwordFile, queue: spy, chance: systemChance });
  await authenticator.authenticate(shown({ ...PROVEN, password: 'wrong' }));
  await authenticator.authenticate(shown({ ...PROVEN, username: 'nobody' }));
  assert.deepEqual(verified, ['pbkdf2-sha512,i=101', 'pbkdf2-sha512,i=101']);
});

test('user name and password come together or not at all', async () => {
  for (const anonymousAllowed of [false, true]) {
    for (const half of [
      { username: 'sensor-1' },
      { password: 'throwaway-1' },
      { username: '', password: 'throwaway-1' },
    ]) {
      const result = await build().authenticate(shown({ ...half, anonymousAllowed }));
      assert.deepEqual(denial(result), [0x86, 'password-file:users'], JSON.stringify(half));
    }
  }
});

test('an empty password is a wrong one', async () => {
  const result = await build().authenticate(shown({ username: 'sensor-1', password: '' }));
  assert.deepEqual(denial(result), [0x86, 'password-file:users']);
});

test('without a password file nobody logs in with a password, also where anonymous clients may', async () => {
  const authenticator = chain({ passwordFile: undefined, queue, chance: systemChance });
  const result = await authenticator.authenticate(shown({ ...PROVEN, anonymousAllowed: true }));
  assert.deepEqual(denial(result), [0x86, 'password-file:none']);
});

test('a client that shows nothing is anonymous only where the listener says so', async () => {
  assert.deepEqual(denial(await build().authenticate(shown())), [0x87, 'listener:anonymousAllowed']);
  const identity = identityOf(await build().authenticate(shown({ anonymousAllowed: true })));
  assert.equal(identity.username, undefined);
  assert.equal(identity.method, 'anonymous');
});

test('a wrong password does not fall back to the anonymous client', async () => {
  const result = await build().authenticate(shown({ ...PROVEN, password: 'wrong', anonymousAllowed: true }));
  assert.deepEqual(denial(result), [0x86, 'password-file:users']);
});

test("the certificate's name is the identity where the listener takes it from there", async () => {
  const identity = identityOf(await build().authenticate(shown({ certificateName: 'pump-7' })));
  assert.equal(identity.username, 'pump-7');
  assert.equal(identity.method, 'certificate');
  const same = await build().authenticate(shown({ certificateName: 'pump-7', username: 'pump-7', password: 'x' }));
  assert.equal(identityOf(same).method, 'certificate');
});

test('a user name that is not the certificate’s is refused, even with its right password', async () => {
  const result = await build().authenticate(shown({ ...PROVEN, certificateName: 'pump-7' }));
  assert.deepEqual(denial(result), [0x86, 'certificate']);
});

test('fields of the certificate go with the identity, which ends when the certificate does', async () => {
  const certificate: CertificateFacts = {
    commonName: 'pump-7',
    subject: 'OU=plant, CN=pump-7',
    issuer: 'CN=CA',
    organizationalUnits: ['plant'],
    serial: '0a',
    fingerprint: 'f'.repeat(64),
    dnsNames: [],
    uris: ['urn:pump:7', 'urn:pump:8'],
    emails: [],
    notAfterMs: 4_000_000_000_000,
    chain: [],
  };
  const identity = identityOf(await build().authenticate(shown({ certificateName: 'pump-7', certificate })));
  assert.deepEqual(identity.attributes, {
    'cert.cn': 'pump-7',
    'cert.ou': 'plant',
    'cert.subject': 'OU=plant, CN=pump-7',
    'cert.issuer': 'CN=CA',
    'cert.serial': '0a',
    'cert.fingerprint': 'f'.repeat(64),
    'cert.san.uri': 'urn:pump:7',
  });
  assert.equal(identity.expiresAtMs, 4_000_000_000_000);
  assert.equal(identity.credential, `certificate:${'f'.repeat(64)}`);
});

test('an identity from a certificate stands as long as the listener makes the same name of it', async () => {
  const identity = identityOf(await build().authenticate(shown({ certificateName: 'pump-7' })));
  assert.equal(build().stillValid(identity, { anonymousAllowed: false, certificateName: 'pump-7' }), true);
  assert.equal(build().stillValid(identity, { anonymousAllowed: true, certificateName: 'urn:pump:7' }), false);
  assert.equal(build().stillValid(identity, { anonymousAllowed: true }), false);
});

test('CVE-2017-7650: a wildcard in client identifier or user name never becomes an identity', async () => {
  const authenticator = build();
  for (const clientId of ['#', '+', 'a#', 'a+b', 'a\u0000b', 'a\nb', '\u007f', '\u0085']) {
    const result = await authenticator.authenticate(shown({ ...PROVEN, clientId, anonymousAllowed: true }));
    assert.deepEqual(denial(result), [0x85, 'identity:reserved-characters'], JSON.stringify(clientId));
  }
  for (const username of ['#', '+', 'a/b', '/', 'a#', 'a\u0000b', 'a\tb', '\u009f']) {
    const result = await authenticator.authenticate(shown({ ...PROVEN, username, anonymousAllowed: true }));
    assert.deepEqual(denial(result), [0x86, 'identity:reserved-characters'], JSON.stringify(username));
    const certified = await authenticator.authenticate(shown({ certificateName: username }));
    assert.deepEqual(denial(certified), [0x86, 'identity:reserved-characters'], JSON.stringify(username));
  }
  assert.deepEqual(denial(await authenticator.authenticate(shown({ certificateName: '' }))), [
    0x86,
    'identity:reserved-characters',
  ]);
});

test('a client identifier with a slash is an identity: only patterns mind it', async () => {
  assert.equal(
    identityOf(await build().authenticate(shown({ ...PROVEN, clientId: 'mosqsub/42' }))).clientId,
    'mosqsub/42',
  );
});

test('a full queue is server busy, and a check that takes too long too', async () => {
  const clock = new ManualClock();
  const small = new HashQueue({ clock, emit: () => undefined, runningMax: 1, waitingMax: 0, deadlineMs: 100 });
  const authenticator = chain({ passwordFile: FILE, queue: small, chance: systemChance });
  const first = authenticator.authenticate(shown(PROVEN));
  const second = authenticator.authenticate(shown(PROVEN));
  clock.advance(100);
  assert.deepEqual(denial(await second), [0x89, 'limit:hashQueueMax']);
  assert.deepEqual(denial(await first), [0x89, 'limit:hashQueueDeadline']);
});

test('a check that fails inside is a denial, never a rejection', async () => {
  const failing = new HashQueue({ clock: new ManualClock(), emit: () => undefined });
  failing.verify = async () => 'failed';
  const authenticator = chain({ passwordFile: FILE, queue: failing, chance: systemChance });
  assert.deepEqual(denial(await authenticator.authenticate(shown(PROVEN))), [0x88, 'password-file:users']);
});

test('an identity stays valid over a reload that does not touch its line', async () => {
  const identity = identityOf(await build().authenticate(shown(PROVEN)));
  const reloaded = build(parsePasswordFile(`# a comment\n${TEXT}`, 'users'));
  assert.equal(reloaded.stillValid(identity, { anonymousAllowed: false }), true);
});

test('a changed password and a removed user end the identity', async () => {
  const identity = identityOf(await build().authenticate(shown(PROVEN)));
  const [, secondLine] = TEXT.split('\n');
  const changed = build(parsePasswordFile(`sensor-1:${secondLine!.split(':')[1]}`, 'users'));
  const removed = build(parsePasswordFile(secondLine!, 'users'));
  const none = chain({ passwordFile: undefined, queue, chance: systemChance });
  for (const authenticator of [changed, removed, none]) {
    assert.equal(authenticator.stillValid(identity, { anonymousAllowed: true }), false);
  }
});

test('the anonymous identity ends when the listener no longer permits it', async () => {
  const identity = identityOf(await build().authenticate(shown({ anonymousAllowed: true })));
  assert.equal(build().stillValid(identity, { anonymousAllowed: true }), true);
  assert.equal(build().stillValid(identity, { anonymousAllowed: false }), false);
});
