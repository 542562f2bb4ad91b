import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { type BackendAnswer, BackendFault } from './backend.ts';
import { DecoyOfMost } from './decoy-of-most.ts';
import { HashQueue } from './hash-queue.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';
import { readSourcedUser } from './sourced-user.ts';
import { type SourcedUser, StoredLoginMethod, type StoredLoginOptions } from './stored-login-method.ts';

const FOREIGN = `$7$101$${Buffer.alloc(12).toString('base64')}$${Buffer.alloc(64).toString('base64')}`;

function setUp(options: Partial<StoredLoginOptions> = {}) {
  const clock = new ManualClock();
  const verified: string[] = [];
  const queue = new HashQueue({ clock, emit: () => undefined });
  const verify = queue.verify.bind(queue);
  queue.verify = (hash, password, asker) => {
    verified.push(hash.cost);
    return verify(hash, password, asker);
  };
  const hash: PasswordHash = {
    ...pick(defaultDecoy(systemChance)),
    verify: async (password) => String(password) === 'right',
  };
  const user: SourcedUser = { hash, roles: ['reader'], groups: [], attributes: { site: 'a' } };
  const source: { answer: BackendAnswer<SourcedUser | undefined> } = { answer: { ok: true, value: user } };
  const method = new StoredLoginMethod({
    name: 'redis',
    find: async () => source.answer,
    validForMs: undefined,
    queue,
    clock,
    chance: systemChance,
    ...options,
  });
  const login = (password: string) =>
    method.authenticate({
      clientId: 'c1',
      username: 'pump',
      password: Buffer.from(password),
      certificateName: undefined,
      anonymousAllowed: false,
    });
  return { login, source, verified };
}

function pick({ encoded, cost, decoy }: PasswordHash): Pick<PasswordHash, 'encoded' | 'cost' | 'decoy'> {
  return { encoded, cost, decoy };
}

test('the right password establishes the identity, with what the store says of it', async () => {
  const { login } = setUp();
  const result = await login('right');
  assert.ok(result?.ok);
  assert.deepEqual(result.identity, {
    username: 'pump',
    clientId: 'c1',
    method: 'redis',
    credential: 'redis',
    roles: ['reader'],
    attributes: { site: 'a' },
  });
});

test('unknown and wrong cost one verification of the same cost, and are told apart by nothing', async () => {
  const { login, source, verified } = setUp();
  const wrong = await login('wrong');
  source.answer = { ok: true, value: undefined };
  assert.deepEqual(await login('wrong'), wrong);
  assert.equal(verified.length, 2);
  assert.equal(verified[0], verified[1]);
});

test('trouble is a denial, and costs no hashing', async () => {
  const { login, source, verified } = setUp();
  source.answer = { ok: false, trouble: 'unavailable' };
  const result = await login('right');
  assert.ok(result !== undefined && !result.ok && result.reason === 0x88);
  assert.deepEqual(verified, []);
});

test('an unknown user is left to the next method where the chain says so', async () => {
  const { login, source } = setUp({ unknownUser: 'next' });
  source.answer = { ok: true, value: undefined };
  assert.equal(await login('right'), undefined);
});

test('the decoy takes the cost that most users have turned out to have', () => {
  const decoy = new DecoyOfMost(systemChance);
  const own = decoy.hash.cost;
  const foreign = readSourcedUser({ passwordHash: FOREIGN }).hash;
  decoy.learn(defaultDecoy(systemChance));
  decoy.learn(foreign);
  assert.equal(decoy.hash.cost, own);
  decoy.learn(foreign);
  assert.equal(decoy.hash.cost, foreign.cost);
  assert.notEqual(decoy.hash.encoded, foreign.encoded);
});

test('a stored user is read from lists, JSON and text alike', () => {
  for (const roles of [['a', 'b'], '["a","b"]', 'a, b']) {
    assert.deepEqual(readSourcedUser({ passwordHash: FOREIGN, roles }).roles, ['a', 'b']);
  }
  for (const attributes of [{ site: 'x' }, '{"site":"x"}']) {
    assert.deepEqual({ ...readSourcedUser({ passwordHash: FOREIGN, attributes }).attributes }, { site: 'x' });
  }
  const bare = readSourcedUser({ passwordHash: FOREIGN, roles: null, groups: '', attributes: '' });
  assert.deepEqual([bare.roles, bare.groups, { ...bare.attributes }], [[], [], {}]);
});

test('a stored user who is not as documented is a fault, which repeats nothing', () => {
  for (const raw of [
    { passwordHash: undefined },
    { passwordHash: 7 },
    { passwordHash: 'plain text' },
    { passwordHash: '$2b$10$abc' },
    { passwordHash: FOREIGN, roles: 7 },
    { passwordHash: FOREIGN, roles: '[1]' },
    { passwordHash: FOREIGN, roles: '[' },
    { passwordHash: FOREIGN, roles: 'a,,b' },
    { passwordHash: FOREIGN, attributes: 'site' },
    { passwordHash: FOREIGN, attributes: '[]' },
  ]) {
    assert.throws(
      () => readSourcedUser(raw),
      (error) => error instanceof BackendFault && !error.message.includes('plain text'),
      JSON.stringify(raw),
    );
  }
});
