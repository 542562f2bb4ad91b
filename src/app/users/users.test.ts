import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { defaultDecoy, hashPassword } from '../../policy/identity/password-hash.ts';
import { OperatorError } from '../config/problem.ts';
import { passwordFault } from './password-rules.ts';
import { UserAdmin } from './user-admin.ts';
import { SqliteUserStore } from './user-store.ts';
import { CHANGES_KEPT, openUsersFile } from './users-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-users-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

const HASH = defaultDecoy(systemChance).encoded;
const OTHER = defaultDecoy(systemChance).encoded;
const FOREIGN = `$7$101$${Buffer.alloc(12).toString('base64')}$${Buffer.alloc(64).toString('base64')}`;

function setUp() {
  const path = join(directory, `${files++}.sqlite`);
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const changes: (ReadonlySet<string> | undefined)[] = [];
  const admin = new UserAdmin(path, clock, systemChance);
  const store = new SqliteUserStore({
    path,
    clock,
    chance: systemChance,
    emit: (event) => void events.push(event),
    onChanged: (usernames) => void changes.push(usernames),
  });
  const credentialOf = (username: string): string => {
    const user = store.find(username);
    assert.ok(typeof user === 'object', username);
    return user.credential;
  };
  return { path, clock, events, changes, admin, store, credentialOf };
}

describe('the file of users', () => {
  it('is for its owner alone, from the first moment on', () => {
    const { path, admin } = setUp();
    admin.add('a', HASH);
    for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  });

  it('is refused when others have access to it', () => {
    const { path } = setUp();
    chmodSync(path, 0o640);
    assert.throws(
      () => openUsersFile(path, { busyTimeoutMs: 0 }),
      (error) => error instanceof OperatorError && /chmod 600/.test(error.message),
    );
  });

  it('is refused when it is something else, or newer', () => {
    const text = join(directory, 'text');
    writeFileSync(text, 'no database at all', { mode: 0o600 });
    assert.throws(() => openUsersFile(text, { busyTimeoutMs: 0 }), OperatorError);
    const foreign = join(directory, 'foreign.sqlite');
    new DatabaseSync(foreign).exec('CREATE TABLE t (x)');
    chmodSync(foreign, 0o600);
    assert.throws(() => openUsersFile(foreign, { busyTimeoutMs: 0 }), /not one of Sallyport/);
    const { path } = setUp();
    new DatabaseSync(path).exec('PRAGMA user_version = 99');
    assert.throws(() => openUsersFile(path, { busyTimeoutMs: 0 }), /newer Sallyport/);
  });
});

describe('the store of users', () => {
  it('sees within a second what the command line changes, and says whose sessions to look at', () => {
    const { admin, store, clock, changes, credentialOf } = setUp();
    admin.add('a', HASH);
    admin.add('b', HASH);
    clock.advance(1000);
    const before = [credentialOf('a'), credentialOf('b')];
    admin.setDisabled('a', true);
    clock.advance(1000);
    assert.deepEqual([...(changes.at(-1) ?? [])], ['a']);
    const user = store.find('a');
    assert.ok(typeof user === 'object' && user.isDisabled);
    admin.setPassword('b', OTHER, 5);
    admin.remove('a');
    clock.advance(1000);
    assert.deepEqual([...(changes.at(-1) ?? [])], ['b', 'a']);
    assert.equal(store.find('a'), undefined);
    assert.notEqual(credentialOf('b'), before[1]);
  });

  it('looks at everybody when there was more to see than is remembered', () => {
    const { admin, clock, changes } = setUp();
    const many = Array.from({ length: CHANGES_KEPT + 1 }, (_, index) => ({ username: `u${index}`, hash: HASH }));
    admin.import(many, { replace: false });
    clock.advance(1000);
    assert.deepEqual(changes, [undefined]);
  });

  it('keeps logins, without a word to sessions about it', () => {
    const { admin, store, clock, changes } = setUp();
    admin.add('a', HASH);
    clock.advance(1000);
    const seen = changes.length;
    store.loggedIn('a');
    const atMs = clock.epochMs();
    clock.advance(10_000);
    assert.equal(admin.list()[0]?.lastLoginAtMs, atMs);
    assert.equal(changes.length, seen);
  });

  it('stores the same password under a new hash without a new credential, unless it has been changed meanwhile', () => {
    const { admin, store, clock, credentialOf } = setUp();
    admin.add('a', FOREIGN);
    clock.advance(1000);
    const user = store.find('a');
    assert.ok(typeof user === 'object');
    const before = user.credential;
    store.rehashed(user, HASH);
    clock.advance(10_000);
    assert.deepEqual(admin.hashesOf('a'), [HASH]);
    assert.equal(credentialOf('a'), before);
    store.rehashed(user, OTHER);
    clock.advance(10_000);
    assert.deepEqual(admin.hashesOf('a'), [HASH]);
  });

  it('does not wait for another process that is writing, and loses nothing by it', () => {
    const { admin, store, clock, path, events } = setUp();
    admin.add('a', HASH);
    const writer = new DatabaseSync(path);
    writer.exec('BEGIN IMMEDIATE');
    store.loggedIn('a');
    clock.advance(10_000);
    assert.equal(admin.list()[0]?.lastLoginAtMs, undefined);
    assert.ok(typeof store.find('a') === 'object', 'readers go on');
    writer.exec('ROLLBACK');
    clock.advance(10_000);
    assert.ok(admin.list()[0]?.lastLoginAtMs !== undefined);
    assert.deepEqual(events, []);
  });

  it('calls a damaged hash unreadable, says so once, and says when all is well again', () => {
    const { store, clock, path, events, admin } = setUp();
    admin.add('a', HASH);
    const other = new DatabaseSync(path);
    other.exec("UPDATE user SET hash = 'damaged' WHERE username = 'a'");
    clock.advance(1000);
    assert.equal(store.find('a'), 'unreadable');
    assert.equal(store.find('a'), 'unreadable');
    assert.deepEqual(
      events.map(({ name }) => name),
      ['storage.failed'],
    );
    admin.setPassword('a', HASH, 0);
    clock.advance(1000);
    assert.ok(typeof store.find('a') === 'object');
    assert.deepEqual(
      events.map(({ name }) => name),
      ['storage.failed', 'storage.recovered'],
    );
  });

  it('verifies unknown users against a hash of the cost that most have', () => {
    const { store, clock, admin } = setUp();
    assert.match(store.decoy.cost, /^argon2id/);
    admin.add('a', FOREIGN);
    clock.advance(1000);
    assert.equal(store.decoy.cost, 'pbkdf2-sha512,i=101');
  });

  it('writes down the last logins when it closes', () => {
    const { store, admin, events } = setUp();
    admin.add('a', HASH);
    store.loggedIn('a');
    store.close();
    assert.ok(admin.list()[0]?.lastLoginAtMs !== undefined);
    assert.equal(store.find('a'), 'unreadable');
    store.refresh();
    assert.deepEqual(events, []);
  });
});

