/** Files in the real syntax of each product, and what becomes of them; every import is a policy that our own reader takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FileFaultError } from '../../../base/file-fault.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { parseAclFile } from '../acl-file.ts';
import { buildAuthorizer } from '../authorizer.ts';
import type { ClientAuthorization, PublishFacts, Subject } from '../decision.ts';
import { buildPolicyAuthorizer } from '../policy-authorizer.ts';
import { compilePolicy } from '../policy-compiled.ts';
import { parsePolicyFile } from '../policy-file.ts';
import { ImportedPolicy } from './imported-policy.ts';
import { formatOf, importInto } from './importers.ts';

interface Imported {
  readonly yaml: string;
  /** Line and sentence. */
  readonly notes: string[];
  rights(subject: Partial<Subject>): ClientAuthorization;
}

function imported(text: string, file = 'source'): Imported {
  const policy = new ImportedPolicy();
  importInto(policy, text, file, formatOf(text));
  const yaml = policy.toYaml();
  const authorizer = buildPolicyAuthorizer(compilePolicy(parsePolicyFile(yaml, 'p')), new ManualClock());
  return {
    yaml,
    notes: policy.sortedNotes().map(({ line, says }) => `${line}: ${says}`),
    rights: (subject) => authorizer.forClient({ username: undefined, clientId: 'c', ...subject }),
  };
}

const PLAIN: PublishFacts = { qos: 0, retain: false, payloadBytes: 0 };

/** Which of publish, subscribe and receive are allowed, as letters. */
function may(rights: ClientAuthorization, topic: string, facts = PLAIN): string {
  const [publish, receive] = [rights.publish(topic), rights.receive(topic)];
  return [
    (publish.depends?.(facts) ?? publish).allowed ? 'p' : '',
    rights.subscribe(topic).allowed ? 's' : '',
    (receive.depends?.(facts) ?? receive).allowed ? 'r' : '',
  ].join('');
}

test('an ACL file of Mosquitto becomes roles for its users, for anonymous clients and for its patterns', () => {
  const { yaml, notes } = imported(
    [
      'topic read public/#',
      'user alice',
      'topic write in',
      'topic readwrite a b/#',
      'topic deny a b/secret',
      'pattern read dev/%c',
      'pattern write dev/%u/+',
    ].join('\n'),
  );
  assert.equal(
    yaml,
    `roles:
  anonymous:
    grants:
      - allow: [ subscribe, receive ]
        topics: public/#
  user-alice:
    grants:
      - allow: publish
        topics: in
      - allow: [ publish, subscribe, receive ]
        topics: a b/#
      - deny: [ publish, receive ]
        topics: a b/secret
  everyone:
    grants:
      - allow: [ subscribe, receive ]
        topics: dev/\${clientId}
  named:
    grants:
      - allow: publish
        topics: dev/\${username}/+
assignments:
  - roles: anonymous
    to: anonymous
  - roles: user-alice
    to: { user: alice }
  - roles: everyone
    to: everyone
  - roles: named
    to: authenticated
`,
  );
  assert.deepEqual(notes, [
    '1: Mosquitto accepts every SUBSCRIBE; here one needs a grant that covers it. To let clients subscribe to more than they may receive, allow `subscribe` there.',
  ]);
});

