/** `sallyport policy explain`: a question put on the command line, and the answer in words or as JSON. */
import { fromPipeToo, readPolicy } from '../app/authorization-files.ts';
import type { Config } from '../app/config/config.ts';
import { loadConfig } from '../app/config/load.ts';
import { type Clock, systemClock, withEpoch } from '../base/clock.ts';
import { normaliseAddress } from '../base/ip-address.ts';
import { nearestWord } from '../base/nearest-word.ts';
import { parseSizeBytes } from '../base/size.ts';
import { checkTopicFilter, checkTopicName, sharedFilter } from '../mqtt/topic.ts';
import type { Subject } from '../policy/authorization/decision.ts';
import { decode } from '../policy/authorization/policy-build.ts';
import {
  type ExplainedGrant,
  type Explanation,
  explain,
  type Question,
} from '../policy/authorization/policy-explain.ts';
import { parsePolicyFile } from '../policy/authorization/policy-file.ts';
import { ACTIONS } from '../policy/authorization/policy-form.ts';
import { ExitCode, hasOption, type Invocation, textOption, UsageError } from './command.ts';
import { placeOf } from './place.ts';
import { print, printJson, styled } from './terminal.ts';

export async function explainPolicy(invocation: Invocation): Promise<number> {
  const question = questionOf(invocation);
  const { file, config } = await policyOf(invocation);
  const subject = subjectOf(invocation, config);
  const policy = parsePolicyFile(decode(await readPolicy(file, fromPipeToo), file), file);
  const explanation = explain(policy, subject, question, clockOf(invocation));
  if (hasOption(invocation, 'json')) printJson({ subject, question, ...explanation });
  else print(inWords(explanation, subject, question));
  return explanation.allowed ? ExitCode.Ok : ExitCode.Negative;
}

async function policyOf(invocation: Invocation): Promise<{ file: string; config: Config | undefined }> {
  const named = textOption(invocation, 'policy');
  const isPlaced = textOption(invocation, 'config') !== undefined || textOption(invocation, 'data') !== undefined;
  if (named !== undefined && isPlaced)
    throw new UsageError('Give --policy, or the configuration that names it, not both.');
  if (named !== undefined) return { file: named, config: undefined };
  const { configFile } = placeOf(invocation);
  const { config } = await loadConfig(configFile);
  const { policyFile } = config.authorization;
  if (policyFile !== undefined) return { file: policyFile, config };
  throw new UsageError(
    `${configFile} names an ACL file and no policy. Give --policy FILE, or set authorization.policyFile (docs/policy.md).`,
  );
}

function questionOf(invocation: Invocation): Question {
  const asked = ACTIONS.filter((action) => textOption(invocation, action) !== undefined);
  const [action] = asked;
  if (action === undefined || asked.length > 1) {
    throw new UsageError('Ask one thing: --publish TOPIC, --subscribe FILTER or --receive TOPIC.');
  }
  const given = textOption(invocation, action)!;
  const fault = action === 'subscribe' ? checkTopicFilter(given) : checkTopicName(given);
  if (fault !== undefined) throw new UsageError(`--${action} ${given}: ${fault.says}`);
  const topic = action === 'subscribe' ? (sharedFilter(given)?.filter ?? given) : given;
  const qos = textOption(invocation, 'qos') ?? '0';
  if (qos !== '0' && qos !== '1' && qos !== '2') throw new UsageError('A QoS is 0, 1 or 2.');
  const payload = textOption(invocation, 'payload') ?? '0';
  const payloadBytes = parseSizeBytes(/^\d+$/.test(payload) ? Number(payload) : payload);
  if (payloadBytes === undefined) throw new UsageError('--payload is a number of bytes, or has a unit such as KiB.');
  const facts = { qos: Number(qos) as 0 | 1 | 2, retain: hasOption(invocation, 'retain'), payloadBytes };
  return { action, topic, facts };
}

function subjectOf(invocation: Invocation, config: Config | undefined): Subject {
  const listener = textOption(invocation, 'listener');
  const addressText = textOption(invocation, 'address');
  const address = addressText === undefined ? undefined : normaliseAddress(addressText);
  if (addressText !== undefined && address === undefined) throw new UsageError(`"${addressText}" is no address.`);
  const isSecure = isListenerSecure(listener, config);
  return {
    username: textOption(invocation, 'user'),
    clientId: textOption(invocation, 'client-id') ?? '',
    roles: manyOption(invocation, 'role'),
    groups: manyOption(invocation, 'group'),
    attributes: attributesOf(invocation),
    secure: hasOption(invocation, 'tls') || isSecure,
    ...(listener === undefined ? {} : { listener }),
    ...(address === undefined ? {} : { address }),
  };
}

function isListenerSecure(name: string | undefined, config: Config | undefined): boolean {
  if (name === undefined || config === undefined) return false;
  const listener = config.listeners.find((known) => known.name === name);
  if (listener !== undefined) return listener.type === 'tls' || listener.type === 'wss';
  const names = config.listeners.map((known) => known.name);
  const meant = nearestWord(name, names);
  throw new UsageError(
    `There is no listener ${name}. ${meant ? `Did you mean ${meant}?` : `There are: ${names.join(', ')}.`}`,
  );
}

function manyOption(invocation: Invocation, name: string): readonly string[] {
  const value = invocation.options[name];
  return Array.isArray(value) ? value : [];
}

function attributesOf(invocation: Invocation): Record<string, string> {
  return Object.fromEntries(
    manyOption(invocation, 'attribute').map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new UsageError(`--attribute is NAME=VALUE, such as cert.cn=pump-7, not "${text}".`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function clockOf(invocation: Invocation): Clock {
  const at = textOption(invocation, 'at');
  if (at === undefined) return systemClock;
  const epochMs = Date.parse(at);
  if (Number.isNaN(epochMs)) throw new UsageError(`"${at}" is no time; write it as 2026-07-06T08:00Z.`);
  return withEpoch(systemClock, () => epochMs);
}

const TO = { publish: 'publish to', subscribe: 'subscribe to', receive: 'receive from' } as const;

function inWords(explanation: Explanation, { username, clientId }: Subject, { action, topic }: Question): string {
  const { allowed, by, decided, remark, roles, near, changes } = explanation;
  const who = username ?? (clientId === '' ? 'an anonymous client' : `anonymous client ${clientId}`);
  const verdict = allowed
    ? `${styled('green', 'Allowed')}: ${who} may ${TO[action]} ${topic}.`
    : `${styled('red', 'Denied')}: ${who} may not ${TO[action]} ${topic}.`;
  const held = roles.map(({ role, through }) => `${role}, ${through}`);
  return [
    verdict,
    ...section('Decided by', [decided === undefined ? by : grantLine(decided)]),
    ...(remark === undefined ? [] : [`  ${remark}`]),
    ...section('Its roles', held.length === 0 ? ['none'] : held),
    ...section(
      allowed ? 'Denies that came near' : 'Grants that came near',
      near.map((one) => `${grantLine(one)}: ${one.obstacles.join('; ')}`),
    ),
    ...section(changes.length > 1 ? 'To change that, one of' : 'To change that', changes),
  ].join('\n');
}

function grantLine({ file, line, role, grant }: ExplainedGrant): string {
  return `${file}:${line}: role ${role}: ${grant}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [styled('bold', `${title}:`), ...lines.map((line) => `  ${line}`)];
}
