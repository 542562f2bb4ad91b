import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyFile } from '../policy-file.ts';
import { diffPolicies } from './policy-diff.ts';

function policyOf(grants: readonly string[], to = 'everyone') {
  const text = `roles:\n  a:\n    grants:\n${grants.map((grant) => `      - { ${grant} }\n`).join('')}`;
  return parsePolicyFile(`${text}  empty: {}\nassignments: [{ roles: a, to: ${to} }]\n`, 'p');
}

/** Such as `allowed publish a/# except a/b when retained`. */
function changesOf(before: readonly string[], after: readonly string[]): string[] {
  return diffPolicies(policyOf(before), policyOf(after)).flatMap(({ changes }) =>
    changes.map(({ becomes, action, filter, except, when }) => {
      const but = except.length === 0 ? '' : ` except ${except.join(' ')}`;
      return `${becomes} ${action} ${filter}${but}${when === '' ? '' : ` when ${when}`}`;
    }),
  );
}

const pub = (topics: string, more = ''): string => `allow: publish, topics: ${topics}${more}`;
const deny = (topics: string, more = ''): string => `deny: publish, topics: ${topics}${more}`;

test('what is written otherwise and means the same is no difference', () => {
  assert.deepEqual(changesOf([pub('a/#'), pub('a/b')], [pub('a/#')]), []);
  assert.deepEqual(changesOf([pub('a/b'), pub('c')], [pub('[c, a/b]')]), []);
  assert.deepEqual(changesOf([pub('a'), pub('a/+'), pub('a/+/#')], [pub('a/#')]), []);
});

test('what is gained and lost is told in the fewest filters, with what was there left out', () => {
  assert.deepEqual(changesOf([pub('a/b')], [pub('a/+'), pub('a/c')]), ['allowed publish a/+ except a/b']);
  assert.deepEqual(changesOf([pub('d/+/x')], [pub('"d/${username}/x"')]), [
    'denied publish d/+/x except d/${username}/x',
  ]);
});

test('a deny that comes or goes is told by what it takes or leaves, and by what it keeps from other roles too', () => {
  assert.deepEqual(changesOf([pub('a/#')], [pub('a/#'), deny('+/b')]), ['denied publish a/b', 'barred publish +/b']);
  assert.deepEqual(changesOf([pub('a/#'), deny('+/b')], [pub('a/#')]), ['allowed publish a/b', 'unbarred publish +/b']);
  assert.deepEqual(changesOf([], [deny('b')]), ['barred publish b']);
});

test('conditions are told where they matter', () => {
  const net = (network: string): string => `, when: { network: ${network} }`;
  assert.deepEqual(changesOf([pub('a', net('10.1.0.0/16'))], [pub('a', net('10.0.0.0/8'))]), [
    'allowed publish a when from 10.0.0.0/8',
  ]);
  assert.deepEqual(changesOf([pub('a')], [pub('a', net('10.0.0.0/8'))]), ['denied publish a']);
  assert.deepEqual(
    changesOf(
      [pub('a', ', when: { tls: required }')],
      [pub('a', ', when: { tls: required }'), deny('a', ', when: { retain: true }')],
    ),
    ['barred publish a when retained', 'denied publish a when with TLS, retained'],
  );
});

test('roles that come and go, and who has them, are differences too', () => {
  const [difference, ...none] = diffPolicies(policyOf([pub('a')], '{ user: u }'), policyOf([pub('a')], '{ group: g }'));
  assert.deepEqual(none, []);
  assert.deepEqual(difference, {
    role: 'a',
    is: 'changed',
    changes: [],
    assigned: ['group g'],
    unassigned: ['user u'],
  });
  const gone = parsePolicyFile('roles:\n  empty: {}\n', 'p');
  const [lost] = diffPolicies(policyOf([pub('a')]), gone);
  assert.partialDeepStrictEqual(lost, {
    role: 'a',
    is: 'gone',
    changes: [{ filter: 'a', becomes: 'denied' }],
    unassigned: ['everyone'],
  });
  assert.equal(diffPolicies(gone, policyOf([pub('a')]))[0]!.is, 'new');
});
