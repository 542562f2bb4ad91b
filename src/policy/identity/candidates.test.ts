import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildAuthenticator } from './authenticator.ts';
import type { Credentials, EnhancedStep, IdentityMethod } from './identity.ts';
import { accept } from './results.ts';

const SHOWN: Credentials = {
  clientId: 'c1',
  username: undefined,
  password: undefined,
  certificateName: undefined,
  anonymousAllowed: true,
};

/** Takes data that begins with its own name, and accepts the user behind the colon; overwrites what it was lent. */
function method(name: string): IdentityMethod {
  return {
    name,
    authenticate: () => undefined,
    stillValid: () => true,
    enhanced: [
      {
        name: 'SHARED',
        begin: (credentials) => ({
          step: async (data): Promise<EnhancedStep | undefined> => {
            if (data === undefined) return { kind: 'continue', data: undefined };
            const [own, username] = Buffer.from(data).toString().split(':');
            if (own !== name) return undefined;
            return { kind: 'done', result: accept(credentials, username, name, 'mark') };
          },
        }),
      },
    ],
  };
}

async function prove(text: string | undefined, facts: Partial<Credentials> = {}): Promise<string> {
  const exchange = buildAuthenticator([method('one'), method('two')]).begin('SHARED', { ...SHOWN, ...facts })!;
  let step = text === undefined ? await exchange.step(undefined) : undefined;
  if (step?.kind !== 'done') {
    const lent = Buffer.from(text ?? 'two:ada');
    const answer = exchange.step(lent);
    lent.fill(0);
    step = await answer;
  }
  assert.ok(step?.kind === 'done');
  const { result } = step;
  return result.ok
    ? `${result.identity.method} ${result.identity.username}`
    : `${result.reason.toString(16)} ${result.by}`;
}

test('of two methods with one name on the wire, the one that the data is for decides', async () => {
  assert.equal(await prove('one:ada'), 'one ada');
  assert.equal(await prove('two:ada'), 'two ada');
  assert.equal(await prove(undefined), 'two ada');
});

test('data that is for none of them is denied, and a method that nobody offers has no exchange', async () => {
  assert.equal(await prove('three:ada'), '87 authentication:chain');
  assert.equal(buildAuthenticator([method('one')]).begin('OTHER', SHOWN), undefined);
  assert.equal(buildAuthenticator([]).begin('SHARED', SHOWN), undefined);
});

test('the name that is proven is the one that was given, and the one that TLS has proven', async () => {
  assert.equal(await prove('one:ada', { username: 'ada', certificateName: 'ada' }), 'one ada');
  const keyed = { presharedKey: { identity: 'ada', credential: 'mark' } };
  assert.equal(await prove('one:ada', keyed), 'one ada');
  for (const facts of [{ username: 'grace' }, { certificateName: 'grace' }, { certificateName: '' }]) {
    assert.equal(await prove('one:ada', facts), '87 identity:username');
  }
  assert.equal(await prove('one:grace', keyed), '87 identity:username');
});

test('CVE-2017-7650: a client identifier that is a pattern is refused here too', async () => {
  assert.equal(await prove('one:ada', { clientId: '#' }), '85 identity:reserved-characters');
});

test('a password that no method of the chain takes is a denial, also where anonymous clients may come', async () => {
  const shown = { ...SHOWN, username: 'ada', password: Buffer.from('pencil') };
  const result = await buildAuthenticator([method('one')]).authenticate(shown);
  assert.deepEqual(
    [result.ok, !result.ok && result.reason, !result.ok && result.by],
    [false, 0x86, 'authentication:chain'],
  );
});
