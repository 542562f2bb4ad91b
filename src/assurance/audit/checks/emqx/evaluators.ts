/** How family E judges: what belongs to the whole EMQX. */
import {
  type EmqxConfig,
  type EmqxSetting,
  itemsOf,
  parseBind,
  settingIn,
  textsIn,
} from '../../brokers/emqx/config.ts';
import type { EmqxFacts } from '../../brokers/emqx/facts.ts';
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
  pass,
  unassessed,
} from '../../model/outcome.ts';
import type { EMQX } from './catalogue.ts';
import { ofConfig, proofOf } from './judging.ts';
import { LISTENER_EVALUATORS } from './listener-evaluators.ts';

const KNOWN_COOKIES: readonly string[] = ['emqxsecretcookie', 'emqx50elixir'];
const WEAK_HASHES = /^(?:plain|md5|sha|sha1|sha256|sha512)$/;
const SECRET_NAME =
  /^(?:password|passwd|passphrase|secret|cookie|default_password|token|secret_key|secret_access_key|api_key|psk)$/;
/** The number that an identifier or a topic may have at most. */
const SHAPE_LIMITS = [
  ['mqtt.max_clientid_len', 65_535, 1024],
  ['mqtt.max_topic_levels', 128, 32],
  ['mqtt.max_topic_alias', 65_535, 1024],
  ['mqtt.max_subscriptions', Number.POSITIVE_INFINITY, 100_000],
] as const;

function shownLimit(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : 'infinity';
}

/** Never the secret itself: only whether it is the one that everybody knows. */
function secretProof(
  config: EmqxConfig,
  path: string,
  { place }: EmqxSetting,
  isKnown: boolean,
  expected: string,
): Evidence {
  const whose = isKnown ? "EMQX's own" : 'one of its own';
  const observed =
    place === undefined ? `${path} is not set in ${config.layers.join(', ')}, and so ${whose}` : `${path} is ${whose}`;
  return evidence(observed, expected, config.source(place));
}

/** A setting of the whole broker: `isGood` decides. */
function broker(
  path: string,
  otherwise: string,
  { reason, expected }: { readonly reason: string; readonly expected: string },
  isGood: (text: string, facts: EmqxFacts) => boolean,
): Evaluate<EmqxFacts> {
  return (facts) =>
    ofConfig(facts, (config) => {
      const setting = config.setting(path, otherwise);
      const proof = proofOf(config, path, setting, expected);
      return isGood(setting.text, facts) ? pass(proof) : fail(reason, proof);
    });
}

/** Whether 6.3 or later; undefined where nothing tells. */
function hasProfiles(version: string | undefined): boolean | undefined {
  const match = /(\d+)\.(\d+)/.exec(version ?? '');
  if (match === null) return undefined;
  return Number(match[1]) > 6 || (Number(match[1]) === 6 && Number(match[2]) >= 3);
}

