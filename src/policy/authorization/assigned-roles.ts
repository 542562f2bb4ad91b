/** Which roles a client has: assignments, found by what they ask for, so that a connection does not cost a look at each. */
import { NetworkSet } from '../../base/ip-address.ts';
import type { Subject } from './decision.ts';
import type { Selector } from './policy-form.ts';
import { attributeOf } from './topic-pattern.ts';
import { wildcardMatcher } from './wildcard.ts';

export interface CompiledAssignment {
  /** By their numbers. */
  readonly roles: readonly number[];
  readonly to: Selector;
}

interface Entry {
  readonly roles: readonly number[];
  readonly meets: (subject: Subject) => boolean;
}

export class AssignedRoles {
  /** By kind of name and name, such as `user a`; an assignment stands under the first kind that it asks for. */
  readonly #named = new Map<string, Entry[]>();
  /** Those that ask for no name: each is looked at for each client. */
  readonly #rest: Entry[] = [];

  constructor(assignments: readonly CompiledAssignment[]) {
    for (const { roles, to } of assignments) {
      const entry = { roles, meets: demandsOf(to) };
      const keys = keysOf(to);
      if (keys === undefined) this.#rest.push(entry);
      for (const key of new Set(keys)) {
        const entries = this.#named.get(key);
        if (entries === undefined) this.#named.set(key, [entry]);
        else entries.push(entry);
      }
    }
  }

  /** Numbers of roles, ascending, each once; without those that they include. */
  of(subject: Subject): number[] {
    const found = new Set<number>();
    const look = (entries: readonly Entry[]): void => {
      for (const { roles, meets } of entries) if (meets(subject)) for (const role of roles) found.add(role);
    };
    look(this.#rest);
    for (const key of keysOfSubject(subject)) {
      const entries = this.#named.get(key);
      if (entries !== undefined) look(entries);
    }
    return [...found].sort((a, b) => a - b);
  }
}

function keysOf({ users, groups, identityRoles, attributes }: Selector): string[] | undefined {
  if (users !== undefined) return users.map((name) => `user ${name}`);
  if (groups !== undefined) return groups.map((name) => `group ${name}`);
  if (identityRoles !== undefined) return identityRoles.map((name) => `role ${name}`);
  const [first] = attributes ?? [];
  return first?.values.map((value) => `${first.name}=${value}`);
}

function keysOfSubject({ username, groups = [], roles = [], attributes = {} }: Subject): string[] {
  return [
    ...(username === undefined ? [] : [`user ${username}`]),
    ...groups.map((name) => `group ${name}`),
    ...roles.map((name) => `role ${name}`),
    ...Object.entries(attributes).map(([name, value]) => `${name}=${value}`),
  ];
}

/** Whether a subject meets all that a selector asks for; what is not known of it is not met. */
export function demandsOf(selector: Selector): (subject: Subject) => boolean {
  const demands: ((subject: Subject) => boolean)[] = [];
  const { who, users, groups, identityRoles, clientIds, listeners, networks, attributes = [] } = selector;
  if (who !== undefined) demands.push(({ username }) => (username === undefined) === (who === 'anonymous'));
  if (users !== undefined) {
    const known = new Set(users);
    demands.push(({ username }) => username !== undefined && known.has(username));
  }
  if (groups !== undefined) {
    const known = new Set(groups);
    demands.push((subject) => subject.groups?.some((group) => known.has(group)) === true);
  }
  if (identityRoles !== undefined) {
    const known = new Set(identityRoles);
    demands.push((subject) => subject.roles?.some((role) => known.has(role)) === true);
  }
  if (clientIds !== undefined) {
    const matchers = clientIds.map(wildcardMatcher);
    demands.push(({ clientId }) => matchers.some((matches) => matches(clientId)));
  }
  if (listeners !== undefined) {
    demands.push(({ listener }) => listener !== undefined && listeners.includes(listener));
  }
  if (networks !== undefined) {
    const set = new NetworkSet(networks);
    demands.push(({ address }) => address !== undefined && set.has(address));
  }
  for (const { name, values } of attributes) {
    const known = new Set(values);
    demands.push((subject) => known.has(attributeOf(subject, name) ?? '') && attributeOf(subject, name) !== undefined);
  }
  return (subject) => demands.every((isMet) => isMet(subject));
}
