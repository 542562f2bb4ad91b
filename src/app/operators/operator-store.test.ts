import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { BY, operatorStore } from '../../../test/kit/operators.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { OperatorError } from '../config/problem.ts';
import type { Scope } from '../control/scope.ts';
import { ChangeTeller } from './change-teller.ts';
import { operatorsFileOf } from './operators-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-operators-'));
after(() => rmSync(directory, { recursive: true }));

const DAY_MS = 86_400_000;
const HASH = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';

const setUp = () => operatorStore(directory);

describe('the file of operators', () => {
  it('is for its owner alone, and refused when others can read it', () => {
    const { path, store, open } = setUp();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    store.close();
    chmodSync(path, 0o640);
    assert.throws(open, /chmod 600/);
    assert.equal(operatorsFileOf('/data'), '/data/operators.db');
  });

  it('holds no secret that lets anybody in', () => {
    const { path, store } = setUp();
    const { code } = store.codes.make(BY);
    store.accounts.add({ name: 'ada', role: 'admin', hash: HASH }, BY);
    const { secret } = store.tokens.create(
      { operator: 'ada', label: 'script', scopes: undefined, lifetimeMs: DAY_MS },
      BY,
    );
    store.close();
    const bytes = readFileSync(path).toString('latin1');
    assert.ok(bytes.includes('script'), 'what is no secret is there');
    for (const text of [code, code.replaceAll('-', ''), secret, secret.slice(4)]) assert.ok(!bytes.includes(text));
  });
});

describe('accounts', () => {
  it('keep role, scopes and times, and give a name once', () => {
    const { store, clock } = setUp();
    assert.equal(store.accounts.add({ name: 'ada', role: 'admin', hash: HASH }, BY), true);
    assert.equal(store.accounts.add({ name: 'ada', role: 'viewer' }, BY), false);
    store.accounts.add({ name: 'bob', role: 'operator', scopes: ['bans:write', 'bans:read'] }, BY);
    clock.advance(5000);
    store.accounts.loggedIn('ada');
    const [ada, bob] = store.accounts.list();
    assert.equal(ada?.lastLoginAtMs, clock.epochMs());
    assert.equal(ada?.scopes, 'all');
    assert.deepEqual(bob?.scopes, new Set(['bans:read', 'bans:write']));
    assert.equal(bob?.hash, undefined);
  });

  it('have plain names, and a refused one is not repeated, since it may be a password', () => {
    const { store } = setUp();
    const hostile = [
      '',
      'Ada',
      '-rf',
      '../x',
      'a b',
      'a\u202eb',
      'a\n',
      "a'; DROP TABLE operator; --",
      'ä',
      'x'.repeat(65),
    ];
    for (const name of hostile) {
      assert.throws(
        () => store.accounts.add({ name, role: 'viewer' }, BY),
        (error: Error) => error instanceof OperatorError && (name.length < 3 || !error.message.includes(name)),
      );
    }
    assert.equal(store.accounts.isEmpty, true);
  });

  it('of one issuer and subject are one', () => {
    const { store } = setUp();
    const sso = { issuer: 'https://id.example.org', subject: '42' };
    assert.equal(store.accounts.add({ name: 'ada', role: 'viewer', sso }, BY), true);
    assert.equal(store.accounts.add({ name: 'eve', role: 'admin', sso }, BY), false);
    assert.equal(store.accounts.findBySubject(sso.issuer, '42')?.name, 'ada');
    assert.equal(store.accounts.findBySubject('https://other.example.org', '42'), undefined);
  });

  it('always leave an admin who can log in', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'ada', role: 'admin', hash: HASH }, BY);
    store.accounts.add({ name: 'bob', role: 'admin', hash: HASH }, BY);
    store.accounts.add({ name: 'eve', role: 'admin', scopes: ['bans:read'], hash: HASH }, BY);
    store.accounts.setDisabled('bob', true, BY);
    const isLast = /the only admin/;
    assert.throws(() => store.accounts.remove('ada', BY), isLast);
    assert.throws(() => store.accounts.setRole('ada', 'viewer', undefined, BY), isLast);
    assert.throws(() => store.accounts.setRole('ada', 'admin', ['bans:read'], BY), isLast);
    assert.throws(() => store.accounts.setDisabled('ada', true, BY), isLast);
    store.accounts.setDisabled('bob', false, BY);
    assert.equal(store.accounts.remove('ada', BY), true);
    assert.equal(store.accounts.remove('ada', BY), false);
    // Without a password, a passkey or a certificate nobody logs in.
    store.accounts.add({ name: 'robot', role: 'admin' }, BY);
    assert.throws(() => store.accounts.remove('bob', BY), isLast);
    store.certificates.bind({ kind: 'fingerprint', value: 'ab'.repeat(32), operator: 'robot' }, BY);
    assert.equal(store.accounts.remove('bob', BY), true);
  });

  it('remember as many passwords as they should', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'ada', role: 'admin', hash: 'h0' }, BY);
    for (const hash of ['h1', 'h2', 'h3']) store.accounts.setPassword('ada', hash, 3, BY);
    assert.deepEqual(store.accounts.hashesOf('ada'), ['h3', 'h2', 'h1']);
    assert.equal(store.accounts.setPassword('nobody', 'h', 3, BY), false);
  });
});

