/** How the family M judges: what belongs to the whole broker, to its ACL, its passwords and its bridges. */
import type { AclLine } from '../../brokers/mosquitto/acl-lines.ts';
import { bridgesOf, isLocalBridge } from '../../brokers/mosquitto/bridges.ts';
import type { MosquittoConfig } from '../../brokers/mosquitto/config.ts';
import type { MosquittoFacts } from '../../brokers/mosquitto/facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Fact, unknown } from '../../model/fact.ts';
import {
  type Evidence,
  evidence,
  fail,
  judge,
  manual,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import { describeHashes } from '../password-schemes.ts';
import type { MOSQUITTO } from './catalogue.ts';
import { everyListener, isTrue, ofConfig, plugins, proofOf, sourceOf } from './judging.ts';
import { LISTENER_EVALUATORS } from './listener-evaluators.ts';

/** A setting of the whole broker: `isGood` decides. */
function broker(
  name: string,
  reason: string,
  expected: string,
  isGood: (value: string, facts: MosquittoFacts) => boolean,
): Evaluate<MosquittoFacts> {
  return (facts) =>
    ofConfig(facts, (config) => {
      const setting = config.setting(name);
      const proof = proofOf(config, name, setting, expected);
      return isGood(setting.value, facts) ? pass(proof) : fail(reason, proof);
    });
}

/** Each ACL file that a listener uses, once. */
function everyAcl(
  facts: MosquittoFacts,
  judgeOne: (lines: readonly AclLine[], path: string, config: MosquittoConfig) => Outcomes,
): Outcomes {
  return ofConfig(facts, (config) => {
    if (facts.aclFiles.size === 0) return notApplicable('no-acl-file', 'There is no acl_file: M04 says so.');
    return [...facts.aclFiles].flatMap(([path, fact]) => ofFile(fact, path, (lines) => judgeOne(lines, path, config)));
  });
}

function ofFile<T>(fact: Fact<T>, path: string, judgeOne: (content: T) => Outcomes): Outcomes {
  return judge(
    fact,
    (content) => judgeOne(content),
    () => unassessed(unknown('file-missing', `${path} is not there: Mosquitto does not start so.`), { subject: path }),
  );
}

function lineProof(path: string, line: AclLine, expected: string): Evidence {
  return evidence(`${line.kind} ${line.access} ${line.filter}`, expected, { from: path, line: line.line });
}

/** The lines that are found, or one that says that there are none. */
function noneOf(
  lines: readonly AclLine[],
  path: string,
  { reason, expected }: { reason: string; expected: string },
  isBad: (line: AclLine) => boolean,
): Outcome[] {
  const bad = lines.filter(isBad);
  if (bad.length === 0)
    return [pass(evidence(`none of ${lines.length} lines`, expected, { from: path }), { subject: path })];
  return bad.map((line) =>
    fail(reason, lineProof(path, line, expected), { subject: `${path}:${line.kind} ${line.filter}` }),
  );
}

function isEverything({ access, filter, kind }: AclLine): boolean {
  if (access === 'deny') return false;
  if (filter.startsWith('$CONTROL')) return kind === 'pattern';
  return filter === '#' && (kind === 'pattern' || access !== 'read');
}

export const MOSQUITTO_EVALUATORS: { readonly [Id in keyof typeof MOSQUITTO]: Evaluate<MosquittoFacts> } = {
  ...LISTENER_EVALUATORS,

  M04: (facts) =>
    everyListener(facts, (config, listener, place) => {
      const setting = config.settingOf(listener, 'acl_file');
      const expected = 'acl_file, or a plugin that decides';
      if (setting.value !== '') return pass(proofOf(config, 'acl_file', setting, expected), place);
      const [plugin] = plugins(config, listener);
      if (plugin === undefined) return fail('no-authorization', proofOf(config, 'acl_file', setting, expected), place);
      const proof = evidence(`${plugin.name} ${plugin.value}`, expected, sourceOf(config, plugin));
      return /dynamic_security|acl/.test(plugin.value)
        ? pass(proof, place)
        : manual('plugin', `Whether ${plugin.value} decides what clients may do, only its documentation tells.`, place);
    }),

  M05: (facts) =>
    everyAcl(facts, (lines, path) =>
      noneOf(
        lines,
        path,
        { reason: 'grants-everything', expected: 'no grant of # or $CONTROL/# to everybody' },
        isEverything,
      ),
    ),

  M06: (facts) =>
    everyAcl(facts, (lines, path, config) => {
      const isBound = config.listeners.every((one) => isTrue(config.settingOf(one, 'use_username_as_clientid').value));
      return noneOf(
        lines,
        path,
        { reason: 'unbound-client-id', expected: 'no %c, or use_username_as_clientid true on every listener' },
        ({ kind, filter, access }) => !isBound && kind === 'pattern' && access !== 'deny' && filter.includes('%c'),
      );
    }),

  M07: (facts) =>
    ofConfig(facts, () => {
      if (facts.passwordFiles.size === 0) return notApplicable('no-password-file', 'There is no password_file.');
      return [...facts.passwordFiles].flatMap(([path, fact]) =>
        ofFile(fact, path, (text) => describeHashes(text, { from: path })),
      );
    }),

  M15: broker('max_packet_size', 'large-packets', 'a size within the profile', (value, { profile }) => {
    const bytes = Number(value);
    return bytes > 0 && bytes <= profile.packetSizeMax;
  }),

  M16: (facts) =>
    ofConfig(facts, (config) => {
      const limit = config.setting('message_size_limit');
      const packet = Number(config.setting('max_packet_size').value);
      const proof = proofOf(config, 'message_size_limit', limit, 'max_packet_size instead');
      const bytes = Number(limit.value);
      if (bytes > 0 && (packet === 0 || packet > bytes)) return fail('dropped-in-silence', proof);
      return bytes === 0 && packet === 0 ? fail('unlimited', proof) : pass(proof);
    }),

  M18: (facts) =>
    ofConfig(facts, (config) =>
      (['max_queued', 'max_inflight'] as const).map((prefix): Outcome => {
        const count = config.setting(`${prefix}_messages`);
        const bytes = config.setting(`${prefix}_bytes`);
        const proof = evidence(
          `${prefix}_messages ${count.value}, ${prefix}_bytes ${bytes.value} (defaults of ${config.table} where not set)`,
          'one of them above 0',
          sourceOf(config, count.directive ?? bytes.directive),
        );
        const isBounded = Number(count.value) > 0 || Number(bytes.value) > 0;
        return isBounded ? pass(proof, { subject: prefix }) : fail('unbounded-queue', proof, { subject: prefix });
      }),
    ),

  M19: broker('persistent_client_expiration', 'sessions-for-ever', 'a time, such as 14d', (value) => value !== ''),
  M20: broker('max_keepalive', 'unlimited-keep-alive', 'a number of seconds above 0', (value) => Number(value) > 0),
  M22: broker('check_retain_source', 'retain-source-unchecked', 'check_retain_source true', isTrue),

  M23: (facts) =>
    ofConfig(facts, (config) => {
      const interval = config.setting('sys_interval');
      if (interval.value === '0') return pass(proofOf(config, 'sys_interval', interval, 'sys_interval 0'));
      const expected = 'no grant of $SYS to everybody';
      if (facts.aclFiles.size === 0)
        return fail('no-acl', evidence('no acl_file: every client reads $SYS', expected, { from: config.file }));
      return everyAcl(facts, (lines, path) =>
        noneOf(
          lines,
          path,
          { reason: 'sys-for-everybody', expected },
          ({ kind, username, access, filter }) =>
            filter.startsWith('$SYS') &&
            access !== 'deny' &&
            access !== 'write' &&
            (kind === 'pattern' || username === undefined),
        ),
      );
    }),

  M24: (facts) =>
    ofConfig(facts, (config) => {
      const messages = config.setting('connection_messages');
      if (!isTrue(messages.value))
        return fail(
          'connections-not-logged',
          proofOf(config, 'connection_messages', messages, 'connection_messages true'),
        );
      const stated = config.directives.filter(({ name }) => name === 'log_type');
      const types = new Set(stated.map(({ value }) => value));
      const expected = 'error, warning and notice, and a destination';
      const proof = evidence(
        stated.length === 0 ? `log_type is not set (defaults of ${config.table})` : `log_type ${[...types].join(', ')}`,
        expected,
        sourceOf(config, stated[0]),
      );
      if (config.directives.some(({ name, value }) => name === 'log_dest' && value === 'none'))
        return fail('no-destination', proofOf(config, 'log_dest', config.setting('log_dest'), expected));
      if (types.has('none')) return fail('nothing-logged', proof);
      const isWhole =
        stated.length === 0 || types.has('all') || ['error', 'warning', 'notice'].every((type) => types.has(type));
      return isWhole ? pass(proof) : fail('types-missing', proof);
    }),

  M25: (facts) =>
    ofConfig(facts, (config) => {
      const isTooMuch = (name: string, value: string): boolean =>
        (name === 'log_type' && (value === 'all' || value === 'debug')) || (name === 'log_dest' && value === 'topic');
      const found = config.directives.find(({ name, value }) => isTooMuch(name, value));
      const expected = 'neither log_type all or debug, nor log_dest topic';
      if (found === undefined) return pass(evidence('none of them', expected, { from: config.file }));
      return fail('logs-too-much', evidence(`${found.name} ${found.value}`, expected, sourceOf(config, found)));
    }),

  M26: (facts) =>
    ofConfig(facts, (config) => {
      const bridges = bridgesOf(config.directives);
      if (bridges.length === 0) return notApplicable('no-bridge', 'There is no bridge.');
      return bridges.map((bridge): Outcome => {
        const subject = `bridge ${bridge.name}`;
        const settingNamed = (name: string) => bridge.settings.findLast((one) => one.name === name);
        const expected = 'bridge_cafile, no bridge_insecure, and only the topics that are needed';
        const insecure = settingNamed('bridge_insecure');
        if (insecure !== undefined && isTrue(insecure.value))
          return fail('bridge-insecure', evidence('bridge_insecure true', expected, sourceOf(config, insecure)), {
            subject,
          });
        const everything = bridge.settings.find(({ name, value }) => name === 'topic' && /^#\s+both\b/.test(value));
        if (everything !== undefined)
          return fail('bridges-everything', evidence('topic # both', expected, sourceOf(config, everything)), {
            subject,
          });
        const isKnown = ['bridge_cafile', 'bridge_capath', 'bridge_psk'].some(
          (name) => settingNamed(name) !== undefined,
        );
        const proof = evidence(
          isKnown ? 'the other side is checked' : 'no TLS',
          expected,
          sourceOf(config, bridge.directive),
        );
        return isKnown || isLocalBridge(bridge)
          ? pass(proof, { subject })
          : fail('bridge-without-tls', proof, { subject });
      });
    }),

  M29: (facts) =>
    ofConfig(facts, (config) => {
      const setting = config.setting('enable_control_api');
      if (!isTrue(setting.value)) return notApplicable('no-control-api', 'The control API is off.');
      const expected = 'a grant of $CONTROL to administrators alone';
      if (facts.aclFiles.size === 0) return fail('no-acl', proofOf(config, 'enable_control_api', setting, expected));
      return everyAcl(facts, (lines, path) =>
        noneOf(
          lines,
          path,
          { reason: 'control-for-everybody', expected },
          ({ kind, username, access, filter }) =>
            filter.startsWith('$CONTROL') && access !== 'deny' && (kind === 'pattern' || username === undefined),
        ),
      );
    }),

  M30: (facts) =>
    ofConfig(facts, (config) => {
      if (config.table !== '2.1') return notApplicable('older-version', 'Before 2.1 there is nothing to replace them.');
      const found = config.directives.filter(({ name }) =>
        ['acl_file', 'password_file', 'per_listener_settings'].includes(name),
      );
      const expected = 'plugins instead';
      if (found.length === 0) return pass(evidence('none of them', expected, { from: config.file }));
      return found.map((one) =>
        fail('deprecated', evidence(one.name, expected, sourceOf(config, one)), { subject: one.name }),
      );
    }),
};
