import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { parsePolicyFile } from './policy-file.ts';

function faultsOf(text: string): readonly FileFault[] {
  try {
    parsePolicyFile(text, 'policy.yaml');
  } catch (error) {
    assert.ok(error instanceof FileFaultError, String(error));
    return error.faults;
  }
  return assert.fail(`accepted: ${text.slice(0, 200)}`);
}

/** A policy with one role, `r`, whose grants are given as flow. */
function withGrant(grant: string): string {
  return `roles:\n  r:\n    grants:\n      - ${grant}\n`;
}

test('every part of a policy is read, each with its line', () => {
  const policy = parsePolicyFile(
    [
      'roles:', // 1
      '  viewer:',
      '    description: Looks and does not touch.',
      '    grants:',
      '      - allow: [receive, subscribe]', // 5
      '        topics:',
      '          - site/#',
      '          - "$SYS/broker/uptime"',
      '  operator:',
      '    includes: [viewer]', // 10
      '    grants:',
      '      - allow: publish',
      '        topics: cmd/${username}/x-${cert.cn}',
      '        when: { qos: 1, retain: false, payloadMax: 4KiB, tls: required, listener: mqtts }',
      '      - deny: [publish, subscribe, receive]', // 15
      '        topics: cmd/stop',
      '        when: { network: [10.0.0.0/8, "fd00::/8"], hours: "mon-fri 18:00-08:00 Europe/Berlin" }',
      'assignments:',
      '  - roles: viewer',
      '    to: everyone', // 20
      '  - roles: [operator, viewer]',
      '    to: { user: [a, b], group: ops, role: op, clientId: op-*, listener: l, network: 10.0.0.1, cert.ou: x, claim.s: [y, z] }',
      '  - { roles: viewer, to: anonymous }',
      'assertions:',
      '  - never: role viewer publish cmd/#', // 25
      '  - only: role operator,viewer publish a topic with blanks',
      '  - always: user a,b subscribe site/${username}',
      '  - never: "anonymous receive #"',
    ].join('\n'),
    'policy.yaml',
  );
  const file = 'policy.yaml';
  const [viewer, operator] = policy.roles;
  const looks = { file, effect: 'allow', actions: ['subscribe', 'receive'], when: {} };
  assert.deepEqual(viewer, {
    file,
    line: 2,
    name: 'viewer',
    includes: [],
    grants: [
      { ...looks, line: 7, topic: 'site/#' },
      { ...looks, line: 8, topic: '$SYS/broker/uptime' },
    ],
  });
  const hours = [
    {
      days: 0b11111,
      fromMinute: 1080,
      toMinute: 480,
      timeZone: 'Europe/Berlin',
      text: 'mon-fri 18:00-08:00 Europe/Berlin',
    },
  ];
  assert.deepEqual(operator, {
    file,
    line: 9,
    name: 'operator',
    includes: ['viewer'],
    grants: [
      {
        file,
        line: 13,
        effect: 'allow',
        actions: ['publish'],
        topic: 'cmd/${username}/x-${cert.cn}',
        when: { qosMax: 1, retain: false, payloadMaxBytes: 4096, tls: 'required', listeners: ['mqtts'] },
      },
      {
        file,
        line: 16,
        effect: 'deny',
        actions: ['publish', 'subscribe', 'receive'],
        topic: 'cmd/stop',
        when: { networks: ['10.0.0.0/8', 'fd00::/8'], hours },
      },
    ],
  });
  assert.deepEqual(policy.assignments, [
    { file, line: 19, roles: ['viewer'], to: {} },
    {
      file,
      line: 21,
      roles: ['operator', 'viewer'],
      to: {
        users: ['a', 'b'],
        groups: ['ops'],
        identityRoles: ['op'],
        clientIds: ['op-*'],
        listeners: ['l'],
        networks: ['10.0.0.1'],
        attributes: [
          { name: 'cert.ou', values: ['x'] },
          { name: 'claim.s', values: ['y', 'z'] },
        ],
      },
    },
    { file, line: 23, roles: ['viewer'], to: { who: 'anonymous' } },
  ]);
  assert.deepEqual(
    policy.assertions.map(({ line, kind, subject, action, topic, text }) => [line, kind, subject, action, topic, text]),
    [
      [
        25,
        'never',
        { kind: 'role', names: ['viewer'], isAlone: false },
        'publish',
        'cmd/#',
        'never: role viewer publish cmd/#',
      ],
      [
        26,
        'only',
        { kind: 'role', names: ['operator', 'viewer'], isAlone: false },
        'publish',
        'a topic with blanks',
        'only: role operator,viewer publish a topic with blanks',
      ],
      [
        27,
        'always',
        { kind: 'user', names: ['a', 'b'] },
        'subscribe',
        'site/${username}',
        'always: user a,b subscribe site/${username}',
      ],
      [28, 'never', { kind: 'anonymous' }, 'receive', '#', 'never: anonymous receive #'],
    ],
  );
});

