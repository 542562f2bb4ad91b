import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyFile } from '../policy-file.ts';
import { policyWarnings } from './policy-warnings.ts';

/** Kind and line of each; the first grant stands in line 4. */
function warningsOf(grants: readonly string[], rest = 'assignments: [{ roles: a, to: everyone }]\n'): string[] {
  const text = `roles:\n  a:\n    grants:\n${grants.map((grant) => `      - { ${grant} }\n`).join('')}${rest}`;
  return policyWarnings(parsePolicyFile(text, 'p')).map(({ kind, line }) => `${kind} ${line}`);
}

test('a grant is unreachable where denies beat it everywhere, together too, and not where one topic, client or message is left', () => {
  const allow = 'allow: publish, topics: a/+';
  assert.deepEqual(warningsOf([allow, 'deny: publish, topics: a/#']), ['unreachable 4']);
  assert.deepEqual(warningsOf([allow, 'deny: publish, topics: a/b']), []);
  assert.deepEqual(warningsOf([allow, 'deny: receive, topics: a/#']), []);
  const [retained, fresh] = [true, false].map((retain) => `deny: publish, topics: "#", when: { retain: ${retain} }`);
  assert.deepEqual(warningsOf([allow, retained!]), []);
  assert.deepEqual(warningsOf([allow, retained!, fresh!]), ['unreachable 4']);
  assert.deepEqual(warningsOf(['allow: [publish, receive], topics: a', 'deny: publish, topics: a']), ['unreachable 4']);
});

test('a grant is subsumed by a wider one of the same clients under weaker conditions; of two equal ones the second is', () => {
  assert.deepEqual(warningsOf(['allow: publish, topics: a/b', 'allow: publish, topics: a/+']), ['subsumed 4']);
  assert.deepEqual(warningsOf(['allow: publish, topics: a', 'allow: publish, topics: a']), ['subsumed 5']);
  const far = (network: string): string => `allow: publish, topics: a, when: { network: ${network} }`;
  assert.deepEqual(warningsOf([far('10.1.0.0/16'), far('10.0.0.0/8')]), ['subsumed 4']);
  assert.deepEqual(warningsOf([far('10.1.0.0/16'), far('10.2.0.0/16')]), []);
  assert.deepEqual(warningsOf(['allow: publish, topics: a', far('10.0.0.0/8')]), ['subsumed 5']);
  assert.deepEqual(warningsOf(['allow: [publish, receive], topics: a/b', 'allow: publish, topics: a/+']), []);
  const other = '  b:\n    grants: [{ allow: publish, topics: a/+ }]\n';
  const users = 'assignments: [{ roles: a, to: { user: u } }, { roles: b, to: { user: v } }]\n';
  assert.deepEqual(warningsOf(['allow: publish, topics: a/b'], `${other}${users}`), []);
  assert.deepEqual(warningsOf(['allow: publish, topics: a/b'], `    includes: b\n${other}${users}`), ['subsumed 4']);
});

test('a role is unheld where no assignment names it or a role that includes it', () => {
  const grants = ['allow: publish, topics: a'];
  const inner = '  b: { grants: [] }\nassignments: [{ roles: a, to: { user: u } }]\n';
  assert.deepEqual(warningsOf(grants, inner), ['unheld 5']);
  assert.deepEqual(warningsOf(grants, `    includes: b\n${inner}`), []);
});

test('wildcards below $SYS and over what placeholders keep apart are told, unless only their role is asserted to reach it', () => {
  const both = [
    'allow: receive, topics: "$SYS/#"',
    'allow: receive, topics: "d/${username}/x"',
    'allow: receive, topics: d/+/x',
  ];
  assert.deepEqual(warningsOf(both), ['broker-topics 4', 'subsumed 5', 'tenants 6']);
  assert.deepEqual(warningsOf(['allow: receive, topics: $SYS/uptime', 'allow: receive, topics: "+/uptime"']), []);
  const apart = `  b:\n    grants: [{ allow: [receive, publish], topics: "d/\${username}/#" }]
assignments: [{ roles: a, to: { user: u } }, { roles: b, to: { user: v } }]\n`;
  assert.deepEqual(warningsOf(['allow: receive, topics: d/+/x'], apart), ['tenants 4']);
  assert.deepEqual(warningsOf(['allow: receive, topics: "#"'], apart), ['tenants 4']);
  assert.deepEqual(warningsOf(['allow: receive, topics: d/v/x'], apart), []);
  assert.deepEqual(warningsOf(['allow: subscribe, topics: d/+/x'], apart), []);
  const asserted = `${apart}assertions: ["only: role a,b receive d/#"]\n`.replace(
    /\["(only): (.*)"\]/,
    '[{ $1: "$2" }]',
  );
  assert.deepEqual(warningsOf(['allow: receive, topics: d/+/x'], asserted), []);
});

test('a role that the gateway gives by itself is not said to be of nobody', () => {
  const policy = parsePolicyFile('roles:\n  confined: { grants: [] }\n  lost: { grants: [] }\nassignments: []\n', 'p');
  const unheld = (givenRole?: string): string[] =>
    policyWarnings(policy, { givenRole }).flatMap(({ kind, says }) => (kind === 'unheld' ? says.split(':', 1) : []));
  assert.deepEqual(unheld(), ['Nobody has role confined', 'Nobody has role lost']);
  assert.deepEqual(unheld('confined'), ['Nobody has role lost']);
});