describe('the code for the first admin', () => {
  it('makes one admin, once', () => {
    const { store } = setUp();
    const { code } = store.codes.make(BY);
    assert.match(code, /^[A-Za-z2-9]{4}(-[A-Za-z2-9]{4}){4}$/);
    assert.equal(store.codes.claim('k7mp-Xw2c-9fHe-Rt4b-Zq3d', { name: 'eve', hash: HASH }, BY), 'wrong code');
    assert.equal(store.codes.claim(code, { name: 'ada', hash: HASH }, BY), 'claimed');
    assert.equal(store.accounts.find('ada')?.role, 'admin');
    assert.equal(store.codes.claim(code, { name: 'eve', hash: HASH }, BY), 'wrong code');
    assert.deepEqual([store.accounts.list().length, store.codes.isOpen], [1, false]);
  });

  it('is worth nothing after a day, and after a new one was made', () => {
    const { store, clock } = setUp();
    const first = store.codes.make(BY).code;
    const second = store.codes.make(BY).code;
    assert.deepEqual([store.codes.isRight(first), store.codes.isRight(second)], [false, true]);
    clock.advance(DAY_MS - 1);
    assert.equal(store.codes.isRight(second), true);
    clock.advance(1);
    assert.equal(store.codes.claim(second, { name: 'ada', hash: HASH }, BY), 'wrong code');
  });

  it('is not used up by a name that is taken or wrong', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'ada', role: 'viewer', hash: HASH }, BY);
    const { code } = store.codes.make(BY);
    assert.equal(store.codes.claim(code, { name: 'ada', hash: HASH }, BY), 'name taken');
    assert.equal(store.accounts.find('ada')?.role, 'viewer');
    assert.throws(() => store.codes.claim(code, { name: '../ada', hash: HASH }, BY), OperatorError);
    assert.equal(store.codes.claim(code, { name: 'bob', hash: HASH }, BY), 'claimed');
  });
});

