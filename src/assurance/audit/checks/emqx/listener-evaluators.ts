/** How family E judges listeners: who gets in, over what, and how much of it. */
import { bytesOf, type EmqxConfig, type EmqxListener, itemsOf, settingIn } from '../../brokers/emqx/config.ts';
import type { EmqxFacts } from '../../brokers/emqx/facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { evidence, fail, notApplicable, type Outcome, pass } from '../../model/outcome.ts';
import { everyListener, everyListenerOf, isLocal, ofConfig, type Place, proofOf } from './judging.ts';

type Evaluators<Id extends string> = { readonly [Key in Id]: Evaluate<EmqxFacts> };

/** Authenticators that are on: the listener's own, else the broker's. */
function authenticatorsOf(config: EmqxConfig, { own }: EmqxListener): number {
  const list = own?.fields.get('authentication') ?? config.value('authentication');
  return itemsOf(list).filter((item) => settingIn(item, 'enable', 'true').text !== 'false').length;
}

/** Rules such as `allow 10.0.0.0/8`: whether whoever connects is let in. */
function admitsAll({ own }: EmqxListener): boolean {
  const rules = itemsOf(own?.fields.get('access_rules'));
  if (rules.length === 0) return true;
  for (const rule of rules) {
    const text = rule.kind === 'text' ? rule.text.trim().toLowerCase() : '';
    if (text === 'allow all') return true;
    if (text === 'deny all') return false;
  }
  return true;
}

/** Several settings of one listener, each its own outcome. */
function settingsOf(
  config: EmqxConfig,
  { own }: EmqxListener,
  place: Place,
  wanted: readonly (readonly [
    path: string,
    otherwise: string,
    isGood: (text: string) => boolean,
    expected: string,
    severity?: 'low' | 'info',
  ])[],
  reason: string,
): Outcome[] {
  return wanted.map(([path, otherwise, isGood, expected, severity]) => {
    const setting = settingIn(own, path, otherwise);
    const proof = proofOf(config, path, setting, expected);
    const where = { ...place, subject: `${place.subject} ${path}` };
    if (isGood(setting.text)) return pass(proof, where);
    return fail(reason, proof, severity === undefined ? where : { ...where, severity });
  });
}

function oldVersion(config: EmqxConfig, { own }: EmqxListener, place: Place): Outcome {
  const name = 'ssl_options.versions';
  const list = own === undefined ? undefined : settingIn(own, name, '').place;
  const ssl = own?.fields.get('ssl_options');
  const versions = itemsOf(ssl?.kind === 'object' ? ssl.fields.get('versions') : undefined).map((one) =>
    one.kind === 'text' ? one.text : '',
  );
  const text = versions.length === 0 ? 'tlsv1.3, tlsv1.2' : versions.join(', ');
  const proof = proofOf(config, name, { text, place: list }, 'tlsv1.2 and tlsv1.3 only');
  const where = { ...place, subject: `${place.subject} ${name}` };
  return versions.every((one) => /^tlsv1\.[23]$/.test(one))
    ? pass(proof, where)
    : fail('old-tls', proof, { ...where, severity: 'high' });
}

const isNumber = (text: string): boolean => /^\d+$/.test(text) && Number(text) > 0;
const isRate = (text: string): boolean => text !== '' && text !== 'infinity';
const isTrue = (text: string): boolean => text === 'true';
const isFalse = (text: string): boolean => text === 'false';

