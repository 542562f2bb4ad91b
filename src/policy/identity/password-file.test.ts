import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { parsePasswordFile, withoutUser, withUser } from './password-file.ts';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');
const [HASH = '', OTHER_HASH = ''] = fixture('mosquitto-2.0.passwd')
  .split('\n')
  .map((line) => line.replace(/^.*?:/, ''));

function faultsOf(text: string): readonly FileFault[] {
  try {
    parsePasswordFile(text, 'users');
  } catch (error) {
    assert.ok(error instanceof FileFaultError);
    return error.faults;
  }
  return assert.fail('the file was accepted');
}

for (const name of ['mosquitto-1', 'mosquitto-2.0', 'mosquitto-2.1-pbkdf2', 'mosquitto-2.1-argon2id']) {
  test(`a file of ${name} is read, and its passwords verify`, async () => {
    const { users } = parsePasswordFile(fixture(`${name}.passwd`), name);
    assert.deepEqual([...users.keys()], ['sensor-1', 'a b']);
    for (const [username, password] of [
      ['sensor-1', 'throwaway-1'],
      ['a b', 'with : and $'],
    ] as const) {
      const { hash } = users.get(username)!;
      assert.equal(await hash.verify(Buffer.from(password)), true);
      assert.equal(await hash.verify(Buffer.from(`${password} `)), false);
      assert.equal(await hash.verify(Buffer.alloc(0)), false);
    }
  });
}

test('comments, blank lines, CRLF, a byte order mark and blanks around the name are no part of a user', () => {
  const { users } = parsePasswordFile(`\ufeff# staff\r\n\r\n alice :${HASH}\r\nbob:${HASH}\r\n`, 'users');
  assert.deepEqual(
    [...users.values()].map(({ username, line, hash }) => [username, line, hash.encoded]),
    [
      ['alice', 3, HASH],
      ['bob', 4, HASH],
    ],
  );
});

test('a byte order mark before the first user is no part of its name', () => {
  assert.ok(parsePasswordFile(`\ufeffalice:${HASH}`, 'users').users.has('alice'));
});

test('a file without users is valid and has none', () => {
  assert.equal(parsePasswordFile('# nobody yet\n', 'users').users.size, 0);
});

test('every fault of a file is reported, with file, line, column and cure', () => {
  const faults = faultsOf(
    [
      `alice:${HASH}`,
      'no colon here',
      `:${HASH}`,
      'bob:plaintext',
      'carol:',
      `alice:${HASH}`,
      `a/b:${HASH}`,
      `a+b:${HASH}`,
      `a\u0007b:${HASH}`,
      'dave:$2b$12$abcdefghijklmnopqrstuv',
      `erin:${HASH}:more`,
    ].join('\n'),
  );
  assert.deepEqual(
    faults.map(({ line, column }) => [line, column]),
    [
      [2, 1],
      [3, 1],
      [4, 5],
      [5, 7],
      [6, 1],
      [7, 1],
      [8, 1],
      [9, 1],
      [10, 6],
      [11, 6],
    ],
  );
  for (const fault of faults) {
    assert.equal(fault.file, 'users');
    assert.match(fault.says, /\.$/);
    assert.match(fault.cure, /\.$/);
  }
  assert.match(faults[4]!.says, /"alice" stands on line 1 already/);
  assert.match(faults[8]!.says, /scheme 2b is unknown/);
});

test('a plaintext password is refused with the cure, and never quoted', () => {
  for (const secret of [
    'hunter2',
    '$hunter2',
    '$hunter2$x',
    '$6$hunter2',
    '$7$hunter2$x$y',
    '$argon2id$hunter2$x$y$z',
  ]) {
    try {
      parsePasswordFile(`bob:${secret}`, 'users');
      assert.fail(secret);
    } catch (error) {
      assert.ok(error instanceof FileFaultError, secret);
      assert.match(error.message, /^users:1:5: .*`sallyport passwd add`/);
      assert.doesNotMatch(error.message, /hunter2/);
    }
  }
});

test('a file of faults makes a bounded report', () => {
  const faults = faultsOf('x\n'.repeat(100_000));
  assert.equal(faults.length, 100);
});

test('the credential changes with the stored hash and with the user, and is not the hash', () => {
  const [first, second] = fixture('mosquitto-2.0.passwd').trim().split('\n');
  const credentialOf = (text: string): string => [...parsePasswordFile(text, 'users').users.values()][0]!.credential;
  const other = second!.replace(/^.*?:/, '');
  assert.equal(credentialOf(first!), credentialOf(`# moved\n${first}\n`));
  assert.notEqual(credentialOf(`sensor-1:${HASH}`), credentialOf(`sensor-1:${other}`));
  assert.notEqual(credentialOf(`sensor-1:${HASH}`), credentialOf(`sensor-2:${HASH}`));
  assert.ok(!credentialOf(first!).includes(HASH.slice(-20)));
});

test('adding a user leaves every other line as it was', () => {
  const text = '# staff\r\nalice:$a\r\n\r\n#bob:$old\r\nbob:$b';
  assert.equal(withUser(text, 'alice', '$new'), '# staff\r\nalice:$new\r\n\r\n#bob:$old\r\nbob:$b');
  assert.equal(withUser(text, 'carol', '$c'), `${text}\r\ncarol:$c\r\n`);
  assert.equal(withUser('', 'carol', '$c'), 'carol:$c\n');
  assert.equal(withUser('alice:$a\n', 'carol', '$c'), 'alice:$a\ncarol:$c\n');
});

test('setting a password cures a plaintext line and a duplicate', () => {
  assert.equal(withUser('bob:plaintext\nalice:$a\nbob:$b\n', 'bob', '$new'), 'bob:$new\nalice:$a\n');
});

test('a replacement pattern in a hash is taken literally', () => {
  assert.equal(withUser('bob:$b\n', 'bob', '$&$1'), 'bob:$&$1\n');
});

test('deleting a user leaves every other line as it was, and says when there was none', () => {
  const text = '# staff\nalice:$a\n\nbob:$b\n';
  assert.equal(withoutUser(text, 'alice'), '# staff\n\nbob:$b\n');
  assert.equal(withoutUser(text, 'bob'), '# staff\nalice:$a\n\n');
  assert.equal(withoutUser(text, 'ali'), undefined);
  assert.equal(withoutUser(text, '# staff'), undefined);
});

test('any text is either users or faults, and a set password is then the one that counts', () => {
  const part = fc.constantFrom('alice', 'bob', ':', HASH, ' ', '\n', '\r\n', '#', '$6$', '/', '\ufeff');
  const text = fc.oneof(
    fc.array(part).map((parts) => parts.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (anything) => {
      let before: ReadonlyMap<string, { hash: { encoded: string } }> | undefined;
      try {
        before = parsePasswordFile(anything, 'users').users;
      } catch (error) {
        assert.ok(error instanceof FileFaultError, String(error));
      }
      if (before === undefined) return;
      const { users } = parsePasswordFile(withUser(anything, 'alice', OTHER_HASH), 'users');
      assert.equal(users.get('alice')?.hash.encoded, OTHER_HASH);
      assert.deepEqual(new Set(users.keys()), new Set([...before.keys(), 'alice']));
      const without = withoutUser(anything, 'alice');
      assert.equal(without !== undefined, before.has('alice'));
      if (without !== undefined) assert.equal(parsePasswordFile(without, 'users').users.has('alice'), false);
    }),
    { numRuns: 2000 },
  );
});
