/** The routes of operators as a browser and a script meet them. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeCa, makeCertificate } from '../../../test/kit/certificates.ts';
import { type ApiBrowser, startOperatorApi } from '../../../test/kit/operator-api.ts';
import { appCode, BY, PASSWORD, PASSWORD_HASH } from '../../../test/kit/operators.ts';
import { cookieIn } from './cookies.ts';

const NEW_PASSWORD = 'violet-harbour-27-anvil';
const MINUTE_MS = 60_000;

type Api = Awaited<ReturnType<typeof startOperatorApi>>;

let directory: string;
let api: Api;
let browser: ApiBrowser;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-operator-api-'));
  api = await startOperatorApi(directory);
  browser = api.browser();
});
afterEach(async () => {
  await api.close();
  rmSync(directory, { recursive: true });
});

async function logIn(name: string, password = PASSWORD, by = browser) {
  return by.ask('POST', '/v1/login', { name, password });
}

/** A viewer of his own; logged in. */
async function asViewer(name = 'eve', by = browser) {
  api.operators.store.accounts.add({ name, role: 'viewer', hash: PASSWORD_HASH }, BY);
  assert.equal((await logIn(name, PASSWORD, by)).status, 200);
}

/** An admin with an authenticator app; logged in. */
async function asAdmin(name = 'ada', by = browser): Promise<string> {
  api.operators.store.accounts.add({ name, role: 'admin', hash: PASSWORD_HASH }, BY);
  assert.equal((await logIn(name, PASSWORD, by)).body.stage, 'enrolment');
  const { secret } = (await by.ask('POST', '/v1/account/totp')).body;
  const confirmed = await by.ask('POST', '/v1/account/totp/confirm', { code: appCode(secret, api.clock) });
  assert.equal(confirmed.body.login.stage, 'full');
  api.clock.advance(30_000);
  return secret;
}

describe('the first admin', () => {
  it('is made by the code, logs in, has to enrol an app, and is somebody only then', async () => {
    const { code } = api.operators.store.codes.make(BY);
    const claim = (changes: object) =>
      browser.ask('POST', '/v1/operators/claim', { code, name: 'ada', password: NEW_PASSWORD, ...changes });
    assert.equal((await claim({ code: 'k7mp-Xw2c-9fHe-Rt4b-Zq3d' })).status, 401);
    const weak = await claim({ password: 'password1234' });
    assert.deepEqual([weak.status, /would be guessed/.test(weak.body.detail)], [422, true]);
    assert.equal((await claim({})).body.role, 'admin');
    assert.equal((await claim({ name: 'eve' })).status, 401, 'the code is used up');
    const first = await logIn('ada', NEW_PASSWORD);
    assert.deepEqual([first.status, first.body.stage], [200, 'enrolment']);
    assert.equal((await browser.ask('GET', '/v1/operators')).status, 401);
    const { secret, uri } = (await browser.ask('POST', '/v1/account/totp')).body;
    assert.ok(uri.includes(secret));
    assert.equal((await browser.ask('POST', '/v1/account/totp/confirm', { code: '000000' })).status, 422);
    const done = await browser.ask('POST', '/v1/account/totp/confirm', { code: appCode(secret, api.clock) });
    assert.deepEqual([done.body.recoveryCodes.length, done.body.login.stage], [10, 'full']);
    const { operators } = (await browser.ask('GET', '/v1/operators')).body;
    assert.deepEqual(
      operators.map(({ name, hasTotp }: { name: string; hasTotp: boolean }) => [name, hasTotp]),
      [['ada', true]],
    );
  });

  it('is not found by guessing codes', async () => {
    api.operators.store.codes.make(BY);
    const body = { code: 'k7mp-Xw2c-9fHe-Rt4b-Zq3d', name: 'eve', password: NEW_PASSWORD };
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await browser.ask('POST', '/v1/operators/claim', body)).status);
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
    const by = api.events.flatMap((event) => (event.name === 'operator.login.failed' ? event.by : []));
    assert.deepEqual(by.slice(-3), ['operators', 'limit:operatorLogins', 'limit:operatorLogins']);
  });
});

