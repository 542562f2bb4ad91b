import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { appCode, BY, enrolApp, ORIGIN, operatorLogins, operatorStore, PASSWORD } from '../../../test/kit/operators.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { LoginOutcome } from './logins.ts';
import { csrfTokenOf, isCsrfTokenOf } from './sessions.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-logins-'));
after(() => rmSync(directory, { recursive: true }));

const MINUTE_MS = 60_000;
const setUp = () => operatorLogins(directory);
type SetUp = ReturnType<typeof setUp>;

function opened(outcome: LoginOutcome) {
  assert.equal(outcome.kind, 'opened', JSON.stringify(outcome));
  return outcome as Extract<LoginOutcome, { kind: 'opened' }>;
}

const names = (events: readonly GatewayEvent[]): string[] => events.map(({ name }) => name);

describe('a login by password', () => {
  it('opens a session, is written down, and is told', async () => {
    const { logins, store, clock, events } = setUp();
    const { session, secret } = opened(await logins.byPassword('eve', PASSWORD, ORIGIN));
    assert.deepEqual([session.stage, session.operator, session.method], ['full', 'eve', 'password']);
    assert.equal(store.sessions.find(secret)?.id, session.id);
    assert.equal(store.accounts.find('eve')?.lastLoginAtMs, clock.epochMs());
    assert.deepEqual(events, [
      { name: 'operator.login.succeeded', address: '192.0.2.1', operator: 'eve', role: 'viewer', method: 'password' },
    ]);
  });

  it('is refused in the same words for whatever is wrong', async () => {
    const { logins, store } = setUp();
    store.accounts.setDisabled('bob', true, BY);
    store.accounts.add({ name: 'sso-only', role: 'viewer' }, BY);
    const attempts = [
      ['eve', 'wrong'],
      ['nobody', PASSWORD],
      ['bob', PASSWORD],
      ['sso-only', PASSWORD],
      ['sso-only', ''],
      ["eve'--", PASSWORD],
      ['EVE', PASSWORD],
      ['eve\0', PASSWORD],
    ];
    const said = new Set<string>();
    for (const [name, password] of attempts) {
      const outcome = await logins.byPassword(name!, password!, { ...ORIGIN, address: `192.0.2.${said.size + 10}` });
      said.add(JSON.stringify(outcome));
    }
    assert.deepEqual([...said], ['{"kind":"refused","says":"The name or the password is wrong."}']);
  });

  it('hashes for an unknown name what it hashes for any, and repeats no name that may be a password', async () => {
    const { logins, events } = setUp();
    await logins.byPassword('nobody', PASSWORD, ORIGIN);
    await logins.byPassword('MyPassword!1', '', ORIGIN);
    assert.deepEqual(
      events.map((event) => 'operator' in event && event.operator),
      ['nobody', false],
    );
    assert.ok(!JSON.stringify(events).includes('MyPassword'));
    // Whether the decoy was hashed shows in that the answer does not come within the turn.
    let isAnswered = false;
    const answer = logins.byPassword('nobody', 'x', { ...ORIGIN, address: '192.0.2.9' }).then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isAnswered, false);
    await answer;
  });

  it('of a role that needs a second factor leads to its enrolment, and is nobody until then', async () => {
    const { logins, store, clock, events } = setUp();
    const { session, secret } = opened(await logins.byPassword('ada', PASSWORD, ORIGIN));
    assert.equal(session.stage, 'enrolment');
    assert.deepEqual(names(events), [], 'that is no login yet');
    assert.equal(logins.byCode(session, '123456', ORIGIN).kind, 'refused');
    const begun = store.secondFactors.begin(session.id, 'ada');
    assert.match(begun.uri, /^otpauth:\/\/totp\/Sallyport:ada\?secret=[A-Z2-7]{32}&issuer=Sallyport$/);
    const recoveryCodes = store.secondFactors.confirm(session.id, 'ada', appCode(begun.secret, clock), BY);
    assert.equal(recoveryCodes?.length, 10);
    const operator = store.accounts.find('ada')!;
    const whole = opened(logins.goOn(session, operator, 'password+totp', ORIGIN));
    assert.equal(whole.session.stage, 'full');
    assert.equal(store.sessions.find(secret), undefined, 'the secret from before the proof is worth nothing');
    assert.deepEqual(names(events), ['operator.login.succeeded']);
  });

  it('that is not finished within ten minutes begins anew', async () => {
    const { logins, store, clock } = setUp();
    const { secret } = opened(await logins.byPassword('ada', PASSWORD, ORIGIN));
    clock.advance(10 * MINUTE_MS - 1);
    assert.equal(store.sessions.find(secret)?.stage, 'enrolment');
    clock.advance(1);
    assert.equal(store.sessions.find(secret), undefined);
  });
});

