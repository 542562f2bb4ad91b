/** The JSON file of Mosquitto's dynamic-security plugin as roles and assignments. */
import { FaultList } from '../fault-list.ts';
import type { Action } from '../policy-form.ts';
import type { YamlNode } from '../policy-yaml.ts';
import type { ImportedPolicy } from './imported-policy.ts';
import { listOf, memberOf, readJson, textOf } from './json-source.ts';

const ACTIONS: Readonly<Record<string, readonly Action[]>> = {
  publishClientSend: ['publish'],
  publishClientReceive: ['receive'],
  subscribeLiteral: ['subscribe'],
  subscribePattern: ['subscribe'],
};

/** What everyone may do where no rule speaks. */
const DEFAULTS = ['publishClientSend', 'publishClientReceive', 'subscribe'] as const;

/** @throws {FileFaultError} when it is no JSON object. */
export function importDynamicSecurity(text: string, file: string, policy: ImportedPolicy): void {
  const faults = new FaultList(file);
  const root = readJson(text, faults);
  faults.throwIfAny();
  for (const role of listOf(root, 'roles')) importRole(role, policy);
  const known = new Set(listOf(root, 'roles').map((role) => textOf(role, 'rolename')));
  const rolesOf = (holder: YamlNode): string[] =>
    listOf(holder, 'roles').flatMap((held) => {
      const name = textOf(held, 'rolename') ?? '';
      if (known.has(name)) return name;
      policy.leaveOut('allow', held.line, `there is no role ${name}.`);
      return [];
    });
  importClients(root, rolesOf, policy);
  importGroups(root, rolesOf, policy);
  importDefaults(root, policy);
}

function importRole(role: YamlNode, policy: ImportedPolicy): void {
  const name = textOf(role, 'rolename') ?? '';
  policy.role(name, textOf(role, 'textDescription') ?? textOf(role, 'textName'));
  const priorities = new Map<boolean, number[]>([
    [true, []],
    [false, []],
  ]);
  for (const acl of listOf(role, 'acls')) {
    const type = textOf(acl, 'acltype') ?? '';
    const isAllow = textOf(acl, 'allow') === 'true';
    const topic = (textOf(acl, 'topic') ?? '').replaceAll('%u', '${username}').replaceAll('%c', '${clientId}');
    if (type.startsWith('unsubscribe')) {
      if (!isAllow) policy.leaveOut('allow', acl.line, 'here a client may give up any subscription.');
      continue;
    }
    const actions = ACTIONS[type];
    if (actions === undefined) {
      policy.leaveOut(isAllow ? 'allow' : 'deny', acl.line, `${type} is no kind of rule that is known here.`);
      continue;
    }
    priorities.get(isAllow)!.push(Number(textOf(acl, 'priority') ?? '-1'));
    if (type === 'subscribeLiteral' && !isAllow) {
      policy.note(
        acl.line,
        `Mosquitto denies only the filter ${topic} itself; here every filter that reaches into it.`,
      );
    }
    policy.grant(name, { effect: isAllow ? 'allow' : 'deny', actions, topic, line: acl.line });
  }
  const [highestAllow, lowestDeny] = [Math.max(...priorities.get(true)!), Math.min(...priorities.get(false)!)];
  if (highestAllow >= lowestDeny) {
    policy.note(
      role.line,
      `In the role ${name} an allow has the priority of a deny or a higher one; here a deny beats every allow.`,
    );
  }
}

function importClients(
  root: YamlNode | undefined,
  rolesOf: (holder: YamlNode) => string[],
  policy: ImportedPolicy,
): void {
  for (const client of listOf(root, 'clients')) {
    const user = textOf(client, 'username') ?? '';
    if (textOf(client, 'disabled') === 'true') {
      policy.leaveOut('allow', client.line, `the client ${user} is disabled.`);
      continue;
    }
    const clientId = textOf(client, 'clientid') ?? '';
    policy.assign(rolesOf(client), { user, ...(clientId === '' ? {} : { clientId }) });
  }
  const clients = memberOf(root, 'clients');
  if (clients !== undefined) policy.note(clients.line, 'Passwords are no part of a policy: they stay where they are.');
}

function importGroups(
  root: YamlNode | undefined,
  rolesOf: (holder: YamlNode) => string[],
  policy: ImportedPolicy,
): void {
  const anonymousGroup = textOf(root, 'anonymousGroup') ?? '';
  for (const group of listOf(root, 'groups')) {
    const name = textOf(group, 'groupname') ?? '';
    const members = new Set(listOf(group, 'clients').flatMap((member) => textOf(member, 'username') ?? []));
    for (const client of listOf(root, 'clients')) {
      const isMember = listOf(client, 'groups').some((held) => textOf(held, 'groupname') === name);
      if (isMember && textOf(client, 'disabled') !== 'true') members.add(textOf(client, 'username') ?? '');
    }
    const roles = rolesOf(group);
    if (members.size > 0) policy.assign(roles, { user: [...members] });
    if (name === anonymousGroup) policy.assign(roles, 'anonymous');
    else if (members.size === 0) policy.leaveOut('allow', group.line, `the group ${name} has no members.`);
  }
}

/** Mosquitto lets everyone receive, unless it is told otherwise. */
function importDefaults(root: YamlNode | undefined, policy: ImportedPolicy): void {
  const defaults = memberOf(root, 'defaultACLAccess');
  const actions = DEFAULTS.filter(
    (key) => (textOf(defaults, key) ?? String(key === 'publishClientReceive')) === 'true',
  ).map(
    (key): Action =>
      key === 'publishClientSend' ? 'publish' : key === 'publishClientReceive' ? 'receive' : 'subscribe',
  );
  if (actions.length === 0) return;
  const line = defaults?.line ?? 1;
  policy.grant('default', { effect: 'allow', actions, topic: '#', line });
  policy.assign(['default'], 'everyone');
  policy.note(
    line,
    `By default everyone may ${actions.join(' and ')} on all topics; that is now the role default, without topics that begin with $.`,
  );
}
