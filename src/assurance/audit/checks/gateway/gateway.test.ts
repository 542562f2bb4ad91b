import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixtureContext, type MadeFile } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { NOTHING_DECLARED } from '../../audit-file/schema.ts';
import { collectGateway, type GatewayFacts } from '../../brokers/gateway/facts.ts';
import { gatewaySubject } from '../../brokers/gateway/subject.ts';
import type { Outcome } from '../../model/outcome.ts';
import { placedTarget } from '../../model/target.ts';
import { gateway } from './gateway.ts';

const PLACE = '/etc/sallyport/sallyport.yaml';

interface Fixture {
  readonly conf: string | MadeFile;
  readonly files?: Readonly<Record<string, string | MadeFile>>;
  readonly profile?: { readonly mutualTls?: boolean; readonly packetSizeMax?: number };
}

function collect({ conf, files = {}, profile = {} }: Fixture): Promise<GatewayFacts> {
  const declared = { ...NOTHING_DECLARED, profile: { ...NOTHING_DECLARED.profile, ...profile } };
  const context = fixtureContext({ files: { [PLACE]: conf, ...files } }, undefined, declared);
  return collectGateway(placedTarget('gateway', PLACE), context);
}

/** One listener with these settings, and more of the file. */
const of = (listener: string, ...more: readonly string[]): Fixture => ({
  conf: `${[`listeners:`, `  - { name: a, port: 8883, ${listener} }`, 'upstream: embedded', ...more].join('\n')}\n`,
});
const PLAIN = 'type: tcp';
const TLS = 'type: tls, tls: { certificates: [{ certificate: c.pem, key: k.pem }]';
const MUTUAL = `${TLS}, clientCertificate: require, clientCa: ca.pem`;
/** A configuration that is wrong. */
const UNKNOWN: Fixture = { conf: 'listeners:\n  - { name: a, type: tcp }\n' };
const EVERY_GATEWAY = { cannot: 'every gateway has this setting, or its default' };
const EVERY_LISTENER = { cannot: 'every gateway has a listener with this setting' };
const withFile = (fixture: Fixture, path: string, file: string | MadeFile): Fixture => ({
  ...fixture,
  files: { ...fixture.files, [path]: file },
});
const acl = (text: string | MadeFile, ...more: readonly string[]): Fixture =>
  withFile(of(PLAIN, ...more), '/etc/sallyport/acl', text);
const users = (text: string | MadeFile): Fixture => withFile(of(PLAIN), '/etc/sallyport/users', text);
const KEY = '/etc/sallyport/k.pem';

