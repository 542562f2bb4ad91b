import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { AccessDecision, ClientAuthorization, PublishFacts, Subject } from './decision.ts';
import { buildPolicyAuthorizer } from './policy-authorizer.ts';
import { compilePolicy } from './policy-compiled.ts';
import { parsePolicyFile } from './policy-file.ts';

const SMALL: PublishFacts = { qos: 0, retain: false, payloadBytes: 1 };

/** Rights under a policy whose one role, `r`, has these grants and is everyone's. */
function client(grants: string[], subject: Partial<Subject> = {}, clock = new ManualClock()): ClientAuthorization {
  return rights(`roles:\n  r:\n    grants:\n${grants.map((grant) => `      - ${grant}\n`).join('')}`, subject, clock);
}

function rights(
  roles: string,
  subject: Partial<Subject> = {},
  clock = new ManualClock(),
  assignments = '[{ roles: r, to: everyone }]',
): ClientAuthorization {
  const policy = parsePolicyFile(`${roles}\nassignments: ${assignments}\n`, 'p');
  return buildPolicyAuthorizer(compilePolicy(policy), clock).forClient({
    username: 'alice',
    clientId: 'c1',
    ...subject,
  });
}

/** `+` and the author of an allowed answer, `-` and the author of a denial. */
function told(decision: AccessDecision, facts = SMALL): string {
  const settled = decision.depends?.(facts) ?? decision;
  return `${settled.allowed ? '+' : '-'}${settled.by}`;
}

test('who has no role may do nothing', () => {
  const none = rights('roles: { r: { grants: [{ allow: publish, topics: "#" }] } }', {}, undefined, '[]');
  for (const decision of [none.publish('a'), none.receive('a'), none.subscribe('a')]) {
    assert.equal(told(decision), '-policy:default');
  }
});

test('each action is granted by itself', () => {
  const own = client([
    '{ allow: publish, topics: p }',
    '{ allow: subscribe, topics: s }',
    '{ allow: receive, topics: r }',
  ]);
  assert.deepEqual(
    ['p', 's', 'r'].map((topic) => [own.publish(topic), own.subscribe(topic), own.receive(topic)].map((d) => told(d))),
    [
      ['+policy:p:4', '-policy:default', '-policy:default'],
      ['-policy:default', '+policy:p:5', '-policy:default'],
      ['-policy:default', '-policy:default', '+policy:p:6'],
    ],
  );
});

test('deny beats allow, whichever role it comes from and wherever it stands', () => {
  const own = rights(
    'roles:\n  base: { grants: [{ deny: publish, topics: a/secret }] }\n  r: { includes: base, grants: [{ allow: publish, topics: a/# }] }',
  );
  assert.equal(told(own.publish('a/b')), '+policy:p:3');
  assert.equal(told(own.publish('a/secret')), '-policy:p:2');
});

test('a deny of subscribe refuses every filter that reaches into it', () => {
  const own = client(['{ allow: [subscribe, receive], topics: "#" }', '{ deny: subscribe, topics: a/secret/# }']);
  assert.deepEqual(
    ['a/b', 'a/secret', 'a/secret/x', 'a/+', 'a/#', '+/secret', '+/+/x', '#', '+'].map(
      (f) => told(own.subscribe(f))[0],
    ),
    ['+', '-', '-', '-', '-', '-', '-', '-', '+'],
  );
});

test('a deny of receive lets a wide filter stand, and withholds', () => {
  const own = client(['{ allow: [subscribe, receive], topics: a/# }', '{ deny: receive, topics: a/secret }']);
  assert.equal(told(own.subscribe('a/#')), '+policy:p:4');
  assert.equal(told(own.receive('a/secret')), '-policy:p:5');
});

test('a wildcard reaches no topic that begins with $', () => {
  const own = client(['{ allow: [publish, subscribe], topics: ["#", +/x] }']);
  assert.equal(told(own.publish('$SYS/x')), '-policy:default');
  assert.equal(told(own.subscribe('$SYS/#')), '-policy:default');
  assert.equal(told(own.subscribe('#')), '+policy:p:4');
});