describe('a session', () => {
  it('comes in a cookie that no script, no other host and no other site gets', async () => {
    await asViewer();
    const answer = await logIn('eve');
    assert.match(
      answer.headers.get('set-cookie') ?? '',
      /^__Host-sallyport=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    );
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  });

  it('changes nothing without its token against other sites, and without an Origin', async () => {
    await asViewer();
    const token = browser.csrfToken!;
    const id = (await browser.ask('GET', '/v1/sessions')).body.sessions[0].id;
    const end = (headers: Record<string, string>) => browser.ask('DELETE', `/v1/sessions/${id}`, undefined, headers);
    browser.csrfToken = undefined;
    assert.equal((await end({})).status, 401);
    assert.equal((await end({ 'sallyport-csrf': token.slice(1) })).status, 401);
    assert.equal((await end({ 'sallyport-csrf': '' })).status, 401);
    const response = await fetch(`${api.base}/v1/sessions/${id}`, {
      method: 'DELETE',
      headers: { cookie: `__Host-sallyport=${browser.cookies.get('__Host-sallyport')}`, 'sallyport-csrf': token },
    });
    // The runtime's own client says where it comes from by `Sec-Fetch-Mode` alone.
    assert.equal(response.status, 401);
    assert.equal((await browser.ask('GET', '/v1/session')).status, 200, 'it is still there');
    assert.equal((await end({ 'sallyport-csrf': token })).status, 204);
  });

  it('is looked up again after a page was loaded anew, with its token', async () => {
    await asViewer();
    const token = browser.csrfToken;
    const { body } = await browser.ask('GET', '/v1/session');
    assert.deepEqual([body.operator, body.role, body.stage, body.csrfToken], ['eve', 'viewer', 'full', token]);
  });

  it('ends by a logout, and its cookie is worth nothing then', async () => {
    await asViewer();
    const stolen = browser.cookies.get('__Host-sallyport')!;
    assert.equal((await browser.ask('POST', '/v1/logout')).status, 204);
    assert.equal(browser.cookies.size, 0);
    browser.cookies.set('__Host-sallyport', stolen);
    const answer = await browser.ask('GET', '/v1/account');
    assert.deepEqual([answer.status, /has ended/.test(answer.body.detail)], [401, true]);
    assert.equal((await logIn('eve')).status, 200, 'an old cookie is in nobody’s way');
  });

  it('is listed among the others of its operator, who ends them, and nobody else does', async () => {
    await asViewer();
    const other = api.browser();
    await logIn('eve', PASSWORD, other);
    const { sessions } = (await browser.ask('GET', '/v1/sessions')).body;
    assert.deepEqual(sessions.map(({ isThis }: { isThis: boolean }) => isThis).sort(), [false, true]);
    const stranger = api.browser();
    await asViewer('bob', stranger);
    for (const { id } of sessions) assert.equal((await stranger.ask('DELETE', `/v1/sessions/${id}`)).status, 404);
    const { id } = sessions.find(({ isThis }: { isThis: boolean }) => !isThis);
    assert.equal((await browser.ask('DELETE', `/v1/sessions/${id}`)).status, 204);
    assert.equal((await other.ask('GET', '/v1/session')).status, 401);
    assert.equal((await browser.ask('GET', '/v1/session')).status, 200);
  });

  it('has to prove once more who it is before what is dangerous, and gets another cookie', async () => {
    const secret = await asAdmin();
    api.clock.advance(11 * MINUTE_MS);
    const add = () => browser.ask('POST', '/v1/operators', { name: 'bob', role: 'viewer' });
    const refused = await add();
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate') ?? '', /insufficient_user_authentication/);
    const before = browser.cookies.get('__Host-sallyport')!;
    assert.equal((await browser.ask('POST', '/v1/session/confirm', { password: PASSWORD })).status, 401);
    assert.equal((await browser.ask('POST', '/v1/session/confirm', {})).status, 400);
    const confirmed = await browser.ask('POST', '/v1/session/confirm', { code: appCode(secret, api.clock) });
    assert.equal(confirmed.status, 200);
    assert.notEqual(browser.cookies.get('__Host-sallyport'), before);
    assert.equal((await add()).status, 201);
  });

  it('ends everywhere else when the password is changed', async () => {
    await asViewer();
    const other = api.browser();
    await logIn('eve', PASSWORD, other);
    const change = (password: string, newPassword: string) =>
      browser.ask('POST', '/v1/account/password', { password, newPassword });
    assert.equal((await change('wrong', NEW_PASSWORD)).status, 401);
    assert.equal((await change(PASSWORD, 'short')).status, 422);
    assert.match((await change(PASSWORD, PASSWORD)).body.detail, /one of the last/);
    assert.equal((await change(PASSWORD, NEW_PASSWORD)).status, 200);
    assert.equal((await browser.ask('GET', '/v1/account')).status, 200);
    assert.equal((await other.ask('GET', '/v1/account')).status, 401);
    assert.equal((await logIn('eve', PASSWORD, other)).status, 401);
    assert.equal((await logIn('eve', NEW_PASSWORD, other)).status, 200);
  });

  it('of a password alone is nobody once the role needs more', async () => {
    await asViewer();
    api.operators.store.accounts.setRole('eve', 'admin', undefined, BY);
    const answer = await browser.ask('GET', '/v1/operators');
    assert.deepEqual([answer.status, /second factor now/.test(answer.body.detail)], [401, true]);
  });
});

