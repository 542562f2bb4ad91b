/** How family G judges Sallyport's own configuration. */

import type { Config, ListenerConfig } from '../../../../app/config/config.ts';
import type { LoadedConfig } from '../../../../app/config/load.ts';
import {
  asksInClear,
  clearUpstreams,
  isOpenPlain,
  isOpenToAll,
  uncheckedClaims,
} from '../../../../app/config/weak-settings.ts';
import { isLoopback } from '../../../../base/ip-address.ts';
import { SESSION_EXPIRY_NEVER_S } from '../../../../mqtt/wire.ts';
import type { AllowedTopic, GatewayFacts } from '../../brokers/gateway/facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Source, unknown } from '../../model/fact.ts';
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
import { describeHashes } from '../password-schemes.ts';
import type { GATEWAY } from './catalogue.ts';

interface Place {
  readonly subject: string;
  readonly port?: number;
}

type JudgeListener = (
  config: Config,
  listener: ListenerConfig,
  place: Place,
  path: string,
  loaded: LoadedConfig,
) => Outcome;

function ofConfig(
  facts: GatewayFacts,
  judgeIt: (config: Config, loaded: LoadedConfig, source: Source) => Outcomes,
): Outcomes {
  return judge(
    facts.config,
    (loaded, source) => judgeIt(loaded.config, loaded, source),
    ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)),
  );
}

function everyListener(facts: GatewayFacts, judgeOne: JudgeListener): Outcomes {
  return ofConfig(facts, (config, loaded) =>
    config.listeners.map((listener, index) => {
      const subject = `listener ${listener.name}`;
      const place = listener.port === 0 ? { subject } : { subject, port: listener.port };
      return judgeOne(config, listener, place, `listeners[${index}]`, loaded);
    }),
  );
}

/** A setting as it stands, or the default. */
function proofOf(facts: GatewayFacts, path: string, shown: unknown, expected: string): Evidence {
  if (facts.config.state !== 'known') throw new TypeError('only what was read can be shown');
  const { value, source } = facts.config;
  const line = /:(\d+)$/.exec(value.settings.find((one) => one.path === path)?.source ?? '')?.[1];
  const observed = line === undefined ? `${path} is not set: ${shown} (Sallyport's default)` : `${path}: ${shown}`;
  return evidence(observed, expected, { from: source.from, ...(line === undefined ? {} : { line: Number(line) }) });
}

/** Each topic that is allowed and should not be, or one outcome that says that there is none. */
function noTopic(
  facts: GatewayFacts,
  { reason, expected }: { readonly reason: string; readonly expected: string },
  isBad: (allowed: AllowedTopic) => boolean,
): Outcomes {
  return judge(
    facts.allowed,
    (allowed, source) => {
      const bad = allowed.filter(isBad);
      if (bad.length === 0) return pass(evidence(`none of ${allowed.length}`, expected, source));
      return bad.map(({ topic, file, line }) =>
        fail(reason, evidence(topic, expected, { from: file, line }), { subject: `${file}:${topic}` }),
      );
    },
    ({ from }) => unassessed(unknown('file-missing', `${from} is not there: the gateway does not start so.`)),
  );
}

/** A command is there to be pasted: of a name that a shell would take apart there is none. */
function closing(file: string): { readonly command?: string } {
  return /^[\w./-]+$/.test(file) ? { command: `chmod o= ${file}` } : {};
}

function isWide(network: string): boolean {
  const [address = '', prefix] = network.split('/');
  return prefix !== undefined && Number(prefix) < (address.includes(':') ? 16 : 8);
}

const NO_CERTIFICATES = notApplicable('no-client-certificates', 'It asks for no client certificates.');
const WARNINGS_SHOWN: readonly string[] = ['debug', 'info', 'warn'];