describe('the desk of users', () => {
  it('adds a name once, and imports around those who are there', () => {
    const { admin } = setUp();
    assert.equal(admin.add('a', HASH), true);
    assert.equal(admin.add('a', OTHER), false);
    const users = [
      { username: 'a', hash: FOREIGN },
      { username: 'b', hash: FOREIGN },
    ];
    assert.deepEqual(admin.import(users, { replace: false }), { added: 1, replaced: 0, passedOver: ['a'] });
    assert.deepEqual(admin.hashesOf('a'), [HASH]);
    assert.deepEqual(admin.import(users, { replace: true }), { added: 0, replaced: 2, passedOver: [] });
    assert.deepEqual(admin.hashesOf('a'), [FOREIGN]);
  });

  it('remembers as many passwords as it should, and none of a user who has gone', () => {
    const { admin } = setUp();
    const hashes = Array.from({ length: 5 }, () => defaultDecoy(systemChance).encoded);
    admin.add('a', hashes[0]!);
    for (const hash of hashes.slice(1)) admin.setPassword('a', hash, 3);
    assert.deepEqual(admin.hashesOf('a'), hashes.slice(2).reverse());
    admin.remove('a');
    admin.add('a', HASH);
    assert.deepEqual(admin.hashesOf('a'), [HASH]);
  });

  it('says so when there is nobody of that name', () => {
    const { admin } = setUp();
    assert.deepEqual(
      [admin.remove('x'), admin.setDisabled('x', true), admin.setPassword('x', HASH, 5)],
      [false, false, false],
    );
  });
});

describe('a new password', () => {
  const rules = { lengthMin: 10, strengthMin: 3, historyMax: 2, ageMaxMs: undefined, ageWarningMs: 0 };

  it('is refused when it is short, guessable, or made of the name', async () => {
    assert.match((await passwordFault('short', 'u', [], rules)) ?? '', /has 5 characters, and 10 is the least/);
    assert.match((await passwordFault('password1234', 'u', [], rules)) ?? '', /would be guessed/);
    assert.match((await passwordFault('pumphouse-7pumphouse-7', 'pumphouse-7', [], rules)) ?? '', /would be guessed/);
    assert.equal(await passwordFault('gravel-otter-93-lantern', 'u', [], rules), undefined);
  });

  it('is refused when it is the present one or one of the last', async () => {
    const hashes = await Promise.all(
      ['gravel-otter-93', 'b', 'c'].map((one) => hashPassword(Buffer.from(one), systemChance)),
    );
    const [first = '', second = '', third = ''] = hashes;
    assert.match((await passwordFault('gravel-otter-93', 'u', [second, first], rules)) ?? '', /one of the last 2/);
    assert.equal(await passwordFault('gravel-otter-93', 'u', [third, second, first], rules), undefined);
  });
});
