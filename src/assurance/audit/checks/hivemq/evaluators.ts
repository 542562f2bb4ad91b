/** How family V judges a HiveMQ. */
import {
  elementIn,
  type HivemqConfig,
  type HivemqListener,
  type HivemqListenerKind,
  type HivemqSetting,
  PLACEHOLDER,
  settingIn,
} from '../../brokers/hivemq/config.ts';
import type { HivemqFacts } from '../../brokers/hivemq/facts.ts';
import { isLoopbackAddress } from '../../host/sockets.ts';
import type { Evaluate } from '../../model/check.ts';
import { unknown } from '../../model/fact.ts';
import {
  type Evidence,
  evidence,
  fail,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import type { HIVEMQ } from './catalogue.ts';

const ALLOW_ALL = 'hivemq-allow-all-extension';
/** The hash of `hivemq`, salted with `admin`, that HiveMQ's own documentation shows. */
const SHIPPED_HASH = 'a68fc32fc49fc4d04c63724a1f6d0c90442209c46dba6975774cde5e5149caf8';
const TLS_KINDS: readonly HivemqListenerKind[] = ['tls-tcp-listener', 'tls-websocket-listener'];
const SESSION_FOR_EVER = 4_294_967_295;
const READABLE_BY_OTHERS = 0o004;

type Place = { readonly subject: string; readonly port?: number };

function ofConfig(facts: HivemqFacts, judgeIt: (config: HivemqConfig) => Outcomes): Outcomes {
  return judge(facts.config, judgeIt, ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)));
}

function everyListener(
  kinds: readonly HivemqListenerKind[],
  facts: HivemqFacts,
  judgeOne: (config: HivemqConfig, listener: HivemqListener, place: Place) => Outcome | readonly Outcome[],
): Outcomes {
  return ofConfig(facts, (config) => {
    const listeners = config.listeners().filter(({ kind }) => kinds.includes(kind));
    if (listeners.length === 0) return notApplicable('no-listener', `There is no ${kinds.join(' and no ')}.`);
    return listeners.flatMap((one) =>
      judgeOne(config, one, one.port === 0 ? { subject: one.label } : { subject: one.label, port: one.port }),
    );
  });
}

/** An element as it stands, or the default. */
function proofOf(config: HivemqConfig, path: string, { text, line }: HivemqSetting, expected: string): Evidence {
  const shown = text === '' ? 'nothing' : text;
  const observed = line === undefined ? `${path} is absent: ${shown} (defaults of HiveMQ 4)` : `${path} is ${shown}`;
  return evidence(observed, expected, config.source(line));
}

/** A judgement of a text that has to be known: what the environment says cannot be told from the file. */
function ofText(
  config: HivemqConfig,
  path: string,
  setting: HivemqSetting,
  { reason, expected, subject }: { readonly reason: string; readonly expected: string; readonly subject?: string },
  isGood: (text: string) => boolean,
): Outcome {
  const where = subject === undefined ? {} : { subject };
  if (PLACEHOLDER.test(setting.text))
    return unassessed(unknown('unsupported', `${path} comes from the environment of HiveMQ: ${setting.text}.`), where);
  const proof = proofOf(config, path, setting, expected);
  return isGood(setting.text) ? pass(proof, where) : fail(reason, proof, where);
}

const isWhole = (text: string): boolean => /^-?\d+$/.test(text);
const isBetween =
  (least: number, most: number) =>
  (text: string): boolean =>
    isWhole(text) && Number(text) >= least && Number(text) <= most;

/** Several elements, each its own outcome. */
function settings(
  facts: HivemqFacts,
  wanted: readonly (readonly [path: string, reason: string, expected: string, isGood: (text: string) => boolean])[],
): Outcomes {
  return ofConfig(facts, (config) =>
    wanted.map(([path, reason, expected, isGood]) =>
      ofText(config, path, config.setting(path), { reason, expected, subject: path }, isGood),
    ),
  );
}

function isLocal({ address }: { readonly address: string }): boolean {
  return isLoopbackAddress(address);
}

function weakCipher(suite: string): boolean {
  return !/_(?:GCM|CCM|CHACHA20)|^TLS_(?:AES|CHACHA20)/.test(suite) || /_anon_|NULL|EXPORT/i.test(suite);
}

