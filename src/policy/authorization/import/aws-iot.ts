/** AWS IoT Core's policy documents as one role each. Whom they were attached to is not in them, so nobody is assigned. */
import { basename } from 'node:path';
import { FaultList } from '../fault-list.ts';
import type { Action, Effect } from '../policy-form.ts';
import type { YamlNode } from '../policy-yaml.ts';
import type { ImportedConditions, ImportedPolicy } from './imported-policy.ts';
import { listOf, memberOf, readJson, textOf } from './json-source.ts';

/** Which resources an action is about, and what it is here. Publishing retained messages is a right of its own there. */
const ACTIONS: Readonly<Record<string, { resource: string; action: Action; when?: ImportedConditions }>> = {
  'iot:Publish': { resource: 'topic', action: 'publish', when: { retain: false } },
  'iot:RetainPublish': { resource: 'topic', action: 'publish', when: { retain: true } },
  'iot:Subscribe': { resource: 'topicfilter', action: 'subscribe' },
  'iot:Receive': { resource: 'topic', action: 'receive' },
};

const VARIABLES: Readonly<Record<string, string>> = {
  'iot:ClientId': 'clientId',
  'iot:Connection.Thing.ThingName': 'clientId',
  'iot:Certificate.Subject.CommonName': 'cert.cn',
  'iot:Certificate.Subject.OrganizationalUnit': 'cert.ou',
};

/** @throws {FileFaultError} when it is no JSON object. */
export function importAwsIot(text: string, file: string, policy: ImportedPolicy): void {
  const faults = new FaultList(file);
  const root = readJson(text, faults);
  faults.throwIfAny();
  const role = basename(file).replace(/\.[^.]*$/, '') || 'aws-iot';
  policy.role(role);
  for (const statement of listOf(root, 'Statement')) importStatement(statement, role, policy);
  policy.note(1, `Whom the policy is attached to is not in the file: assign the role ${policy.role(role)}.`);
}

function importStatement(statement: YamlNode, role: string, policy: ImportedPolicy): void {
  const { line } = statement;
  const isDeny = textOf(statement, 'Effect') === 'Deny';
  const effect: Effect = isDeny ? 'deny' : 'allow';
  for (const key of ['NotAction', 'NotResource']) {
    if (memberOf(statement, key) !== undefined) policy.leaveOut(effect, line, `${key} cannot be said in a policy.`);
  }
  const conditions = readConditions(memberOf(statement, 'Condition'), isDeny, policy);
  if (conditions === undefined) return;
  const resources = listOf(statement, 'Resource');
  for (const name of listOf(statement, 'Action').flatMap((node) => (node.kind === 'text' ? node.text : []))) {
    const actions = actionsOf(name);
    if (actions.length === 0) {
      const isConnect = name === 'iot:Connect';
      policy.leaveOut(
        effect,
        line,
        isConnect
          ? 'iot:Connect: who may connect, and under which identifier, is not in a policy.'
          : `${name} is no action of MQTT.`,
      );
    }
    for (const { resource, action, when } of actions) {
      for (const node of resources) {
        const topics = node.kind === 'text' ? topicsOf(node.text, resource, { effect, line: node.line, policy }) : [];
        // Without a condition a deny of publishing is a deny of retained messages too.
        const all = { ...(isDeny && when?.retain === false ? {} : when), ...conditions };
        for (const topic of topics)
          policy.grant(role, { effect, actions: [action], topic, when: all, line: node.line });
      }
    }
  }
}

/** Those that a name means; `*` at its end is a wildcard. */
function actionsOf(name: string): (typeof ACTIONS)[string][] {
  const prefix = name.endsWith('*') ? name.slice(0, -1) : undefined;
  return Object.entries(ACTIONS)
    .filter(([known]) => (prefix === undefined ? known === name : known.startsWith(prefix)))
    .map(([, action]) => action);
}

/** Undefined where the statement cannot be carried over. */
function readConditions(
  node: YamlNode | undefined,
  isDeny: boolean,
  policy: ImportedPolicy,
): ImportedConditions | undefined {
  let when: ImportedConditions = {};
  for (const { key: operator, value } of node?.kind === 'map' ? node.entries : []) {
    for (const { key, line } of value.kind === 'map' ? value.entries : []) {
      const values = listOf(value, key).flatMap((each) => (each.kind === 'text' ? each.text : []));
      if (operator === 'IpAddress' && key === 'aws:SourceIp') {
        when = { ...when, network: values };
      } else if (isDeny) {
        policy.note(
          line,
          `The condition ${operator} on ${key} cannot be said in a policy; the deny now holds without it.`,
        );
      } else {
        policy.leaveOut('allow', line, `the condition ${operator} on ${key} cannot be said in a policy.`);
        return undefined;
      }
    }
  }
  return when;
}

/** What a resource is read for. */
interface At {
  readonly effect: Effect;
  readonly line: number;
  readonly policy: ImportedPolicy;
}

/** Topic filters that a resource means; `*` stands for any characters there, `/` among them. */
function topicsOf(arn: string, wanted: string, at: At): string[] {
  const { effect, line, policy } = at;
  const path = arn === '*' ? `${wanted}/*` : /^arn:[^:]*:iot:[^:]*:[^:]*:(.*)$/s.exec(arn)?.[1];
  if (path === '*') return topicsOf('*', wanted, at);
  if (path === undefined || !path.startsWith(`${wanted}/`)) return [];
  let isKnown = true;
  const topic = path.slice(wanted.length + 1).replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
    if (name === 'iot:Connection.Thing.ThingName')
      policy.note(line, 'The name of a thing is taken to be the client identifier.');
    isKnown &&= Object.hasOwn(VARIABLES, name);
    return `\${${VARIABLES[name]}}`;
  });
  if (!isKnown) {
    policy.leaveOut(effect, line, `${path} has a variable that no identity has here.`);
    return [];
  }
  if (wanted === 'topic' && /[+#]/.test(topic)) {
    policy.leaveOut(effect, line, `in ${path} a + or # is a character, and no topic has one.`);
    return [];
  }
  return withoutStars(topic, at);
}

function withoutStars(topic: string, { effect, line, policy }: At): string[] {
  if (!/[*?]/.test(topic)) return [topic];
  if (topic === '*') {
    policy.note(line, 'Everything is meant; here without topics that begin with $.');
    return ['#'];
  }
  // `a/*` is everything below `a`, and not `a` itself.
  const below = topic.slice(0, -1);
  if (topic.endsWith('/*') && !/[*?]/.test(below)) return [`${below}+/#`];
  const levels = topic.split('/');
  const firstStar = levels.findIndex((level) => /[*?]/.test(level));
  if (effect === 'deny') {
    const wider = [...levels.slice(0, firstStar), '#'].join('/');
    policy.note(line, `The deny of ${topic} is now one of ${wider}: a * within a topic cannot be said otherwise.`);
    return [wider];
  }
  if (levels.every((level) => level === '*' || !/[*?]/.test(level))) {
    const narrower = levels.map((level) => (level === '*' ? '+' : level)).join('/');
    policy.note(line, `${topic} is now ${narrower}: there a * stands for several levels too.`);
    return [narrower];
  }
  policy.leaveOut(effect, line, `${topic}: a * or ? inside a level cannot be said in a policy.`);
  return [];
}
