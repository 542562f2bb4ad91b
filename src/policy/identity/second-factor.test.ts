import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { AuthenticationResult, Credentials, IdentityMethod } from './identity.ts';
import { denyLogin } from './password-login.ts';
import { accept } from './results.ts';
import { SecondFactor, type UsedCodes, withSecondFactor } from './second-factor.ts';
import { stepAt, totpCode } from './totp.ts';
import { enrol, parseTotpFile } from './totp-file.ts';

const AUTHOR = { method: 'fake', by: 'fake' };
const ADA = enrol('ada', systemChance);

/** Knows that everybody's password is `pencil`. */
const passwords: IdentityMethod = {
  name: 'fake',
  authenticate: (credentials) => {
    const { username, password } = credentials;
    if (username === undefined) return undefined;
    const isRight = Buffer.from(password ?? '').toString() === 'pencil';
    return Promise.resolve(isRight ? accept(credentials, username, 'fake', 'mark') : denyLogin(AUTHOR));
  },
  enhanced: [
    {
      name: 'FAKE',
      begin: (credentials) => ({
        step: () =>
          Promise.resolve({ kind: 'done', result: accept(credentials, 'ada', 'fake', 'mark'), data: Buffer.from('v') }),
      }),
    },
  ],
  stillValid: ({ credential }) => credential === 'mark',
};

class Remembered implements UsedCodes {
  readonly steps = new Map<string, number>();
  readonly recovery = new Set<string>();
  useStep(username: string, step: number): boolean {
    if (step <= (this.steps.get(username) ?? 0)) return false;
    this.steps.set(username, step);
    return true;
  }
  useRecovery(username: string, hash: string): boolean {
    return !this.recovery.has(username + hash) && this.recovery.add(username + hash).size > 0;
  }
}

function bench(line = ADA.line, used: UsedCodes = new Remembered()) {
  const clock = new ManualClock();
  const factor = new SecondFactor({ users: parseTotpFile(line, 'totp'), used, clock });
  const method = withSecondFactor(passwords, factor);
  const login = async (password: string, facts: Partial<Credentials> = {}): Promise<AuthenticationResult> => {
    const shown = {
      clientId: 'c1',
      username: 'ada',
      password: Buffer.from(password),
      certificateName: undefined,
      anonymousAllowed: false,
      ...facts,
    };
    return (await method.authenticate(shown))!;
  };
  const code = (drift = 0): string => totpCode(ADA.secret, stepAt(clock.epochMs()) + drift);
  return { clock, method, login, code };
}

const WRONG = { ok: false, reason: 0x86, says: 'Unknown user or wrong password.', method: 'fake' };

function refused(result: AuthenticationResult): void {
  const { by: _by, ...rest } = result as Extract<AuthenticationResult, { ok: false }>;
  assert.deepEqual(rest, WRONG);
}

