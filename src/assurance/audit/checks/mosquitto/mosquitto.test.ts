import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixtureContext, type MadeFile, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { NOTHING_DECLARED } from '../../audit-file/schema.ts';
import { collectMosquitto, type MosquittoFacts } from '../../brokers/mosquitto/facts.ts';
import type { Outcome } from '../../model/outcome.ts';
import { placedTarget } from '../../model/target.ts';
import { mosquitto } from './mosquitto.ts';

const PLACE = '/etc/mosquitto/mosquitto.conf';

interface Fixture {
  readonly conf: string;
  readonly version?: string;
  readonly files?: Readonly<Record<string, string | MadeFile>>;
  readonly mutualTls?: boolean;
}

function collect({ conf, version = '2.0.11', files = {}, mutualTls = false }: Fixture): Promise<MosquittoFacts> {
  const made: MadeSystem = { files: { [PLACE]: conf, ...files } };
  const declared = { ...NOTHING_DECLARED, profile: { ...NOTHING_DECLARED.profile, mutualTls } };
  return collectMosquitto(placedTarget('mosquitto', PLACE, { version }), fixtureContext(made, undefined, declared));
}

const of = (...lines: readonly string[]): Fixture => ({ conf: `${lines.join('\n')}\n` });
const TLS = ['listener 8883', 'certfile /c', 'keyfile /k'];
const MUTUAL = [...TLS, 'cafile /ca', 'require_certificate true'];
/** A configuration that cannot be read to its end. */
const UNKNOWN: Fixture = { conf: 'include_dir /etc/mosquitto/conf.d\n' };
const EVERY_BROKER = { cannot: 'every broker has this setting, or its default' };
const EVERY_LISTENER = { cannot: 'every broker has a listener with this setting' };

const acl = (...lines: readonly string[]): Fixture => ({
  ...of('listener 8883', 'acl_file /etc/mosquitto/acl'),
  files: { '/etc/mosquitto/acl': `${lines.join('\n')}\n` },
});
const UNREADABLE_ACL: Fixture = {
  ...of('acl_file /etc/mosquitto/acl'),
  files: { '/etc/mosquitto/acl': { unreadable: 'permission-denied' } },
};
const passwords = (text: string): Fixture => ({
  ...of('password_file /etc/mosquitto/passwd'),
  files: { '/etc/mosquitto/passwd': text },
});

