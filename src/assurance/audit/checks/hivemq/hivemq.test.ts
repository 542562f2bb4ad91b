import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FixtureSystem, fixtureContext, type MadeFile } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { collectHivemq, type HivemqFacts } from '../../brokers/hivemq/facts.ts';
import { hivemqSubject } from '../../brokers/hivemq/subject.ts';
import type { Outcome } from '../../model/outcome.ts';
import { placedTarget } from '../../model/target.ts';
import { hivemq } from './hivemq.ts';

const PLACE = '/opt/hivemq/conf/config.xml';
const EXTENSION = '/opt/hivemq/extensions/hivemq-allow-all-extension';

interface Fixture {
  /** Of the file, without its root; or a whole file. */
  readonly inside?: string;
  readonly config?: string | MadeFile;
  readonly files?: Readonly<Record<string, string | MadeFile>>;
}

function collect({ inside = '', config, files = {} }: Fixture): Promise<HivemqFacts> {
  const whole = config ?? `<?xml version="1.0"?>\n<hivemq>\n${inside}\n</hivemq>\n`;
  return collectHivemq(placedTarget('hivemq', PLACE), fixtureContext({ files: { [PLACE]: whole, ...files } }));
}

const of = (inside: string): Fixture => ({ inside });
/** `a/b` and a text as elements. */
const at = (path: string, text: string): string =>
  path.split('/').reduceRight((inner, name) => `<${name}>${inner}</${name}>`, text);
const listener = (kind: string, inside = ''): string => at(`listeners/${kind}`, `<port>8883</port>${inside}`);
const TLS = (inside: string): Fixture => of(listener('tls-tcp-listener', at('tls', inside)));
/** A configuration that is cut off. */
const UNKNOWN: Fixture = { config: '<hivemq>\n<listeners>' };
const EVERY_BROKER = { cannot: 'every HiveMQ has this setting, or its default' };
const PLAIN = of(listener('tcp-listener'));
const KEYSTORE = at('keystore', '<path>k.jks</path><password>hunter2</password>');

