import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Subject } from './decision.ts';
import { type Explanation, explain, type Question } from './policy-explain.ts';
import { parsePolicyFile } from './policy-file.ts';

const POLICY = parsePolicyFile(
  `roles:
  base:
    grants:
      - allow: [subscribe, receive]
        topics: open/#
      - deny: publish
        topics: cmd/#
        when: { retain: true }
  device:
    includes: base
    grants:
      - allow: publish
        topics: d/\${username}/#
        when: { qos: 1, payloadMax: 100B }
  operator:
    grants:
      - allow: publish
        topics: cmd/#
        when: { network: 10.0.0.0/8, tls: required }
      - allow: publish
        topics: x/y
        when: { hours: "mon-fri 08:00-18:00 UTC", listener: inner }
  unused:
    grants:
      - { allow: publish, topics: z }
  private:
    grants:
      - { deny: [publish, subscribe], topics: "p/\${cert.cn}" }
      - { allow: [publish, subscribe], topics: p/# }
assignments:
  - { roles: device, to: { user: d42 } }
  - { roles: [base, operator], to: { group: ops } }
  - { roles: private, to: { clientId: "p*" } }
`,
  'p',
);

/** 2026-07-05 is a Sunday. */
const SUNDAY = new ManualClock(Date.parse('2026-07-05T12:00:00Z'));

function ask(
  subject: Partial<Subject>,
  action: Question['action'],
  topic: string,
  facts: Partial<Question['facts']> = {},
): Explanation {
  const whole = { username: undefined, clientId: 'c', ...subject };
  const question = { action, topic, facts: { qos: 0, retain: false, payloadBytes: 0, ...facts } as const };
  return explain(POLICY, whole, question, SUNDAY);
}

/** Line and obstacles of the grants that came near. */
function near({ near: all }: Explanation): [number, ...string[]][] {
  return all.map(({ line, obstacles }) => [line, ...obstacles]);
}

test('what is allowed names the grant, its role and its line', () => {
  const told = ask({ username: 'd42' }, 'publish', 'd/d42/x', { qos: 1, payloadBytes: 100 });
  assert.equal(told.allowed, true);
  assert.equal(told.by, 'policy:p:13');
  assert.deepEqual(told.decided, {
    file: 'p',
    line: 13,
    role: 'device',
    grant: 'allow publish on d/${username}/#, up to QoS 1, up to 100 bytes',
  });
  assert.deepEqual(told.changes, []);
});

test('the roles are told with what they come through', () => {
  assert.deepEqual(ask({ username: 'd42' }, 'publish', 'x').roles, [
    { role: 'device', through: 'assigned to user d42 (line 31)' },
    { role: 'base', through: 'included by device' },
  ]);
  assert.equal(ask({}, 'publish', 'x').remark, 'The client has no role.');
});

test('a deny is told with what would lift it', () => {
  const rights = { groups: ['ops'], address: '10.0.0.1', secure: true };
  const told = ask(rights, 'publish', 'cmd/stop', { retain: true });
  assert.equal(told.by, 'policy:p:7');
  assert.deepEqual(told.near, []);
  assert.deepEqual(told.changes, [
    'Send it not retained.',
    'Take `deny publish on cmd/#, retained` out of the role base (line 7), or narrow it: a deny beats every allow.',
  ]);
  const elsewhere = ask({ ...rights, secure: false }, 'publish', 'cmd/stop', { retain: true });
  assert.deepEqual(near(elsewhere), [[18, 'only with TLS']]);
  assert.deepEqual(elsewhere.changes, ['Send it not retained. Even then nothing would allow it.']);
});

test('each condition that fails is named with its cure', () => {
  const told = ask({ username: 'd42' }, 'publish', 'd/d42/x', { qos: 2, payloadBytes: 101 });
  assert.deepEqual(near(told), [[13, 'only up to QoS 1', 'only up to 100 bytes']]);
  const one = ask({ username: 'd42' }, 'publish', 'd/d42/x', { qos: 2 });
  assert.equal(one.changes[0], 'Send it at most at QoS 1.');
  const ops = ask({ groups: ['ops'] }, 'publish', 'x/y');
  assert.deepEqual(near(ops), [[21, 'only within mon-fri 08:00-18:00 UTC', 'only through listener inner']]);
  const late = ask({ groups: ['ops'], listener: 'inner' }, 'publish', 'x/y');
  assert.equal(late.changes[0], 'Wait: it is granted within mon-fri 08:00-18:00 UTC.');
});

test('a role that is not held is told with who has it', () => {
  const told = ask({ address: '10.0.0.1', secure: true }, 'publish', 'cmd/x');
  assert.deepEqual(near(told), [[18, 'the client lacks the role operator']]);
  assert.deepEqual(told.changes, [
    'Assign the role operator to this client; group ops (line 32) has it.',
    'Assign the client a role that has `allow: publish` on `cmd/x`.',
  ]);
  assert.equal(ask({}, 'publish', 'z').changes[0], 'Assign the role unused, which nobody has.');
});

test('a grant for another action came near', () => {
  const told = ask({ username: 'd42' }, 'publish', 'open/x');
  assert.deepEqual(near(told), [[5, 'it is about subscribe and receive, not publish']]);
  assert.equal(told.changes[0], 'Add publish to the actions of the grant at line 5.');
});

test('a placeholder is told with what it stands for', () => {
  assert.deepEqual(near(ask({ username: 'd42' }, 'publish', 'd/d43/x')), [[13, '${username} is d42 here']]);
  const nobody = ask({}, 'publish', 'd/d43/x');
  assert.deepEqual(near(nobody), [[13, 'the client has no ${username}', 'the client lacks the role device']]);
});

test('a deny that cannot be filled in says why it denies everything', () => {
  const told = ask({ clientId: 'p1' }, 'publish', 'p/x');
  assert.equal(told.by, 'policy:p:28');
  assert.match(told.remark!, /no \$\{cert\.cn\} that is fit/);
});

test('a filter that reaches into a deny says so', () => {
  const told = ask({ clientId: 'p1', attributes: { 'cert.cn': 'own' } }, 'subscribe', 'p/#');
  assert.equal(told.by, 'policy:p:28');
  assert.match(told.remark!, /deny `receive`/);
});

test('a filter that asks for too much is told what is granted of it', () => {
  const told = ask({ username: 'd42' }, 'subscribe', '#');
  assert.deepEqual(near(told)[0], [5, 'it covers only a part of #']);
  assert.equal(told.changes[0], 'Subscribe to less: open/# is granted at line 5.');
});

test('of what is allowed, denies that were close are told', () => {
  const told = ask({ groups: ['ops'], address: '10.0.0.1', secure: true }, 'publish', 'cmd/stop');
  assert.equal(told.allowed, true);
  assert.deepEqual(near(told), [[7, 'only retained']]);
});