describeChecks<MosquittoFacts, Fixture>({
  family: mosquitto,
  collect,
  fixtures: {
    M01: {
      pass: of('listener 1883', 'allow_anonymous false'),
      fail: of('listener 1883', 'allow_anonymous true'),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
    },
    M02: {
      pass: of('port 1884', 'listener 8883'),
      fail: of('per_listener_settings true', 'password_file /p', 'listener 8883'),
      'not-applicable': of('listener 8883'),
      unknown: UNKNOWN,
    },
    M03: {
      pass: of('listener 1883', 'password_file /p'),
      fail: of('listener 1883', 'allow_anonymous false'),
      'not-applicable': of('listener 1883', 'allow_anonymous true'),
      unknown: UNKNOWN,
    },
    M04: {
      pass: of('acl_file /a'),
      fail: of('listener 1883'),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
      manual: of('plugin /usr/lib/decides.so'),
    },
    M05: {
      pass: acl('user ann', 'topic read #', 'pattern readwrite devices/%u/#'),
      fail: acl('user ann', 'topic #'),
      'not-applicable': of('listener 1883'),
      unknown: UNREADABLE_ACL,
    },
    M06: {
      pass: acl('pattern readwrite devices/%u/#'),
      fail: acl('pattern readwrite devices/%c/#'),
      'not-applicable': of('listener 1883'),
      unknown: UNREADABLE_ACL,
    },
    M07: {
      pass: passwords('ann:$7$101$c2FsdA==$aGFzaA==\n'),
      fail: passwords('ann:$6$c2FsdA==$aGFzaA==\n'),
      'not-applicable': of('listener 1883'),
      unknown: {
        ...of('password_file /etc/mosquitto/passwd'),
        files: { '/etc/mosquitto/passwd': { unreadable: 'permission-denied' } },
      },
    },
    M08: {
      pass: of(...TLS),
      fail: of('listener 1883'),
      'not-applicable': of('listener 1883 127.0.0.1'),
      unknown: UNKNOWN,
    },
    M09: {
      pass: { ...of(...MUTUAL), mutualTls: true },
      fail: { ...of(...TLS), mutualTls: true },
      'not-applicable': of(...TLS),
      unknown: UNKNOWN,
    },
    M10: {
      pass: of(...MUTUAL, 'use_identity_as_username true'),
      fail: of(...MUTUAL),
      'not-applicable': of(...TLS),
      unknown: UNKNOWN,
    },
    M11: { pass: of(...MUTUAL, 'crlfile /r'), fail: of(...MUTUAL), 'not-applicable': of(...TLS), unknown: UNKNOWN },
    M12: {
      pass: of(...MUTUAL),
      fail: of(...MUTUAL, 'disable_client_cert_date_checks true'),
      'not-applicable': of(...TLS),
      unknown: UNKNOWN,
    },
    M13: {
      pass: of(...TLS, 'tls_version tlsv1.3'),
      fail: of(...TLS, 'tls_version tlsv1.1'),
      'not-applicable': of('listener 1883'),
      unknown: UNKNOWN,
    },
    M14: {
      pass: of(...TLS, 'ciphers ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL'),
      fail: of(...TLS, 'ciphers HIGH:@SECLEVEL=0'),
      'not-applicable': of('listener 1883'),
      unknown: UNKNOWN,
    },
    M15: { pass: of('max_packet_size 65536'), fail: of(''), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M16: {
      pass: of('max_packet_size 65536'),
      fail: of('message_size_limit 1000'),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    M17: {
      pass: of('listener 1883', 'max_connections 1000'),
      fail: of('listener 1883'),
      'not-applicable': of('listener 1883 localhost'),
      unknown: UNKNOWN,
    },
    M18: { pass: of(''), fail: of('max_queued_messages 0'), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M19: {
      pass: of('persistent_client_expiration 14d'),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    M20: { pass: of('max_keepalive 1200'), fail: of(''), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M21: {
      pass: of('allow_zero_length_clientid false'),
      fail: of(''),
      'not-applicable': EVERY_LISTENER,
      unknown: UNKNOWN,
    },
    M22: { pass: of('check_retain_source true'), fail: of(''), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M23: {
      pass: acl('user monitor', 'topic read $SYS/#'),
      fail: acl('topic read $SYS/#'),
      'not-applicable': EVERY_BROKER,
      unknown: UNREADABLE_ACL,
    },
    M24: { pass: of(''), fail: of('log_type error'), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M25: { pass: of(''), fail: of('log_dest topic'), 'not-applicable': EVERY_BROKER, unknown: UNKNOWN },
    M26: {
      pass: of('connection up', 'address up.example:8883', 'topic site/# out', 'bridge_cafile /ca'),
      fail: of('connection up', 'address up.example:1883', 'topic site/# out'),
      'not-applicable': of(''),
      unknown: UNKNOWN,
    },
    M27: {
      pass: of('listener 8080', 'protocol websockets', 'websockets_origin https://site.example'),
      fail: of('listener 8080', 'protocol websockets'),
      'not-applicable': of('listener 1883'),
      unknown: UNKNOWN,
    },
    M28: {
      pass: { ...of('listener 1883 127.0.0.1', 'enable_proxy_protocol 2'), version: '2.1.0' },
      fail: { ...of('listener 1883', 'enable_proxy_protocol 2'), version: '2.1.0' },
      'not-applicable': of('listener 1883'),
      unknown: UNKNOWN,
    },
    M29: {
      pass: {
        ...of('enable_control_api true', 'acl_file /a'),
        version: '2.1.0',
        files: { '/a': 'user admin\ntopic $CONTROL/#\n' },
      },
      fail: { ...of('enable_control_api true'), version: '2.1.0' },
      'not-applicable': of(''),
      unknown: UNKNOWN,
    },
    M30: {
      pass: { ...of('listener 1883'), version: '2.1.0' },
      fail: { ...of('listener 1883', 'acl_file /a'), version: '2.1.0' },
      'not-applicable': of('acl_file /a'),
      unknown: UNKNOWN,
    },
  },
});

async function outcomesOf(id: string, fixture: Fixture): Promise<Outcome[]> {
  const facts = await collect(fixture);
  const outcomes = mosquitto.checks.find((check) => check.id === id)!.evaluate(facts);
  return [outcomes].flat() as Outcome[];
}

test('a setting belongs to the last listener above it', async () => {
  const outcomes = await outcomesOf('M17', of('listener 1883', 'listener 1884', 'max_connections 5', 'listener 1885'));
  assert.deepEqual(
    outcomes.map(({ subject, status }) => [subject, status]),
    [
      ['listener 1883', 'fail'],
      ['listener 1884', 'pass'],
      ['listener 1885', 'fail'],
    ],
  );
});

test('security settings are for all listeners, unless each has its own', async () => {
  const lines = ['listener 1883', 'allow_anonymous true', 'listener 1884'];
  const statuses = async (fixture: Fixture) => (await outcomesOf('M01', fixture)).map(({ status }) => status);
  assert.deepEqual(await statuses(of(...lines)), ['fail', 'fail']);
  assert.deepEqual(await statuses(of('per_listener_settings true', ...lines)), ['fail', 'pass']);
});

test('files of include_dir stand where it stands, in the order of their names, and others are left out', async () => {
  const fixture: Fixture = {
    conf: 'listener 1883\ninclude_dir /d\nmax_connections 1\n',
    files: { '/d/b.conf': 'listener 1885\n', '/d/a.conf': 'listener 1884\n', '/d/c.txt': 'listener 9\n' },
  };
  const outcomes = await outcomesOf('M17', fixture);
  assert.deepEqual(
    outcomes.map(({ subject, status }) => [subject, status]),
    [
      ['listener 1883', 'fail'],
      ['listener 1884', 'fail'],
      ['listener 1885', 'pass'],
    ],
  );
});

test('a finding names file and line, and says of a default whose it is', async () => {
  const [stated] = await outcomesOf('M01', of('', '# anonymous', 'listener 1883', 'allow_anonymous true'));
  assert.ok(stated?.status === 'fail');
  assert.equal(`${stated.evidence.file}:${stated.evidence.line}`, `${PLACE}:4`);
  const [packets] = await outcomesOf('M15', of(''));
  assert.ok(packets?.status === 'fail');
  assert.match(packets.evidence.observed, /max_packet_size is not set: 0 \(defaults of 2\.0\)/);
  const [newer] = await outcomesOf('M15', { ...of(''), version: '2.1.3' });
  assert.ok(newer?.status === 'fail', 'two million are still more than the profile wants');
  assert.match(newer.evidence.observed, /2000000 \(defaults of 2\.1\)/);
});

for (const [says, fixture, reason] of [
  ['includes itself', { conf: 'include_dir /d\n', files: { '/d/a.conf': 'include_dir /d\n' } }, 'malformed'],
  ['is no text', { conf: '', files: { [PLACE]: { bytes: Buffer.from([0x6c, 0xff, 0xfe]) } } }, 'malformed'],
  ['may not be read', { conf: '', files: { [PLACE]: { unreadable: 'permission-denied' } } }, 'permission-denied'],
  ['is too large', { conf: '', files: { [PLACE]: '#'.repeat(2 << 20) } }, 'too-large'],
] as const satisfies readonly (readonly [string, Fixture, string])[]) {
  test(`of a configuration that ${says} nothing is claimed`, async () => {
    const facts = await collect(fixture);
    for (const check of mosquitto.checks) {
      for (const outcome of [check.evaluate(facts)].flat() as Outcome[]) {
        assert.ok(outcome.status === 'unknown', `${check.id}: ${outcome.status}`);
        assert.equal(outcome.reason, reason);
      }
    }
  });
}

test('a configuration cut off in the middle of a line is read as far as it goes', async () => {
  const [outcome] = await outcomesOf('M01', { conf: 'listener 1883\nallow_anonymous' });
  assert.equal(outcome?.status, 'pass');
});