describe('a second factor', () => {
  const begin = async ({ logins }: SetUp) => opened(await logins.byPassword('ada', PASSWORD, ORIGIN)).session;

  it('makes a login whole, and a code of it is good once', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const { secret } = enrolApp(store, clock, 'ada');
    const first = await begin(all);
    assert.equal(first.stage, 'second-factor');
    const code = appCode(secret, clock);
    assert.equal(opened(logins.byCode(first, code, ORIGIN)).session.stage, 'full');
    const second = await begin(all);
    assert.equal(logins.byCode(second, code, ORIGIN).kind, 'refused', 'replayed');
    assert.equal(logins.byCode(second, appCode(secret, clock, -1), ORIGIN).kind, 'refused', 'older than one used');
    clock.advance(30_000);
    assert.equal(logins.byCode(second, appCode(secret, clock), ORIGIN).kind, 'opened');
  });

  it('takes no code of yesterday, of tomorrow, or of another form', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const { secret } = enrolApp(store, clock, 'ada');
    const session = await begin(all);
    for (const code of [appCode(secret, clock, -2), appCode(secret, clock, 2), '', '12345', 'x'.repeat(1000)]) {
      assert.equal(logins.byCode(session, code, { ...ORIGIN, address: '192.0.2.77' }).kind, 'refused');
      clock.advance(6 * MINUTE_MS);
      store.sessions.find('');
    }
  });

  it('is deaf for five minutes after five wrong codes, though the sixth were right', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const { secret } = enrolApp(store, clock, 'ada');
    const session = await begin(all);
    for (let i = 0; i < 5; i++) assert.equal(logins.byCode(session, '000000', ORIGIN).kind, 'refused');
    clock.advance(MINUTE_MS);
    assert.equal(logins.byCode(session, appCode(secret, clock), ORIGIN).kind, 'refused');
    clock.advance(5 * MINUTE_MS);
    assert.equal(logins.byCode(session, appCode(secret, clock), ORIGIN).kind, 'opened');
  });

  it('has recovery codes, each good once and told when it is used', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const { recoveryCodes } = enrolApp(store, clock, 'ada');
    const [code = ''] = recoveryCodes;
    const whole = opened(logins.byCode(await begin(all), code, ORIGIN));
    assert.equal(whole.session.method, 'password+recovery');
    assert.equal(logins.byCode(await begin(all), code, ORIGIN).kind, 'refused');
    assert.equal(store.accounts.find('ada')?.recoveryCodesLeft, 9);
    assert.match(store.ledger.takeUntold().at(-1)?.says ?? '', /recovery code was used up; 9 are left/);
  });

  it("is not replaced by another's", async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    enrolApp(store, clock, 'ada');
    const bobs = enrolApp(store, clock, 'bob');
    const session = await begin(all);
    assert.equal(logins.byCode(session, appCode(bobs.secret, clock), ORIGIN).kind, 'refused');
    assert.equal(logins.byCode(session, bobs.recoveryCodes[0]!, ORIGIN).kind, 'refused');
  });

  it('is enrolled only by whoever has the secret, in the session that began, within ten minutes', () => {
    const { store, clock } = setUp();
    const { secret } = store.secondFactors.begin('s1', 'ada');
    const confirm = (session: string, name: string) =>
      store.secondFactors.confirm(session, name, appCode(secret, clock), BY);
    assert.equal(store.secondFactors.confirm('s1', 'ada', '000000', BY), undefined);
    assert.equal(confirm('s2', 'ada'), undefined);
    assert.equal(confirm('s1', 'bob'), undefined);
    clock.advance(10 * MINUTE_MS);
    assert.equal(confirm('s1', 'ada'), undefined);
    assert.equal(store.accounts.find('ada')?.hasTotp, false);
  });

  it('can be reset for whoever has lost it, which ends every session', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const { secret } = enrolApp(store, clock, 'ada');
    const whole = opened(logins.byCode(await begin(all), appCode(secret, clock), ORIGIN));
    assert.equal(store.secondFactors.reset('ada', BY), true);
    assert.equal(store.sessions.find(whole.secret), undefined);
    assert.equal((await begin(all)).stage, 'enrolment');
    assert.equal(store.secondFactors.reset('nobody', BY), false);
  });
});

