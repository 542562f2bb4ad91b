/** Operators before a real gateway, over HTTPS: from the first code to single sign-on. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CALLBACK_PATH } from '../../src/app/operators/single-sign-on.ts';
import { systemClock } from '../../src/base/clock.ts';
import { makeCa, makeCertificate, type TestAuthority } from '../kit/certificates.ts';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { httpsExchange } from '../kit/https-exchange.ts';
import { startOpenIdProvider } from '../kit/openid-provider.ts';
import { ApiBrowser } from '../kit/operator-api.ts';
import { appCode } from '../kit/operators.ts';
import { type Finished, freePort, removeDirectory, temporaryDirectory } from '../kit/process.ts';

const PASSWORD = 'violet-harbour-27-anvil';
const CLIENT = { clientId: 'gateway', clientSecret: 'throwaway-client-secret' };

describe('operators', () => {
  let directory: string;
  let gateway: RunningGateway;
  let provider: Awaited<ReturnType<typeof startOpenIdProvider>>;
  let ca: TestAuthority;
  let base: string;
  /** The first admin, once there is one. */
  let ada: ApiBrowser;

  before(async () => {
    directory = await temporaryDirectory('operators');
    const port = await freePort();
    base = `https://localhost:${port}`;
    ca = await makeCa('Control CA');
    provider = await startOpenIdProvider({ ...CLIENT, redirectUri: base + CALLBACK_PATH });
    const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    const files: [string, string][] = [
      ['control.crt', server.certificatePem],
      ['control.key', server.keyPem],
      ['ca.pem', ca.certificatePem],
      ['provider.pem', provider.caPem],
      ['client-secret', CLIENT.clientSecret],
    ];
    for (const [name, text] of files) await writeFile(path.join(directory, name), text, { mode: 0o600 });
    gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: {
        control: {
          port,
          certificate: 'control.crt',
          key: 'control.key',
          clientCa: 'ca.pem',
          clientCertificate: 'request',
          operators: {
            publicUrl: base,
            sso: {
              issuer: provider.issuer,
              clientId: CLIENT.clientId,
              clientSecret: { file: 'client-secret' },
              ca: 'provider.pem',
              roles: [
                { group: 'plant-admins', role: 'admin' },
                { group: 'plant-staff', role: 'viewer' },
              ],
            },
          },
        },
      },
    });
  });
  before(() => untilEvent(gateway.program, 'listener.opened', { listener: 'control' }));
  after(async () => {
    await gateway?.stop();
    await provider?.stop();
    if (directory !== undefined) await removeDirectory(directory);
  });

  const browser = (certificate: { cert?: string; key?: string } = {}): ApiBrowser =>
    new ApiBrowser(base, httpsExchange({ ca: ca.certificatePem, ...certificate }));
  const operators = (...args: readonly string[]): Promise<Finished> =>
    sallyport(['operators', ...args, '--data', directory]);
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  it('begin with a code from the machine, and end with a token that is revoked', async () => {
    assert.equal(statSync(path.join(directory, 'operators.db')).mode & 0o777, 0o600);
    ada = browser();
    assert.equal((await ada.ask('GET', '/v1/status')).status, 401);
    const { code } = JSON.parse((await operators('code', '--json')).out) as { code: string };
    const claim = { code, name: 'ada', password: PASSWORD };
    assert.equal((await ada.ask('POST', '/v1/operators/claim', claim)).status, 201);
    assert.equal((await ada.ask('POST', '/v1/operators/claim', { ...claim, name: 'eve' })).status, 401);

    const first = await ada.ask('POST', '/v1/login', { name: 'ada', password: PASSWORD });
    assert.deepEqual([first.status, first.body.stage], [200, 'enrolment']);
    assert.equal((await ada.ask('GET', '/v1/status')).status, 401, 'half a login is nobody');
    const { secret: app } = (await ada.ask('POST', '/v1/account/totp')).body;
    const whole = await ada.ask('POST', '/v1/account/totp/confirm', { code: appCode(app, systemClock) });
    assert.equal(whole.body.login.stage, 'full');
    assert.equal((await ada.ask('GET', '/v1/status')).status, 200);
    await untilEvent(gateway.program, 'operator.login.succeeded', { operator: 'ada', method: 'password+totp' });

    const again = browser();
    await again.ask('POST', '/v1/login', { name: 'ada', password: PASSWORD });
    const [recoveryCode] = whole.body.recoveryCodes;
    assert.equal((await again.ask('POST', '/v1/login/code', { code: recoveryCode })).status, 200);
    const third = browser();
    await third.ask('POST', '/v1/login', { name: 'ada', password: PASSWORD });
    assert.equal((await third.ask('POST', '/v1/login/code', { code: recoveryCode })).status, 401, 'it is used up');

    const wanted = { label: 'inventory', scopes: ['status:read'], lifetime: '1d' };
    const { secret, token } = (await ada.ask('POST', '/v1/account/tokens', wanted)).body;
    const script = browser();
    assert.equal((await script.ask('GET', '/v1/status', undefined, bearer(secret))).status, 200);
    assert.equal((await script.ask('POST', '/v1/reload', undefined, bearer(secret))).status, 403);
    assert.equal((await ada.ask('DELETE', `/v1/account/tokens/${token.id}`)).status, 204);
    const stale = await script.ask('GET', '/v1/status', undefined, bearer(secret));
    assert.deepEqual([stale.status, /revoked/.test(stale.body.detail)], [401, true]);
    await untilEvent(gateway.program, 'operator.changed', { operator: 'ada', what: 'token', says: /was revoked/ });
    // Where a secret does not belong, such as in a path or in the place of a name, it is not written down either.
    const misplaced = 'throwaway-secret-in-a-path';
    assert.equal((await script.ask('GET', `/v1/status?token=${misplaced}`)).status, 401);
    assert.equal((await script.ask('GET', '/v1/status', undefined, bearer(`spt_${misplaced}`))).status, 401);
    const journaled = (await sallyport(['journal', 'export', '--data', directory])).out;
    const remembered = (await sallyport(['events', '--since', '1h', '--json', '--data', directory])).out;
    assert.ok(journaled.includes('operator.login.succeeded') && remembered.includes('operator.login.succeeded'));
    for (const shown of [secret, code, PASSWORD, app, misplaced, ...whole.body.recoveryCodes]) {
      for (const [where, text] of Object.entries({ log: gateway.program.stdout, journaled, remembered })) {
        assert.ok(!text.includes(shown), `no secret is in the ${where}`);
      }
    }
  });

  it('are changed by command beside the gateway, which takes it up, tells it and journals it', async () => {
    const made = await operators('add', 'bot', '--role', 'viewer', '--no-password', '--json');
    assert.equal(made.code, 0, made.err);
    const { out: secret } = await operators('token', 'create', 'bot', '--label', 'nightly', '--for', '30d');
    const script = browser();
    const status = async () => (await script.ask('GET', '/v1/status', undefined, bearer(secret.trim()))).status;
    assert.equal(await status(), 200);
    assert.equal((await operators('disable', 'bot')).code, 0);
    assert.equal(await status(), 401);
    const told = await untilEvent(gateway.program, 'operator.changed', { operator: 'bot', what: 'disabled' });
    assert.match(String(told['by']), /^local:/);
    const { records } = (await ada.ask('GET', '/v1/journal?event=operator.changed')).body;
    assert.ok(
      records.some(({ d }: { d: { what: string; operator: string } }) => d.what === 'disabled' && d.operator === 'bot'),
    );
  });

  it('are let in by a certificate of the CA that is bound to them', async () => {
    const {
      certificatePem: cert,
      keyPem: key,
      fingerprint,
    } = await makeCertificate(ca, { commonName: 'bot', use: 'client' });
    assert.equal((await ada.ask('POST', '/v1/operators', { name: 'machine', role: 'viewer' })).status, 201);
    const machine = browser({ cert, key });
    assert.equal((await machine.ask('GET', '/v1/status')).status, 401);
    const bound = await operators('certificate', 'add', 'machine', fingerprint);
    assert.equal(bound.code, 0, bound.err);
    assert.equal((await machine.ask('GET', '/v1/status')).status, 200);
    const other = await makeCertificate(ca, { commonName: 'bot', use: 'client' });
    const stranger = browser({ cert: other.certificatePem, key: other.keyPem });
    assert.equal((await stranger.ask('GET', '/v1/status')).status, 401);
  });

  it('come by single sign-on with the role of their groups, and go with it', async () => {
    const log = async (login: string) => {
      const visitor = browser();
      const { url } = (await visitor.ask('POST', '/v1/login/sso', {})).body;
      const back = new URL(await provider.logIn(url, login));
      return { visitor, answer: await visitor.ask('GET', back.pathname + back.search), back };
    };
    const person = (groups: readonly string[]): void => {
      provider.people.set('u-1', { login: 'u-1', claims: { preferred_username: 'kim', groups } });
    };
    person(['plant-staff']);
    const { visitor, answer, back } = await log('u-1');
    assert.equal(answer.status, 200, answer.body.detail);
    assert.match(answer.headers.getSetCookie().join(), /__Host-sallyport=[^;]{43};.*SameSite=Strict/);
    const { body: session } = await visitor.ask('GET', '/v1/session');
    assert.deepEqual([session.operator, session.role, session.stage], ['kim', 'viewer', 'full']);
    assert.equal((await visitor.ask('GET', '/v1/operators')).status, 403);
    assert.equal((await browser().ask('GET', back.pathname + back.search)).status, 401, 'in another browser');

    person(['plant-staff', 'plant-admins']);
    const promoted = (await log('u-1')).visitor;
    assert.equal((await promoted.ask('GET', '/v1/operators')).status, 200);

    person(['canteen']);
    const refused = (await log('u-1')).answer;
    assert.deepEqual([refused.status, /None of your groups/.test(refused.body.detail)], [401, true]);
    assert.equal((await promoted.ask('GET', '/v1/session')).status, 401);
    await untilEvent(gateway.program, 'operator.login.failed', { operator: 'kim', method: 'sso' });
  });

  it('are not reached from another site, and guessed at slowly', async () => {
    const evil = browser();
    const login = { name: 'ada', password: PASSWORD };
    const crossed = await evil.ask('POST', '/v1/login', login, { origin: 'https://evil.example.org' });
    assert.equal(crossed.status, 403);
    const statuses: number[] = [];
    // The waits grow, so that it comes to one however slow the machine is.
    for (let i = 0; i < 20 && !statuses.includes(429); i++) {
      statuses.push((await evil.ask('POST', '/v1/login', { name: 'nobody', password: 'wrong' })).status);
    }
    assert.ok(statuses.includes(429), statuses.join());
    await untilEvent(gateway.program, 'operator.login.failed', { operator: 'nobody' }, 4);
  });

  it('are let in no more when their file is damaged, and clients are all the same', async () => {
    await gateway.stop();
    await writeFile(path.join(directory, 'operators.db'), 'no database at all, but text of some length', {
      mode: 0o600,
    });
    for (const end of ['-wal', '-shm']) await rm(path.join(directory, `operators.db${end}`), { force: true });
    gateway = await gateway.restart();
    await untilEvent(gateway.program, 'storage.failed', { path: /operators\.db$/ });
    await untilEvent(gateway.program, 'listener.opened', { listener: 'tcp' });
    await untilEvent(gateway.program, 'listener.opened', { listener: 'control' });
    assert.equal((await ada.ask('GET', '/v1/status')).status, 401);
    assert.equal((await browser().ask('POST', '/v1/login', { name: 'ada', password: PASSWORD })).status, 503);
  });
});
