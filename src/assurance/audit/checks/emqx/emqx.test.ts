import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FixtureSystem,
  fixtureContext,
  type MadeFile,
  type MadeSystem,
} from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { collectEmqx, type EmqxFacts } from '../../brokers/emqx/facts.ts';
import { emqxSubject } from '../../brokers/emqx/subject.ts';
import type { Outcome } from '../../model/outcome.ts';
import { placedTarget } from '../../model/target.ts';
import { emqx } from './emqx.ts';

const PLACE = '/etc/emqx/emqx.conf';
const CLUSTER = '/var/lib/emqx/configs/cluster.hocon';

interface Fixture {
  readonly conf: string;
  readonly version?: string | null;
  readonly files?: Readonly<Record<string, string | MadeFile>>;
}

function collect({ conf, version = '5.8.6', files = {} }: Fixture): Promise<EmqxFacts> {
  const made: MadeSystem = { files: { [PLACE]: conf, ...files } };
  return collectEmqx(placedTarget('emqx', PLACE, version === null ? {} : { version }), fixtureContext(made));
}

const of = (...lines: readonly string[]): Fixture => ({ conf: lines.join('\n') });
const acl = (text: string | MadeFile): Fixture => ({ conf: '', files: { '/etc/emqx/acl.conf': text } });
/** A configuration that cannot be read to its end. */
const UNKNOWN: Fixture = { conf: 'listeners {' };
const EVERY_BROKER = { cannot: 'every EMQX has this setting, or its default' };
const ALL_OFF = ['tcp', 'ssl', 'ws', 'wss'].map((type) => `listeners.${type}.default.enable = false`);
const ONLY_TCP = of(...ALL_OFF.slice(1));
const ONE_AUTHENTICATOR = 'authentication = [{ mechanism = password_based, backend = built_in_database }]';
const LOCAL = (type: string, port: number): string => `listeners.${type}.default.bind = "127.0.0.1:${port}"`;
const MUTUAL = (type: string): string =>
  `listeners.${type}.default.ssl_options { verify = verify_peer, fail_if_no_peer_cert = true }`;
const TIGHT = (type: string): string =>
  `listeners.${type}.default.ssl_options { client_renegotiation = false, versions = [tlsv1.3], ocsp.enable_ocsp_stapling = true }`;
const LIMITED = (type: string): string =>
  `listeners.${type}.default { max_connections = 10000, max_conn_rate = "500/s", messages_rate = "100/s", bytes_rate = "1MB/s" }`;