describeChecks<GatewayFacts, Fixture>({
  family: gateway,
  collect,
  fixtures: {
    G01: {
      pass: of(PLAIN),
      fail: of(`${PLAIN}, anonymous: true`),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
    },
    G03: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'authentication: { chain: [{ method: anonymous }] }'),
      'not-applicable': EVERY_GATEWAY,
      unknown: UNKNOWN,
    },
    G05: {
      pass: acl('pattern readwrite devices/%u/#\n'),
      fail: acl('user ann\ntopic readwrite #\n'),
      'not-applicable': EVERY_GATEWAY,
      unknown: acl({ unreadable: 'permission-denied' }),
    },
    G06: {
      pass: acl('pattern readwrite devices/%c/#\n', 'authentication: { clientIds: { form: username } }'),
      fail: acl('pattern readwrite devices/%c/#\n'),
      'not-applicable': EVERY_GATEWAY,
      unknown: acl('topic read\n'),
    },
    G07: {
      pass: users('ann:$7$101$c2FsdA==$aGFzaA==\n'),
      fail: users('ann:$6$c2FsdA==$aGFzaA==\n'),
      'not-applicable': of(PLAIN),
      unknown: users({ unreadable: 'permission-denied' }),
    },
    G08: {
      pass: of(`${TLS} }`),
      fail: of(PLAIN),
      'not-applicable': of(`${PLAIN}, address: 127.0.0.1`),
      unknown: UNKNOWN,
    },
    G09: {
      pass: { ...of(`${MUTUAL} }`), profile: { mutualTls: true } },
      fail: { ...of(`${TLS} }`), profile: { mutualTls: true } },
      'not-applicable': of(`${TLS} }`),
      unknown: UNKNOWN,
    },
    G10: {
      pass: of(`${MUTUAL}, identityFromCertificate: true }`),
      fail: of(`${MUTUAL} }`),
      'not-applicable': of(`${TLS} }`),
      unknown: UNKNOWN,
    },
    G11: {
      pass: of(`${MUTUAL}, revocation: { mode: hard-fail, ocsp: true } }`),
      fail: of(`${MUTUAL} }`),
      'not-applicable': of(`${TLS} }`),
      unknown: UNKNOWN,
    },
    G15: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'limits: { packetSizeMax: 2MiB }'),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
    },
    G19: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'broker: { sessionExpiryMax: never }'),
      'not-applicable': { conf: 'listeners: [{ name: a, port: 1, type: tcp }]\nupstream: mqtts://broker.example\n' },
      unknown: UNKNOWN,
    },
    G21: {
      pass: of(PLAIN, 'authentication: { clientIds: { empty: refuse } }'),
      fail: of(PLAIN),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
    },
    G23: {
      pass: acl('user ann\ntopic read $SYS/#\n'),
      fail: acl('topic read $SYS/#\n'),
      'not-applicable': EVERY_GATEWAY,
      unknown: acl({ unreadable: 'permission-denied' }),
    },
    G24: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'log: { level: error }'),
      'not-applicable': EVERY_GATEWAY,
      unknown: UNKNOWN,
    },
    G25: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'log: { level: debug }'),
      'not-applicable': EVERY_GATEWAY,
      unknown: UNKNOWN,
    },
    G26: {
      pass: { conf: 'listeners: [{ name: a, port: 1, type: tcp }]\nupstream: mqtts://broker.example\n' },
      fail: { conf: 'listeners: [{ name: a, port: 1, type: tcp }]\nupstream: mqtt://broker.example\n' },
      'not-applicable': of(PLAIN),
      unknown: UNKNOWN,
    },
    G27: {
      pass: of('type: ws, websocket: { origins: ["https://site.example"] }'),
      fail: of('type: ws, websocket: { origins: ["*"] }'),
      'not-applicable': of(PLAIN),
      unknown: UNKNOWN,
    },
    G28: {
      pass: of(`${PLAIN}, proxyProtocol: { mode: v2, trusted: [10.0.0.0/8] }`),
      fail: of(`${PLAIN}, proxyProtocol: { mode: v2, trusted: ["::/0"] }`),
      'not-applicable': of(PLAIN),
      unknown: UNKNOWN,
    },
    G31: {
      pass: of(PLAIN, 'authentication: { chain: [{ method: webhook, url: "https://h.example/x" }] }'),
      fail: of(PLAIN, 'authentication: { chain: [{ method: webhook, url: "http://h.example/x", plaintext: true }] }'),
      'not-applicable': of(PLAIN),
      unknown: UNKNOWN,
    },
    G32: {
      pass: withFile(of(`${TLS} }`), KEY, { mode: 0o600 }),
      fail: withFile(of(`${TLS} }`), KEY, { mode: 0o644 }),
      'not-applicable': of(PLAIN),
      unknown: withFile(of(`${TLS} }`), KEY, { hidden: 'permission-denied' }),
    },
    G33: {
      pass: of(PLAIN),
      fail: of(PLAIN, 'detection: { enabled: false }'),
      'not-applicable': EVERY_GATEWAY,
      unknown: UNKNOWN,
    },
  },
});

async function outcomesOf(id: string, fixture: Fixture): Promise<Outcome[]> {
  const facts = await collect(fixture);
  return [gateway.checks.find((check) => check.id === id)!.evaluate(facts)].flat() as Outcome[];
}