export const LISTENER_EVALUATORS: Evaluators<'E01' | 'E07' | 'E08' | 'E09' | 'E12' | 'E13'> = {
  E01: (facts) =>
    everyListener(facts, (config, listener, place) => {
      const name = 'enable_authn';
      const setting = settingIn(listener.own, name, 'true');
      const more = isLocal(listener) ? ({ severity: 'medium', exposure: 'loopback' } as const) : {};
      if (setting.text === 'false')
        return fail('authentication-off', proofOf(config, name, setting, `${name} = true`), { ...place, ...more });
      const count = authenticatorsOf(config, listener);
      const expected = 'one authenticator or more';
      const proof = evidence(
        count === 0 ? `authentication is empty in ${config.layers.join(', ')}` : `${count} authenticators`,
        expected,
        config.source(config.value('authentication')?.place),
      );
      return count === 0 ? fail('no-authenticator', proof, { ...place, ...more }) : pass(proof, place);
    }),

  E07: (facts) =>
    everyListenerOf(['ssl', 'wss'], facts, (config, listener, place) => {
      const names = ['mqtt.peer_cert_as_username', 'mqtt.peer_cert_as_clientid'];
      const used = names.find((name) => config.zoned(listener, name, 'disabled').text !== 'disabled');
      if (used === undefined)
        return notApplicable('no-identity-from-certificate', 'No name is taken from client certificates.', place);
      const verify = settingIn(listener.own, 'ssl_options.verify', 'verify_none');
      const needed = settingIn(listener.own, 'ssl_options.fail_if_no_peer_cert', 'false');
      if (verify.text !== 'verify_peer')
        return fail('certificate-not-verified', proofOf(config, 'ssl_options.verify', verify, 'verify_peer'), place);
      const proof = proofOf(config, 'ssl_options.fail_if_no_peer_cert', needed, 'true');
      return needed.text === 'true' ? pass(proof, place) : fail('certificate-not-required', proof, place);
    }),

  E08: (facts) =>
    everyListenerOf(['ssl', 'wss'], facts, (config, listener, place) => {
      const isMutual = settingIn(listener.own, 'ssl_options.verify', 'verify_none').text === 'verify_peer';
      const revocation = [['ssl_options.enable_crl_check', 'false', isTrue, 'true']] as const;
      return [
        oldVersion(config, listener, place),
        ...settingsOf(
          config,
          listener,
          place,
          [
            ['ssl_options.client_renegotiation', 'true', isFalse, 'false'],
            ['ssl_options.ocsp.enable_ocsp_stapling', 'false', isTrue, 'true', 'info'],
          ],
          'loose-tls',
        ),
        // Without client certificates there is nothing that could be revoked.
        ...(isMutual ? settingsOf(config, listener, place, revocation, 'revocation-not-checked') : []),
      ];
    }),

  E09: (facts) =>
    ofConfig(facts, (config) => {
      const name = 'mqtt.max_packet_size';
      const size = config.setting(name, '1MB');
      const proof = proofOf(config, name, size, `${facts.profile.packetSizeMax} bytes or fewer`);
      const bytes = bytesOf(size.text);
      const packets =
        bytes !== undefined && bytes <= facts.profile.packetSizeMax
          ? pass(proof, { subject: name })
          : fail('large-packets', proof, { subject: name });
      const limits = [
        ['max_connections', 'infinity', isNumber, 'a number'],
        ['max_conn_rate', 'infinity', isRate, 'a rate such as 500/s'],
        ['messages_rate', '', isRate, 'a rate such as 100/s'],
        ['bytes_rate', '', isRate, 'a rate such as 1MB/s'],
      ] as const;
      return [
        packets,
        ...config.listeners().flatMap((one) => {
          const place = one.port === 0 ? { subject: one.label } : { subject: one.label, port: one.port };
          return settingsOf(config, one, place, limits, 'unlimited');
        }),
      ];
    }),

  E12: (facts) =>
    everyListenerOf(['tcp', 'ssl', 'ws', 'wss'], facts, (config, listener, place): Outcome => {
      const proxy = settingIn(listener.own, 'proxy_protocol', 'false');
      const isWeb = listener.type === 'ws' || listener.type === 'wss';
      const header = settingIn(listener.own, 'websocket.proxy_address_header', headerByDefault(config));
      const isHeader = isWeb && header.text !== '';
      if (proxy.text !== 'true' && !isHeader)
        return notApplicable('no-forwarded-address', 'The listener takes no address from a proxy.', place);
      const expected = 'access_rules that admit the proxy alone, or neither proxy_protocol nor proxy_address_header';
      const proof =
        proxy.text === 'true'
          ? proofOf(config, 'proxy_protocol', proxy, expected)
          : proofOf(config, 'websocket.proxy_address_header', header, expected);
      return admitsAll(listener) && !isLocal(listener)
        ? fail('forwarded-by-anybody', proof, place)
        : pass(proof, place);
    }),

  E13: (facts) =>
    everyListenerOf(['ws', 'wss'], facts, (config, { own }, place) => {
      const name = 'websocket.check_origin_enable';
      const setting = settingIn(own, name, 'false');
      const proof = proofOf(config, name, setting, `${name} = true`);
      return setting.text === 'true' ? pass(proof, place) : fail('any-origin', proof, place);
    }),
};

/** Up to 6.2 the header is believed unless somebody says otherwise. */
function headerByDefault({ version }: EmqxConfig): string {
  const match = /(\d+)\.(\d+)/.exec(version.stated ?? '');
  const isLater = match !== null && (Number(match[1]) > 6 || (Number(match[1]) === 6 && Number(match[2]) >= 3));
  return isLater ? '' : 'x-forwarded-for';
}
