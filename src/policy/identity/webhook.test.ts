import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { AnswerCache } from './answer-cache.ts';
import { type BackendAnswer, BackendFault } from './backend.ts';
import type { AuthenticationResult, Credentials } from './identity.ts';
import { readWebhookAnswer, type WebhookAnswer } from './webhook-answer.ts';
import { WebhookMethod, type WebhookMethodOptions, type WebhookQuestion } from './webhook-method.ts';

function setUp(options: Partial<WebhookMethodOptions> = {}) {
  const clock = new ManualClock();
  const questions: WebhookQuestion[] = [];
  const service: { answer: BackendAnswer<WebhookAnswer> } = { answer: answered({ result: 'allow' }) };
  const method = new WebhookMethod({
    ask: async (question) => {
      questions.push(question);
      return service.answer;
    },
    allowedForMs: 10_000,
    deniedForMs: 5000,
    cachedMax: 100,
    validForMs: 3_600_000,
    clock,
    chance: systemChance,
    ...options,
  });
  return { method, clock, questions, service };
}

function answered(value: unknown): BackendAnswer<WebhookAnswer> {
  return { ok: true, value: readWebhookAnswer(value) };
}

function shown(facts: Partial<Omit<Credentials, 'password'>> & { password?: string | Uint8Array } = {}): Credentials {
  const { password = 'right', ...rest } = facts;
  return {
    clientId: 'c1',
    username: 'pump',
    certificateName: undefined,
    anonymousAllowed: false,
    origin: { listener: 'tls', address: '192.0.2.1', port: 1234, secure: true },
    ...rest,
    password: Buffer.from(password),
  };
}

function denial(result: AuthenticationResult | undefined): [number, string] {
  assert.ok(result !== undefined && !result.ok);
  return [result.reason, result.by];
}

test('the service is told all that is known, and an allow with all that it says becomes the identity', async () => {
  const { method, questions, service, clock } = setUp();
  service.answer = answered({
    result: 'allow',
    username: 'pump-7',
    roles: ['reader'],
    groups: ['north'],
    attributes: { site: 'a', floor: 3 },
    expiresInS: 60,
  });
  const result = await method.authenticate(shown());
  assert.ok(result?.ok);
  assert.deepEqual(
    { ...result.identity, attributes: { ...result.identity.attributes } },
    {
      username: 'pump-7',
      clientId: 'c1',
      method: 'webhook',
      credential: 'webhook',
      roles: ['reader'],
      groups: ['north'],
      attributes: { site: 'a', floor: '3' },
      expiresAtMs: clock.epochMs() + 60_000,
    },
  );
  assert.deepEqual(questions, [
    {
      clientId: 'c1',
      username: 'pump',
      password: 'right',
      passwordBase64: 'cmlnaHQ=',
      address: '192.0.2.1',
      port: 1234,
      listener: 'tls',
      secure: true,
      certificate: null,
    },
  ]);
});

test('a password that is no text is told as bytes', async () => {
  const { method, questions } = setUp();
  await method.authenticate(shown({ password: Uint8Array.of(0xff, 0) }));
  assert.deepEqual([questions[0]?.password, questions[0]?.passwordBase64], [null, '/wA=']);
});

test('deny denies, ignore leaves it to the next method, and no answer is a denial', async () => {
  const { method, service } = setUp({ allowedForMs: 0, deniedForMs: 0 });
  service.answer = answered({ result: 'deny' });
  assert.deepEqual(denial(await method.authenticate(shown())), [0x86, 'webhook']);
  service.answer = answered({ result: 'ignore' });
  assert.equal(await method.authenticate(shown()), undefined);
  service.answer = { ok: false, trouble: 'unavailable' };
  assert.deepEqual(denial(await method.authenticate(shown())), [0x88, 'webhook']);
  service.answer = { ok: false, trouble: 'busy' };
  assert.deepEqual(denial(await method.authenticate(shown())), [0x89, 'limit:webhook']);
});

test('who shows nothing at all is not asked about', () => {
  const { method, questions } = setUp();
  assert.equal(method.authenticate({ ...shown(), username: undefined, password: undefined }), undefined);
  assert.equal(questions.length, 0);
});

test('a client that gives no name gets in only under one that the service gives', async () => {
  const { method, service } = setUp({ allowedForMs: 0 });
  const nameless = { ...shown(), username: undefined };
  assert.deepEqual(denial(await method.authenticate(nameless)), [0x86, 'identity:reserved-characters']);
  assert.deepEqual(denial(await method.authenticate(shown({ username: 'a/b' }))), [
    0x86,
    'identity:reserved-characters',
  ]);
  service.answer = answered({ result: 'allow', username: 'named' });
  const result = await method.authenticate(nameless);
  assert.ok(result?.ok && result.identity.username === 'named');
});