test('a finding names file and line, and says of a default whose it is', async () => {
  const [stated] = await outcomesOf('G25', of(PLAIN, 'log:', '  level: debug'));
  assert.ok(stated?.status === 'fail');
  assert.equal(`${stated.evidence.file}:${stated.evidence.line}`, `${PLACE}:5`);
  const [missing] = await outcomesOf('G21', of(PLAIN));
  assert.ok(missing?.status === 'fail');
  assert.match(missing.evidence.observed, /authentication\.clientIds\.empty is not set: assign.*Sallyport's default/);
});

test('in a policy, $SYS is for everybody where a role that everybody has allows it, be it through another', async () => {
  const statuses = async (to: string): Promise<string[]> => {
    const policy = `roles:\n  watch:\n    grants: [{ allow: [subscribe, receive], topics: "$SYS/#" }]\n  all:\n    includes: [watch]\nassignments:\n  - { to: ${to}, roles: [all] }\n`;
    const fixture = withFile(
      of(PLAIN, 'authorization: { policyFile: policy.yaml }'),
      '/etc/sallyport/policy.yaml',
      policy,
    );
    return (await outcomesOf('G23', fixture)).map(({ status }) => status);
  };
  assert.deepEqual(await statuses('everyone'), ['fail']);
  assert.deepEqual(await statuses('{ user: ann }'), ['pass']);
});

test('a policy is read in place of an ACL file', async () => {
  const policy =
    'roles:\n  all:\n    grants:\n      - { allow: [publish, subscribe], topics: "#" }\nassignments:\n  - { to: everyone, roles: [all] }\n';
  const fixture = withFile(
    of(PLAIN, 'authorization: { policyFile: policy.yaml }'),
    '/etc/sallyport/policy.yaml',
    policy,
  );
  const [outcome] = await outcomesOf('G05', fixture);
  assert.ok(outcome?.status === 'fail', JSON.stringify(outcome));
  assert.equal(`${outcome.evidence.file}:${outcome.evidence.line}`, '/etc/sallyport/policy.yaml:4');
});

test('what a listener says of itself goes before what is said of all', async () => {
  const [outcome] = await outcomesOf(
    'G15',
    of(`${PLAIN}, limits: { packetSizeMax: 64KiB }`, 'limits: { packetSizeMax: 2MiB }'),
  );
  assert.equal(outcome?.status, 'pass');
});

for (const [says, conf, reason] of [
  ['is wrong', UNKNOWN.conf, 'malformed'],
  ['is cut off', 'listeners: [{ name: a', 'malformed'],
  ['is empty', '', 'malformed'],
  ['is too large', '#'.repeat(2 << 20), 'too-large'],
  ['may not be read', { unreadable: 'permission-denied' }, 'permission-denied'],
] as const satisfies readonly (readonly [string, string | MadeFile, string])[]) {
  test(`of a configuration of Sallyport that ${says} nothing is claimed`, async () => {
    const facts = await collect({ conf });
    for (const check of gateway.checks) {
      for (const outcome of [check.evaluate(facts)].flat() as Outcome[]) {
        assert.ok(outcome.status === 'unknown', `${check.id}: ${outcome.status}`);
        assert.equal(outcome.reason, reason);
        if (reason === 'malformed') assert.match(outcome.says, /sallyport\.yaml:\d+/);
      }
    }
  });
}

test('it is found where it is installed, and where a running gateway was told that it is', async () => {
  const files = {
    [PLACE]: '',
    '/proc/7/status': 'Name:\tnode\nUid:\t0\t0\t0\t0\n',
    '/proc/7/cmdline': 'node\0/opt/sallyport/bin/sallyport.mjs\0start\0--data\0/srv/gateway\0',
  };
  const found = await gatewaySubject.discover(fixtureContext({ files }));
  assert.deepEqual(
    found.map(({ id }) => id),
    ['gateway:/srv/gateway/sallyport.yaml', `gateway:${PLACE}`],
  );
});