test('placeholders stand for attributes, as whole levels and inside them', () => {
  const own = client(
    ['{ allow: publish, topics: ["d/${username}/#", "x-${clientId}", "s/${claim.site}/${cert.cn}"] }'],
    {
      attributes: { 'claim.site': 'north', 'cert.cn': 'pump' },
    },
  );
  assert.deepEqual(
    ['d/alice', 'd/alice/x', 'd/bob/x', 'x-c1', 'x-c2', 's/north/pump', 's/north/x'].map(
      (t) => told(own.publish(t))[0],
    ),
    ['+', '+', '-', '+', '-', '+', '-'],
  );
});

for (const username of ['+', '#', 'a/b', '', 'a\u0001', undefined]) {
  test(`a placeholder never stands for ${JSON.stringify(username)}`, () => {
    const own = client(['{ allow: [publish, subscribe], topics: ["d/${username}/x", e] }'], { username });
    for (const topic of [`d/${username}/x`, 'd/x/x', 'd//x', 'd/a/b/x', 'd/undefined/x']) {
      assert.equal(told(own.publish(topic)), '-policy:default', topic);
    }
    assert.equal(told(own.subscribe('d/+/x')), '-policy:default');
    assert.equal(told(own.publish('e')), '+policy:p:4');
  });

  test(`a deny whose placeholder would stand for ${JSON.stringify(username)} denies everything`, () => {
    const own = client(['{ allow: [publish, subscribe], topics: "#" }', '{ deny: publish, topics: "d/${username}" }'], {
      username,
    });
    assert.equal(told(own.publish('e')), '-policy:p:5');
    assert.equal(told(own.subscribe('e')), '-policy:p:5');
  });
}

test('a deny on another listener denies nothing here, whatever its placeholder', () => {
  const own = client(
    ['{ allow: publish, topics: "#" }', '{ deny: publish, topics: "d/${cert.cn}", when: { listener: other } }'],
    { listener: 'mqtts' },
  );
  assert.equal(told(own.publish('e')), '+policy:p:4');
});

test('a placeholder in the first level does not reach $SYS', () => {
  const own = client(['{ allow: publish, topics: "${username}/#" }'], { username: '$SYS' });
  assert.equal(told(own.publish('$SYS/x')), '-policy:default');
});

test('a placeholder whose value is a placeholder is not replaced again', () => {
  const own = client(['{ allow: publish, topics: "d/${username}" }'], { username: '${clientId}' });
  assert.equal(told(own.publish('d/c1')), '-policy:default');
  assert.equal(told(own.publish('d/${clientId}')), '+policy:p:4');
});

test('network, listener and TLS are decided when the client comes', () => {
  const grant = ['{ allow: publish, topics: a, when: { network: 10.0.0.0/8, listener: mqtts, tls: required } }'];
  const fit = { address: '10.1.1.1', listener: 'mqtts', secure: true };
  assert.equal(client(grant, fit).publish('a').allowed, true);
  for (const change of [{ address: '192.0.2.1' }, { listener: 'ws' }, { secure: false }]) {
    assert.equal(told(client(grant, { ...fit, ...change }).publish('a')), '-policy:default');
  }
  assert.equal(told(client(grant).publish('a')), '-policy:default');
});

test('what is not known of a client does not save it from a deny', () => {
  for (const when of ['network: 10.0.0.0/8', 'listener: mqtts']) {
    const own = client(['{ allow: publish, topics: a }', `{ deny: publish, topics: a, when: { ${when} } }`]);
    assert.equal(told(own.publish('a')), '-policy:p:5');
  }
});

test('QoS, retain and size are asked for each message, by one decision', () => {
  const own = client([
    '{ allow: publish, topics: a, when: { qos: 1, payloadMax: 4B } }',
    '{ deny: publish, topics: a, when: { retain: true } }',
  ]);
  const decision = own.publish('a');
  assert.equal(decision.allowed, false);
  assert.equal(told(decision, { qos: 1, retain: false, payloadBytes: 4 }), '+policy:p:4');
  assert.equal(told(decision, { qos: 2, retain: false, payloadBytes: 4 }), '-policy:default');
  assert.equal(told(decision, { qos: 1, retain: false, payloadBytes: 5 }), '-policy:default');
  assert.equal(told(decision, { qos: 0, retain: true, payloadBytes: 4 }), '-policy:p:5');
  assert.equal(own.publish('a'), decision);
});