describe('a reload', () => {
  it('holds for whoever is logged in already', async () => {
    await asViewer();
    const { control } = api.config;
    const change = (operators: object): void =>
      api.operators.apply({
        ...api.config,
        control: { ...control, operators: { ...control.operators, ...operators } },
      });
    change({ secondFactor: { viewer: 'required', operator: 'required', admin: 'required' } });
    assert.match((await browser.ask('GET', '/v1/account')).body.detail, /second factor now/);
    change({ sessions: { ...control.operators.sessions, idleTimeoutMs: MINUTE_MS } });
    assert.equal((await browser.ask('GET', '/v1/account')).status, 200);
    api.clock.advance(MINUTE_MS);
    assert.equal((await browser.ask('GET', '/v1/account')).status, 401);
    assert.equal((await browser.ask('POST', '/v1/login/sso', {})).status, 503);
    const sso = {
      issuer: 'https://127.0.0.1:1',
      clientId: 'c',
      scopes: [],
      groupsClaim: 'g',
      nameClaim: 'n',
      roles: [],
    };
    change({ publicUrl: 'https://gateway.example.org', sso });
    const away = await api.browser().ask('POST', '/v1/login/sso', {});
    assert.deepEqual([away.status, /cannot be asked/.test(away.body.detail)], [503, true]);
  });
});

describe('logins', () => {
  it('that fail are told to wait, with the time', async () => {
    await asViewer();
    const stranger = api.browser();
    api.shown.address = '198.51.100.1';
    for (let i = 0; i < 5; i++) assert.equal((await logIn('eve', 'wrong', stranger)).status, 401);
    const held = await logIn('eve', PASSWORD, stranger);
    assert.deepEqual([held.status, held.headers.get('retry-after')], [429, '1']);
    api.clock.advance(1000);
    assert.equal((await logIn('eve', PASSWORD, stranger)).status, 200);
    const failed = api.events.filter(({ name }) => name === 'operator.login.failed');
    assert.equal(failed.length, 6);
  });

  it('take hostile names and passwords for what they are, and say where a body is wrong', async () => {
    for (const name of ['', "x' OR 1=1 --", '\u0000', '../../etc/passwd', '{"$ne":1}', '\ud800', '\u202eada']) {
      assert.equal((await logIn(name, 'x')).status, 401, JSON.stringify(name));
      api.clock.advance(61 * MINUTE_MS);
    }
    const cases: [unknown, string][] = [
      [{ name: 'ada' }, 'password'],
      [{ name: { $ne: 1 }, password: 'x' }, 'name'],
      [{ name: 'ada', password: 'x'.repeat(1025) }, 'password'],
      [{ name: 'ada', password: 'x', isAdmin: true }, 'isAdmin'],
    ];
    for (const [body, at] of cases) {
      const { status, body: problem } = await browser.ask('POST', '/v1/login', body);
      assert.deepEqual([status, problem.errors[0].at], [400, at]);
    }
  });

  it('of a second step are open to nobody who has not taken the first', async () => {
    assert.equal((await browser.ask('POST', '/v1/login/code', { code: '123456' })).status, 401);
    await asViewer();
    const answer = await browser.ask('POST', '/v1/login/code', { code: '123456' });
    assert.match(answer.body.detail, /finished already/);
  });
});

