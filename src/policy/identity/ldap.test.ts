import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { AuthenticationResult, Credentials } from './identity.ts';
import { escapeFilterValue, expandFilter } from './ldap-filter.ts';
import { type LdapEntry, LdapMethod, type LdapMethodOptions } from './ldap-method.ts';
import { groupNameUnder } from './ldap-name.ts';

const PUMP: LdapEntry = {
  dn: 'uid=pump,ou=people,dc=example',
  values: {
    uid: ['pump'],
    mail: ['pump@example.org'],
    memberOf: ['cn=ops,ou=groups,dc=example', 'cn=admins,ou=other,dc=example'],
  },
};

function setUp(options: Partial<LdapMethodOptions> = {}) {
  const clock = new ManualClock();
  const said: string[] = [];
  const directory: { found: readonly LdapEntry[] } = { found: [PUMP] };
  const method = new LdapMethod({
    inDirectory: async (work) => {
      try {
        const value = await work({
          bindService: async () => void said.push('bind service'),
          bind: async (dn, password) => {
            said.push(dn === PUMP.dn ? 'bind user' : 'bind nobody');
            assert.ok(password.length > 0);
            return String(password) === 'right';
          },
          search: async (base, filter) => {
            said.push(`search ${base} ${filter}`);
            return base === 'ou=people,dc=example' ? directory.found : [{ dn: 'cn=ops', values: { cn: ['ops'] } }];
          },
        });
        return { ok: true, value };
      } catch {
        return { ok: false, trouble: 'unavailable' };
      }
    },
    userBase: 'ou=people,dc=example',
    userFilter: '(&(objectClass=person)(uid=%u))',
    usernameAttribute: 'uid',
    groups: undefined,
    attributes: ['mail', 'missing'],
    validForMs: 1000,
    clock,
    chance: systemChance,
    ...options,
  });
  const login = (username: string, password: string): Promise<AuthenticationResult | undefined> | undefined => {
    const credentials: Credentials = {
      clientId: 'c1',
      username,
      password: Buffer.from(password),
      certificateName: undefined,
      anonymousAllowed: false,
    };
    return method.authenticate(credentials);
  };
  return { method, login, said, directory, clock };
}

function denial(result: AuthenticationResult | undefined): [number, string] {
  assert.ok(result !== undefined && !result.ok);
  return [result.reason, result.says];
}

const REFUSED = [0x86, 'Unknown user or wrong password.'];

test('who can bind is who it says, with the attributes that were asked for', async () => {
  const { login, clock } = setUp();
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  assert.equal(result.identity.username, 'pump');
  assert.deepEqual({ ...result.identity.attributes }, { mail: 'pump@example.org' });
  assert.equal(result.identity.expiresAtMs, clock.epochMs() + 1000);
});

test('unknown and wrong cost the same conversation, and are told apart by nothing', async () => {
  const { login, said, directory } = setUp();
  assert.deepEqual(denial(await login('pump', 'wrong')), REFUSED);
  const wrong = said.splice(0).map((line) => line.split(' ')[0]);
  directory.found = [];
  assert.deepEqual(denial(await login('pump', 'wrong')), REFUSED);
  assert.deepEqual(
    said.map((line) => line.split(' ')[0]),
    wrong,
  );
  // The decoy may even let somebody in: an unknown user stays one.
  assert.deepEqual(denial(await login('pump', 'right')), REFUSED);
});

test('a name in another spelling is another name', async () => {
  const { login } = setUp();
  assert.deepEqual(denial(await login('PUMP', 'right')), REFUSED);
});

test('an empty password is refused before anybody is asked: a directory would call it an anonymous bind', async () => {
  const { login, said } = setUp();
  assert.equal(denial(await login('pump', ''))[0], 0x86);
  assert.deepEqual(said, []);
});

test('two entries for one user, and one without a name, are trouble and no login', async () => {
  const { login, directory } = setUp();
  directory.found = [PUMP, { ...PUMP, dn: 'uid=pump,ou=old,dc=example' }];
  assert.equal(denial(await login('pump', 'right'))[0], 0x88);
  directory.found = [{ ...PUMP, dn: '' }];
  assert.equal(denial(await login('pump', 'right'))[0], 0x88);
});

test('an unknown user is left to the next method where the chain says so, without a bind', async () => {
  const { login, said, directory } = setUp({ unknownUser: 'next' });
  directory.found = [];
  assert.equal(await login('pump', 'right'), undefined);
  assert.ok(said.every((line) => !line.startsWith('bind nobody')));
});

test('groups come from the attribute, of the branch where groups are', async () => {
  const { login } = setUp({ groups: { from: 'attribute', attribute: 'memberOf', base: 'OU=Groups, dc=example' } });
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  assert.deepEqual(result.identity.groups, ['ops']);
});

test('groups come from a search by the service account, after the bind', async () => {
  const { login, said } = setUp({
    groups: { from: 'search', base: 'ou=groups,dc=example', filter: '(member=%d)', nameAttribute: 'cn' },
  });
  const result = await login('pump', 'right');
  assert.ok(result?.ok);
  assert.deepEqual(result.identity.groups, ['ops']);
  assert.deepEqual(said.slice(2), [
    'bind user',
    'bind service',
    'search ou=groups,dc=example (member=uid=pump,ou=people,dc=example)',
  ]);
});

test('a value in a filter changes nothing but the value [RFC 4515]', () => {
  assert.equal(escapeFilterValue('*)(uid=*'), '\\2a\\29\\28uid=\\2a');
  assert.equal(escapeFilterValue('a\\b\u0000é'), 'a\\5cb\\00\\c3\\a9');
  assert.equal(
    expandFilter('(&(uid=%u)(cn=%c)(x=%%u))', { username: '%c', clientId: '%u' }),
    '(&(uid=%c)(cn=%u)(x=%u))',
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (username) => {
      const filter = expandFilter('(uid=%u)', { username, clientId: '' });
      assert.match(filter, /^\(uid=(?:[^\u0000()*\\]|\\[0-9a-f]{2})*\)$/);
    }),
  );
});

test("a group's name counts only directly under the base [RFC 4514]", () => {
  const base = 'ou=groups,dc=example';
  assert.equal(groupNameUnder('cn=ops,ou=groups,dc=example', base), 'ops');
  assert.equal(groupNameUnder('CN=Ops , OU = GROUPS,DC=Example', base), 'Ops');
  assert.equal(groupNameUnder('cn=a\\,b,ou=groups,dc=example', base), 'a,b');
  assert.equal(groupNameUnder('cn=\\c3\\a9,ou=groups,dc=example', base), 'é');
  for (const dn of [
    'cn=ops,ou=other,dc=example',
    'cn=ops,cn=inner,ou=groups,dc=example',
    'cn=ops\\,ou=groups,dc=example',
    'cn=ops,ou=groups,dc=example,dc=org',
    'cn=a+sn=b,ou=groups,dc=example',
    'ou=groups,dc=example',
    'nonsense',
    '',
  ]) {
    assert.equal(groupNameUnder(dn, base), undefined, dn);
  }
});
