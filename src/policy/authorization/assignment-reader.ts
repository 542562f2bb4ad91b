/** Reads the assignments: which roles go to whom. */
import type { FaultList } from './fault-list.ts';
import { readNames, readNetworks } from './grant-reader.ts';
import { addUnknownKey, addWrongWord, asMap, checkRoleExists, readMap, readTexts } from './policy-fields.ts';
import type { Assignment, Selector } from './policy-form.ts';
import type { YamlNode } from './policy-yaml.ts';

const ASSIGNMENT_KEYS = ['roles', 'to'];
const SELECTOR_KEYS = ['user', 'group', 'role', 'clientId', 'listener', 'network'];
const WHO = ['everyone', 'anonymous', 'authenticated'];
const SHOWN_KEYS = [...SELECTOR_KEYS, 'cert.cn', 'claim.…'];

/** Undefined where something is wrong, which `faults` then tells. */
export function readAssignment(
  node: YamlNode,
  roles: ReadonlyMap<string, unknown>,
  faults: FaultList,
): Assignment | undefined {
  const before = faults.count;
  const keys = readMap(node, 'An assignment', ASSIGNMENT_KEYS, faults);
  if (keys === undefined) return undefined;
  const [rolesAt, to] = [keys.get('roles'), keys.get('to')];
  if (rolesAt === undefined) faults.add(node, 'The assignment has no roles.', 'Give it `roles`: a name or a list.');
  if (to === undefined) faults.add(node, 'The assignment is to nobody.', `Give it \`to\`: ${WHO.join(', ')}, or keys.`);
  if (rolesAt === undefined || to === undefined) return undefined;
  const names = readTexts(rolesAt.value, 'The list of roles', faults);
  for (const name of names) checkRoleExists(name, roles, faults);
  const selector = readSelector(to.value, faults);
  if (faults.count > before || selector === undefined) return undefined;
  return Object.freeze({
    file: faults.file,
    line: node.line,
    roles: Object.freeze([...new Set(names.map(({ text }) => text))]),
    to: selector,
  });
}

function readSelector(node: YamlNode, faults: FaultList): Selector | undefined {
  if (node.kind === 'text') {
    const [isEveryone, isAnonymous, isAuthenticated] = WHO.map((who) => who === node.text);
    if (isEveryone) return Object.freeze({});
    if (isAnonymous) return Object.freeze({ who: 'anonymous' });
    if (isAuthenticated) return Object.freeze({ who: 'authenticated' });
    addWrongWord(faults, node, node.text, 'An assignment', [...WHO, 'keys such as `to: { user: NAME }`']);
    return undefined;
  }
  const map = asMap(node, 'What stands under `to`', SHOWN_KEYS, faults);
  if (map === undefined) return undefined;
  if (map.entries.length === 0) {
    faults.add(node, 'There is nothing under `to`.', 'Write `to: everyone` if everyone is meant.');
    return undefined;
  }
  const names = new Map<string, readonly string[]>();
  const attributes: { name: string; values: readonly string[] }[] = [];
  for (const entry of map.entries) {
    const { key, value } = entry;
    if (!SELECTOR_KEYS.includes(key) && !key.includes('.')) addUnknownKey(faults, entry, SHOWN_KEYS);
    else if (key === 'network') names.set(key, readNetworks(value, faults));
    else if (SELECTOR_KEYS.includes(key)) names.set(key, readNames(value, `The list of \`${key}\``, faults));
    else attributes.push(Object.freeze({ name: key, values: readNames(value, `The list of \`${key}\``, faults) }));
  }
  const part = <Key extends keyof Selector>(key: Key, from: string): Partial<Record<Key, readonly string[]>> => {
    const values = names.get(from);
    return values === undefined ? {} : ({ [key]: values } as Record<Key, readonly string[]>);
  };
  return Object.freeze({
    ...part('users', 'user'),
    ...part('groups', 'group'),
    ...part('identityRoles', 'role'),
    ...part('clientIds', 'clientId'),
    ...part('listeners', 'listener'),
    ...part('networks', 'network'),
    ...(attributes.length === 0 ? {} : { attributes: Object.freeze(attributes) }),
  });
}
