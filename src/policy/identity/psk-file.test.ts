import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileFaultError } from '../../base/file-fault.ts';
import type { Credentials, Identity } from './identity.ts';
import { PskMethod } from './psk.ts';
import { parsePskFile } from './psk-file.ts';

const KEY = '00112233445566778899aabbccddeeff';
const OTHER = 'ff'.repeat(32);

function shown(identity: string, credential: string, username?: string): Credentials {
  const presharedKey = { identity, credential };
  return {
    clientId: 'c',
    username,
    password: undefined,
    certificateName: undefined,
    anonymousAllowed: false,
    presharedKey,
  };
}

test('identities and keys are read as Mosquitto reads them', () => {
  const { keys } = parsePskFile(`# pumps\n\npump-7:${KEY}\r\nurn:dev:8:${OTHER.toUpperCase()} \n`, 'psk');
  assert.deepEqual([...keys.keys()], ['pump-7', 'urn:dev:8']);
  assert.equal(Buffer.from(keys.get('pump-7')!.key).toString('hex'), KEY);
  assert.equal(Buffer.from(keys.get('urn:dev:8')!.key).toString('hex'), OTHER);
  assert.notEqual(keys.get('pump-7')!.credential, keys.get('urn:dev:8')!.credential);
});

test('what is wrong is told with its place, all of it, and no part of a key', () => {
  const cases: [line: string, column: number, says: RegExp][] = [
    ['pump-7', 1, /no colon/],
    [`:${KEY}`, 1, /identity is empty/],
    [`a/b:${KEY}`, 1, /wildcard, a slash/],
    [`${'x'.repeat(129)}:${KEY}`, 1, /longer than 128 bytes/],
    ['p:0123456789abcdef0123456789abcde', 3, /not hex/],
    ['p:', 3, /not hex/],
    ['p:secretsecretsecretsecretsecretse', 3, /not hex/],
    [`p:${KEY.slice(2)}`, 3, /has 15 bytes/],
    [`p:${'00'.repeat(257)}`, 3, /has 257 bytes/],
  ];
  const text = cases.map(([line]) => line).join('\n');
  assert.throws(
    () => parsePskFile(`${text}\ntwice:${KEY}\ntwice:${OTHER}`, 'psk'),
    (error) => {
      assert.ok(error instanceof FileFaultError);
      assert.equal(error.faults.length, cases.length + 1);
      for (const [index, [line, column, says]] of cases.entries()) {
        assert.equal(error.faults[index]!.line, index + 1, line);
        assert.equal(error.faults[index]!.column, column, line);
        assert.match(error.faults[index]!.says, says, line);
      }
      assert.match(error.faults.at(-1)!.says, /has a key already/);
      assert.doesNotMatch(error.message, /secret|112233|ffff/);
      return true;
    },
  );
});

test('the identity of the key that TLS has proven is the user name', async () => {
  const file = parsePskFile(`pump-7:${KEY}`, 'psk');
  const { credential } = file.keys.get('pump-7')!;
  const method = new PskMethod(file);
  for (const username of [undefined, 'pump-7']) {
    const result = await method.authenticate(shown('pump-7', credential, username));
    assert.partialDeepStrictEqual(result, { ok: true, identity: { username: 'pump-7', method: 'psk' } });
  }
  const other = await method.authenticate(shown('pump-7', credential, 'admin'));
  assert.partialDeepStrictEqual(other, { ok: false, reason: 0x86, by: 'psk:psk' });
  assert.equal(method.authenticate({ ...shown('', ''), presharedKey: undefined }), undefined);
});

test('a key that was changed or removed since is no longer good, for logins and for sessions', async () => {
  const { credential } = parsePskFile(`pump-7:${KEY}`, 'psk').keys.get('pump-7')!;
  const identity: Identity = { username: 'pump-7', clientId: 'c', method: 'psk', credential };
  assert.equal(new PskMethod(parsePskFile(`pump-7:${KEY}`, 'psk')).stillValid(identity), true);
  for (const text of ['', `pump-7:${OTHER}`]) {
    const method = new PskMethod(parsePskFile(text, 'psk'));
    assert.equal(method.stillValid(identity), false);
    assert.partialDeepStrictEqual(await method.authenticate(shown('pump-7', credential)), { ok: false, reason: 0x87 });
  }
});