test('an imported ACL decides on messages as the ACL does', () => {
  const word = fc.constantFrom('a', 'b', '$a', '');
  const level = fc.oneof(word, fc.constant('+'));
  const filter = fc
    .tuple(fc.array(level, { maxLength: 3 }), fc.boolean())
    .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
    .filter((text) => text !== '' && text !== 'deny');
  const pattern = fc.tuple(fc.constantFrom('%u/', '%c/', 'x%u/', ''), filter).map((parts) => parts.join(''));
  const access = fc.constantFrom('read', 'write', 'readwrite', 'deny');
  const line = fc.oneof(
    fc.tuple(access, filter).map(([how, text]) => `topic ${how} ${text}`),
    fc.tuple(access, pattern).map(([how, text]) => `pattern ${how} ${text}`),
    fc.constantFrom('user a', 'user b'),
  );
  const topic = fc.array(word, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/') || 'a');
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n')),
      fc.constantFrom('a', 'b', undefined),
      fc.array(topic, { maxLength: 5 }),
      (acl, username, topics) => {
        const before = buildAuthorizer(parseAclFile(acl, 'acl'), { subscribe: 'contained' }).forClient({
          username,
          clientId: 'b',
        });
        const after = imported(acl).rights({ username, clientId: 'b' });
        for (const name of topics) {
          assert.equal(after.publish(name).allowed, before.publish(name).allowed, name);
          assert.equal(after.receive(name).allowed, before.receive(name).allowed, name);
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** As `mosquitto_ctrl dynsec` writes it, without passwords. */
const DYNAMIC_SECURITY = `{
	"clients":	[{
			"username":	"admin",
			"textName":	"Dynsec admin user",
			"roles":	[{
					"rolename":	"admin"
				}]
		}, {
			"username":	"pump",
			"clientid":	"pump-1",
			"groups":	[{ "groupname":	"machines" }],
			"roles":	[]
		}, {
			"username":	"old",
			"disabled":	true,
			"roles":	[{ "rolename":	"admin" }]
		}],
	"groups":	[{
			"groupname":	"machines",
			"roles":	[{ "rolename":	"machine" }]
		}, {
			"groupname":	"guests",
			"roles":	[{ "rolename":	"guest" }]
		}],
	"roles":	[{
			"rolename":	"admin",
			"acls":	[
				{ "acltype":	"publishClientSend", "topic":	"$CONTROL/dynamic-security/#", "allow":	true },
				{ "acltype":	"subscribePattern", "topic":	"#", "allow":	true },
				{ "acltype":	"unsubscribePattern", "topic":	"#", "allow":	true }]
		}, {
			"rolename":	"machine",
			"textName":	"A machine",
			"acls":	[
				{ "acltype":	"publishClientSend", "topic":	"m/%u/#", "priority":	1, "allow":	true },
				{ "acltype":	"publishClientSend", "topic":	"m/+/secret", "priority":	0, "allow":	false },
				{ "acltype":	"subscribeLiteral", "topic":	"m/cmd", "allow":	true },
				{ "acltype":	"unsubscribeLiteral", "topic":	"m/cmd", "allow":	false }]
		}, { "rolename":	"guest", "acls": [{ "acltype": "subscribePattern", "topic": "news/+", "allow": true }] }],
	"anonymousGroup":	"guests",
	"defaultACLAccess":	{ "publishClientSend":	false, "publishClientReceive":	true, "subscribe":	false, "unsubscribe":	true }
}`;

test('a file of the dynamic-security plugin becomes its roles, clients, groups and defaults', () => {
  const { rights, notes } = imported(DYNAMIC_SECURITY);
  assert.equal(may(rights({ username: 'admin' }), '$CONTROL/dynamic-security/v1'), 'p');
  assert.equal(may(rights({ username: 'admin' }), 'x'), 'sr');
  const pump = rights({ username: 'pump', clientId: 'pump-1' });
  assert.deepEqual(
    ['m/pump/x', 'm/other/x', 'm/pump/secret', 'm/cmd'].map((topic) => may(pump, topic)),
    ['pr', 'r', 'r', 'sr'],
  );
  assert.equal(may(rights({ username: 'old' }), 'x'), 'r');
  assert.equal(may(rights({}), 'news/x'), 'sr');
  assert.deepEqual(notes, [
    '2: Passwords are no part of a policy: they stay where they are.',
    '13: Left out: the client old is disabled.',
    '31: In the role machine an allow has the priority of a deny or a higher one; here a deny beats every allow.',
    '38: Left out: here a client may give up any subscription.',
    '41: By default everyone may receive on all topics; that is now the role default, without topics that begin with $.',
  ]);
});

test('an acl.conf of EMQX is carried over in the order in which its rules decide', () => {
  const { rights, notes } = imported(`%% Default rules, and some more.
{allow, {username, {re, "^dashboard$"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "127.0.0.1"}, all, ["$SYS/#", "#"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}.
{allow, {'and', [{clientid, {re, "^dev-"}}, {ipaddrs, ["10.0.0.0/8", "10.1.0.1"]}]},
  {publish, [{qos, 1}, {retain, false}]}, ["d/\${clientid}/#", "n/\${cn}"]}.
{allow, {'or', [{user, "ann"}, {client, "c9"}]}, pubsub, ["team/%u"]}.
{deny, {clientid, {re, "[a-z]+"}}, publish, ["x/#"]}.
{deny, all, publish, ["secret/#"]}.
{allow, {username, "bob"}, publish, ["#"]}.
{deny, all}.
`);
  assert.equal(may(rights({ username: 'dashboard' }), '$SYS/x'), 'sr');
  assert.equal(may(rights({ address: '127.0.0.1' }), 'a'), 'psr');
  const device = rights({ clientId: 'dev-1', address: '10.2.3.4', attributes: { 'cert.cn': 'one' } });
  assert.equal(may(device, 'd/dev-1/x'), 'p');
  assert.equal(may(device, 'd/dev-1/x', { ...PLAIN, retain: true }), '');
  assert.equal(may(device, 'd/dev-2/x'), '');
  assert.equal(may(device, 'n/one'), 'p');
  assert.equal(may(rights({ username: 'ann' }), 'team/ann'), 'psr');
  assert.equal(may(rights({ username: 'bob' }), 'a'), 'p');
  assert.equal(may(rights({ username: 'carol' }), 'a'), '');
  assert.deepEqual(notes, [
    '4: A DENY is lost: only the filter # itself was denied, and filters in it were not.',
    '4: A DENY is lost: only the filter +/# itself was denied, and filters in it were not.',
    '6: QoS 1 alone is allowed; here lower ones are too.',
    '8: The rule at line 3 allowed a part of x/# before this deny; here the deny beats it.',
    '8: A DENY is lost: whom the rule means cannot be said in a policy.',
    '9: The rule at line 3 allowed a part of secret/# before this deny; here the deny beats it.',
  ]);
});

for (const [who, clientId, others] of [
  ['{clientid, {re, "^a-.*$"}}', 'a-1', ['b-a-1']],
  ['{clientid, {re, "-z$"}}', 'b-z', ['b-z1']],
  ['{clientid, {re, "mid"}}', 'x-mid-y', ['x-y']],
  ['{clientid, "exact"}', 'exact', ['exact1']],
] as const) {
  test(`EMQX means the same clients by ${who}`, () => {
    const { rights } = imported(`{allow, ${who}, publish, ["t"]}.`);
    assert.equal(may(rights({ clientId }), 't'), 'p');
    for (const other of others) assert.equal(may(rights({ clientId: other }), 't'), '');
  });
}

for (const who of [
  '{clientid, "a*"}',
  '{username, {re, "^dash"}}',
  '{clientid, {re, "a|b"}}',
  '{zone, "x"}',
  '{nobody}',
]) {
  test(`what EMQX means by ${who} is told and left out`, () => {
    const { yaml, notes } = imported(`{allow, ${who}, publish, ["t"]}.`);
    assert.deepEqual(notes, ['1: Left out: whom the rule means cannot be said in a policy.']);
    assert.doesNotMatch(yaml, /allow/);
  });
}

test('a file of broken terms is refused where it breaks', () => {
  for (const [text, line, column] of [
    ['{allow, all}', 1, 12],
    ['{allow, all}.\n{allow, {username "x"}, publish, ["t"]}.', 2, 19],
    ['{allow, all}.\n{allow, #}.', 2, 9],
    ['{allow, [', 1, 9],
    [`{allow, ${'['.repeat(100)}`, 1, 25],
  ] as const) {
    assert.throws(
      () => imported(text),
      (error) => {
        assert.ok(error instanceof FileFaultError);
        assert.deepEqual([error.faults[0]!.line, error.faults[0]!.column], [line, column], text.slice(0, 40));
        return true;
      },
    );
  }
});

test('a policy of AWS IoT becomes one role, which nobody has yet', () => {
  const policy = new ImportedPolicy();
  const text = `{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:eu-central-1:123456789012:client/\${iot:ClientId}" },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
      "Resource": ["arn:aws:iot:eu-central-1:123456789012:topic/d/\${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:eu-central-1:123456789012:topic/exact"] },
    { "Effect": "Allow", "Action": "iot:RetainPublish", "Resource": "arn:aws:iot:eu-central-1:123456789012:topic/state" },
    { "Effect": "Allow", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:eu-central-1:123456789012:topicfilter/d/+/cmd" },
    { "Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:eu-central-1:123456789012:topic/*/secret*" },
    { "Effect": "Allow", "Action": "iot:Publish", "Resource": "*", "Condition": { "Bool": { "iot:Connection.Thing.IsAttached": ["true"] } } },
    { "Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:eu-central-1:123456789012:topic/a/*/b",
      "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } },
    { "Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:eu-central-1:123456789012:topic/pre*" },
    { "Effect": "Allow", "Action": "iot:UpdateThingShadow", "Resource": "*" }
  ]
}`;
  assert.equal(formatOf(text), 'aws-iot');
  importInto(policy, text, 'things/DevicePolicy.json', 'aws-iot');
  assert.equal(
    policy.toYaml(),
    `roles:
  DevicePolicy:
    grants:
      - allow: publish
        topics:
          - d/\${clientId}/+/#
          - exact
        when: { retain: false }
      - allow: receive
        topics:
          - d/\${clientId}/+/#
          - exact
      - allow: publish
        topics: state
        when: { retain: true }
      - allow: subscribe
        topics: d/+/cmd
      - deny: publish
        topics: "#"
      - allow: publish
        topics: a/+/b
        when: { retain: false, network: [ 10.0.0.0/8 ] }
assignments: []
`,
  );
  parsePolicyFile(policy.toYaml(), 'p');
  assert.deepEqual(
    policy.sortedNotes().map(({ line, says }) => `${line}: ${says}`),
    [
      '1: Whom the policy is attached to is not in the file: assign the role DevicePolicy.',
      '4: Left out: iot:Connect: who may connect, and under which identifier, is not in a policy.',
      '6: The name of a thing is taken to be the client identifier.',
      '6: The name of a thing is taken to be the client identifier.',
      '10: The deny of */secret* is now one of #: a * within a topic cannot be said otherwise.',
      '11: Left out: the condition Bool on iot:Connection.Thing.IsAttached cannot be said in a policy.',
      '12: a/*/b is now a/+/b: there a * stands for several levels too.',
      '14: Left out: pre*: a * or ? inside a level cannot be said in a policy.',
      '15: Left out: iot:UpdateThingShadow is no action of MQTT.',
    ],
  );
});

test('what is no JSON object is refused', () => {
  assert.throws(() => imported('{ "Statement": [ }'), FileFaultError);
  assert.throws(() => imported('{ "clients": '), FileFaultError);
});

test('files of several products become one policy, whose roles keep apart', () => {
  const policy = new ImportedPolicy();
  importInto(policy, 'topic read a', 'one', 'mosquitto-acl');
  importInto(policy, 'topic read b', 'two', 'mosquitto-acl');
  const { roles, assignments } = parsePolicyFile(policy.toYaml(), 'p');
  assert.deepEqual(
    roles.map(({ name, grants }) => [name, grants.map(({ topic }) => topic)]),
    [
      ['anonymous', ['a']],
      ['anonymous-2', ['b']],
    ],
  );
  assert.deepEqual(
    assignments.map((assignment) => assignment.roles),
    [['anonymous'], ['anonymous-2']],
  );
});