describe('sessions', () => {
  const login = async ({ logins }: SetUp, name = 'eve') => opened(await logins.byPassword(name, PASSWORD, ORIGIN));

  it('end when they are idle, and by age whatever is done', async () => {
    const all = setUp();
    const { store, clock } = all;
    const ended: string[] = [];
    store.sessions.onEnded = (session, says) => ended.push(`${session.operator}: ${says}`);
    const idle = await login(all);
    clock.advance(30 * MINUTE_MS - 1);
    assert.ok(store.sessions.find(idle.secret) !== undefined, 'that was a use');
    clock.advance(30 * MINUTE_MS - 1);
    assert.ok(store.sessions.find(idle.secret) !== undefined);
    clock.advance(30 * MINUTE_MS);
    assert.equal(store.sessions.find(idle.secret), undefined);
    const busy = await login(all);
    for (let minute = 0; minute < 12 * 60; minute += 20) {
      assert.ok(store.sessions.find(busy.secret) !== undefined);
      clock.advance(20 * MINUTE_MS);
    }
    assert.equal(store.sessions.find(busy.secret), undefined);
    assert.deepEqual(ended, ['eve: It was idle for too long.', 'eve: It has reached its age.']);
  });

  it('do not grow older than they should by a proof in between, which makes them fresh and renews the secret', async () => {
    const all = setUp();
    const { logins, store, clock } = all;
    const first = await login(all);
    assert.equal(store.sessions.isFresh(first.session), true);
    clock.advance(11 * MINUTE_MS);
    assert.equal(store.sessions.isFresh(first.session), false);
    assert.equal((await logins.byPasswordAgain(first.session, 'wrong', ORIGIN)).kind, 'refused');
    const second = opened(await logins.byPasswordAgain(first.session, PASSWORD, ORIGIN));
    assert.equal(store.sessions.isFresh(second.session), true);
    assert.equal(store.sessions.find(first.secret), undefined);
    assert.deepEqual([second.session.id, second.session.expiresAtMs], [first.session.id, first.session.expiresAtMs]);
    enrolApp(store, clock, 'eve');
    const refused = await logins.byPasswordAgain(second.session, PASSWORD, ORIGIN);
    assert.equal(refused.kind, 'refused', 'with a second factor the password alone proves too little');
  });

  it('end with a new password, but for the one that it was changed in', async () => {
    const all = setUp();
    const { store } = all;
    const [here, elsewhere, others] = [await login(all), await login(all), await login(all, 'bob')];
    store.accounts.setPassword('eve', 'h', 5, BY, here.session.id);
    assert.ok(store.sessions.find(here.secret) !== undefined);
    assert.equal(store.sessions.find(elsewhere.secret), undefined);
    assert.ok(store.sessions.find(others.secret) !== undefined);
    store.accounts.setPassword('bob', 'h', 5, BY);
    assert.equal(store.sessions.find(others.secret), undefined);
  });

  it('end when their account is disabled or removed', async () => {
    const all = setUp();
    const { store } = all;
    const [eve, bob] = [await login(all), await login(all, 'bob')];
    store.accounts.setDisabled('eve', true, BY);
    store.accounts.setDisabled('eve', false, BY);
    store.accounts.remove('bob', BY);
    assert.deepEqual([store.sessions.find(eve.secret), store.sessions.find(bob.secret)], [undefined, undefined]);
  });

  it('are listed and ended one by one by whose they are', async () => {
    const all = setUp();
    const { store } = all;
    const [one, two] = [await login(all), await login(all)];
    assert.equal(store.sessions.end(one.session.id, 'bob', 'x'), false);
    assert.equal(store.sessions.end(one.session.id, 'eve', 'x'), true);
    assert.deepEqual(
      store.sessions.liveOf('eve').map(({ id }) => id),
      [two.session.id],
    );
  });

  it('are twenty of one operator at most: the one used longest ago makes room', async () => {
    const { store, clock } = setUp();
    const begun = { operator: 'eve', stage: 'full', method: 'password', ...ORIGIN } as const;
    const secrets = Array.from({ length: 21 }, () => {
      clock.advance(1);
      return store.sessions.open(begun).secret;
    });
    const live = secrets.map((secret) => store.sessions.find(secret) !== undefined);
    assert.deepEqual([live[0], live.slice(1).every(Boolean)], [false, true]);
  });

  it('are found by their secret alone, and forget what a browser says at length', () => {
    const { store } = setUp();
    const begun = { operator: 'eve', stage: 'full', method: 'password', address: '::1' } as const;
    const { secret, session } = store.sessions.open({ ...begun, agent: 'x'.repeat(10_000) });
    assert.equal(session.agent.length, 200);
    for (const other of ['', session.id, `${secret} `, secret.slice(1), secret.toLowerCase()]) {
      assert.equal(store.sessions.find(other), undefined);
    }
  });

  it('do not outlive a clock that is set back', () => {
    const { store, clock } = operatorStore(directory);
    store.accounts.add({ name: 'eve', role: 'viewer' }, BY);
    const { secret } = store.sessions.open({ operator: 'eve', stage: 'full', method: 'password', ...ORIGIN });
    clock.setEpoch(clock.epochMs() - 1);
    assert.equal(store.sessions.find(secret), undefined);
  });

  it('have a token against other sites that goes with the secret', () => {
    const token = csrfTokenOf('a');
    assert.equal(isCsrfTokenOf('a', token), true);
    for (const other of ['', token.slice(1), `${token}=`, csrfTokenOf('b')]) {
      assert.equal(isCsrfTokenOf('a', other), false);
    }
  });
});

