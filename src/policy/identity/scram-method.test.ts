import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ScramClient, type ScramClientInit } from '../../../test/kit/scram-client.ts';
import { systemChance } from '../../base/chance.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Credentials, EnhancedExchange, EnhancedStep } from './identity.ts';
import { parseScramFile } from './scram-file.ts';
import { ScramMethod, type ScramOptions } from './scram-method.ts';
import { makeScramVerifier, type ScramMechanism } from './scram-verifier.ts';

const SHOWN: Credentials = {
  clientId: 'c1',
  username: undefined,
  password: undefined,
  certificateName: undefined,
  anonymousAllowed: false,
};

const LINES = await Promise.all([
  ...(['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).map(async (mechanism) => {
    return `ada:${await makeScramVerifier(mechanism, 'pencil', systemChance, 4096)}`;
  }),
  makeScramVerifier('SCRAM-SHA-256', 'other', systemChance, 4096).then((verifier) => `a=b,c:${verifier}`),
]);
const CREDENTIALS = parseScramFile(LINES.join('\n'), 'scram');

function method(changes: Partial<ScramOptions> = {}): ScramMethod {
  return new ScramMethod({
    name: 'scram',
    mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'],
    credentials: CREDENTIALS,
    decoyKey: Buffer.alloc(32, 'd'),
    chance: systemChance,
    ...changes,
  });
}

function begin(mechanism: ScramMechanism = 'SCRAM-SHA-256', of = method()): EnhancedExchange {
  return of.enhanced.find(({ name }) => name === mechanism)!.begin(SHOWN);
}

async function challenge(exchange: EnhancedExchange, data: Uint8Array): Promise<Buffer> {
  const step = await exchange.step(data);
  if (step?.kind !== 'continue') assert.fail(saysOf(step));
  return Buffer.from(step.data!);
}

function saysOf(step: EnhancedStep | undefined): string {
  assert.ok(step?.kind === 'done');
  if (step.result.ok) return `accepted as ${step.result.identity.username}`;
  assert.equal(step.data, undefined);
  assert.equal(step.result.method, 'scram');
  assert.equal(step.result.reason, Reason.BadUserNameOrPassword);
  return step.result.says;
}

async function login(init: ScramClientInit, mechanism: ScramMechanism = 'SCRAM-SHA-256'): Promise<string> {
  const exchange = begin(mechanism);
  const client = new ScramClient(init);
  const step = await exchange.step(client.final(await challenge(exchange, client.first())));
  if (step?.kind === 'done' && step.result.ok) assert.ok(client.trusts(step.data), 'the server has not proven itself');
  return saysOf(step);
}