export const EMQX_EVALUATORS: { readonly [Id in keyof typeof EMQX]: Evaluate<EmqxFacts> } = {
  ...LISTENER_EVALUATORS,

  E02: (facts) =>
    ofConfig(facts, (config) => {
      const on = ['http', 'https'].find(
        (kind) => parseBind(config.setting(`dashboard.listeners.${kind}.bind`, '0').text).port > 0,
      );
      if (on === undefined) return notApplicable('no-dashboard', 'The dashboard does not listen.');
      const path = 'dashboard.default_password';
      const setting = config.setting(path, 'public');
      const expected = 'a password of your own; it counts until somebody has changed it in the dashboard';
      const proof = secretProof(config, path, setting, setting.text === 'public', expected);
      return setting.text === 'public' ? fail('default-password', proof) : pass(proof);
    }),

  E03: (facts) =>
    ofConfig(facts, (config) => {
      const setting = config.setting('node.cookie', 'emqxsecretcookie');
      const isKnown = KNOWN_COOKIES.includes(setting.text);
      const proof = secretProof(config, 'node.cookie', setting, isKnown, 'a random text');
      return isKnown ? fail('default-cookie', proof) : pass(proof);
    }),

  E04: (facts) =>
    ofConfig(facts, (config) => {
      const setting = config.setting('authorization.no_match', 'allow');
      if (setting.place === undefined && config.version.isHardened)
        return unassessed(
          unknown(
            'unsupported',
            'authorization.no_match is not set, and what the hardened profile makes of it is not known here.',
          ),
        );
      const proof = proofOf(config, 'authorization.no_match', setting, 'authorization.no_match = deny');
      return setting.text === 'deny' ? pass(proof) : fail('no-match-allows', proof);
    }),

  E05: (facts) =>
    ofConfig(facts, () => {
      if (facts.aclSources.length === 0)
        return notApplicable('no-file-source', 'No source of authorization is a file of rules.');
      return facts.aclSources.map(({ file, last }): Outcome => {
        const expected = '{deny, all}.';
        const outcome = judge(
          last,
          ({ effect, isForAll }, source) => {
            if (isForAll && effect === 'allow')
              return fail('ends-with-allow-all', evidence('{allow, all}.', expected, source), { subject: file });
            const shown = isForAll
              ? `{${effect}, all}.`
              : 'a rule for some; what no rule fits is for authorization.no_match (E04)';
            return pass(evidence(`the last rule is ${shown}`, expected, source), { subject: file });
          },
          (source) => pass(evidence('no rules', expected, source), { subject: file }),
        );
        return { ...(outcome as Outcome), subject: file };
      });
    }),

  E06: broker(
    'authorization.deny_action',
    'ignore',
    { reason: 'denied-and-ignored', expected: 'disconnect' },
    (text) => text === 'disconnect',
  ),

  E10: broker(
    'flapping_detect.enable',
    'false',
    { reason: 'flapping-not-detected', expected: 'true' },
    (text) => text === 'true',
  ),

  E11: (facts) =>
    ofConfig(facts, (config) =>
      SHAPE_LIMITS.map(([path, byDefault, most]): Outcome => {
        const setting = config.setting(path, shownLimit(byDefault));
        const proof = proofOf(config, path, setting, `${most} or fewer`);
        const isGood = /^\d+$/.test(setting.text) && Number(setting.text) <= most;
        return isGood ? pass(proof, { subject: path }) : fail('large-shape', proof, { subject: path });
      }),
    ),

  E14: (facts) =>
    ofConfig(facts, (config) => {
      const name = 'dashboard.listeners.http.bind';
      const setting = config.setting(name, '0');
      const { address, port } = parseBind(setting.text);
      if (port === 0) return notApplicable('no-http', 'The dashboard does not listen for HTTP.');
      const proof = proofOf(config, name, setting, 'a loopback address, or 0 and dashboard.listeners.https');
      const local = address === undefined ? config.version.isHardened : isLoopbackAddress(address);
      return local ? pass(proof, { port }) : fail('dashboard-in-clear', proof, { port });
    }),

  E15: (facts) =>
    ofConfig(facts, (config) => {
      const strategy = config.setting('cluster.discovery_strategy', 'manual');
      if (strategy.text === 'singleton') return notApplicable('single-node', 'The node joins no cluster.');
      return (
        [
          ['cluster.proto_dist', 'inet_tcp', (text: string) => /tls/.test(text), 'inet_tls'],
          ['rpc.protocol', 'tcp', (text: string) => text === 'ssl' || text === 'tls', 'ssl'],
          ['rpc.insecure_fallback', 'true', (text: string) => text === 'false', 'false'],
        ] as const
      ).map(([path, otherwise, isGood, wanted]): Outcome => {
        const setting = config.setting(path, otherwise);
        const proof = proofOf(config, path, setting, wanted);
        return isGood(setting.text)
          ? pass(proof, { subject: path })
          : fail('cluster-in-clear', proof, { subject: path });
      });
    }),

  E16: (facts) =>
    ofConfig(facts, (config) => {
      const lists = [
        ['authentication', config.value('authentication')] as const,
        ...config
          .listeners()
          .map(
            ({ label, own }) =>
              [
                label,
                settingIn(own, 'authentication', '').place === undefined
                  ? undefined
                  : own?.fields.get('authentication'),
              ] as const,
          ),
      ];
      const outcomes = lists.flatMap(([where, list]) =>
        itemsOf(list).flatMap((item, index): Outcome[] => {
          const backend = settingIn(item, 'backend', '').text;
          if (settingIn(item, 'mechanism', '').text !== 'password_based' || /^(?:http|ldap)$/.test(backend)) return [];
          const subject = `${where} ${index + 1} (${backend})`;
          const setting = settingIn(item, 'password_hash_algorithm.name', 'sha256');
          const proof = proofOf(config, 'password_hash_algorithm.name', setting, 'bcrypt or pbkdf2');
          return [WEAK_HASHES.test(setting.text) ? fail('fast-hash', proof, { subject }) : pass(proof, { subject })];
        }),
      );
      return outcomes.length === 0
        ? notApplicable('no-passwords', 'No authenticator compares hashes of passwords.')
        : outcomes;
    }),

  E17: (facts) =>
    ofConfig(facts, (config) => {
      const has = hasProfiles(config.version.stated);
      if (has === false) return notApplicable('older-version', 'Security profiles came with 6.3.');
      const expected = 'EMQX_SECURITY_PROFILE=hardened';
      const source = { from: config.file };
      if (config.version.isHardened) return pass(evidence('the profile is hardened', expected, source));
      if (has === undefined) return unassessed(unknown('file-missing', 'Nothing tells which version of EMQX this is.'));
      return fail('profile-not-hardened', evidence('the profile is legacy', expected, source));
    }),

  E18: (facts) =>
    ofConfig(facts, (config) => {
      const secrets = [...textsIn(config.root)].filter(
        ({ path, text }) => SECRET_NAME.test(path.at(-1) ?? '') && text !== '',
      );
      const expected = 'file://PATH';
      if (secrets.length === 0) return notApplicable('no-secrets', 'No secret is set.');
      return secrets.map(({ path, text, place }): Outcome => {
        const subject = path.join('.');
        const isFile = text.startsWith('file://');
        const proof = evidence(
          isFile ? 'it is read from a file of its own' : 'it stands in the configuration',
          expected,
          config.source(place),
        );
        return isFile ? pass(proof, { subject }) : fail('inline-secret', proof, { subject });
      });
    }),
};