describeChecks<HivemqFacts, Fixture>({
  family: hivemq,
  collect,
  fixtures: {
    V01: {
      pass: { files: { [`${EXTENSION}/hivemq-extension.xml`]: '', [`${EXTENSION}/DISABLED`]: '' } },
      fail: { files: { [`${EXTENSION}/hivemq-extension.xml`]: '' } },
      'not-applicable': { cannot: 'every HiveMQ lets in whom its extensions let in' },
      unknown: of(''),
    },
    V02: {
      pass: of(at('control-center/users/user', '<name>ann</name><password>0123abcd</password>')),
      fail: of(''),
      'not-applicable': of(at('control-center/enabled', 'false')),
      unknown: UNKNOWN,
    },
    V03: {
      pass: of(listener('tls-tcp-listener')),
      fail: PLAIN,
      'not-applicable': of(listener('tcp-listener', '<bind-address>127.0.0.1</bind-address>')),
      unknown: UNKNOWN,
    },
    V04: {
      pass: TLS(at('client-authentication-mode', 'REQUIRED')),
      fail: TLS(at('client-authentication-mode', 'OPTIONAL')),
      'not-applicable': PLAIN,
      unknown: TLS(at('client-authentication-mode', '${ENV:MODE}')),
    },
    V05: {
      pass: TLS(at('protocols/protocol', 'TLSv1.3') + at('cipher-suites/cipher-suite', 'TLS_AES_128_GCM_SHA256')),
      fail: TLS(at('cipher-suites/cipher-suite', 'TLS_RSA_WITH_AES_128_CBC_SHA')),
      'not-applicable': PLAIN,
      unknown: UNKNOWN,
    },
    V06: {
      pass: of(at('mqtt/packets/max-packet-size', '65536')),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: of(at('mqtt/packets/max-packet-size', '${SIZE}')),
    },
    V07: {
      pass: of(
        at(
          'restrictions',
          '<max-connections>1000</max-connections><incoming-bandwidth-throttling>1000000</incoming-bandwidth-throttling><connect-overload-protection/>',
        ),
      ),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    V08: {
      pass: of(''),
      fail: of(at('restrictions/no-connect-idle-timeout', '60000')),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    V09: {
      pass: of(
        at('restrictions', '<max-client-id-length>128</max-client-id-length><max-topic-length>512</max-topic-length>'),
      ),
      fail: of(at('restrictions/max-topic-length', '512')),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    V10: {
      pass: of(at('mqtt', `${at('keep-alive/allow-unlimited', 'false')}${at('session-expiry/max-interval', '86400')}`)),
      fail: of(at('mqtt/keep-alive/allow-unlimited', 'false')),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    V11: {
      pass: of(at('security/payload-format-validation/enabled', 'true')),
      fail: of(''),
      'not-applicable': EVERY_BROKER,
      unknown: UNKNOWN,
    },
    V12: {
      pass: TLS(at('keystore/password', '${ENV:KEYSTORE_PASSWORD}')),
      fail: TLS(KEYSTORE),
      'not-applicable': PLAIN,
      unknown: UNKNOWN,
    },
  },
});

async function outcomesOf(id: string, fixture: Fixture): Promise<Outcome[]> {
  const facts = await collect(fixture);
  return [hivemq.checks.find((check) => check.id === id)!.evaluate(facts)].flat() as Outcome[];
}

test('the shipped hash is no password, in whatever case it is written', async () => {
  const hash = 'A68FC32FC49FC4D04C63724A1F6D0C90442209C46DBA6975774CDE5E5149CAF8';
  const [outcome] = await outcomesOf(
    'V02',
    of(at('control-center/users/user', `<name>admin</name><password>${hash}</password>`)),
  );
  assert.ok(outcome?.status === 'fail' && outcome.reason === 'default-password');
});

test('an element that is commented out is absent', async () => {
  const [outcome] = await outcomesOf('V06', of(`<!-- ${at('mqtt/packets/max-packet-size', '65536')} -->`));
  assert.ok(outcome?.status === 'fail');
  assert.match(outcome.evidence.observed, /is absent: 268435460 \(defaults of HiveMQ 4\)/);
});

test('a finding names file and line', async () => {
  const [outcome] = await outcomesOf('V08', of(`\n\n${at('restrictions/no-connect-idle-timeout', '60000')}`));
  assert.ok(outcome?.status === 'fail');
  assert.equal(`${outcome.evidence.file}:${outcome.evidence.line}`, `${PLACE}:5`);
});

test('a password in a file that only its owner reads is let be, and never shown', async () => {
  const inside = listener('tls-tcp-listener', at('tls', KEYSTORE));
  const config = { text: `<hivemq>${inside}</hivemq>`, mode: 0o600 };
  assert.deepEqual(
    (await outcomesOf('V12', { config })).map(({ status }) => status),
    ['pass'],
  );
  const facts = await collect(TLS(KEYSTORE));
  assert.doesNotMatch(JSON.stringify(hivemq.checks.map((check) => check.evaluate(facts))), /hunter2/);
});

test('an extension is on unless DISABLED stands in its folder, whatever the folders are called', async () => {
  const files = {
    '/opt/hivemq/extensions/notes.txt': 'no extension',
    '/opt/hivemq/extensions/own/hivemq-extension.xml': '',
  };
  const [outcome] = await outcomesOf('V01', { files });
  assert.ok(outcome?.status === 'pass');
  assert.match(outcome.evidence.observed, /^enabled: own$/);
});

const BILLION_LAUGHS = `<!DOCTYPE hivemq [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<hivemq>&b;</hivemq>`;

for (const [says, config, reason, place] of [
  ['has a DOCTYPE', `<?xml version="1.0"?>\n${BILLION_LAUGHS}`, 'malformed', /config\.xml:2: a DOCTYPE/],
  ['uses an entity that is none', '<hivemq>\n<a>&b;</a></hivemq>', 'malformed', /config\.xml:2: /],
  ['is cut off', '<hivemq>\n<listeners>\n<tcp-li', 'malformed', /config\.xml:3: /],
  ['has another root', '<html/>', 'malformed', /root is <html>/],
  ['is nested without end', '<a>'.repeat(5000) + '</a>'.repeat(5000), 'malformed', /too deeply/],
  ['is empty', '', 'malformed', /config\.xml/],
  ['is no text', { bytes: Buffer.from([0x3c, 0xff]) }, 'malformed', /not UTF-8/],
  ['is too large', ' '.repeat(2 << 20), 'too-large', /too large/],
  ['may not be read', { unreadable: 'permission-denied' }, 'permission-denied', /permission/],
] as const satisfies readonly (readonly [string, string | MadeFile, string, RegExp])[]) {
  test(`of a HiveMQ configuration that ${says} nothing is claimed`, async () => {
    const facts = await collect({ config });
    assert.ok(facts.config.state === 'unknown');
    assert.match(facts.config.says, place);
    for (const check of hivemq.checks) {
      for (const outcome of [check.evaluate(facts)].flat() as Outcome[]) {
        assert.ok(outcome.status === 'unknown', `${check.id}: ${outcome.status}`);
        if (check.id !== 'V01') assert.equal(outcome.reason, reason);
      }
    }
  });
}

test('it is found where it is usually unpacked, in an image too', async () => {
  const context = { ...fixtureContext({}), system: new FixtureSystem({ files: { [PLACE]: '' }, isImage: true }) };
  assert.deepEqual(
    (await hivemqSubject.discover(context)).map(({ id }) => id),
    [`hivemq:${PLACE}`],
  );
  assert.deepEqual(await hivemqSubject.discover(fixtureContext({})), []);
});
