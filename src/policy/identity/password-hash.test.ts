import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { defaultDecoy, hashPassword, isHashFault, type PasswordHash, parsePasswordHash } from './password-hash.ts';

const SALT = Buffer.alloc(16, 1).toString('base64');
const SALT_UNPADDED = SALT.replace(/=+$/, '');
const HASH_64 = Buffer.alloc(64, 2).toString('base64');
const HASH_UNPADDED = Buffer.alloc(32, 2).toString('base64').replace(/=+$/, '');

function parsed(encoded: string): PasswordHash {
  const hash = parsePasswordHash(encoded);
  if (isHashFault(hash)) assert.fail(hash.says);
  return hash;
}

test('a password hashed by us verifies, and has the default cost', async () => {
  const encoded = await hashPassword(Buffer.from('correct horse'), systemChance);
  assert.match(encoded, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(await parsed(encoded).verify(Buffer.from('correct horse')), true);
  assert.equal(await parsed(encoded).verify(Buffer.from('correct house')), false);
});

test('the same password is never stored twice the same', async () => {
  const password = Buffer.from('same');
  assert.notEqual(await hashPassword(password, systemChance), await hashPassword(password, systemChance));
});

// From the reference implementation's test suite [argon2, src/test.c], version 0x13.
test('the reference vector of argon2id verifies', async () => {
  const vector = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  assert.equal(await parsed(vector).verify(Buffer.from('password')), true);
  assert.equal(await parsed(vector).verify(Buffer.from('passwore')), false);
});

const refused: Record<string, string> = {
  plaintext: 'secret',
  'an empty scheme': '$$',
  bcrypt: '$2b$12$abcdefghijklmnopqrstuv',
  argon2i: `$argon2i$v=19$m=19456,t=2,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'sha512 without hash': `$6$${SALT}`,
  'sha512 with a part too many': `$6$${SALT}$${HASH_64}$x`,
  'sha512 with a salt that is not base64': `$6$!!!!$${HASH_64}`,
  'sha512 with a short salt': `$6$AAAA$${HASH_64}`,
  'sha512 with a short hash': `$6$${SALT}$AAAA`,
  'sha512 with a base64 tail that is not canonical': `$6$${SALT}$${HASH_64.slice(0, -3)}h==`,
  'PBKDF2 without iterations': `$7$${SALT}$${HASH_64}`,
  'PBKDF2 with 0 iterations': `$7$0$${SALT}$${HASH_64}`,
  'PBKDF2 with negative iterations': `$7$-1$${SALT}$${HASH_64}`,
  'PBKDF2 with a million and one iterations': `$7$1000001$${SALT}$${HASH_64}`,
  'PBKDF2 with iterations beyond every number': `$7$${'9'.repeat(400)}$${SALT}$${HASH_64}`,
  'argon2id without version': `$argon2id$m=19456,t=2,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id of the older version': `$argon2id$v=16$m=19456,t=2,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with a terabyte': `$argon2id$v=19$m=999999999,t=1,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id above 256 MiB': `$argon2id$v=19$m=262145,t=1,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with too much memory times passes': `$argon2id$v=19$m=262144,t=5,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with too many passes': `$argon2id$v=19$m=8,t=131073,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with too many lanes': `$argon2id$v=19$m=19456,t=2,p=17$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with less memory than its lanes need': `$argon2id$v=19$m=31,t=2,p=4$${SALT_UNPADDED}$${HASH_UNPADDED}`,
  'argon2id with a short salt': `$argon2id$v=19$m=19456,t=2,p=1$AAAA$${HASH_UNPADDED}`,
  'argon2id with a short hash': `$argon2id$v=19$m=19456,t=2,p=1$${SALT_UNPADDED}$AAAA`,
  'a line without end': `$6$${'A'.repeat(100_000)}`,
};
for (const [name, encoded] of Object.entries(refused)) {
  test(`${name} is refused at load`, () => {
    const fault = parsePasswordHash(encoded);
    assert.ok(isHashFault(fault));
    assert.match(fault.cure, /sallyport passwd add/);
  });
}

test('what stands at a ceiling is accepted', () => {
  parsed(`$7$1000000$${SALT}$${HASH_64}`);
  parsed(`$argon2id$v=19$m=262144,t=4,p=16$${SALT_UNPADDED}$${HASH_UNPADDED}`);
});

test('a decoy has the form and the cost of its original, and its own salt and hash', () => {
  for (const original of [
    parsed(`$6$${SALT}$${HASH_64}`),
    parsed(`$7$101$${SALT}$${HASH_64}`),
    parsed(`$argon2id$v=19$m=47104,t=1,p=1$${SALT_UNPADDED}$${HASH_UNPADDED}`),
    defaultDecoy(systemChance),
  ]) {
    const decoy = original.decoy(systemChance);
    assert.equal(decoy.cost, original.cost);
    assert.equal(decoy.encoded.length, original.encoded.length);
    assert.notEqual(decoy.encoded, original.encoded);
    assert.equal(parsed(decoy.encoded).cost, original.cost);
  }
});