describe('a stream of events', () => {
  /** Told when it ends, which the timers of the test's clock bring about. */
  const watch = async (headers: Record<string, string>): Promise<{ readonly over: Promise<void> }> => {
    const response = await fetch(`${api.base}/v1/events`, { headers });
    assert.equal(response.status, 200);
    const over = response.text().then(
      () => undefined,
      () => undefined,
    );
    return { over };
  };

  it('ends with the token that it was asked with, and not before', async () => {
    await asAdmin();
    const { secret, token } = (await browser.ask('POST', '/v1/account/tokens', { label: 'x', lifetime: '1h' })).body;
    const { over } = await watch({ authorization: `Bearer ${secret}` });
    api.clock.advance(6000);
    await new Promise(setImmediate);
    assert.equal(api.stream.watchers, 1);
    assert.equal((await browser.ask('DELETE', `/v1/account/tokens/${token.id}`)).status, 204);
    api.clock.advance(6000);
    await over;
    assert.equal(api.stream.watchers, 0);
  });

  it('ends with the role of its operator', async () => {
    await asViewer();
    const { over } = await watch({ cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; ') });
    api.operators.store.accounts.setRole('eve', 'viewer', ['bans:read'], BY);
    api.clock.advance(6000);
    await over;
  });

  it('is no use of the session, which ends idle', async () => {
    await asViewer();
    const { idleTimeoutMs } = api.config.control.operators.sessions;
    const { over } = await watch({ cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; ') });
    // Each look comes at its own time, and the next one is due after it.
    for (const afterMs of [0.6 * idleTimeoutMs, 6000, 0.4 * idleTimeoutMs]) {
      api.clock.advance(afterMs);
      await new Promise(setImmediate);
      assert.equal(api.stream.watchers, 1);
    }
    api.clock.advance(6000);
    await over;
    assert.ok(api.events.some(({ name }) => name === 'operator.session.ended'));
  });
});

describe('an API token', () => {
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  it('does what it is for, until it is revoked', async () => {
    await asAdmin();
    const made = await browser.ask('POST', '/v1/account/tokens', {
      label: 'inventory',
      scopes: ['operators:read'],
      lifetime: '30d',
    });
    assert.equal(made.status, 201);
    const { secret, token } = made.body;
    const script = api.browser();
    const asToken = (method: string, path: string, body?: unknown) => script.ask(method, path, body, bearer(secret));
    assert.equal((await asToken('GET', '/v1/operators')).status, 200);
    const refused = await asToken('DELETE', '/v1/operators/ada/sessions');
    assert.deepEqual([refused.status, /needs the scope operators:write/.test(refused.body.detail)], [403, true]);
    for (const path of ['/v1/account', '/v1/sessions', '/v1/account/tokens']) {
      assert.equal((await asToken('GET', path)).status, 403, 'what concerns the account itself is for sessions');
    }
    const { tokens } = (await browser.ask('GET', '/v1/account/tokens')).body;
    assert.deepEqual([tokens[0].lastUsedFrom, 'secret' in tokens[0]], ['192.0.2.1', false]);
    assert.equal((await browser.ask('DELETE', `/v1/account/tokens/${token.id}`)).status, 204);
    assert.equal((await asToken('GET', '/v1/operators')).status, 401);
    assert.ok(!JSON.stringify([api.events, api.actions]).includes(secret));
  });

  it('is refused when it is stale, disabled, garbage, or beside a session that is good', async () => {
    await asAdmin();
    const { secret } = (await browser.ask('POST', '/v1/account/tokens', { label: 'x', lifetime: '1h' })).body;
    const status = async (authorization: string) =>
      (await browser.ask('GET', '/v1/operators', undefined, { authorization })).status;
    assert.equal(await status(`bearer ${secret}`), 200);
    for (const other of ['Bearer', 'Bearer ', `Basic ${secret}`, `Bearer ${secret}x`, 'Bearer spt_', secret]) {
      assert.equal(await status(other), 401, other);
    }
    const by = api.events.flatMap((event) => (event.name === 'control.refused' ? event.by : []));
    assert.deepEqual(by, Array(6).fill('control:token'));
    api.operators.store.accounts.add({ name: 'root', role: 'admin', hash: PASSWORD_HASH }, BY);
    api.operators.store.accounts.setDisabled('ada', true, BY);
    assert.equal(await status(`Bearer ${secret}`), 401);
    api.operators.store.accounts.setDisabled('ada', false, BY);
    api.clock.advance(60 * MINUTE_MS);
    assert.equal(await status(`Bearer ${secret}`), 401);
  });

  it('never may more than its operator, whatever becomes of that', async () => {
    await asAdmin();
    const { secret } = (await browser.ask('POST', '/v1/account/tokens', { label: 'x', lifetime: '30d' })).body;
    const status = async () => (await api.browser().ask('GET', '/v1/operators', undefined, bearer(secret))).status;
    assert.equal(await status(), 200);
    api.operators.store.accounts.add({ name: 'root', role: 'admin', hash: PASSWORD_HASH }, BY);
    api.operators.store.accounts.setRole('ada', 'admin', ['bans:read'], BY);
    assert.equal(await status(), 403);
    api.operators.store.accounts.setRole('ada', 'viewer', undefined, BY);
    assert.equal(await status(), 403);
  });

  it('that is narrowed makes nobody who may more, and takes over nobody who does', async () => {
    await asAdmin();
    const scopes = ['operators:read', 'operators:write'];
    const { secret } = (await browser.ask('POST', '/v1/account/tokens', { label: 'x', scopes, lifetime: '30d' })).body;
    const asToken = async (method: string, path: string, body?: unknown) =>
      (await api.browser().ask(method, path, body, bearer(secret))).status;
    assert.equal(await asToken('POST', '/v1/operators', { name: 'eve', role: 'admin' }), 403);
    assert.equal(await asToken('POST', '/v1/operators', { name: 'eve', role: 'admin', scopes: ['users:write'] }), 403);
    assert.equal(await asToken('PUT', '/v1/operators/ada/password', { password: NEW_PASSWORD }), 403);
    assert.equal(await asToken('POST', '/v1/operators/ada/tokens', { label: 'y', lifetime: '1d' }), 403);
    assert.equal(await asToken('POST', '/v1/operators/ada/reset-second-factor'), 403);
    const certificate = { kind: 'subject', value: 'CN=eve' };
    assert.equal(await asToken('POST', '/v1/operators/ada/certificates', certificate), 403);
    assert.equal(
      await asToken('POST', '/v1/operators', { name: 'eve', role: 'admin', scopes: ['operators:read'] }),
      201,
    );
    assert.equal(await asToken('PATCH', '/v1/operators/eve', { scopes: null }), 403);
    assert.equal(await asToken('PATCH', '/v1/operators/eve', { role: 'operator' }), 200);
  });
});

describe('admins', () => {
  it('make, change, disable and remove operators, each time told and journaled', async () => {
    await asAdmin();
    const at = '/v1/operators/bob';
    const created = await browser.ask('POST', '/v1/operators', {
      name: 'bob',
      role: 'operator',
      password: NEW_PASSWORD,
    });
    assert.equal(created.status, 201);
    assert.equal((await browser.ask('POST', '/v1/operators', { name: 'bob', role: 'viewer' })).status, 409);
    const changed = await browser.ask('PATCH', at, { role: 'viewer', scopes: ['bans:read'] });
    assert.deepEqual([changed.body.role, changed.body.scopes], ['viewer', ['bans:read']]);
    for (const [method, path, body] of [
      ['PATCH', at, { scopes: ['users:write'] }],
      ['POST', '/v1/operators', { name: 'kim', role: 'operator', scopes: ['config:write'] }],
      ['POST', `${at}/tokens`, { label: 'x', scopes: ['bans:write'], lifetime: '1d' }],
    ] as const) {
      const refused = await browser.ask(method, path, body);
      assert.equal(refused.status, 422, path);
      assert.match(refused.body.detail, /can never use/);
    }
    const kept = await browser.ask('PATCH', at, { role: 'operator' });
    assert.deepEqual(kept.body.scopes, ['bans:read'], 'another role widens nothing by itself');
    assert.equal((await browser.ask('PATCH', at, { scopes: null })).body.scopes, null);
    const bob = api.browser();
    assert.equal((await logIn('bob', NEW_PASSWORD, bob)).status, 200);
    await browser.ask('PATCH', at, { isDisabled: true });
    assert.equal((await bob.ask('GET', '/v1/account')).status, 401);
    assert.equal((await logIn('bob', NEW_PASSWORD, bob)).status, 401);
    await browser.ask('PATCH', at, { isDisabled: false });
    assert.equal((await browser.ask('PUT', `${at}/password`, { password: PASSWORD })).status, 204);
    assert.equal((await logIn('bob', PASSWORD, bob)).status, 200);
    assert.deepEqual((await browser.ask('DELETE', `${at}/sessions`)).body, { ended: 1 });
    assert.equal((await browser.ask('DELETE', at)).status, 204);
    assert.equal((await browser.ask('GET', at)).status, 404);
    assert.equal((await browser.ask('DELETE', at)).status, 404);
    const told = api.events.flatMap((event) =>
      event.name === 'operator.changed' && event.operator === 'bob' ? [event] : [],
    );
    assert.deepEqual(
      told.map(({ what }) => what),
      ['added', 'role', 'role', 'role', 'disabled', 'enabled', 'password', 'session', 'removed'],
    );
    assert.ok(told.every(({ by, from }) => by === 'ada' && from === '192.0.2.1'));
    const actions = api.actions.filter(({ name }) => name.startsWith('operator-'));
    assert.deepEqual(actions[0], {
      name: 'operator-add',
      by: 'ada',
      from: '192.0.2.1',
      words: ['bob', 'operator'],
      outcome: 'done',
    });
    assert.ok(!JSON.stringify([api.events, api.actions]).includes(NEW_PASSWORD));
  });

  it('cannot leave the gateway without one', async () => {
    await asAdmin();
    for (const [method, path, body] of [
      ['DELETE', '/v1/operators/ada', undefined],
      ['PATCH', '/v1/operators/ada', { role: 'viewer' }],
      ['PATCH', '/v1/operators/ada', { isDisabled: true }],
    ] as const) {
      const { status, body: problem } = await browser.ask(method, path, body);
      assert.deepEqual([status, /only admin/.test(problem.detail)], [422, true]);
    }
  });

  it('keep their second factor while the role needs it, and may replace it', async () => {
    const former = await asAdmin();
    assert.match((await browser.ask('DELETE', '/v1/account/totp')).body.detail, /needs a second factor/);
    const { secret } = (await browser.ask('POST', '/v1/account/totp')).body;
    const replaced = await browser.ask('POST', '/v1/account/totp/confirm', { code: appCode(secret, api.clock) });
    assert.equal(replaced.status, 200);
    api.clock.advance(60_000);
    const again = api.browser();
    await logIn('ada', PASSWORD, again);
    assert.equal((await again.ask('POST', '/v1/login/code', { code: appCode(former, api.clock) })).status, 401);
    assert.equal((await again.ask('POST', '/v1/login/code', { code: appCode(secret, api.clock) })).status, 200);
  });
});

describe('a certificate', () => {
  it('logs in whom it is bound to, by fingerprint or by subject, and nobody else', async () => {
    await asAdmin();
    const ca = await makeCa('Operators');
    const { certificatePem } = await makeCertificate(ca, { commonName: 'bot', use: 'client' });
    const x509 = new X509Certificate(certificatePem);
    const fingerprint = x509.fingerprint256.replaceAll(':', '').toLowerCase();
    const bot = api.browser();
    api.operators.store.accounts.add({ name: 'bot', role: 'admin' }, BY);
    const ask = async () => {
      api.shown.certificate = { commonName: 'bot', fingerprint, serial: x509.serialNumber, der: x509.raw };
      const { status } = await bot.ask('GET', '/v1/operators');
      api.shown.certificate = undefined;
      return status;
    };
    assert.equal(await ask(), 401);
    for (const certificate of [
      { kind: 'fingerprint', value: x509.fingerprint256 },
      { kind: 'subject', value: x509.subject.replaceAll('\n', ', ') },
    ]) {
      assert.equal((await browser.ask('POST', '/v1/operators/bot/certificates', certificate)).status, 204);
      assert.equal((await browser.ask('POST', '/v1/operators/ada/certificates', certificate)).status, 409);
      assert.equal(await ask(), 200);
      const { certificates } = (await browser.ask('GET', '/v1/operators/bot')).body;
      assert.equal(certificates[0].kind, certificate.kind);
      const query = new URLSearchParams(certificate).toString();
      assert.equal((await browser.ask('DELETE', `/v1/operators/bot/certificates?${query}`)).status, 204);
      assert.equal(await ask(), 401);
    }
    const garbage = { kind: 'fingerprint', value: 'CN=bot' };
    assert.equal((await browser.ask('POST', '/v1/operators/bot/certificates', garbage)).status, 422);
  });
});

describe('the cookie of a session', () => {
  it('is found among others, and not at all where there are two', () => {
    const name = '__Host-sallyport';
    assert.equal(cookieIn(`a=b; ${name}=x; c=d`, name), 'x');
    for (const header of [
      undefined,
      '',
      `x${name}=y`,
      `${name}`,
      `${name}=x; ${name}=y`,
      `${name}=x;${'a'.repeat(9000)}`,
    ]) {
      assert.equal(cookieIn(header, name), undefined);
    }
  });
});