test('answers are remembered for their time, for the same credentials from the same place only', async () => {
  const { method, clock, questions, service } = setUp();
  const ask = (facts: Parameters<typeof shown>[0] = {}) => method.authenticate(shown(facts));
  await ask();
  await ask({ origin: { listener: 'tls', address: '192.0.2.1', port: 4321, secure: true } });
  assert.equal(questions.length, 1);
  for (const other of [
    { password: 'wrong' },
    { username: 'other' },
    { clientId: 'c2' },
    { origin: { listener: 'ws', address: '192.0.2.1', port: 1, secure: true } },
    { origin: { listener: 'tls', address: '192.0.2.2', port: 1, secure: true } },
  ]) {
    const before: number = questions.length;
    await ask(other);
    assert.equal(questions.length, before + 1, JSON.stringify(other));
  }
  clock.advance(10_000);
  service.answer = answered({ result: 'deny' });
  assert.deepEqual(denial(await ask()), [0x86, 'webhook']);
  service.answer = answered({ result: 'allow' });
  clock.advance(4999);
  assert.deepEqual(denial(await ask()), [0x86, 'webhook']);
  clock.advance(1);
  assert.ok((await ask())?.ok);
});

test('what the answer says of its own end counts from the answer, and it is not remembered beyond', async () => {
  const { method, clock, questions, service } = setUp({ allowedForMs: 60_000 });
  service.answer = answered({ result: 'allow', expiresInS: 10 });
  const end = clock.epochMs() + 10_000;
  await method.authenticate(shown());
  clock.advance(9000);
  const late = await method.authenticate(shown());
  assert.ok(late?.ok && late.identity.expiresAtMs === end);
  assert.equal(questions.length, 1);
  clock.advance(1000);
  await method.authenticate(shown());
  assert.equal(questions.length, 2);
});

test('trouble is never remembered', async () => {
  const { method, service } = setUp();
  service.answer = { ok: false, trouble: 'unavailable' };
  await method.authenticate(shown());
  service.answer = answered({ result: 'allow' });
  assert.ok((await method.authenticate(shown()))?.ok);
});

test('no two credentials share a key, and none shows the password', () => {
  const cache = new AnswerCache({ entriesMax: 10, clock: new ManualClock(), chance: systemChance });
  const credentials = fc.record({
    clientId: fc.string({ maxLength: 3 }),
    username: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
    password: fc.string({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(credentials, credentials, (a, b) => {
      const isSame =
        JSON.stringify([a.clientId, a.username ?? 0, a.password]) ===
        JSON.stringify([b.clientId, b.username ?? 0, b.password]);
      assert.equal(cache.keyOf(shown(a)) === cache.keyOf(shown(b)), isSame);
    }),
  );
  const other = new AnswerCache({ entriesMax: 10, clock: new ManualClock(), chance: systemChance });
  assert.notEqual(cache.keyOf(shown()), other.keyOf(shown()));
});

test('an answer is taken whole or not at all', () => {
  const wrong: unknown[] = [
    undefined,
    null,
    'allow',
    [],
    {},
    { result: 'yes' },
    { result: true },
    { result: 'ALLOW' },
    { result: 'allow', admin: true },
    { result: 'allow', roles: 'reader' },
    { result: 'allow', roles: [1] },
    { result: 'allow', roles: [''] },
    { result: 'allow', roles: ['a\nb'] },
    { result: 'allow', roles: Array.from({ length: 257 }, () => 'r') },
    { result: 'allow', username: '' },
    { result: 'allow', username: '#' },
    { result: 'allow', username: 7 },
    { result: 'allow', attributes: [] },
    { result: 'allow', attributes: { 'a b': 'c' } },
    { result: 'allow', attributes: { a: { b: 'c' } } },
    { result: 'allow', attributes: JSON.parse('{"__proto__":"x"}') },
    { result: 'allow', expiresInS: 0 },
    { result: 'allow', expiresInS: 1.5 },
    { result: 'allow', expiresInS: '60' },
    { result: 'allow', expiresInS: 1e12 },
    JSON.parse('{"result":"allow","__proto__":{"roles":["admin"]}}'),
  ];
  for (const value of wrong.slice(0, 20).concat(wrong.slice(21))) {
    assert.throws(() => readWebhookAnswer(value), BackendFault, JSON.stringify(value));
  }
  // A name of an attribute that would be one of every object is just a name.
  const { attributes } = readWebhookAnswer(wrong[20]);
  assert.deepEqual(Object.entries(attributes), [['__proto__', 'x']]);
});

test('whatever JSON comes, it is an answer or a fault, and an allow only when it says so', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        assert.equal(readWebhookAnswer(value).result, (value as { result: string }).result);
      } catch (error) {
        assert.ok(error instanceof BackendFault);
      }
    }),
  );
});
