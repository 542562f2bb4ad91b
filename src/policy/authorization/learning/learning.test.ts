import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../../base/manual-clock.ts';
import type { AccessDecision, Subject } from '../decision.ts';
import { buildPolicyAuthorizer } from '../policy-authorizer.ts';
import { compilePolicy } from '../policy-compiled.ts';
import { parsePolicyFile } from '../policy-file.ts';
import { ACTIONS, type Action } from '../policy-form.ts';
import { proposalAsYaml, propose } from './proposal.ts';
import { Recorder } from './recorder.ts';
import { Recording, type RecordingImage, type RecordingLimits, userImageOf } from './recording.ts';
import { unusedGrants } from './unused-grants.ts';

const LIMITS: RecordingLimits = { usersMax: 1000, branchingMax: 4 };

interface Use {
  readonly subject: Subject;
  readonly action: Action;
  readonly topic: string;
}

function recorded(uses: readonly Use[], limits = LIMITS, nodesMax?: number): Recording {
  const recording = new Recording(limits, nodesMax);
  for (const [at, { subject, action, topic }] of uses.entries()) recording.note(subject, action, topic, at);
  return recording;
}

function proposed({ users, lost }: RecordingImage): string {
  return proposalAsYaml(propose(users, lost));
}

function rightsBy(yaml: string, subject: Subject) {
  const policy = compilePolicy(parsePolicyFile(yaml, 'proposed.yaml'));
  return buildPolicyAuthorizer(policy, new ManualClock()).forClient(subject);
}

function client(username: string | undefined, clientId = username ?? 'c', more: Partial<Subject> = {}): Subject {
  return { username, clientId, ...more };
}

function usesOf(subject: Subject, ...lines: string[]): Use[] {
  return lines.map((line) => {
    const [action, topic] = line.split(' ') as [Action, string];
    return { subject, action, topic };
  });
}

const filtersIn = (image: RecordingImage, action: Action): string[] =>
  image.users.flatMap((user) => user[action].map(([filter]) => filter)).sort();

describe('a recording', () => {
  it("says a client's own names as placeholders", () => {
    const d1 = client('d1', 'pump-7');
    const image = recorded(usesOf(d1, 'publish devices/d1/t', 'publish ids/pump-7', 'subscribe d1/#')).take();
    assert.deepEqual(filtersIn(image, 'publish'), ['devices/${username}/t', 'ids/${clientId}']);
    assert.deepEqual(filtersIn(image, 'subscribe'), ['${username}/#']);
  });

  it('makes a level that takes too many values a +, and keeps what is below it apart', () => {
    const uses = Array.from({ length: 5 }, (_, i) =>
      usesOf(client('a'), `publish s/${i}/t`, `publish s/${i}/h`),
    ).flat();
    const image = recorded(uses).take();
    assert.deepEqual(filtersIn(image, 'publish'), ['s/+/h', 's/+/t']);
    const [, times, firstMs, lastMs] = image.users[0]!.publish.find(([filter]) => filter === 's/+/t')!;
    assert.deepEqual([times, firstMs, lastMs], [5, 0, 8]);
  });

  it('ends in # what lies too deep, and never lets a wildcard stand for $', () => {
    const deep = Array.from({ length: 40 }, () => 'x').join('/');
    const systems = Array.from({ length: 40 }, (_, i) => `publish $own${i}/x`);
    const recording = recorded(usesOf(client('a'), `publish ${deep}`, ...systems));
    const { users, lost } = recording.take();
    assert.ok(users[0]!.publish.some(([filter]) => filter === `${Array.from({ length: 16 }, () => 'x').join('/')}/#`));
    assert.equal(users[0]!.publish.filter(([filter]) => filter.startsWith('$')).length, 16);
    assert.equal(lost, 24);
  });

  it('stays within its ceilings whatever clients think of, and says that it met them', () => {
    const uses = Array.from({ length: 5000 }, (_, i) =>
      usesOf(client(`u${i % 50}`), `publish ${i % 7}/${i % 11}/${i}/${i * 31}`),
    ).flat();
    const recording = recorded(uses, { usersMax: 20, branchingMax: 4 }, 300);
    assert.equal(recording.userCount, 20);
    const image = recording.take();
    assert.deepEqual([...image.ceilings].sort(), ['nodes', 'users']);
    const nodes = image.users.flatMap((user) => user.publish).length;
    assert.ok(nodes <= 300, `${nodes}`);
    assert.equal(image.lost, (5000 / 50) * 30);
    assert.deepEqual(recording.take(), { users: [], lost: 0, ceilings: [] });
  });

  it('can be taken in parts and put together again', () => {
    const uses = usesOf(client('a'), 'publish x/1', 'publish x/2', 'publish x/1', 'subscribe x/#', 'receive x/9');
    const whole = recorded(uses);
    const parts = new Recording(LIMITS);
    for (const [at, use] of uses.entries()) {
      const part = new Recording(LIMITS);
      part.note(use.subject, use.action, use.topic, at);
      parts.merge(structuredClone(part.take()));
    }
    assert.deepEqual(parts.take(), whole.take());
  });

  it('takes no line for a user that is none', () => {
    const [image] = recorded(usesOf(client('a'), 'publish x')).take().users;
    assert.deepEqual(userImageOf(JSON.parse(JSON.stringify(image))), image);
    const seen = image!.publish[0]!;
    for (const broken of [
      null,
      [],
      {},
      { ...image, user: 1 },
      { ...image, roles: [1] },
      { ...image, firstMs: 'x' },
      { ...image, lastMs: 1e300 },
      { ...image, publish: [['a/#/b', ...seen.slice(1)]] },
      { ...image, publish: [seen.slice(1)] },
      { ...image, receive: undefined },
    ]) {
      assert.equal(userImageOf(broken), undefined);
    }
  });
});

