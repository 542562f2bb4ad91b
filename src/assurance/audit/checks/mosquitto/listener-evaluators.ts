/** How family M judges what belongs to listeners: who gets in, and over what. */

import type { MosquittoFacts } from '../../brokers/mosquitto/facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { evidence, fail, notApplicable, type Outcome, pass } from '../../model/outcome.ts';
import {
  anonymousAccess,
  everyListener,
  hasTls,
  isLocal,
  isTrue,
  plugins,
  proofOf,
  sourceOf,
  wantsCertificates,
} from './judging.ts';

type Evaluators<Id extends string> = { readonly [Key in Id]: Evaluate<MosquittoFacts> };

const AEAD = /GCM|CCM|CHACHA20|POLY1305/i;

/** Why a list of OpenSSL ciphers is weak; undefined where it is not. */
function weakCipher(list: string): string | undefined {
  if (/SECLEVEL=0/i.test(list)) return 'SECLEVEL=0';
  const wanted = list.split(/[:, ]+/).filter((word) => word !== '' && !/^[!\-@]/.test(word));
  return wanted.find((word) => /NULL/i.test(word) || !AEAD.test(word));
}

export const LISTENER_EVALUATORS: Evaluators<
  'M01' | 'M02' | 'M03' | 'M08' | 'M09' | 'M10' | 'M11' | 'M12' | 'M13' | 'M14' | 'M17' | 'M21' | 'M27' | 'M28'