describe('the throttle of logins', () => {
  function throttle(entriesMax?: number) {
    const clock = new ManualClock();
    const events: GatewayEvent[] = [];
    const emit = (event: GatewayEvent): void => void events.push(event);
    return {
      clock,
      events,
      it: new LoginThrottle({ clock, emit, ...(entriesMax === undefined ? {} : { entriesMax }) }),
    };
  }

  /** Tries until it has to wait; returns how often it could, and how long it has to. */
  function exhaust(it: LoginThrottle, name: string, address: string): [tries: number, waitMs: number] {
    for (let tries = 0; ; tries++) {
      const waitMs = it.admit(name, true, address);
      if (waitMs !== undefined) return [tries, waitMs];
    }
  }

  it('makes an account wait longer with each failure, and a minute at most', () => {
    const { it: throttled, clock } = throttle();
    let address = 0;
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const [, waitMs] = exhaust(throttled, 'ada', `198.51.${address >> 8}.${address++ & 255}`);
      waits.push(waitMs);
      clock.advance(waitMs);
    }
    assert.deepEqual(
      waits,
      [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60].map((s) => s * 1000),
    );
  });

  it('makes a network wait, whatever names it tries; of IPv6 a /64', () => {
    const { it: throttled } = throttle();
    for (let i = 0; i < 10; i++) assert.equal(throttled.admit(`n${i}`, false, `2001:db8::${i}`), undefined);
    assert.equal(throttled.admit('other', false, '2001:db8::ffff'), 1000);
    assert.equal(throttled.admitAddress('2001:db8::ffff'), 1000);
    assert.equal(throttled.admit('other', false, '2001:db8:0:1::1'), undefined);
  });

  it('counts attempts that are under way: a hundred at once are not one', () => {
    const { it: throttled } = throttle();
    const admitted = Array.from({ length: 100 }, () => throttled.admit('ada', true, '192.0.2.1'));
    assert.equal(admitted.filter((waitMs) => waitMs === undefined).length, 5);
  });

  it('forgives the account with a right login, and the network only that one attempt', () => {
    const { it: throttled } = throttle();
    for (let i = 0; i < 9; i++) throttled.admit(`n${i}`, false, '192.0.2.1');
    for (let i = 0; i < 20; i++) {
      assert.equal(throttled.admit('ada', true, '192.0.2.1'), undefined);
      throttled.succeeded('ada', '192.0.2.1');
    }
    assert.equal(throttled.admit('bob', true, '192.0.2.1'), undefined);
    assert.equal(throttled.admit('bob', true, '192.0.2.1'), 1000);
  });

  it('does not let strangers keep the owner out where the owner has logged in before', () => {
    const { it: throttled } = throttle();
    throttled.proven('ada', '192.0.2.1');
    for (let i = 0; i < 50; i++) throttled.admit('ada', true, `198.51.100.${i}`);
    assert.ok(throttled.admit('ada', true, '203.0.113.1')! > 0);
    assert.equal(throttled.admit('ada', true, '192.0.2.1'), undefined);
  });

  it('holds so many and no more, and other names make no room among accounts', () => {
    const { it: throttled, events } = throttle(50);
    exhaust(throttled, 'ada', '203.0.113.1');
    for (let i = 0; i < 1000; i++) throttled.admit(`n${i}`, false, `198.51.${i >> 8}.${i & 255}`);
    assert.ok(throttled.admit('ada', true, '203.0.113.99')! > 0);
    assert.deepEqual(names(events), ['ceiling.reached']);
  });
});