describe('a user with a second factor', () => {
  it('logs in with the code behind the password, or in the user property', async () => {
    const { clock, login, code } = bench();
    assert.equal((await login(`pencil${code()}`)).ok, true);
    clock.advance(30_000);
    assert.equal((await login('pencil', { oneTimeCode: code() })).ok, true);
  });

  it('is refused in the words of a wrong password, whichever of the two is wrong or missing', async () => {
    const { login, code } = bench();
    const wrongCode = code() === '000000' ? '000001' : '000000';
    for (const password of [
      'pencil',
      `pencil${wrongCode}`,
      `wrong${code()}`,
      code(),
      '',
      'pencil12345',
      `pencil${code()}x`,
    ]) {
      refused(await login(password));
    }
    refused(await login('pencil', { oneTimeCode: wrongCode }));
    refused(await login('pencil', { oneTimeCode: '' }));
    refused(await login(`pencil${code()}`, { oneTimeCode: wrongCode }));
  });

  it('uses a code once: neither it nor an earlier one is taken again', async () => {
    const { login, code } = bench();
    assert.equal((await login(`pencil${code()}`)).ok, true);
    refused(await login(`pencil${code()}`));
    refused(await login(`pencil${code(-1)}`));
    assert.equal((await login(`pencil${code(1)}`)).ok, true);
  });

  it('uses up no code with a wrong password', async () => {
    const { login, code } = bench();
    refused(await login(`wrong${code()}`));
    assert.equal((await login(`pencil${code()}`)).ok, true);
  });

  it('logs in once with each recovery code, however it is shown', async () => {
    const { login } = bench();
    const [first, second] = ADA.recoveryCodes as [string, string];
    assert.equal((await login(`pencil${first}`)).ok, true);
    refused(await login(`pencil${first}`));
    assert.equal((await login('pencil', { oneTimeCode: second })).ok, true);
    refused(await login('pencil', { oneTimeCode: second }));
    refused(await login('pencilabcd-abcd-abcd-abcd'));
  });

  it('has to wait after five wrong codes, even with a right one, and only then', async () => {
    const { clock, login, code } = bench();
    for (let i = 0; i < 5; i++) refused(await login('pencil', { oneTimeCode: 'wrong' }));
    refused(await login(`pencil${code()}`));
    clock.advance(300_000);
    assert.equal((await login(`pencil${code()}`)).ok, true);
    for (let i = 0; i < 20; i++) refused(await login('wrong', { oneTimeCode: 'wrong' }));
    clock.advance(30_000);
    assert.equal((await login(`pencil${code()}`)).ok, true);
  });

  it('is refused when nobody can remember what was used', async () => {
    const broken: UsedCodes = {
      useStep: () => {
        throw new Error('disk full');
      },
      useRecovery: () => true,
    };
    const { login, code } = bench(ADA.line, broken);
    const result = await login(`pencil${code()}`);
    assert.deepEqual([result.ok, !result.ok && result.reason], [false, 0x88]);
  });

  it('shows it to enhanced methods in the user property, and the server proves itself only then', async () => {
    const { method, code } = bench();
    const begin = (oneTimeCode?: string) =>
      method.enhanced![0]!.begin({
        clientId: 'c1',
        username: undefined,
        password: undefined,
        certificateName: undefined,
        anonymousAllowed: false,
        oneTimeCode,
      });
    const without = await begin().step(Buffer.from('x'));
    assert.ok(without?.kind === 'done' && without.data === undefined);
    refused(without.result);
    const step = await begin(code()).step(Buffer.from('x'));
    assert.ok(step?.kind === 'done' && step.result.ok && step.data !== undefined);
  });

  it('loses sessions of before the second factor, or of another secret, and keeps those of now', async () => {
    const { login, code } = bench();
    const result = await login(`pencil${code()}`);
    assert.ok(result.ok);
    const { identity } = result;
    const standing = { anonymousAllowed: false };
    assert.equal(bench().method.stillValid(identity, standing), true);
    assert.equal(bench('').method.stillValid(identity, standing), true);
    assert.equal(bench(enrol('ada', systemChance).line).method.stillValid(identity, standing), false);
    const before = { ...identity, credential: 'mark' };
    assert.equal(bench('').method.stillValid(before, standing), true);
    assert.equal(bench().method.stillValid(before, standing), false);
    assert.equal(
      bench().method.stillValid({ ...identity, credential: identity.credential.replace('mark', 'x') }, standing),
      false,
    );
  });
});

describe('everybody else', () => {
  it('logs in as before, also with digits at the end of the password', async () => {
    const { login } = bench();
    assert.equal((await login('pencil', { username: 'grace' })).ok, true);
    refused(await login('pencil123456', { username: 'grace' }));
  });

  it('is left to the next method where the first declines', () => {
    const { method } = bench();
    const { username: _username, ...shown } = {
      username: '',
      clientId: 'c',
      password: undefined,
      certificateName: undefined,
      anonymousAllowed: true,
    };
    assert.equal(method.authenticate({ ...shown, username: undefined }), undefined);
  });
});
