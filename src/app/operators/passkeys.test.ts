/** Passkeys as a browser brings them: from an authenticator in software that signs real COSE ES256, and lies where a test says so. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ApiBrowser, startOperatorApi } from '../../../test/kit/operator-api.ts';
import { BY, PASSWORD, PASSWORD_HASH } from '../../../test/kit/operators.ts';
import { type AuthenticatorLies, SoftwareAuthenticator } from '../../../test/kit/software-authenticator.ts';

const ORIGIN = 'https://gateway.example.org:9443';
const MINUTE_MS = 60_000;

let directory: string;
let api: Awaited<ReturnType<typeof startOperatorApi>>;
let browser: ApiBrowser;
let key: SoftwareAuthenticator;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-passkeys-'));
  api = await startOperatorApi(directory, `control: { operators: { publicUrl: '${ORIGIN}' } }`);
  browser = api.browser();
  key = new SoftwareAuthenticator(ORIGIN);
  api.operators.store.accounts.add({ name: 'ada', role: 'admin', hash: PASSWORD_HASH }, BY);
  api.operators.store.accounts.add({ name: 'eve', role: 'viewer', hash: PASSWORD_HASH }, BY);
});
afterEach(async () => {
  await api.close();
  rmSync(directory, { recursive: true });
});

const logIn = (name: string, by = browser) => by.ask('POST', '/v1/login', { name, password: PASSWORD });

async function enrol(by = browser, authenticator = key, lies: AuthenticatorLies = {}, label = 'blue key') {
  const options = (await by.ask('POST', '/v1/account/passkeys/options')).body;
  return by.ask('POST', '/v1/account/passkeys', { label, response: authenticator.register(options, lies) });
}

async function usePasskey(by: ApiBrowser, authenticator = key, lies: AuthenticatorLies = {}) {
  const options = (await by.ask('POST', '/v1/login/passkey/options')).body;
  return by.ask('POST', '/v1/login/passkey', { response: authenticator.authenticate(options, lies) });
}

describe('a passkey', () => {
  it('is enrolled by an admin who has no second factor yet, and makes the login whole', async () => {
    assert.equal((await logIn('ada')).body.stage, 'enrolment');
    const options = (await browser.ask('POST', '/v1/account/passkeys/options')).body;
    assert.deepEqual(
      [options.rp.id, options.user.name, options.authenticatorSelection.userVerification, options.attestation],
      ['gateway.example.org', 'ada', 'required', 'none'],
    );
    const before = browser.cookies.get('__Host-sallyport');
    const done = await browser.ask('POST', '/v1/account/passkeys', {
      label: 'blue key',
      response: key.register(options),
    });
    assert.deepEqual([done.status, done.body.passkey.label, done.body.login.stage], [201, 'blue key', 'full']);
    assert.notEqual(browser.cookies.get('__Host-sallyport'), before);
    assert.equal((await browser.ask('GET', '/v1/operators')).status, 200);
  });

  it('is the second step behind a password', async () => {
    await logIn('ada');
    await enrol();
    const again = api.browser();
    const first = await logIn('ada', again);
    assert.deepEqual([first.body.stage, first.body.offers], ['second-factor', ['passkey']]);
    assert.equal((await again.ask('GET', '/v1/operators')).status, 401);
    const options = (await again.ask('POST', '/v1/login/passkey/options')).body;
    assert.deepEqual(
      options.allowCredentials.map(({ id }: { id: string }) => id),
      [key.id],
    );
    const whole = await again.ask('POST', '/v1/login/passkey', { response: key.authenticate(options) });
    assert.deepEqual([whole.status, whole.body.stage], [200, 'full']);
  });

  it('logs in alone, since whoever uses it was verified by it', async () => {
    await logIn('ada');
    await enrol();
    const again = api.browser();
    const done = await usePasskey(again);
    assert.deepEqual([done.status, done.body.operator, done.body.stage], [200, 'ada', 'full']);
    const { sessions } = (await again.ask('GET', '/v1/sessions')).body;
    assert.equal(sessions.find(({ isThis }: { isThis: boolean }) => isThis).method, 'passkey');
  });

  it('does not let in alone whom the provider of single sign-on may know no more', async () => {
    const sso = { issuer: 'https://id.example.org', subject: '42' };
    const { accounts, sessions } = api.operators.store;
    accounts.add({ name: 'sue', role: 'viewer', sso }, BY);
    const { secret } = sessions.open({
      operator: 'sue',
      stage: 'full',
      method: 'sso',
      address: '192.0.2.1',
      agent: '',
    });
    browser.cookies.set('__Host-sallyport', secret);
    await browser.ask('GET', '/v1/session');
    await enrol();
    const alone = await usePasskey(api.browser());
    assert.deepEqual([alone.status, /single sign-on/.test(alone.body.detail)], [401, true]);
    assert.equal((await usePasskey(browser)).status, 200);
  });

  it('proves once more who it is', async () => {
    await logIn('ada');
    await enrol();
    api.clock.advance(11 * MINUTE_MS);
    const add = () => browser.ask('POST', '/v1/operators', { name: 'bob', role: 'viewer' });
    assert.equal((await add()).status, 401);
    assert.equal((await usePasskey(browser)).status, 200);
    assert.equal((await add()).status, 201);
  });

  it('is refused for whatever is not as it was asked', async () => {
    await logIn('ada');
    await enrol();
    const handleOfEve = Buffer.from(api.operators.store.accounts.find('eve')!.handle).toString('base64url');
    const lies: AuthenticatorLies[] = [
      { origin: 'https://gateway.example.org' },
      { origin: 'https://evil.example.org:9443' },
      { rpId: 'evil.example.org' },
      { challenge: Buffer.alloc(32).toString('base64url') },
      { type: 'webauthn.create' },
      { isUnverified: true },
      { isForged: true },
      { userHandle: handleOfEve },
    ];
    for (const lie of lies) {
      const { status, body } = await usePasskey(api.browser(), key, lie);
      assert.deepEqual([status, /not to what was asked/.test(body.detail)], [401, true], JSON.stringify(lie));
      api.clock.advance(61 * MINUTE_MS);
    }
    const handle = Buffer.from(api.operators.store.accounts.find('ada')!.handle).toString('base64url');
    assert.equal((await usePasskey(api.browser(), key, { userHandle: handle })).status, 200);
  });

  it('answers a challenge once, and within five minutes', async () => {
    await logIn('ada');
    await enrol();
    const again = api.browser();
    const options = (await again.ask('POST', '/v1/login/passkey/options')).body;
    const response = key.authenticate(options);
    assert.equal((await again.ask('POST', '/v1/login/passkey', { response })).status, 200);
    assert.equal((await api.browser().ask('POST', '/v1/login/passkey', { response })).status, 401, 'replayed');
    const late = (await api.browser().ask('POST', '/v1/login/passkey/options')).body;
    api.clock.advance(5 * MINUTE_MS);
    const answer = await api.browser().ask('POST', '/v1/login/passkey', { response: key.authenticate(late) });
    assert.equal(answer.status, 401);
  });

  it('whose counter goes back is taken for a copy, and told', async () => {
    await logIn('ada');
    await enrol();
    assert.equal((await usePasskey(api.browser(), key, { counter: 10 })).status, 200);
    for (const counter of [10, 9, 0]) {
      const { status, body } = await usePasskey(api.browser(), key, { counter });
      assert.deepEqual([status, /may be a copy/.test(body.detail)], [401, true]);
    }
    const failed = api.events.findLast(({ name }) => name === 'operator.login.failed');
    assert.ok(failed?.name === 'operator.login.failed' && failed.operator === 'ada' && /copy/.test(failed.says));
    assert.equal((await usePasskey(api.browser(), key, { counter: 11 })).status, 200);
  });

  it('that does not count is not held to it', async () => {
    await logIn('ada');
    await enrol();
    for (let i = 0; i < 3; i++) assert.equal((await usePasskey(api.browser(), key, { counter: 0 })).status, 200);
  });

  it("is no second step of another's login, and none of a disabled account", async () => {
    await logIn('ada');
    await enrol();
    const eves = new SoftwareAuthenticator(ORIGIN);
    const eve = api.browser();
    await logIn('eve', eve);
    assert.equal((await enrol(eve, eves)).status, 201);
    const again = api.browser();
    await logIn('ada', again);
    assert.equal((await usePasskey(again, eves)).status, 401);
    assert.equal((await usePasskey(again, key)).status, 200);
    api.operators.store.accounts.setDisabled('eve', true, BY);
    assert.equal((await usePasskey(api.browser(), eves)).status, 401);
  });

  it('is enrolled only with verification, in the session that asked, under a label, and once', async () => {
    await logIn('ada');
    for (const lie of [{ isUnverified: true }, { origin: 'https://evil.example.org' }, { rpId: 'evil' }]) {
      assert.equal((await enrol(browser, key, lie)).status, 422);
    }
    const options = (await browser.ask('POST', '/v1/account/passkeys/options')).body;
    const eve = api.browser();
    await logIn('eve', eve);
    const stolen = await eve.ask('POST', '/v1/account/passkeys', { label: 'x', response: key.register(options) });
    assert.equal(stolen.status, 422);
    assert.equal((await enrol(browser, key, {}, 'a\u202eb')).status, 422);
    assert.equal((await enrol()).status, 201);
    assert.equal((await enrol(eve)).status, 422, 'it is here already');
    assert.equal((await api.browser().ask('POST', '/v1/account/passkeys/options')).status, 401);
  });

  it('is listed and taken away by its owner, the last one not while the role needs it', async () => {
    await logIn('ada');
    await enrol();
    const remove = (id: string) => browser.ask('DELETE', `/v1/account/passkeys/${id}`);
    assert.equal((await remove(key.id)).status, 422);
    const second = new SoftwareAuthenticator(ORIGIN);
    await enrol(browser, second, {}, 'red key');
    const { passkeys } = (await browser.ask('GET', '/v1/account/passkeys')).body;
    assert.deepEqual(passkeys.map(({ label }: { label: string }) => label).sort(), ['blue key', 'red key']);
    assert.equal((await remove('AAAA')).status, 404);
    assert.equal((await remove(key.id)).status, 204);
    assert.equal((await usePasskey(api.browser(), key)).status, 401);
    assert.equal((await usePasskey(api.browser(), second)).status, 200);
  });

  it('is garbage where it is garbage, and nothing more', async () => {
    const good = key.authenticate((await browser.ask('POST', '/v1/login/passkey/options')).body);
    const bad = [
      {},
      { ...good, id: '../x' },
      { ...good, type: 'password' },
      { ...good, response: { ...good.response, signature: '' } },
      { ...good, response: { ...good.response, clientDataJSON: 7 } },
    ];
    for (const response of bad) {
      assert.equal((await browser.ask('POST', '/v1/login/passkey', { response })).status, 400);
    }
    await logIn('ada');
    await enrol();
    for (const response of [
      { ...good, response: { ...good.response, clientDataJSON: 'AAAA' } },
      { ...good, response: { ...good.response, authenticatorData: 'AA' } },
      { ...good, response: { ...good.response, signature: 'AA' } },
    ]) {
      const { status } = await api.browser().ask('POST', '/v1/login/passkey', { response });
      assert.equal(status, 401);
    }
  });
});

describe('passkeys without a name to bind them to', () => {
  it('are refused with what to configure', async () => {
    await api.close();
    for (const [yaml, says] of [
      ['', /publicUrl/],
      ["control: { operators: { publicUrl: 'https://192.0.2.1:9443' } }", /host name/],
      ["control: { operators: { publicUrl: 'https://[2001:db8::1]:9443' } }", /host name/],
    ] as const) {
      api = await startOperatorApi(mkdtempSync(join(directory, 'other-')), yaml);
      const { status, body } = await api.browser().ask('POST', '/v1/login/passkey/options');
      assert.deepEqual([status, says.test(body.detail)], [422, true]);
      await api.close();
    }
    api = await startOperatorApi(mkdtempSync(join(directory, 'last-')));
  });
});