describeChecks<EmqxFacts, Fixture>({
  family: emqx,
  collect,
  fixtures: {
    E01: { pass: of(ONE_AUTHENTICATOR), fail: of(''), 'not-applicable': of(...ALL_OFF), unknown: UNKNOWN },
    E02: {
      pass: of('dashboard { listeners.http.bind = 18083, default_password = "long and own" }'),
      fail: of('dashboard.listeners.http.bind = 18083'),
      'not-applicable': of('dashboard.listeners.http.bind = 0'),
      unknown: UNKNOWN,
    },
    E03: {
      pass: of('node.cookie = "Zm9yIHRlc3Rz"'),
      fail: of('node.cookie = emqxsecretcookie'),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    E04: {
      pass: of('authorization.no_match = deny'),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: { conf: '', version: '6.3.0', files: { '/etc/emqx/emqx.env': 'EMQX_SECURITY_PROFILE=hardened\n' } },
    },
    E05: {
      pass: acl('{allow, {username, "ann"}, all, ["#"]}.\n{deny, all}.\n'),
      fail: acl('{deny, all, subscribe, ["$SYS/#"]}.\n\n{allow, all}.\n'),
      'not-applicable': of('authorization.sources = [{ type = built_in_database }]'),
      unknown: acl('{allow, all'),
    },
    E06: {
      pass: of('authorization.deny_action = disconnect'),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    E07: {
      pass: of('mqtt.peer_cert_as_username = cn', MUTUAL('ssl'), MUTUAL('wss')),
      fail: of('mqtt.peer_cert_as_username = cn'),
      'not-applicable': of(''),
      unknown: UNKNOWN,
    },
    E08: { pass: of(TIGHT('ssl'), TIGHT('wss')), fail: of(''), 'not-applicable': ONLY_TCP, unknown: UNKNOWN },
    E09: {
      pass: of(...['tcp', 'ssl', 'ws', 'wss'].map(LIMITED)),
      fail: of('mqtt.max_packet_size = 10MB'),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    E10: { pass: of('flapping_detect.enable = true'), fail: of(''), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    E11: {
      pass: of('mqtt { max_clientid_len = 128, max_topic_levels = 16, max_topic_alias = 16, max_subscriptions = 500 }'),
      fail: of('mqtt { max_clientid_len = 128, max_topic_levels = 16, max_topic_alias = 16 }'),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    E12: {
      pass: of(
        ...ALL_OFF.slice(1),
        'listeners.tcp.default { proxy_protocol = true, access_rules = ["allow 10.0.0.1", "deny all"] }',
      ),
      fail: of(...ALL_OFF.slice(1), 'listeners.tcp.default.proxy_protocol = true'),
      'not-applicable': ONLY_TCP,
      unknown: UNKNOWN,
    },
    E13: {
      pass: of(
        'listeners.ws.default.websocket.check_origin_enable = true',
        'listeners.wss.default = marked_for_deletion',
      ),
      fail: of(''),
      'not-applicable': ONLY_TCP,
      unknown: UNKNOWN,
    },
    E14: {
      pass: of('dashboard.listeners.http.bind = "127.0.0.1:18083"'),
      fail: of('dashboard.listeners.http.bind = 18083'),
      'not-applicable': of(''),
      unknown: UNKNOWN,
    },
    E15: {
      pass: of('cluster.proto_dist = inet_tls', 'rpc { protocol = ssl, insecure_fallback = false }'),
      fail: of('cluster.proto_dist = inet_tls'),
      'not-applicable': of('cluster.discovery_strategy = singleton'),
      unknown: UNKNOWN,
    },
    E16: {
      pass: of(
        'authentication = [{ mechanism = password_based, backend = mysql, password_hash_algorithm { name = bcrypt } }]',
      ),
      fail: of(ONE_AUTHENTICATOR),
      'not-applicable': of('authentication = [{ mechanism = jwt }]'),
      unknown: UNKNOWN,
    },
    E17: {
      pass: { conf: '', version: '6.3.1', files: { '/etc/emqx/emqx.env': 'EMQX_SECURITY_PROFILE="hardened"\n' } },
      fail: { conf: '', version: '6.3.1' },
      'not-applicable': of(''),
      unknown: { conf: '', version: null },
    },
    E18: {
      pass: of('authentication = [{ mechanism = jwt, secret = "file:///etc/emqx/jwt" }]'),
      fail: of('authentication = [{ mechanism = jwt, secret = "hunter2" }]'),
      'not-applicable': of(''),
      unknown: UNKNOWN,
    },
  },
});

async function outcomesOf(id: string, fixture: Fixture): Promise<Outcome[]> {
  const facts = await collect(fixture);
  return [emqx.checks.find((check) => check.id === id)!.evaluate(facts)].flat() as Outcome[];
}

const statusesOf = async (id: string, fixture: Fixture): Promise<string[]> =>
  (await outcomesOf(id, fixture)).map(({ status }) => status);

test('base.hocon < cluster.hocon < emqx.conf < the environment', async () => {
  const unit = (line: string): Record<string, string> => ({
    '/usr/lib/systemd/system/emqx.service': `[Service]\nExecStart=/usr/bin/emqx\n${line}\n`,
  });
  const layers = { '/etc/emqx/base.hocon': 'flapping_detect.enable = true' };
  assert.deepEqual(await statusesOf('E10', { conf: '', files: layers }), ['pass']);
  const cluster = { ...layers, [CLUSTER]: 'flapping_detect.enable = false' };
  assert.deepEqual(await statusesOf('E10', { conf: '', files: cluster }), ['fail']);
  assert.deepEqual(await statusesOf('E10', { conf: 'flapping_detect { enable = true }', files: cluster }), ['pass']);
  const files = { ...cluster, ...unit('Environment="EMQX_FLAPPING_DETECT__ENABLE=false" A=b') };
  const [last] = await outcomesOf('E10', { conf: 'flapping_detect { enable = true }', files });
  assert.ok(last?.status === 'fail');
  assert.equal(last.evidence.file, '/usr/lib/systemd/system/emqx.service');
});

test('what the dashboard wrote is found where node.data_dir is, the environment included', async () => {
  const files = { '/srv/emqx/configs/cluster.hocon': ONE_AUTHENTICATOR };
  assert.ok((await statusesOf('E01', { conf: 'node.data_dir = "/srv/emqx"', files })).every((one) => one === 'pass'));
  assert.ok((await statusesOf('E01', { conf: '', files })).every((one) => one === 'fail'));
  const environment = { ...files, '/etc/emqx/emqx.env': "export EMQX_NODE__DATA_DIR='/srv/emqx'\n" };
  assert.ok((await statusesOf('E01', { conf: '', files: environment })).every((one) => one === 'pass'));
});

test('variables change items of arrays, and hold HOCON or a plain text', async () => {
  const files = {
    '/etc/emqx/emqx.env': 'EMQX_AUTHENTICATION__1__PASSWORD_HASH_ALGORITHM__NAME=bcrypt\nEMQX_NODE_COOKIE=a{b\n',
  };
  assert.deepEqual(await statusesOf('E16', { conf: ONE_AUTHENTICATOR, files }), ['pass']);
  assert.deepEqual(await statusesOf('E03', { conf: 'node.cookie = emqxsecretcookie', files }), ['pass']);
});

test('a default listener is there without being written down, unless it is marked for deletion', async () => {
  const outcomes = await outcomesOf(
    'E01',
    of('listeners.tcp.own.bind = 1884', 'listeners.wss.default = marked_for_deletion'),
  );
  assert.deepEqual(
    outcomes.map(({ subject, port }) => `${subject} ${port}`),
    ['listener tcp:default 1883', 'listener tcp:own 1884', 'listener ssl:default 8883', 'listener ws:default 8083'],
  );
});

test('a listener with its own authenticator, and one that asks nobody', async () => {
  const outcomes = await outcomesOf(
    'E01',
    of(
      ...ALL_OFF.slice(2),
      'listeners.tcp.default.authentication = [{ mechanism = jwt }]',
      ONE_AUTHENTICATOR,
      'listeners.ssl.default.enable_authn = false',
    ),
  );
  assert.deepEqual(
    outcomes.map((one) => (one.status === 'fail' ? one.reason : one.status)),
    ['pass', 'authentication-off'],
  );
});

test('on loopback an open listener is less bad', async () => {
  const [outcome] = await outcomesOf('E01', of(LOCAL('tcp', 1883)));
  assert.ok(outcome?.status === 'fail');
  assert.equal(outcome.severity, 'medium');
});

test('no secret is shown, known or not', async () => {
  const conf =
    'node.cookie = "hunter2"\ndashboard { listeners.http.bind = 1, default_password = hunter3 }\na.password = hunter4';
  const facts = await collect({ conf });
  const shown = JSON.stringify(emqx.checks.map((check) => check.evaluate(facts)));
  assert.doesNotMatch(shown, /hunter/);
});

test('a finding names file and line, and says of a default whose it is and where it was looked for', async () => {
  const [stated] = await outcomesOf('E06', of('', '# comment', 'authorization {', '  deny_action = ignore', '}'));
  assert.ok(stated?.status === 'fail');
  assert.equal(`${stated.evidence.file}:${stated.evidence.line}`, `${PLACE}:4`);
  const [missing] = await outcomesOf('E06', { conf: '', files: { [CLUSTER]: '' } });
  assert.ok(missing?.status === 'fail');
  assert.match(
    missing.evidence.observed,
    /is not set in .*cluster\.hocon, .*emqx\.conf: ignore \(defaults of EMQX 5\.8\.6\)/,
  );
  const [rule] = await outcomesOf('E05', acl('%% rules\n{allow, all}.\n'));
  assert.ok(rule?.status === 'fail');
  assert.equal(`${rule.evidence.file}:${rule.evidence.line}`, '/etc/emqx/acl.conf:2');
});

test('rules that the dashboard wrote into the configuration are read there', async () => {
  const conf = 'authorization.sources = [\n{ type = file, rules = """{deny, all, all, ["x"]}.\n{allow, all}.""" }]';
  const [outcome] = await outcomesOf('E05', { conf });
  assert.ok(outcome?.status === 'fail');
  assert.equal(`${outcome.evidence.file}:${outcome.evidence.line}`, `${PLACE}:3`);
});

test('6.3 with the hardened profile listens on loopback where nothing is said', async () => {
  const hardened = { version: '6.3.1', files: { '/etc/emqx/emqx.env': 'EMQX_SECURITY_PROFILE=hardened\n' } };
  const [local] = await outcomesOf('E01', { conf: '', ...hardened });
  assert.ok(local?.status === 'fail' && local.exposure === 'loopback');
  const [open] = await outcomesOf('E01', { conf: 'listeners.tcp.default.bind = "0.0.0.0:1883"', ...hardened });
  assert.ok(open?.status === 'fail' && open.exposure === undefined);
});

for (const [says, fixture, reason] of [
  ['includes itself', { conf: 'include "emqx.conf"' }, 'malformed'],
  ['is cut off', { conf: 'listeners { tcp { default {\n bind = 18' }, 'malformed'],
  ['refers in a circle', { conf: 'node.cookie = ${a}\na = ${node.cookie}' }, 'malformed'],
  ['is no text', { conf: '', files: { [PLACE]: { bytes: Buffer.from([0x6c, 0xff, 0xfe]) } } }, 'malformed'],
  ['may not be read', { conf: '', files: { [PLACE]: { unreadable: 'permission-denied' } } }, 'permission-denied'],
  [
    'has a layer that may not be read',
    { conf: '', files: { [CLUSTER]: { unreadable: 'permission-denied' } } },
    'permission-denied',
  ],
  ['is too large', { conf: '', files: { [PLACE]: '#'.repeat(2 << 20) } }, 'too-large'],
] as const satisfies readonly (readonly [string, Fixture, string])[]) {
  test(`of an EMQX configuration that ${says} nothing is claimed`, async () => {
    const facts = await collect(fixture);
    for (const check of emqx.checks) {
      for (const outcome of [check.evaluate(facts)].flat() as Outcome[]) {
        assert.ok(outcome.status === 'unknown', `${check.id}: ${outcome.status}`);
        assert.equal(outcome.reason, reason);
      }
    }
  });
}

test('a running EMQX whose environment nobody may read is not judged by its files alone', async () => {
  const facts = await collect({
    conf: ONE_AUTHENTICATOR,
    files: {
      '/proc/7/status': 'Name:\tbeam.smp\nUid:\t999\t999\t999\t999\n',
      '/proc/7/cmdline': '/usr/lib/emqx/beam.smp\0-name\0emqx@127.0.0.1\0',
      '/proc/7/environ': { unreadable: 'permission-denied' },
    },
  });
  assert.ok(facts.config.state === 'unknown' && facts.config.reason === 'permission-denied');
});

test('it is found where packages and images put it, in an image too', async () => {
  for (const place of [PLACE, '/opt/emqx/etc/emqx.conf']) {
    const context = { ...fixtureContext({}), system: new FixtureSystem({ files: { [place]: '' }, isImage: true }) };
    assert.deepEqual(
      (await emqxSubject.discover(context)).map(({ id }) => id),
      [`emqx:${place}`],
    );
  }
  assert.deepEqual(await emqxSubject.discover(fixtureContext({})), []);
});