export const HIVEMQ_EVALUATORS: { readonly [Id in keyof typeof HIVEMQ]: Evaluate<HivemqFacts> } = {
  V01: (facts) =>
    judge(
      facts.extensions,
      (extensions, source) => {
        const allowAll = extensions.find(({ name }) => name.startsWith(ALLOW_ALL));
        const expected = `no ${ALLOW_ALL}, or DISABLED in its folder`;
        if (allowAll?.isEnabled === true)
          return fail('allow-all', evidence(`${allowAll.folder} is there and not DISABLED`, expected, source));
        const enabled = extensions.filter(({ isEnabled }) => isEnabled).map(({ name }) => name);
        const observed =
          enabled.length === 0
            ? 'no extension is enabled: nobody is let in (4.3 and later)'
            : `enabled: ${enabled.join(', ')}`;
        return pass(evidence(observed, expected, source));
      },
      ({ from }) =>
        unassessed(
          unknown('file-missing', `The folder of extensions, ${from}, is not there: who is let in is said in it.`),
        ),
    ),

  V02: (facts) =>
    ofConfig(facts, (config) => {
      const enabled = config.setting('control-center/enabled');
      if (enabled.text === 'false') return notApplicable('no-control-center', 'The Control Center is off.');
      const users = config.element('control-center/users');
      const expected = 'a user of your own in control-center/users';
      const own = users?.children.filter(({ name }) => name === 'user') ?? [];
      if (own.length === 0)
        return fail(
          'default-user',
          evidence(
            'control-center/users is absent: admin with the known password',
            expected,
            config.source(users?.line),
          ),
        );
      return own.map((user): Outcome => {
        const name = settingIn(user, 'name', '').text;
        const hash = settingIn(user, 'password', '');
        const isShipped = hash.text.toLowerCase() === SHIPPED_HASH;
        const subject = `user ${name}`;
        const proof = evidence(
          isShipped ? 'the hash is the shipped one' : 'the hash is its own',
          expected,
          config.source(hash.line ?? user.line),
        );
        if (PLACEHOLDER.test(hash.text))
          return pass(evidence('the hash comes from the environment', expected, config.source(hash.line)), { subject });
        return isShipped ? fail('default-password', proof, { subject }) : pass(proof, { subject });
      });
    }),

  V03: (facts) =>
    ofConfig(facts, (config) => {
      const listeners = config.listeners();
      if (listeners.length === 0) return notApplicable('no-listener', 'There is no listener.');
      return listeners.map((listener): Outcome => {
        const { label, port, address, kind, element } = listener;
        const place = port === 0 ? { subject: label } : { subject: label, port };
        if (isLocal(listener)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
        if (PLACEHOLDER.test(address) && !TLS_KINDS.includes(kind))
          return unassessed(
            unknown('unsupported', `The address of ${label} comes from the environment of HiveMQ.`),
            place,
          );
        const isTls = TLS_KINDS.includes(kind);
        const proof = evidence(
          isTls ? 'it has TLS' : `no TLS, bound to ${address}`,
          'tls-tcp-listener or tls-websocket-listener',
          config.source(element.line),
        );
        return isTls ? pass(proof, place) : fail('plaintext', proof, place);
      });
    }),

  V04: (facts) =>
    everyListener(TLS_KINDS, facts, (config, { element }, place) => {
      const path = 'tls/client-authentication-mode';
      const outcome = ofText(
        config,
        path,
        settingIn(element, path, 'NONE'),
        { reason: 'no-client-certificates', expected: 'REQUIRED' },
        (text) => text === 'REQUIRED',
      );
      return { ...outcome, ...place };
    }),

  V05: (facts) =>
    everyListener(TLS_KINDS, facts, (config, { element }, place) => {
      const listOf = (path: string, name: string) =>
        elementIn(element, path)?.children.filter((one) => one.name === name) ?? [];
      const [protocols, suites] = [listOf('tls/protocols', 'protocol'), listOf('tls/cipher-suites', 'cipher-suite')];
      const old = protocols.find(({ text }) => !/^TLSv1\.[23]$/.test(text));
      const weak = suites.find(({ text }) => weakCipher(text));
      const shown = (items: readonly { readonly text: string }[]): string =>
        items.length === 0
          ? "absent: the Java runtime's own (defaults of HiveMQ 4)"
          : items.map(({ text }) => text).join(', ');
      return [
        ['tls/protocols', protocols, old, 'TLSv1.2 and TLSv1.3 only', 'old-tls'] as const,
        ['tls/cipher-suites', suites, weak, 'AEAD suites only', 'weak-cipher'] as const,
      ].map(([path, items, bad, expected, reason]): Outcome => {
        const where = { ...place, subject: `${place.subject} ${path}` };
        const proof = evidence(
          `${path} ${shown(bad === undefined ? items : [bad])}`,
          expected,
          config.source((bad ?? items[0])?.line),
        );
        return bad === undefined ? pass(proof, where) : fail(reason, proof, where);
      });
    }),

  V06: (facts) =>
    settings(facts, [
      [
        'mqtt/packets/max-packet-size',
        'large-packets',
        `${facts.profile.packetSizeMax} bytes or fewer`,
        isBetween(1, facts.profile.packetSizeMax),
      ],
    ]),

  V07: (facts) =>
    ofConfig(facts, (config) => {
      const protection =
        config.element('restrictions/connect-overload-protection') ?? config.element('overload-protection');
      const isOff = protection !== undefined && settingIn(protection, 'enabled', 'true').text === 'false';
      const expected = 'connect-overload-protection';
      const subject = 'restrictions/connect-overload-protection';
      const proof = evidence(
        protection === undefined ? `${subject} is absent` : isOff ? 'it is off' : 'it is there',
        expected,
        config.source(protection?.line),
      );
      const more = settings(facts, [
        [
          'restrictions/max-connections',
          'unlimited-connections',
          'a number above 0',
          isBetween(1, Number.MAX_SAFE_INTEGER),
        ],
        [
          'restrictions/incoming-bandwidth-throttling',
          'unlimited-bandwidth',
          'a number above 0',
          isBetween(1, Number.MAX_SAFE_INTEGER),
        ],
      ]) as readonly Outcome[];
      return [
        ...more,
        protection === undefined || isOff
          ? fail('no-connect-protection', proof, { subject })
          : pass(proof, { subject }),
      ];
    }),

  V08: (facts) =>
    settings(facts, [
      ['restrictions/no-connect-idle-timeout', 'idle-connect', '10000 or less, in milliseconds', isBetween(1, 10_000)],
    ]),

  V09: (facts) =>
    settings(facts, [
      ['restrictions/max-client-id-length', 'long-client-ids', 'less than 65535', isBetween(1, 65_534)],
      ['restrictions/max-topic-length', 'long-topics', 'less than 65535', isBetween(1, 65_534)],
    ]),

  V10: (facts) =>
    settings(facts, [
      ['mqtt/keep-alive/allow-unlimited', 'unlimited-keep-alive', 'false', (text) => text === 'false'],
      [
        'mqtt/session-expiry/max-interval',
        'sessions-for-ever',
        'a number of seconds below 4294967295',
        isBetween(0, SESSION_FOR_EVER - 1),
      ],
    ]),

  V11: (facts) =>
    settings(facts, [
      ['security/utf8-validation/enabled', 'utf8-not-validated', 'true', (text) => text === 'true'],
      ['security/payload-format-validation/enabled', 'payloads-not-validated', 'true', (text) => text === 'true'],
    ]),

  V12: (facts) =>
    ofConfig(facts, (config) => {
      const secrets = config.listeners().flatMap(({ label, element }) =>
        ['tls/keystore/password', 'tls/keystore/private-key-password', 'tls/truststore/password'].flatMap((path) => {
          const setting = settingIn(element, path, '');
          return setting.line === undefined ? [] : [{ subject: `${label} ${path}`, setting }];
        }),
      );
      if (secrets.length === 0) return notApplicable('no-secrets', 'No keystore has a password here.');
      return judge(
        facts.configStatus,
        ({ mode }) => {
          const isOpen = (mode & READABLE_BY_OTHERS) !== 0;
          return secrets.map(({ subject, setting }): Outcome => {
            const isElsewhere = PLACEHOLDER.test(setting.text);
            const shown = isElsewhere
              ? 'the secret comes from the environment'
              : `the secret stands in a file of mode ${mode.toString(8)}`;
            const proof = evidence(shown, 'the environment, or mode 600', config.source(setting.line));
            return isOpen && !isElsewhere ? fail('readable-secret', proof, { subject }) : pass(proof, { subject });
          });
        },
        ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)),
      );
    }),
};