describe('API tokens', () => {
  const wanted = { operator: 'ada', label: 'backup script', scopes: ['bans:read'] as const, lifetimeMs: DAY_MS };

  it('are recognizable, tell whose they are, and end', () => {
    const { store, clock } = setUp();
    store.accounts.add({ name: 'ada', role: 'admin' }, BY);
    const { token, secret } = store.tokens.create(wanted, BY);
    assert.match(secret, /^spt_[A-Za-z0-9_-]{43}$/);
    const found = store.tokens.check(secret, '192.0.2.1');
    assert.ok(typeof found === 'object');
    assert.deepEqual([found.id, found.operator, found.scopes], [token.id, 'ada', new Set(['bans:read'])]);
    clock.advance(DAY_MS);
    assert.equal(store.tokens.check(secret, '192.0.2.1'), 'expired');
  });

  it('are unknown when they are mistaken, garbage or revoked', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'ada', role: 'admin' }, BY);
    store.accounts.add({ name: 'bob', role: 'admin' }, BY);
    const { token, secret } = store.tokens.create(wanted, BY);
    for (const other of ['', 'spt_', `${secret}x`, secret.toUpperCase(), `${secret.slice(0, -2)}AA`, 'x'.repeat(1e5)]) {
      assert.equal(store.tokens.check(other, 'x'), 'unknown');
    }
    assert.equal(store.tokens.revoke(token.id, 'bob', BY), false, "nobody revokes another's as his own");
    assert.equal(store.tokens.revoke(token.id, 'ada', BY), true);
    assert.equal(store.tokens.check(secret, 'x'), 'unknown');
  });

  it('go with their operator', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'ada', role: 'viewer' }, BY);
    const { secret } = store.tokens.create(wanted, BY);
    store.accounts.remove('ada', BY);
    assert.equal(store.tokens.check(secret, 'x'), 'unknown');
  });

  it('know when and from where they were used, to within a minute', () => {
    const { store, clock } = setUp();
    store.accounts.add({ name: 'ada', role: 'viewer' }, BY);
    const { secret } = store.tokens.create(wanted, BY);
    const firstMs = clock.epochMs();
    const use = () => {
      store.tokens.check(secret, '192.0.2.1');
      return store.tokens.listOf('ada')[0];
    };
    assert.deepEqual([use()?.lastUsedAtMs, use()?.lastUsedFrom], [firstMs, '192.0.2.1']);
    clock.advance(59_000);
    assert.equal(use()?.lastUsedAtMs, firstMs);
    clock.advance(1000);
    assert.equal(use()?.lastUsedAtMs, firstMs + 60_000);
  });

  it('have a longest life, a label, a ceiling, and at least one scope', () => {
    const { store, clock } = setUp();
    store.accounts.add({ name: 'ada', role: 'viewer' }, BY);
    const create = (changes: object) => store.tokens.create({ ...wanted, ...changes }, BY);
    assert.throws(() => create({ lifetimeMs: 90 * DAY_MS + 1 }), /at most 90 days/);
    for (const lifetimeMs of [0, -1, Number.NaN]) assert.throws(() => create({ lifetimeMs }), OperatorError);
    for (const label of ['', ' ', 'a\u001b[31m', 'a\nb', 'x'.repeat(101)])
      assert.throws(() => create({ label }), /label/);
    assert.throws(() => create({ scopes: [] }), /at least one/);
    assert.throws(() => create({ operator: 'nobody' }), /no operator nobody/);
    for (let i = 0; i < 100; i++) create({});
    assert.throws(() => create({}), /has 100 tokens/);
    clock.advance(32 * DAY_MS);
    create({});
    assert.equal(store.tokens.listOf('ada').length, 1, 'long expired ones make room');
  });

  it('are given no scope that their account can never use', () => {
    const { store } = setUp();
    store.accounts.add({ name: 'vera', role: 'viewer' }, BY);
    store.accounts.add({ name: 'carl', role: 'admin', scopes: ['bans:read', 'bans:write'] }, BY);
    const create = (operator: string, scopes: readonly Scope[]) =>
      store.tokens.create({ operator, label: 'x', scopes, lifetimeMs: DAY_MS }, BY);
    assert.throws(() => create('vera', ['status:read', 'bans:write']), {
      name: 'OperatorError',
      message: /^vera has the role viewer, with which it can never use that: bans:write needs the role operator\.$/,
    });
    assert.throws(
      () => create('carl', ['bans:read', 'users:write']),
      /carl is narrowed to bans:read, bans:write, and can never use users:write/,
    );
    assert.deepEqual(store.tokens.listOf('vera'), []);
    for (const [operator, scopes] of [
      ['vera', ['status:read', 'bans:read']],
      ['carl', ['bans:write']],
    ] as const)
      assert.equal(create(operator, scopes).token.operator, operator);
  });

  it('let their bearer on where the last use cannot be written down', () => {
    const { store, path } = setUp();
    store.accounts.add({ name: 'ada', role: 'viewer' }, BY);
    const { secret } = store.tokens.create(wanted, BY);
    const writer = new DatabaseSync(path);
    writer.exec('BEGIN IMMEDIATE');
    assert.ok(typeof store.tokens.check(secret, 'x') === 'object');
    writer.exec('ROLLBACK');
    assert.equal(store.tokens.listOf('ada')[0]?.lastUsedAtMs, undefined);
  });
});

describe('changes of operators', () => {
  it('are told once each, those of commands and those from before the start too', () => {
    const { store, open, clock, path } = setUp();
    const beside = open();
    beside.codes.make(BY);
    const events: GatewayEvent[] = [];
    const told = (): string[] =>
      events.splice(0).map((event) => ('what' in event ? `${event.operator} ${event.what}` : event.name));
    const options = { clock, emit: (event: GatewayEvent) => void events.push(event), path };
    const teller = new ChangeTeller(store.ledger, options);
    assert.deepEqual(told(), [' code']);
    store.accounts.add({ name: 'ada', role: 'admin' }, { by: 'root', from: '192.0.2.1' });
    assert.deepEqual(events[0], {
      name: 'operator.changed',
      operator: 'ada',
      what: 'added',
      says: 'The account was made, with the role admin.',
      by: 'root',
      from: '192.0.2.1',
    });
    assert.deepEqual(told(), ['ada added']);
    beside.accounts.add({ name: 'bob', role: 'viewer' }, BY);
    clock.advance(1000);
    assert.deepEqual(told(), ['bob added']);
    beside.accounts.setDisabled('nobody', true, BY);
    clock.advance(1000);
    assert.deepEqual(told(), []);
    teller.close();
    assert.equal(clock.pendingCount, 0);
    new ChangeTeller(open().ledger, options).close();
    assert.deepEqual(told(), []);
  });

  it('that cannot be read are said once, and told when they can', () => {
    const { store, open, clock, path } = setUp();
    const events: GatewayEvent[] = [];
    const teller = new ChangeTeller(store.ledger, { clock, emit: (event) => void events.push(event), path });
    open().accounts.add({ name: 'ada', role: 'viewer' }, BY);
    const writer = new DatabaseSync(path);
    writer.exec('BEGIN IMMEDIATE');
    clock.advance(2000);
    writer.exec('ROLLBACK');
    clock.advance(1000);
    assert.deepEqual(
      events.map(({ name }) => name),
      ['storage.failed', 'operator.changed', 'storage.recovered'],
    );
    teller.close();
  });
});
