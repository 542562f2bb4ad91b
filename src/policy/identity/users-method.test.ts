import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Credentials } from './identity.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';
import { type StoredUser, type UserStore, UsersMethod, type UsersMethodOptions } from './users-method.ts';

const DAY_MS = 86_400_000;
const CURRENT_COST = defaultDecoy(systemChance).cost;

/** A hash that counts, and costs nothing. */
class CountedHash implements PasswordHash {
  readonly encoded: string;
  readonly cost: string;
  readonly #password: string | undefined;
  readonly #counts: string[];

  constructor(name: string, password: string | undefined, counts: string[], cost = CURRENT_COST) {
    this.encoded = name;
    this.cost = cost;
    this.#password = password;
    this.#counts = counts;
  }

  async verify(password: Uint8Array): Promise<boolean> {
    this.#counts.push(this.cost);
    return String(password) === this.#password;
  }

  decoy(): PasswordHash {
    return this;
  }
}

class MapStore implements UserStore {
  readonly users = new Map<string, StoredUser>();
  readonly logins: string[] = [];
  readonly upgrades: string[] = [];
  readonly decoy: PasswordHash;
  isBroken = false;
  refreshes = 0;

  constructor(counts: string[]) {
    // It matches what an attacker may well guess, and must be of no use.
    this.decoy = new CountedHash('decoy', 'decoy', counts);
  }

  refresh(): void {
    this.refreshes++;
  }

  find(username: string): StoredUser | 'unreadable' | undefined {
    return this.isBroken ? 'unreadable' : this.users.get(username);
  }

  loggedIn(username: string): void {
    this.logins.push(username);
  }

  rehashed(_user: StoredUser, encoded: string): void {
    this.upgrades.push(encoded);
  }
}

function setUp(options: Partial<UsersMethodOptions> = {}) {
  const counts: string[] = [];
  const events: GatewayEvent[] = [];
  const clock = new ManualClock();
  const store = new MapStore(counts);
  const put = (facts: Partial<StoredUser> = {}, cost?: string): void => {
    const username = facts.username ?? 'pump';
    const hash = new CountedHash('stored', 'right', counts, cost);
    const base = { username, hash, credential: 'first', isDisabled: false, passwordChangedAtMs: clock.epochMs() };
    store.users.set(username, Object.freeze({ ...base, ...facts }));
  };
  put();
  const emit = (event: GatewayEvent) => void events.push(event);
  const queue = new HashQueue({ clock, emit });
  const method = new UsersMethod({
    store,
    age: { maxMs: undefined, warningMs: 0 },
    queue,
    clock,
    chance: systemChance,
    emit,
    ...options,
  });
  const login = (username: string | undefined, password: string | undefined) =>
    method.authenticate(shown(username, password));
  return { method, store, put, login, counts, events, clock, queue };
}

function shown(username: string | undefined, password: string | undefined): Credentials {
  return {
    clientId: 'c1',
    username,
    password: password === undefined ? undefined : Buffer.from(password),
    certificateName: undefined,
    anonymousAllowed: false,
  };
}

function denial(result: AuthenticationResult | undefined): [number, string, string] {
  assert.ok(result !== undefined && !result.ok);
  return [result.reason, result.by, result.says];
}

const UNKNOWN_OR_WRONG = [0x86, 'users', 'Unknown user or wrong password.'];

test('the right password establishes the identity, and the login is kept', async () => {
  const { login, store } = setUp();
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  assert.deepEqual(result.identity, { username: 'pump', clientId: 'c1', method: 'users', credential: 'first' });
  assert.deepEqual(store.logins, ['pump']);
  assert.equal(store.refreshes, 2, 'before the password is hashed and after');
});

test('unknown, wrong and disabled cost one verification each, and the first two are told apart by nothing', async () => {
  const { login, put, counts } = setUp();
  put({ username: 'old', isDisabled: true });
  const work: number[] = [];
  for (const [username, password] of [
    ['nobody', 'decoy'],
    ['pump', 'wrong'],
    ['old', 'wrong'],
  ] as const) {
    const before = counts.length;
    assert.deepEqual(denial(await login(username, password)), UNKNOWN_OR_WRONG);
    work.push(counts.length - before);
  }
  assert.deepEqual(work, [1, 1, 1]);
  assert.equal(new Set(counts).size, 1);
});

