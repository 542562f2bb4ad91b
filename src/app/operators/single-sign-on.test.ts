/** Single sign-on with a real provider, and with one that lies. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { makeCa, makeCertificate } from '../../../test/kit/certificates.ts';
import { startOpenIdProvider } from '../../../test/kit/openid-provider.ts';
import { BY, ORIGIN, operatorStore } from '../../../test/kit/operators.ts';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Role } from '../control/scope.ts';
import { type LoginOutcome, Logins } from './logins.ts';
import { CALLBACK_PATH, SingleSignOn, type SsoConfig } from './single-sign-on.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-sso-'));
after(() => rmSync(directory, { recursive: true }));

const PUBLIC_URL = 'https://gateway.example.org:9443';
const CLIENT = { clientId: 'gateway', clientSecret: 'throwaway-client-secret' };
const secretFile = join(directory, 'secret');
writeFileSync(secretFile, CLIENT.clientSecret);

const ROLES: SsoConfig['roles'] = [
  { group: 'mqtt-viewers', role: 'viewer' },
  { group: 'mqtt-admins', role: 'admin' },
  { group: 'mqtt-operators', role: 'operator' },
];

function configOf(issuer: string, caPem: string): SsoConfig {
  const ca = join(directory, `${new URL(issuer).port}.pem`);
  writeFileSync(ca, caPem);
  return {
    issuer,
    clientId: CLIENT.clientId,
    clientSecret: { file: secretFile },
    ca,
    scopes: ['profile'],
    groupsClaim: 'groups',
    nameClaim: 'preferred_username',
    roles: ROLES,
  };
}

function setUp(config: SsoConfig) {
  const clock = new ManualClock(Date.now());
  const { store } = operatorStore(directory, clock);
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent): void => void events.push(event);
  const secondFactor = { viewer: 'optional', operator: 'optional', admin: 'required' } as const;
  const logins = new Logins({ store, clock, chance: systemChance, emit, secondFactor });
  const sso = new SingleSignOn({ config, publicUrl: PUBLIC_URL, store, logins, clock, chance: systemChance, emit });
  return { clock, store, logins, events, sso };
}

function queryOf(url: string): URLSearchParams {
  return new URL(url).searchParams;
}

function opened(outcome: LoginOutcome) {
  assert.equal(outcome.kind, 'opened', JSON.stringify(outcome));
  return outcome as Extract<LoginOutcome, { kind: 'opened' }>;
}

function refusedFor(outcome: LoginOutcome, says: RegExp): void {
  assert.ok(outcome.kind === 'refused', JSON.stringify(outcome));
  assert.match(outcome.says, says);
}

describe('single sign-on', () => {
  let provider: Awaited<ReturnType<typeof startOpenIdProvider>>;
  let all: ReturnType<typeof setUp>;

  before(async () => {
    provider = await startOpenIdProvider({ ...CLIENT, redirectUri: PUBLIC_URL + CALLBACK_PATH });
  });
  after(() => provider.stop());
  beforeEach(() => {
    all = setUp(configOf(provider.issuer, provider.caPem));
  });

  function person(login: string, claims: Record<string, unknown>): void {
    provider.people.set(login, { login, claims });
  }

  async function logIn(login: string, isAgain = false): Promise<LoginOutcome> {
    const { url, secret } = await all.sso.begin(isAgain);
    return all.sso.finish(queryOf(await provider.logIn(url, login)), secret, ORIGIN);
  }

  it('makes an account with the role of the group, and knows it again by issuer and subject', async () => {
    person('u-17', { preferred_username: 'Ada', groups: ['staff', 'mqtt-operators', 'mqtt-viewers'] });
    const { session } = opened(await logIn('u-17'));
    assert.deepEqual([session.operator, session.stage, session.method], ['ada', 'full', 'sso']);
    assert.equal(all.store.sessions.isFresh(session), true, 'the provider has asked just now');
    const account = all.store.accounts.find('ada');
    assert.deepEqual([account?.role, account?.sso], ['operator', { issuer: provider.issuer, subject: 'u-17' }]);
    person('u-17', { preferred_username: 'ada.lovelace', groups: ['mqtt-admins'] });
    assert.equal(opened(await logIn('u-17')).session.operator, 'ada');
    assert.equal(all.store.accounts.find('ada')?.role, 'admin');
    assert.equal(all.store.accounts.list().length, 1);
    const [added, changed] = all.store.ledger.takeUntold();
    assert.deepEqual([added?.by, changed?.says], [`sso:${provider.issuer}`, 'The role is admin now.']);
  });

  it('lets nobody in who is in none of the groups, and ends what they had', async () => {
    person('u-18', { preferred_username: 'bob', groups: ['staff'] });
    refusedFor(await logIn('u-18'), /None of your groups/);
    assert.equal(all.store.accounts.isEmpty, true);
    person('u-18', { preferred_username: 'bob', groups: 'mqtt-admins' });
    const before = opened(await logIn('u-18'));
    const { secret } = all.store.tokens.create(
      { operator: 'bob', label: 'x', scopes: undefined, lifetimeMs: 1000 },
      BY,
    );
    for (const groups of [[], ['mqtt-admins '], [{ name: 'mqtt-admins' }], null, 7]) {
      person('u-18', { preferred_username: 'bob', groups });
      refusedFor(await logIn('u-18'), /None of your groups/);
    }
    assert.equal(all.store.sessions.find(before.secret), undefined);
    assert.equal(all.store.tokens.check(secret, 'x'), 'unknown');
    const failed = all.events.findLast(({ name }) => name === 'operator.login.failed');
    assert.ok(failed?.name === 'operator.login.failed' && failed.operator === 'bob' && failed.method === 'sso');
  });

  it('takes over nobody by their name, and gives a plain one where the claim has none', async () => {
    all.store.accounts.add({ name: 'root', role: 'admin', hash: 'h' }, BY);
    person('u-19', { preferred_username: 'root', groups: ['mqtt-admins'] });
    refusedFor(await logIn('u-19'), /another operator of the name root/);
    person('u-19', { preferred_username: '../Röot\u202e', groups: ['mqtt-viewers'] });
    const { session } = opened(await logIn('u-19'));
    assert.match(session.operator, /^sso-[0-9a-f]{16}$/);
    assert.equal(all.store.accounts.find('root')?.sso, undefined);
  });

  it('does not let in whom an admin has disabled, and keeps the scopes that an admin has set', async () => {
    person('u-20', { preferred_username: 'eve', groups: ['mqtt-viewers'] });
    opened(await logIn('u-20'));
    all.store.accounts.setRole('eve', 'viewer', ['bans:read'], BY);
    person('u-20', { preferred_username: 'eve', groups: ['mqtt-operators'] });
    opened(await logIn('u-20'));
    const { role, scopes } = all.store.accounts.find('eve')!;
    assert.deepEqual([role, scopes], ['operator' satisfies Role, new Set(['bans:read'])]);
    all.store.accounts.setDisabled('eve', true, BY);
    refusedFor(await logIn('u-20'), /disabled/);
  });

  it('proves once more who it is, when that is asked for', async () => {
    person('u-21', { preferred_username: 'mia', groups: ['mqtt-viewers'] });
    const { url } = await all.sso.begin(true);
    assert.deepEqual([queryOf(url).get('prompt'), queryOf(url).get('max_age')], ['login', '0']);
    assert.equal(all.store.sessions.isFresh(opened(await logIn('u-21', true)).session), true);
  });

  it('asks with PKCE, state and nonce, each new and long', async () => {
    const [one, two] = [queryOf((await all.sso.begin(false)).url), queryOf((await all.sso.begin(false)).url)];
    assert.equal(one.get('code_challenge_method'), 'S256');
    assert.equal(one.get('scope'), 'openid profile');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      assert.equal(one.get(name)?.length, 43);
      assert.notEqual(one.get(name), two.get(name));
    }
  });

  it('ends only in the browser that began it, once, within ten minutes, with the state that was sent', async () => {
    person('u-22', { preferred_username: 'kim', groups: ['mqtt-viewers'] });
    const begun = await all.sso.begin(false);
    const back = queryOf(await provider.logIn(begun.url, 'u-22'));
    const other = await all.sso.begin(false);
    refusedFor(await all.sso.finish(back, undefined, ORIGIN), /not begun in this browser/);
    refusedFor(await all.sso.finish(back, 'x', ORIGIN), /not begun in this browser/);
    refusedFor(await all.sso.finish(back, other.secret, ORIGIN), /answer is refused/);
    opened(await all.sso.finish(back, begun.secret, ORIGIN));
    refusedFor(await all.sso.finish(back, begun.secret, ORIGIN), /not begun in this browser/);
    const late = await all.sso.begin(false);
    const lateBack = queryOf(await provider.logIn(late.url, 'u-22'));
    all.clock.advance(10 * 60_000);
    refusedFor(await all.sso.finish(lateBack, late.secret, ORIGIN), /too long ago/);
  });

  it('repeats what the provider says without what would act on a terminal', async () => {
    const { url, secret } = await all.sso.begin(false);
    const query = new URLSearchParams({
      error: 'access_denied',
      error_description: 'no\u001b[2J',
      state: queryOf(url).get('state')!,
      iss: provider.issuer,
    });
    const outcome = await all.sso.finish(query, secret, ORIGIN);
    refusedFor(outcome, /refused/);
    assert.ok('says' in outcome && outcome.says.includes('no\\u001b[2J'), JSON.stringify(outcome));
  });
});

describe('a provider that lies', () => {
  let server: Server;
  let issuer: string;
  let config: SsoConfig;
  /** Of the next ID token. */
  let lie: (token: SignJWT) => SignJWT;
  let signer: CryptoKey | Uint8Array;
  let algorithm: string;
  let nonce: string;
  let honest: CryptoKey;

  before(async () => {
    const ca = await makeCa('Liar CA');
    const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    const pair = await generateKeyPair('ES256', { extractable: true });
    honest = pair.privateKey;
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256' }] };
    server = createServer({ cert, key }, (request, response) => {
      const answer = (content: unknown): void => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(content));
      };
      if (request.url === '/.well-known/openid-configuration') {
        return answer({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          id_token_signing_alg_values_supported: ['ES256'],
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
        });
      }
      if (request.url === '/jwks') return answer(jwks);
      const claims = { preferred_username: 'ada', groups: ['mqtt-admins'], nonce };
      const token = new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid: 'k' })
        .setIssuer(issuer)
        .setAudience(CLIENT.clientId)
        .setSubject('s')
        .setIssuedAt()
        .setExpirationTime('1m');
      void lie(token)
        .sign(signer)
        .then((id_token) => answer({ access_token: 'a', token_type: 'Bearer', expires_in: 60, id_token }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
    config = configOf(issuer, ca.certificatePem);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    lie = (token) => token;
    signer = honest;
    algorithm = 'ES256';
  });

  async function attempt(changes: { nonce?: string; state?: string } = {}) {
    const all = setUp(config);
    const { url, secret } = await all.sso.begin(false);
    const asked = queryOf(url);
    nonce = changes.nonce ?? asked.get('nonce')!;
    const query = new URLSearchParams({ code: 'c', state: changes.state ?? asked.get('state')! });
    return { ...all, outcome: await all.sso.finish(query, secret, ORIGIN) };
  }

  it('is believed when it does not', async () => {
    const { outcome, store } = await attempt();
    const { session } = opened(outcome);
    assert.equal(store.sessions.isFresh(session), false, 'it does not say when it has asked');
  });

  const LIES: readonly [string, (token: SignJWT) => SignJWT][] = [
    ['another audience', (token) => token.setAudience('other-service')],
    ['audiences without an authorized party', (token) => token.setAudience([CLIENT.clientId, 'other-service'])],
    ['another issuer', (token) => token.setIssuer('https://evil.example.org')],
    ['a token that has expired', (token) => token.setExpirationTime(1_700_000_000)],
    [
      'a token without an end',
      () =>
        new SignJWT({ nonce, groups: ['mqtt-admins'] })
          .setProtectedHeader({ alg: algorithm, kid: 'k' })
          .setIssuer(issuer)
          .setAudience(CLIENT.clientId)
          .setSubject('s')
          .setIssuedAt(),
    ],
  ];
  for (const [what, told] of LIES) {
    it(`is refused for ${what}`, async () => {
      lie = told;
      const { outcome, store } = await attempt();
      refusedFor(outcome, /answer is refused/);
      assert.equal(store.accounts.isEmpty, true);
    });
  }

  it('is refused for another nonce, another state, or none', async () => {
    refusedFor((await attempt({ nonce: 'x'.repeat(43) })).outcome, /answer is refused/);
    refusedFor((await attempt({ nonce: '' })).outcome, /answer is refused/);
    refusedFor((await attempt({ state: 'x'.repeat(43) })).outcome, /answer is refused/);
  });

  it('is refused for a signature of another key, or of the secret that both know', async () => {
    signer = (await generateKeyPair('ES256')).privateKey;
    refusedFor((await attempt()).outcome, /answer is refused/);
    signer = Buffer.from(CLIENT.clientSecret.padEnd(32, 'x'));
    algorithm = 'HS256';
    refusedFor((await attempt()).outcome, /answer is refused/);
  });

  it('is refused where its certificate comes from a CA that was not named', async () => {
    const other = await makeCa('Other CA');
    const wrong = { ...config, ca: join(directory, 'other.pem') };
    writeFileSync(wrong.ca, other.certificatePem);
    const { sso, events } = setUp(wrong);
    await assert.rejects(sso.begin(false), /cannot be asked: .*certificate/);
    await assert.rejects(sso.begin(false));
    assert.deepEqual(
      events.map(({ name }) => name),
      ['backend.failed'],
    );
  });
});