test('every scalar is text, so that no user is a boolean or a number', () => {
  const policy = parsePolicyFile(
    'roles: { r: {} }\nassignments: [{ roles: r, to: { user: [no, 007, null, 1e3] } }]',
    'policy.yaml',
  );
  assert.deepEqual(policy.assignments[0]!.to.users, ['no', '007', 'null', '1e3']);
});

test('a role without grants, a policy without assignments and an empty list are valid', () => {
  const policy = parsePolicyFile('roles:\n  r:\n    grants: []\n  s: {}\nassertions: []\n', 'policy.yaml');
  assert.deepEqual(
    policy.roles.map(({ name, grants }) => [name, grants.length]),
    [
      ['r', 0],
      ['s', 0],
    ],
  );
});

const broken: [text: string, line: number, column: number, says: RegExp, cure: RegExp][] = [
  ['', 1, 1, /empty/, /roles/],
  ['# only a comment', 1, 1, /empty/, /roles/],
  ['roles: [', 1, 9, /not YAML/, /quotes/],
  ['- a', 1, 1, /no map/, /roles, assignments/],
  ['rolls: {}', 1, 1, /"rolls" is unknown/, /`roles`/],
  ['roles: {}\nroles: {}', 2, 1, /given twice/, /Keep one/],
  ['roles: { r: &a {} }', 1, 16, /anchors/, /include/],
  ['roles: { r: !!map {} }', 1, 19, /tags/, /!/],
  ['---\nroles: {}\n---\nroles: {}', 3, 1, /more than one document/, /---/],
  ['roles: { "a b": {} }', 1, 11, /no name for a role/, /letters/],
  ['roles: { r: { grant: [] } }', 1, 15, /"grant" is unknown/, /`grants`/],
  ['roles: { r: { grants: 3 } }', 1, 23, /no list/, /- /],
  ['roles: { r: { includes: s } }', 1, 25, /no role "s"/, /under `roles`/],
  ['roles: { reader: {}, r: { includes: raeder } }', 1, 37, /no role "raeder"/, /`reader`/],
  ['roles: { r: { includes: r } }', 1, 25, /includes itself: r includes r/, /out/],
  [
    'roles:\n  a: { includes: b }\n  b: { includes: c }\n  c: { includes: b }',
    4,
    18,
    /"b" includes itself: b includes c includes b/,
    /out/,
  ],
  [withGrant('allow'), 4, 9, /no map/, /allow, deny/],
  [withGrant('{ topics: a }'), 4, 9, /does not say/, /`allow` or `deny`/],
  [withGrant('{ allow: publish, deny: publish, topics: a }'), 4, 27, /both/, /two/],
  [withGrant('{ allow: publish }'), 4, 9, /no topics/, /`topics`/],
  [withGrant('{ allow: publish, topic: a, topics: b }'), 4, 27, /"topic"/, /`topics`/],
  [withGrant('{ allow: write, topics: a }'), 4, 18, /not "write"/, /publish, subscribe, receive/],
  [withGrant('{ allow: [publish, recieve], topics: a }'), 4, 28, /"recieve"/, /`receive`/],
  [withGrant('{ allow: [], topics: a }'), 4, 18, /no value/, /list/],
  [withGrant('{ allow: publish, topics: [] }'), 4, 35, /no value/, /list/],
  [withGrant('{ allow: publish, topics: [a, ""] }'), 4, 40, /no value/, /Give one/],
  [withGrant('{ allow: publish, topics: a/b# }'), 4, 38, /"#"/, /alone/],
  [withGrant('{ allow: publish, topics: "a/+b" }'), 4, 38, /"\+"/, /alone/],
  [withGrant('{ allow: publish, topics: "a/${user name}" }'), 4, 38, /no name of an attribute/, /username/],
  [withGrant('{ allow: publish, topics: "a/${usrname}" }'), 4, 38, /no placeholder/, /username/],
  [withGrant('{ allow: publish, topics: "a/${user}" }'), 4, 38, /no placeholder/, /username/],
  [withGrant('{ allow: publish, topics: "a/${ClientID}" }'), 4, 38, /no placeholder/, /clientId/],
  [withGrant('{ deny: publish, topics: "a/%u/b" }'), 4, 37, /"%u" would be taken literally/, /`\$\{username\}`/],
  [withGrant('{ deny: publish, topics: "a/%c" }'), 4, 37, /literally/, /clientId/],
  [withGrant('{ allow: publish, topics: "a/${username" }'), 4, 38, /not closed/, /username/],
  [withGrant('{ allow: publish, topics: $share/g/a }'), 4, 35, /\$share/, /behind/],
  [withGrant('{ allow: publish, topics: "a\\u0001" }'), 4, 36, /control/, /Remove/],
  [withGrant('{ allow: publish, topics: a, when: {} }'), 4, 38, /no condition/, /remove/i],
  [withGrant('{ allow: publish, topics: a, when: { qos: 3 } }'), 4, 51, /QoS is not "3"/, /0, 1, 2/],
  [withGrant('{ allow: publish, topics: a, when: { Qos: 1 } }'), 4, 46, /"Qos"/, /`qos`/],
  [withGrant('{ allow: publish, topics: a, when: { retain: yes } }'), 4, 54, /"yes"/, /true, false/],
  [withGrant('{ allow: publish, topics: a, when: { payloadMax: 4K } }'), 4, 58, /"4K"/, /KiB/],
  [withGrant('{ allow: publish, topics: a, when: { hours: 8-18 } }'), 4, 53, /window/, /Berlin/],
  [withGrant('{ allow: publish, topics: a, when: { network: 10.0.0.0/33 } }'), 4, 55, /network/, /10/],
  [withGrant('{ allow: publish, topics: a, when: { tls: yes } }'), 4, 51, /"yes"/, /required/],
  [withGrant('{ deny: publish, topics: a, when: { qos: 1 } }'), 4, 45, /deny/, /allows/],
  [withGrant('{ deny: publish, topics: a, when: { payloadMax: 1 } }'), 4, 45, /deny/, /allows/],
  [withGrant('{ deny: publish, topics: a, when: { tls: required } }'), 4, 45, /deny/, /allows/],
  [withGrant('{ allow: [publish, subscribe], topics: a, when: { retain: true } }'), 4, 59, /messages/, /of its own/],
  ['assignments: [{ roles: r, to: everyone }]', 1, 24, /no role "r"/, /roles/],
  ['assignments: [{ to: everyone }]', 1, 15, /no roles/, /`roles`/],
  ['roles: { r: {} }\nassignments: [{ roles: r }]', 2, 15, /nobody/, /everyone/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: evryone }]', 2, 31, /"evryone"/, /`everyone`/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: alice }]', 2, 31, /"alice"/, /user: NAME/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: {} }]', 2, 31, /nothing/, /everyone/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: { usr: a } }]', 2, 33, /"usr"/, /`user`/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: { user: [] } }]', 2, 39, /no value/, /list/],
  ['roles: { r: {} }\nassignments: [{ roles: r, to: { network: x } }]', 2, 42, /network/, /10/],
  ['assertions: [{ nevr: anonymous publish a }]', 1, 14, /never, only, always/, /Write it as/],
  ['assertions: [{ never: sensor publish a }]', 1, 23, /no assertion/, /role sensor/],
  ['assertions: [{ never: role sensor publish a }]', 1, 23, /no role "sensor"/, /roles/],
  ['assertions: [{ never: everyone publsh a }]', 1, 23, /no assertion/, /Write it as/],
  ['assertions:\n  - never: everyone publish #', 2, 12, /no assertion/, /quotes/],
  ['assertions: [{ never: everyone publish a# }]', 1, 41, /"#"/, /alone/],
];
for (const [text, line, column, says, cure] of broken) {
  test(`a broken policy is refused with place and cure: ${JSON.stringify(text.slice(-60))}`, () => {
    const [fault, ...more] = faultsOf(text);
    assert.deepEqual([fault!.file, fault!.line, fault!.column], ['policy.yaml', line, column], fault!.says);
    assert.match(fault!.says, says);
    assert.match(fault!.cure, cure);
    assert.deepEqual(more, []);
  });
}