test('a grant without conditions leaves nothing open', () => {
  const own = client(['{ allow: publish, topics: a, when: { qos: 0 } }', '{ allow: publish, topics: + }']);
  assert.deepEqual(own.publish('a'), { allowed: true, by: 'policy:p:5' });
});

test('hours open and close a grant while the client stays', () => {
  // 2026-07-06 is a Monday.
  const clock = new ManualClock(Date.parse('2026-07-06T07:59:00Z'));
  const own = client(
    ['{ allow: [publish, subscribe], topics: a, when: { hours: "mon-fri 08:00-18:00 UTC" } }'],
    {},
    clock,
  );
  const outcomes = (): string[] => [told(own.publish('a')), told(own.subscribe('a'))];
  assert.deepEqual(outcomes(), ['-policy:default', '-policy:default']);
  clock.advance(60_000);
  assert.deepEqual(outcomes(), ['+policy:p:4', '+policy:p:4']);
  clock.advance(10 * 3_600_000);
  assert.deepEqual(outcomes(), ['-policy:default', '-policy:default']);
});

const assignments: [to: string, fit: Partial<Subject>, unfit: Partial<Subject>][] = [
  ['anonymous', { username: undefined }, {}],
  ['authenticated', {}, { username: undefined }],
  ['{ user: [bob, alice] }', {}, { username: 'carol' }],
  ['{ group: ops }', { groups: ['x', 'ops'] }, { groups: ['x'] }],
  ['{ role: op }', { roles: ['op'] }, { roles: ['r'] }],
  ['{ clientId: "pump-*-*7" }', { clientId: 'pump-a-b7' }, { clientId: 'pump-7' }],
  ['{ listener: mqtts }', { listener: 'mqtts' }, {}],
  ['{ network: [fd00::/8, 10.0.0.1] }', { address: '10.0.0.1' }, { address: '10.0.0.2' }],
  ['{ cert.ou: [a, b] }', { attributes: { 'cert.ou': 'b' } }, { attributes: { 'cert.cn': 'b' } }],
  ['{ user: alice, group: ops }', { groups: ['ops'] }, {}],
];
for (const [to, fit, unfit] of assignments) {
  test(`an assignment to ${to} finds whom it means and nobody else`, () => {
    const roles = 'roles: { r: { grants: [{ allow: publish, topics: a }] } }';
    const may = (subject: Partial<Subject>): boolean =>
      rights(roles, subject, undefined, `[{ roles: r, to: ${to} }]`).publish('a').allowed;
    assert.equal(may(fit), true);
    assert.equal(may(unfit), false);
  });
}

test('roles that the identity brought are not the roles of the policy by themselves', () => {
  const own = rights(
    'roles: { r: { grants: [{ allow: publish, topics: a }] } }',
    { roles: ['r'] },
    undefined,
    '[{ roles: r, to: { user: bob } }]',
  );
  assert.equal(told(own.publish('a')), '-policy:default');
});

test('a filter that would walk through countless denies is refused', () => {
  const denies = Array.from({ length: 11_000 }, (_, i) => `x${i}/y`);
  const own = client(['{ allow: subscribe, topics: "#" }', `{ deny: subscribe, topics: [${denies}] }`]);
  assert.equal(told(own.subscribe('+/z')), '-policy:filter-too-broad');
  assert.equal(told(own.subscribe('x1/z')), '+policy:p:4');
});

test('a client has the roles that it is given and those that they include, with their limits', () => {
  const own = rights(
    `roles:
  base:
    limits: { publish.messagesPerSecond: [10/1s, 100/1m], packetSizeMax: 4KiB }
  r:
    includes: base
    limits: { inflightMax: 5 }
  other:
    limits: { inflightMax: 1 }`,
  );
  assert.deepEqual([...(own.roles ?? [])].sort(), ['base', 'r']);
  assert.deepEqual((own.limits ?? []).map(({ name, text, source }) => `${name}=${text} ${source}`).sort(), [
    'inflightMax=5 p:6 role r',
    'packetSizeMax=4KiB p:3 role base',
    'publish.messagesPerSecond=10/1s, 100/1m p:3 role base',
  ]);
});