export const GATEWAY_EVALUATORS: { readonly [Id in keyof typeof GATEWAY]: Evaluate<GatewayFacts> } = {
  G01: (facts) =>
    everyListener(facts, ({ authentication }, { anonymous, address }, place, path) => {
      const isAsked = authentication.chain.some(({ method }) => method === 'anonymous');
      const proof = isAsked
        ? proofOf(facts, `${path}.anonymous`, anonymous, 'false')
        : proofOf(facts, 'authentication.chain', 'without anonymous', 'a chain without anonymous');
      if (!anonymous || !isAsked) return pass(proof, place);
      const more = isLoopback(address) ? ({ severity: 'medium', exposure: 'loopback' } as const) : {};
      return fail('anonymous-allowed', proof, { ...place, ...more });
    }),

  G03: (facts) =>
    ofConfig(facts, ({ authentication }) => {
      const methods = authentication.chain.map(({ method }) => method);
      const proof = proofOf(facts, 'authentication.chain', methods.join(', '), 'a method that asks for proof');
      return methods.some((method) => method !== 'anonymous') ? pass(proof) : fail('no-authenticator', proof);
    }),

  G05: (facts) =>
    noTopic(
      facts,
      { reason: 'grants-everything', expected: 'no publishing to #, and no $CONTROL by placeholder' },
      ({ topic, mayPublish }) => (topic === '#' && mayPublish) || topic.startsWith('$CONTROL/#'),
    ),

  G06: (facts) =>
    ofConfig(facts, ({ authentication, listeners }) => {
      const isFree = listeners.some(({ clientIds }) => (clientIds ?? authentication.clientIds).form === 'any');
      const expected = 'no client identifier in a topic, or clientIds.form other than any on every listener';
      if (!isFree)
        return pass(proofOf(facts, 'authentication.clientIds.form', authentication.clientIds.form, expected));
      return noTopic(
        facts,
        { reason: 'unbound-client-id', expected },
        ({ topic }) => topic.includes('%c') || topic.includes('${clientId}'),
      );
    }),

  G07: (facts) =>
    ofConfig(facts, ({ authentication }) => {
      if (!authentication.chain.some(({ method }) => method === 'password-file'))
        return notApplicable('no-password-file', 'No password file is asked.');
      return judge(
        facts.passwords,
        (text, source) => describeHashes(text, source),
        (source) => notApplicable('no-passwords', `${source.from} is not there: nobody has a password.`),
      );
    }),

  G08: (facts) =>
    everyListener(facts, (_, listener, place, path) => {
      const { type, address, proxyProtocol } = listener;
      if (isLoopback(address)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
      const isPlain = type === 'tcp' || type === 'ws';
      if (isPlain && proxyProtocol.mode !== 'off')
        return notApplicable('behind-load-balancer', 'TLS may end at the load balancer in front.', place);
      const proof = proofOf(facts, `${path}.type`, `${type}, bound to ${address}`, 'tls or wss');
      return isOpenPlain(listener) ? fail('plaintext', proof, place) : pass(proof, place);
    }),

  G09: (facts) =>
    everyListener(facts, (_, { tls, address }, place, path) => {
      if (!facts.profile.mutualTls)
        return notApplicable('not-wanted', 'The profile does not want client certificates.', place);
      if (isLoopback(address)) return notApplicable('loopback', 'Only this machine reaches the listener.', place);
      const mode = tls?.clientCertificate ?? 'none';
      const proof = proofOf(facts, `${path}.tls.clientCertificate`, mode, 'require');
      return mode === 'require' ? pass(proof, place) : fail('no-client-certificates', proof, place);
    }),

  G10: (facts) =>
    everyListener(facts, (_, { tls }, place, path) => {
      if (tls?.clientCertificate !== 'require') return { ...NO_CERTIFICATES, ...place };
      const isIdentity = tls.identityFromCertificate || tls.identity !== undefined;
      const key = tls.identity === undefined ? 'identityFromCertificate' : 'identity';
      const proof = proofOf(
        facts,
        `${path}.tls.${key}`,
        tls.identity ?? tls.identityFromCertificate,
        'identityFromCertificate true, or identity',
      );
      return isIdentity ? pass(proof, place) : fail('identity-not-from-certificate', proof, place);
    }),

  G11: (facts) =>
    everyListener(facts, (_, { tls }, place, path) => {
      if (tls === undefined || tls.clientCertificate === 'none') return { ...NO_CERTIFICATES, ...place };
      const mode = tls.revocation?.mode;
      const proof = proofOf(facts, `${path}.tls.revocation.mode`, mode ?? 'none', 'hard-fail');
      if (mode === undefined) return fail('no-revocation', proof, place);
      return mode === 'hard-fail' ? pass(proof, place) : fail('soft-fail', proof, { ...place, severity: 'low' });
    }),

  G15: (facts) =>
    everyListener(facts, ({ limits }, listener, place, path) => {
      const own = listener.limits?.ceilings.packetSizeMaxBytes;
      const bytes = own ?? limits.packetSizeMaxBytes;
      const where = own === undefined ? 'limits.packetSizeMax' : `${path}.limits.packetSizeMax`;
      const proof = proofOf(facts, where, `${bytes} bytes`, `${facts.profile.packetSizeMax} bytes or fewer`);
      return bytes <= facts.profile.packetSizeMax ? pass(proof, place) : fail('large-packets', proof, place);
    }),

  G19: (facts) =>
    ofConfig(facts, ({ upstream, routes, broker }) => {
      if (upstream !== 'embedded' && routes.every((route) => route.upstream !== 'embedded'))
        return notApplicable('no-embedded-broker', 'Sessions are kept by the brokers behind.');
      const isForEver = broker.sessionExpiryMaxS >= SESSION_EXPIRY_NEVER_S;
      const proof = proofOf(
        facts,
        'broker.sessionExpiryMax',
        isForEver ? 'never' : `${broker.sessionExpiryMaxS} s`,
        'a time, such as 7d',
      );
      return isForEver ? fail('sessions-for-ever', proof) : pass(proof);
    }),

  G21: (facts) =>
    everyListener(facts, ({ authentication }, { clientIds }, place, path) => {
      const { form, empty } = clientIds ?? authentication.clientIds;
      const where = clientIds === undefined ? 'authentication.clientIds' : `${path}.clientIds`;
      const proof = proofOf(
        facts,
        `${where}.empty`,
        `${empty}, with identifiers of the form ${form}`,
        'refuse, or a form that is bound to the user',
      );
      return form === 'any' && empty === 'assign' ? fail('empty-client-id', proof, place) : pass(proof, place);
    }),

  G23: (facts) =>
    noTopic(
      facts,
      { reason: 'sys-for-everybody', expected: 'no grant of $SYS to everybody' },
      ({ topic, mayRead, isForAll }) => topic.startsWith('$SYS') && mayRead && isForAll,
    ),

  G24: (facts) =>
    ofConfig(facts, ({ log, journal }) => {
      const level = proofOf(facts, 'log.level', log.level, 'warn or lower');
      const kept = proofOf(facts, 'journal.enabled', journal.isEnabled, 'true');
      return [
        WARNINGS_SHOWN.includes(log.level)
          ? pass(level, { subject: 'log' })
          : fail('refusals-not-logged', level, { subject: 'log' }),
        journal.isEnabled ? pass(kept, { subject: 'journal' }) : fail('no-journal', kept, { subject: 'journal' }),
      ];
    }),

  G25: (facts) =>
    ofConfig(facts, ({ log }) => {
      const proof = proofOf(facts, 'log.level', log.level, 'info or higher');
      return log.level === 'debug' ? fail('logs-too-much', proof) : pass(proof);
    }),

  G26: (facts) =>
    ofConfig(facts, (config, _, source) => {
      if (config.upstream === 'embedded' && config.upstreams.length === 0)
        return notApplicable('no-upstream', 'There is no broker behind.');
      const clear = clearUpstreams(config);
      const expected = 'mqtts or wss';
      if (clear.length === 0) return pass(evidence('every upstream has TLS, or is on this machine', expected, source));
      return clear.map((name) => {
        const index = config.upstreams.findIndex((one) => one.name === name);
        const path = index === -1 ? 'upstream' : `upstreams[${index}].targets[0].url`;
        return fail('upstream-in-clear', proofOf(facts, path, 'no TLS', expected), { subject: `upstream ${name}` });
      });
    }),

  G27: (facts) =>
    everyListener(facts, (_, { websocket }, place, path) => {
      if (websocket === undefined) return notApplicable('no-websockets', 'The listener speaks no WebSocket.', place);
      const proof = proofOf(facts, `${path}.websocket.origins`, `[${websocket.origins.join(', ')}]`, 'named origins');
      return websocket.origins.includes('*') ? fail('any-origin', proof, place) : pass(proof, place);
    }),

  G28: (facts) =>
    everyListener(facts, (_, { proxyProtocol }, place, path) => {
      if (proxyProtocol.mode === 'off')
        return notApplicable('no-proxy-protocol', 'The listener takes no PROXY header.', place);
      const wide = proxyProtocol.trusted.filter(isWide);
      const proof = proofOf(
        facts,
        `${path}.proxyProtocol.trusted`,
        `[${proxyProtocol.trusted.join(', ')}]`,
        'the addresses of the load balancer',
      );
      return wide.length > 0 ? fail('proxy-header-from-anybody', proof, place) : pass(proof, place);
    }),

  G31: (facts) =>
    ofConfig(facts, ({ authentication }) => {
      const remote = authentication.chain.flatMap((entry, index): Outcome[] => {
        const subject = `entry ${entry.name ?? entry.method}`;
        const path = `authentication.chain[${index}]`;
        if (entry.method === 'jwt') {
          const missing = uncheckedClaims(entry);
          const shown = missing.length === 0 ? 'issuer and audience are named' : `no ${missing.join(' and no ')}`;
          const proof = proofOf(facts, `${path}.method`, shown, 'issuer and audience');
          return [missing.length === 0 ? pass(proof, { subject }) : fail('claims-not-checked', proof, { subject })];
        }
        if (!('url' in entry)) return [];
        const proof = proofOf(
          facts,
          `${path}.url`,
          asksInClear(entry) ? 'asked in clear' : 'asked over TLS, or on this machine',
          'TLS',
        );
        return [asksInClear(entry) ? fail('asked-in-clear', proof, { subject }) : pass(proof, { subject })];
      });
      return remote.length === 0 ? notApplicable('nobody-else', 'Nobody else is asked who clients are.') : remote;
    }),

  G32: (facts) =>
    ofConfig(facts, () => {
      const outcomes = [...facts.secrets].flatMap(([file, status]): Outcome[] => {
        const subject = file;
        if (status.state === 'absent') return [];
        if (status.state === 'unknown') return [unassessed(status, { subject })];
        const { mode } = status.value;
        const proof = evidence(`mode ${mode.toString(8)}`, 'nothing for others', status.source);
        return [
          isOpenToAll(mode)
            ? fail('secret-open-to-all', proof, { subject, ...closing(file) })
            : pass(proof, { subject }),
        ];
      });
      return outcomes.length === 0 ? notApplicable('no-secrets', 'None of the files for secrets is there.') : outcomes;
    }),

  G33: (facts) =>
    ofConfig(facts, ({ detection }) => {
      const proof = proofOf(facts, 'detection.enabled', detection.enabled, 'true');
      return detection.enabled ? pass(proof) : fail('nothing-detected', proof);
    }),
};