describe('a recorder', () => {
  const allowed: AccessDecision = { allowed: true, by: 'x' };
  const denied: AccessDecision = { allowed: false, by: 'y' };

  it('notes what was allowed, not what was tried', () => {
    const recording = new Recording(LIMITS);
    const watch = new Recorder(recording, new ManualClock()).forClient(client('a'));
    assert.equal(watch('publish', 't/1', allowed), allowed);
    assert.equal(watch('publish', 't/2', denied), denied);
    assert.deepEqual(filtersIn(recording.take(), 'publish'), ['t/1']);
  });

  it('notes what depends on the message with the first message that is allowed', () => {
    const recording = new Recording(LIMITS);
    const watch = new Recorder(recording, new ManualClock()).forClient(client('a'));
    const depends = watch('publish', 't', { ...denied, depends: ({ retain }) => (retain ? denied : allowed) }).depends!;
    const facts = { qos: 0, payloadBytes: 0 } as const;
    assert.equal(depends({ ...facts, retain: true }), denied);
    assert.equal(recording.userCount, 0);
    assert.equal(depends({ ...facts, retain: false }), allowed);
    depends({ ...facts, retain: false });
    assert.equal(recording.take().users[0]!.publish[0]![1], 1);
  });
});

describe('a proposal', () => {
  const fleet = [1, 2, 3].flatMap((n) =>
    usesOf(client(`d${n}`), `publish devices/d${n}/t`, `subscribe cmd/d${n}/#`, `receive cmd/d${n}/go`),
  );

  it('is one role for users that are alike, and keeps what only one of them does for that one', () => {
    const uses = [
      ...fleet,
      ...usesOf(client('d2'), 'publish firmware/ask'),
      ...usesOf(client('ops'), 'publish cmd/d1/go'),
    ];
    const yaml = proposed(recorded(uses).take());
    const policy = parsePolicyFile(yaml, 'p.yaml');
    assert.deepEqual(
      policy.roles.map(({ name, grants }) => [name, grants.map(({ topic }) => topic)]),
      [
        ['devices', ['cmd/${username}/#', 'cmd/${username}/go', 'devices/${username}/t']],
        ['devices-further', ['firmware/ask']],
        ['ops', ['cmd/d1/go']],
      ],
    );
    assert.deepEqual(
      policy.assignments.map(({ to }) => to.users),
      [['d1', 'd2', 'd3'], ['d2'], ['ops']],
    );
    assert.equal(rightsBy(yaml, client('d1')).publish('firmware/ask').allowed, false);
    assert.equal(rightsBy(yaml, client('d1')).publish('devices/d2/t').allowed, false);
    assert.equal(rightsBy(yaml, client('stranger')).publish('devices/stranger/t').allowed, false);
  });

  it('names a group of the directory where that says who they are', () => {
    const uses = fleet.map((use) => ({ ...use, subject: { ...use.subject, groups: ['all', 'pumps'] } }));
    const other = usesOf(client('ann', 'ann', { groups: ['all'] }), 'subscribe devices/#');
    const { assignments } = parsePolicyFile(proposed(recorded([...uses, ...other]).take()), 'p.yaml');
    assert.deepEqual(
      assignments.map(({ to }) => to),
      [{ groups: ['pumps'] }, { users: ['ann'] }],
    );
  });

  it('takes a + that was subscribed to for any value, and a # for what came through it', () => {
    const uses = usesOf(
      client('ann'),
      'subscribe site/+/t/#',
      'receive site/p1/t/rpm',
      'receive site/p2/t/rpm',
      'subscribe #',
      'receive news/1',
    );
    const { roles } = parsePolicyFile(proposed(recorded(uses).take()), 'p.yaml');
    const received = roles[0]!.grants.filter(({ actions }) => actions.includes('receive'));
    assert.deepEqual(
      received.map(({ topic }) => topic),
      ['news/1', 'site/+/t/rpm'],
    );
  });

  it('shows the evidence beside each grant, however odd a topic is', () => {
    const odd = 'a\u2028roles: evil/ #\u0085x';
    const yaml = proposed(recorded(usesOf(client('x y: &z'), `publish ${odd}`, 'publish "q/*')).take());
    assert.match(yaml, /# 1 time by 1 user, 1970-01-01T00:00Z to 1970-01-01T00:00Z, such as a\\u\{2028\}roles/);
    assert.deepEqual(parsePolicyFile(yaml, 'p.yaml').assignments[0]!.to, { users: ['x y: &z'] });
  });

  it('denies nothing of what was recorded, parses, and is about nobody else', () => {
    const level = fc.oneof(
      fc.constantFrom(
        '',
        'a',
        'b',
        'c',
        'd',
        'u0',
        'u1',
        'c0',
        '$SYS',
        '$x',
        '${username}',
        'ü',
        '\u0007',
        'null',
        '- x',
      ),
      fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => text.replaceAll(/[+#/\0]/g, '_')),
    );
    const topic = fc
      .array(level, { minLength: 1, maxLength: 5 })
      .map((levels) => levels.join('/'))
      .filter((text) => text !== '' && text.isWellFormed() && !text.startsWith('$share/'));
    const filter = fc
      .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([levels, hasRest]) => [...levels, ...(hasRest ? ['#'] : [])].join('/'))
      .filter((text) => text !== '' && text.isWellFormed() && !text.startsWith('$share'));
    const use = fc.record({
      subject: fc.record({
        username: fc.constantFrom(undefined, 'u0', 'u1', 'u2', 'yes', '$u', 'é'),
        clientId: fc.constantFrom('c0', 'c1', 'u0', '$c'),
      }),
      what: fc.oneof(
        fc.record({ action: fc.constantFrom<Action>('publish', 'receive'), topic }),
        fc.record({ action: fc.constant<Action>('subscribe'), topic: filter }),
      ),
    });
    fc.assert(
      fc.property(fc.array(use, { minLength: 1, maxLength: 60 }), (uses) => {
        const recording = recorded(uses.map(({ subject, what }) => ({ subject, ...what })));
        const image = recording.take();
        // What no policy can say is counted, and so is nothing that was said.
        if (image.users.length === 0) return;
        const yaml = proposed(image);
        let denied = 0;
        for (const { subject, what } of uses) {
          const { allowed } = rightsBy(yaml, subject)[what.action](what.topic);
          if (!allowed) denied++;
        }
        assert.ok(denied <= image.lost, yaml);
        for (const action of ACTIONS) {
          assert.equal(rightsBy(yaml, client('nobody'))[action]('a').allowed, false);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('says so where nothing was recorded', () => {
    assert.match(proposed({ users: [], lost: 0, ceilings: [] }), /Nothing was recorded/);
  });
});

describe('what nobody uses', () => {
  const policy = parsePolicyFile(
    `roles:
  device:
    grants:
      - allow: [publish, subscribe]
        topics: devices/\${username}/#
      - allow: publish
        topics:
          - alarms/\${username}
          - status/\${cert.cn}
  ops:
    includes: device
    grants:
      - allow: publish
        topics: cmd/#
      - deny: publish
        topics: cmd/secret
  web:
    grants: [{ allow: subscribe, topics: "news/#" }]
assignments:
  - { roles: device, to: { group: pumps, network: 10.0.0.0/8 } }
  - { roles: ops, to: { user: ann } }
  - { roles: web, to: { listener: wss } }
`,
    'policy.yaml',
  );

  it('is told with the line, the actions, and how many have the role', () => {
    const d1 = client('d1', 'd1', { groups: ['pumps'], listener: 'mqtts' });
    const ann = client('ann', 'ann', { listener: 'mqtts' });
    const uses = [...usesOf(d1, 'publish devices/d1/t', 'publish status/pump-7'), ...usesOf(ann, 'publish alarms/d1')];
    const unused = unusedGrants(policy, recorded(uses).take().users);
    assert.deepEqual(
      unused.map(({ line, role, actions, holders }) => [line, role, actions.join(), holders]),
      [
        [5, 'device', 'subscribe', 2],
        [8, 'device', 'publish', 2],
        [14, 'ops', 'publish', 1],
        [18, 'web', 'subscribe', 0],
      ],
    );
  });
});