> = {
  M01: (facts) =>
    everyListener(facts, (config, listener, place) => {
      const { isAllowed, name, setting } = anonymousAccess(config, listener);
      const proof =
        listener.origin === 'local-only'
          ? evidence(
              `no listener is stated: local clients are ${isAllowed ? '' : 'not '}let in without a name (defaults of ${config.table})`,
              'a stated listener with allow_anonymous false',
              sourceOf(config, setting.directive),
            )
          : proofOf(config, name, setting, `${name} false`);
      if (!isAllowed) return pass(proof, place);
      const local = isLocal(listener);
      const more = local ? ({ severity: 'medium', exposure: 'loopback' } as const) : {};
      return fail('anonymous-allowed', proof, { ...place, ...more });
    }),

  M02: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (listener.origin !== 'default')
        return notApplicable('stated', 'The listener is stated, or there is none but the local one.', place);
      const { directive } = listener;
      const isMeant = directive?.name === 'port' || directive?.name === 'bind_address';
      const proof = evidence(
        `${directive?.name} stands before the first listener, which opens ${listener.port} on ${listener.address ?? 'all addresses'}`,
        'every setting below its listener',
        sourceOf(config, directive),
      );
      return isMeant ? pass(proof, place) : fail('unintended-listener', proof, place);
    }),

  M03: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (anonymousAccess(config, listener).isAllowed)
        return notApplicable('anonymous', 'The listener asks for no name: M01 says so.', place);
      const file = config.settingOf(listener, 'password_file');
      const psk = config.settingOf(listener, 'psk_file');
      const isIdentity = ['use_identity_as_username', 'use_subject_as_username'].some((name) =>
        isTrue(config.settingOf(listener, name).value),
      );
      const expected = 'password_file, a plugin, psk_file, or an identity from certificates';
      const by = file.directive ?? plugins(config, listener)[0] ?? psk.directive;
      if (by !== undefined) return pass(evidence(`${by.name} ${by.value}`, expected, sourceOf(config, by)), place);
      if (isIdentity && wantsCertificates(config, listener))
        return pass(evidence('the certificate is the identity', expected, sourceOf(config, listener.directive)), place);
      return fail(
        'no-authenticator',
        evidence('none of them is set', expected, sourceOf(config, listener.directive)),
        place,
      );
    }),

  M08: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (isLocal(listener)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
      const proof = evidence(
        hasTls(config, listener)
          ? 'it has TLS'
          : `neither certfile nor psk_hint, bound to ${listener.address ?? 'all addresses'}`,
        'certfile and keyfile, or psk_hint',
        sourceOf(config, listener.directive),
      );
      return hasTls(config, listener) ? pass(proof, place) : fail('plaintext', proof, place);
    }),

  M09: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!facts.profile.mutualTls)
        return notApplicable('not-wanted', 'The profile does not want client certificates.', place);
      if (isLocal(listener)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
      const proof = proofOf(
        config,
        'require_certificate',
        config.settingOf(listener, 'require_certificate'),
        'require_certificate true',
      );
      return wantsCertificates(config, listener) ? pass(proof, place) : fail('no-client-certificates', proof, place);
    }),

  M10: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!wantsCertificates(config, listener))
        return notApplicable('no-client-certificates', 'The listener asks for no client certificates.', place);
      const names = ['use_identity_as_username', 'use_subject_as_username'];
      const set = names.find((name) => isTrue(config.settingOf(listener, name).value));
      const name = set ?? names[0]!;
      const proof = proofOf(config, name, config.settingOf(listener, name), 'one of the two is true');
      return set === undefined ? fail('identity-not-from-certificate', proof, place) : pass(proof, place);
    }),

  M11: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!wantsCertificates(config, listener))
        return notApplicable('no-client-certificates', 'The listener asks for no client certificates.', place);
      const setting = config.settingOf(listener, 'crlfile');
      const proof = proofOf(config, 'crlfile', setting, 'crlfile FILE');
      return setting.value === '' ? fail('no-crl', proof, place) : pass(proof, place);
    }),

  M12: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!wantsCertificates(config, listener))
        return notApplicable('no-client-certificates', 'The listener asks for no client certificates.', place);
      const name = 'disable_client_cert_date_checks';
      const setting = config.settingOf(listener, name);
      const proof = proofOf(config, name, setting, `${name} false`);
      return isTrue(setting.value) ? fail('dates-not-checked', proof, place) : pass(proof, place);
    }),

  M13: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!hasTls(config, listener)) return notApplicable('no-tls', 'The listener has no TLS.', place);
      const setting = config.settingOf(listener, 'tls_version');
      const isGood = setting.value === '' || /^tlsv1\.[23]$/.test(setting.value);
      const proof = proofOf(config, 'tls_version', setting, 'tlsv1.2 or tlsv1.3, or nothing');
      return isGood ? pass(proof, place) : fail('old-tls', proof, place);
    }),

  M14: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (!hasTls(config, listener)) return notApplicable('no-tls', 'The listener has no TLS.', place);
      return ['ciphers', 'ciphers_tls1.3'].map((name) => {
        const setting = config.settingOf(listener, name);
        const proof = proofOf(config, name, setting, 'AEAD suites only, or nothing');
        const where = { ...place, subject: `${place.subject} ${name}` };
        return weakCipher(setting.value) === undefined ? pass(proof, where) : fail('weak-cipher', proof, where);
      });
    }),

  M17: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (isLocal(listener)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
      const all = ['global_max_connections', 'global_max_clients'].find(
        (name) => Number(config.setting(name).value) > 0,
      );
      const name = all ?? 'max_connections';
      const setting = all === undefined ? config.settingOf(listener, name) : config.setting(name);
      const proof = proofOf(config, name, setting, 'a number above 0');
      return Number(setting.value) > 0 ? pass(proof, place) : fail('unlimited-connections', proof, place);
    }),

  M21: (facts) =>
    everyListener(facts, (config, listener, place) => {
      const name = 'allow_zero_length_clientid';
      const setting = config.settingOf(listener, name);
      const proof = proofOf(config, name, setting, `${name} false`);
      return isTrue(setting.value) ? fail('empty-client-id', proof, place) : pass(proof, place);
    }),

  M27: (facts) =>
    everyListener(facts, (config, listener, place) => {
      if (config.settingOf(listener, 'protocol').value !== 'websockets')
        return notApplicable('no-websockets', 'The listener speaks no WebSocket.', place);
      const folder = config.settingOf(listener, 'http_dir');
      if (folder.value !== '') return fail('serves-files', proofOf(config, 'http_dir', folder, 'no http_dir'), place);
      const origin = config.settingOf(listener, 'websockets_origin');
      const proof = proofOf(config, 'websockets_origin', origin, 'websockets_origin ORIGIN');
      return origin.value === '' ? fail('any-origin', proof, place) : pass(proof, place);
    }),

  M28: (facts) =>
    everyListener(facts, (config, listener, place): Outcome => {
      const setting = config.settingOf(listener, 'enable_proxy_protocol');
      if (setting.value === '' || setting.value === '0')
        return notApplicable('no-proxy-protocol', 'The listener takes no PROXY header.', place);
      const proof = evidence(
        `enable_proxy_protocol ${setting.value}, bound to ${listener.address ?? 'all addresses'}`,
        'an address that only the load balancer reaches',
        sourceOf(config, setting.directive),
      );
      return isLocal(listener) ? pass(proof, place) : fail('proxy-header-from-anybody', proof, place);
    }),
};