test('everything that is wrong is reported at once, in the order of the file', () => {
  const faults = faultsOf(
    `${withGrant('{ allow: publsh, topics: a# }')}assignments: [{ roles: q, to: nobody }]\nassertions: [{}]\n`,
  );
  assert.deepEqual(
    faults.map(({ line, column }) => [line, column]),
    [
      [4, 18],
      [4, 35],
      [5, 24],
      [5, 31],
      [6, 14],
    ],
  );
});

test('a file of faults makes a bounded report', () => {
  assert.equal(faultsOf(`roles:\n  r:\n    grants:\n${'      - x\n'.repeat(1000)}`).length, 100);
});

test('nesting without end is a fault', () => {
  assert.equal(faultsOf(`roles: ${'['.repeat(50_000)}`).length > 0, true);
  assert.match(faultsOf(`roles: ${'['.repeat(50)}${']'.repeat(50)}`)[0]!.says, /deeper/);
});

test('a long chain of includes and many names are read in linear time', () => {
  const roles = Array.from({ length: 20_000 }, (_, i) => `  r${i}: ${i === 0 ? '{}' : `{ includes: r${i - 1} }`}`);
  assert.equal(parsePolicyFile(`roles:\n${roles.join('\n')}`, 'policy.yaml').roles.length, 20_000);
});