test('a disabled user learns of it only with the right password', async () => {
  const { login, put, store } = setUp();
  put({ isDisabled: true });
  assert.deepEqual(denial(await login('pump', 'right')), [0x87, 'users', 'The user is disabled.']);
  assert.deepEqual(store.logins, []);
});

test('a user who is disabled, removed or given a new password while the hash is computed is refused', async () => {
  for (const change of ['disable', 'remove', 'new password'] as const) {
    const { login, put, store } = setUp();
    const result = login('pump', 'right');
    if (change === 'disable') put({ isDisabled: true });
    else if (change === 'remove') store.users.delete('pump');
    else put({ credential: 'second' });
    const [reason] = denial(await result);
    assert.equal(reason, change === 'disable' ? 0x87 : 0x86);
  }
});

test('who shows neither name nor password means another method, and half of a login is refused without work', async () => {
  const { method, login, counts } = setUp();
  assert.equal(method.authenticate(shown(undefined, undefined)), undefined);
  for (const [username, password] of [
    ['pump', undefined],
    [undefined, 'right'],
    ['', 'right'],
    ['pump', ''],
    ['a/b', 'right'],
  ] as const) {
    assert.equal(denial(await login(username, password))[0], 0x86);
  }
  assert.deepEqual(counts, []);
});

test('an unknown user is left to the next method only where the chain says so, and a known one never', async () => {
  const { login, counts } = setUp({ unknownUser: 'next' });
  assert.equal(await login('nobody', 'x'), undefined);
  assert.deepEqual(counts, []);
  assert.deepEqual(denial(await login('pump', 'wrong')), UNKNOWN_OR_WRONG);
});

test('a password ends with its age, and warns before, once a day', async () => {
  const { login, clock, events } = setUp({ age: { maxMs: 30 * DAY_MS, warningMs: 7 * DAY_MS } });
  const first = await login('pump', 'right');
  assert.ok(first?.ok);
  assert.equal(first.identity.expiresAtMs, clock.epochMs() + 30 * DAY_MS);
  assert.equal(events.length, 0);
  clock.advance(24 * DAY_MS);
  await login('pump', 'right');
  await login('pump', 'right');
  assert.deepEqual(
    events.map((event) => event.name === 'password.expiring' && [event.username, event.daysLeft]),
    [['pump', 6]],
  );
  clock.advance(DAY_MS);
  await login('pump', 'right');
  assert.equal(events.length, 2);
  clock.advance(5 * DAY_MS);
  assert.deepEqual(denial(await login('pump', 'right')), [0x87, 'users', 'The password is too old: set a new one.']);
  assert.deepEqual(denial(await login('pump', 'wrong')), UNKNOWN_OR_WRONG);
});

test('a hash of another cost is upgraded with the password that has just matched it', async () => {
  const { login, put, store, events } = setUp();
  put({}, 'pbkdf2-sha512,i=101');
  assert.ok((await login('pump', 'right'))?.ok);
  while (store.upgrades.length === 0) await new Promise(setImmediate);
  assert.match(store.upgrades[0]!, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.deepEqual(
    events.map((event) => event.name),
    ['password.upgraded'],
  );
  put({}, 'pbkdf2-sha512,i=101');
  await login('pump', 'wrong');
  assert.equal(store.upgrades.length, 1);
});

test('nothing is upgraded while others wait for their turn', async () => {
  const clock = new ManualClock();
  const queue = new HashQueue({ clock, emit: () => undefined, runningMax: 1 });
  const { login, put, store } = setUp({ queue });
  put({}, 'pbkdf2-sha512,i=101');
  await Promise.all(
    [login('pump', 'right'), login('pump', 'right'), login('pump', 'right')].map(async (result) => result),
  );
  while (store.upgrades.length === 0) await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal(store.upgrades.length, 1);
});

test('a store that cannot be read denies everybody new, and throws nobody out', async () => {
  const { method, login, store } = setUp();
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  store.isBroken = true;
  assert.deepEqual(denial(await login('pump', 'right')), [0x88, 'users', 'The store of users cannot be read.']);
  assert.equal(method.stillValid(result.identity), true);
});

test('an identity ends when its user is disabled, removed, or has another password', async () => {
  const { method, login, put, store } = setUp();
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  assert.equal(method.stillValid(result.identity), true);
  put({ isDisabled: true });
  assert.equal(method.stillValid(result.identity), false);
  put({ credential: 'second' });
  assert.equal(method.stillValid(result.identity), false);
  store.users.clear();
  assert.equal(method.stillValid(result.identity), false);
});