describe('SCRAM', () => {
  it('speaks as RFC 7677 shows it', async () => {
    // The verifier of that example: `pencil` with its salt.
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const chance = { bytes: () => salt, below: () => 0 };
    const line = `user:${await makeScramVerifier('SCRAM-SHA-256', 'pencil', chance, 4096)}`;
    const serverNonce = Object.assign(Buffer.alloc(18), { toString: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' });
    const of = method({
      credentials: parseScramFile(line, 'scram'),
      chance: { bytes: () => serverNonce, below: () => 0 },
    });
    const exchange = begin('SCRAM-SHA-256', of);
    const first = await challenge(exchange, Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'));
    assert.equal(
      first.toString(),
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const step = await exchange.step(
      Buffer.from(
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      ),
    );
    assert.ok(step?.kind === 'done' && step.result.ok);
    assert.equal(Buffer.from(step.data!).toString(), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it('establishes a user by either mechanism, names with escapes too, and proves the server', async () => {
    assert.equal(await login({ username: 'ada', password: 'pencil' }), 'accepted as ada');
    assert.equal(
      await login({ username: 'ada', password: 'pencil', hash: 'sha512' }, 'SCRAM-SHA-512'),
      'accepted as ada',
    );
    assert.equal(await login({ username: 'a=b,c', password: 'other' }), 'accepted as a=b,c');
    assert.equal(await login({ username: 'ada', password: 'pencil', gs2Header: 'y,,' }), 'accepted as ada');
    assert.equal(await login({ username: 'ada', password: 'pencil', gs2Header: 'n,a=ada,' }), 'accepted as ada');
  });

  it('asks a client that began without data for its first message', async () => {
    const exchange = begin();
    assert.deepEqual(await exchange.step(undefined), { kind: 'continue', data: undefined });
    assert.match(
      (await challenge(exchange, new ScramClient({ username: 'ada', password: 'x' }).first())).toString(),
      /^r=/,
    );
  });

  it('leaves passwords in CONNECT to other methods', () => {
    assert.equal(method().authenticate(), undefined);
  });

  it('refuses a wrong password, an unknown user and a user of the other mechanism alike', async () => {
    const says = 'Unknown user or wrong password.';
    assert.equal(await login({ username: 'ada', password: 'wrong' }), says);
    assert.equal(await login({ username: 'nobody', password: 'pencil' }), says);
    assert.equal(await login({ username: 'a=b,c', password: 'other', hash: 'sha512' }, 'SCRAM-SHA-512'), says);
  });

  it('asks an unknown user with the same salt each time, also after a restart, and with iterations as others have', async () => {
    const ask = async (username: string, of = method()): Promise<string | undefined> => {
      const first = await challenge(begin('SCRAM-SHA-256', of), new ScramClient({ username, password: 'x' }).first());
      return /(s=.*)$/.exec(first.toString())?.[1];
    };
    const salt = await ask('nobody');
    assert.match(salt!, /^s=[A-Za-z0-9+/]{22}==,i=4096$/);
    assert.equal(await ask('nobody', method()), salt);
    assert.notEqual(await ask('somebody'), salt);
    assert.notEqual(await ask('nobody', method({ decoyKey: Buffer.alloc(32, 'e') })), salt);
  });

  it('refuses channel binding, which it does not offer, and notices when somebody has changed what it said', async () => {
    const bound = new ScramClient({ username: 'ada', password: 'pencil', gs2Header: 'p=tls-exporter,,' });
    assert.match(saysOf(await begin().step(bound.first())), /Channel binding is not offered/);
    // The client supports it and says so; on the way it was made to look as if it did not.
    const client = new ScramClient({ username: 'ada', password: 'pencil', gs2Header: 'y,,' });
    const exchange = begin();
    const tampered = Buffer.from(client.first().toString().replace('y,,', 'n,,'));
    assert.match(saysOf(await exchange.step(client.final(await challenge(exchange, tampered)))), /channel binding/);
  });

  it('refuses to act for another user, extensions, and names that would be patterns', async () => {
    const first = (text: string): Promise<string> => begin().step(Buffer.from(text)).then(saysOf);
    assert.match(await first('n,a=root,n=ada,r=12345678'), /Acting as another/);
    assert.match(await first('n,,m=x,n=ada,r=12345678'), /extension/);
    assert.match(await first('n,,n=ada,r=12345678,x=y'), /extension/);
    const step = await begin().step(Buffer.from('n,,n=a/#,r=12345678'));
    assert.ok(step?.kind === 'done' && !step.result.ok);
    assert.equal(step.result.by, 'identity:reserved-characters');
  });

  for (const text of [
    '',
    'n,,',
    'n,,n=,r=12345678',
    'n,,n=ada',
    'n,,n=ada,r=',
    'n,,n=ada,r=1234567',
    'n,,r=12345678,n=ada',
    'n,n=ada,r=12345678',
    'z,,n=ada,r=12345678',
    'n,,n=a=b,r=12345678',
    'n,,n=a=2c,r=12345678',
    'n,,n=ada,r=1234,5678',
    'n,,n=ad\u00e9,r=12345678',
    'n,,n=ada\u0000,r=12345678',
    ' n,,n=ada,r=12345678',
    'n,,n=ada,r=12345678\n',
    `n,,n=ada,r=${'x'.repeat(3000)}`,
  ]) {
    it(`refuses the first message ${JSON.stringify(text).slice(0, 40)}`, async () => {
      assert.match(saysOf(await begin().step(Buffer.from(text))), /malformed/);
    });
  }

  it('refuses last messages that are malformed, of another exchange, or without proof', async () => {
    const client = new ScramClient({ username: 'ada', password: 'pencil' });
    const answers: [(serverFirst: Buffer) => Buffer | undefined, RegExp][] = [
      [() => undefined, /malformed/],
      [() => client.first(), /malformed/],
      [(first) => first, /malformed/],
      [(first) => client.final(first).subarray(0, -3), /malformed/],
      [(first) => Buffer.concat([client.final(first), Buffer.from(',x=y')]), /malformed/],
      [(first) => Buffer.from(client.final(first).toString().replace(',p=', ',x=y,p=')), /extension/],
      [(first) => Buffer.from(client.final(first).toString().replace(/p=.*/, 'p=AAAA')), /malformed/],
      [(first) => Buffer.from(client.final(first).toString().replace(/p=.*/, 'p=')), /malformed/],
      [(first) => Buffer.from(client.final(first).toString().replace(/=$/, '')), /malformed/],
      [(first) => client.final(first, { nonce: 'rOprNGfwEbeRWgbNEkqO' }), /nonce/],
      [(first) => client.final(first, { channelBinding: 'eSws' }), /channel binding/],
      [(first) => client.final(first, { channelBinding: '====' }), /channel binding/],
    ];
    for (const [answer, says] of answers) {
      const exchange = begin();
      assert.match(saysOf(await exchange.step(answer(await challenge(exchange, client.first())))), says);
    }
  });

  it('does not take a last message a second time: each exchange has a nonce of its own', async () => {
    const client = new ScramClient({ username: 'ada', password: 'pencil' });
    const exchange = begin();
    const final = client.final(await challenge(exchange, client.first()));
    assert.match(saysOf(await exchange.step(final)), /accepted/);
    const replayed = begin();
    await challenge(replayed, client.first());
    assert.match(saysOf(await replayed.step(final)), /nonce/);
  });

  it('makes a denial of any bytes, at either step', async () => {
    const client = new ScramClient({ username: 'ada', password: 'pencil' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(255), async (noise, at, byte) => {
        assert.notEqual(saysOf(await begin().step(noise)), 'accepted as ada');
        const exchange = begin();
        const final = Buffer.from(client.final(await challenge(exchange, client.first())));
        const index = at % final.length;
        if (final[index] === byte) return;
        final[index] = byte;
        assert.notEqual(saysOf(await exchange.step(final)), 'accepted as ada');
      }),
      { numRuns: 30 },
    );
  });
});

describe('an identity from SCRAM', () => {
  it('ends when its verifier changes or goes', async () => {
    const exchange = begin();
    const client = new ScramClient({ username: 'ada', password: 'pencil' });
    const step = await exchange.step(client.final(await challenge(exchange, client.first())));
    assert.ok(step?.kind === 'done' && step.result.ok);
    const { identity } = step.result;
    assert.equal(method().stillValid(identity), true);
    const changed = `ada:${await makeScramVerifier('SCRAM-SHA-256', 'pencil', systemChance, 4096)}`;
    for (const text of [changed, LINES[1]!, '']) {
      assert.equal(method({ credentials: parseScramFile(text, 'scram') }).stillValid(identity), false);
    }
  });
});