test('any text is either a policy or faults', () => {
  const part = fc.constantFrom(
    'roles:',
    'assignments:',
    'assertions:',
    ' r: {}',
    '\n',
    '  ',
    '- ',
    'allow: publish',
    'topics: a/#',
    'when: { qos: 1 }',
    '{',
    '}',
    '&a',
    '*a',
    '"',
    '#',
    ': ',
    '|',
    '\t',
  );
  const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (anything) => {
      try {
        parsePolicyFile(anything, 'policy.yaml');
      } catch (error) {
        assert.ok(error instanceof FileFaultError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('an assertion may be about a role alone, and about what happens under conditions', () => {
  const of = (assertion: string) =>
    parsePolicyFile(`roles:\n  r: {}\n  alone: {}\nassertions:\n  - ${assertion}\n`, 'p');
  const [alone] = of('never: role r,alone alone publish a b').assertions;
  assert.partialDeepStrictEqual(alone, {
    subject: { kind: 'role', names: ['r', 'alone'], isAlone: true },
    topic: 'a b',
    column: 12,
  });
  const [named] = of('never: role alone publish a').assertions;
  assert.partialDeepStrictEqual(named, { subject: { names: ['alone'], isAlone: false }, when: {} });
  const [under] = of('{ always: role r publish a, when: { retain: false, network: 10.0.0.0/8 } }').assertions;
  assert.deepEqual(under?.when, { retain: false, networks: ['10.0.0.0/8'] });
  const refused: readonly (readonly [string, RegExp])[] = [
    ['only: role r alone publish a', /cannot be of a role alone/],
    ['never: user r alone publish a', /no assertion/],
    ['never: role alone', /no assertion/],
    ['{ never: role r publish a, when: { retian: true } }', /retian/],
    ['{ never: role r subscribe a, when: { retain: true } }', /subscribe/],
    ['{ when: { retain: true } }', /never, only, always/],
    ['{ never: role r publish a, only: role r publish a }', /one of the keys/],
  ];
  for (const [assertion, says] of refused) assert.throws(() => of(assertion), says);
});

test('a policy that nests by the thousand is refused where it gets too deep, with the cure', () => {
  for (const levels of [20, 20_000]) {
    const [fault, ...more] = faultsOf(`roles:\n  r: ${'['.repeat(levels)}${']'.repeat(levels)}\n`);
    assert.deepEqual(more, []);
    assert.deepEqual(fault, {
      file: 'policy.yaml',
      line: 2,
      column: 15,
      says: 'This is nested deeper than any policy.',
      cure: 'Remove brackets or indentation.',
    });
  }
});
