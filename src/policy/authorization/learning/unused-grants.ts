/**
 * What a policy allows and nobody was seen to use. A grant counts as used when anybody who may have its role was seen with a topic
 * that it reaches, so what is listed can go without a loss to anybody that was recorded.
 */
import { filtersOverlap } from '../../../mqtt/topic.ts';
import { demandsOf } from '../assigned-roles.ts';
import type { Subject } from '../decision.ts';
import { describeGrant } from '../grant-words.ts';
import type { Action, Grant, Policy } from '../policy-form.ts';
import { fillIn, hasPlaceholder } from '../topic-pattern.ts';
import type { UserImage } from './recording.ts';

export interface UnusedGrant {
  readonly file: string;
  readonly line: number;
  readonly role: string;
  /** In words. */
  readonly grant: string;
  /** Those of its actions that nobody used. */
  readonly actions: readonly Action[];
  /** Users of the recording who have the role. */
  readonly holders: number;
}

/** In the order of the file. */
export function unusedGrants(policy: Policy, users: readonly UserImage[]): UnusedGrant[] {
  const holdersOf = holders(policy, users);
  const unused: UnusedGrant[] = [];
  for (const role of policy.roles) {
    const having = holdersOf.get(role.name) ?? [];
    for (const grant of role.grants) {
      if (grant.effect !== 'allow') continue;
      const actions = grant.actions.filter((action) => !having.some((user) => uses(user, action, grant)));
      if (actions.length === 0) continue;
      const { file, line } = grant;
      unused.push({ file, line, role: role.name, grant: describeGrant(grant), actions, holders: having.length });
    }
  }
  return unused.sort((a, b) => a.line - b.line);
}

/** By role, those who may have it: what is not recorded of a user, such as its address, is taken to be as the assignment asks. */
function holders({ assignments, roles }: Policy, users: readonly UserImage[]): Map<string, UserImage[]> {
  const byName = new Map(roles.map((role) => [role.name, role]));
  const assigned = assignments.map(({ roles: names, to }) => {
    const { clientIds: _c, listeners: _l, networks: _n, attributes: _a, ...known } = to;
    return { names, listeners: to.listeners, meets: demandsOf(known) };
  });
  const found = new Map<string, UserImage[]>();
  for (const user of users) {
    const subject: Subject = { username: user.user, clientId: '', roles: user.roles, groups: user.groups };
    const held = new Set<string>();
    for (const { names, listeners, meets } of assigned) {
      if (listeners !== undefined && !listeners.some((name) => user.listeners.includes(name))) continue;
      if (meets(subject)) for (const name of names) held.add(name);
    }
    // A set that grows while it is walked is walked to its end.
    for (const name of held) for (const included of byName.get(name)!.includes) held.add(included);
    for (const name of held) {
      const having = found.get(name);
      if (having === undefined) found.set(name, [user]);
      else having.push(user);
    }
  }
  return found;
}

function uses(user: UserImage, action: Action, { topic }: Grant): boolean {
  const seen = user[action];
  if (seen.length === 0) return false;
  const granted = filledIn(topic, user);
  return seen.some(([filter]) => filtersOverlap(granted, filledIn(filter, user)));
}

/** With the user's name in it; any other placeholder may stand for anything. */
function filledIn(filter: string, { user }: UserImage): string {
  if (!hasPlaceholder(filter)) return filter;
  const subject: Subject = { username: user, clientId: '' };
  return filter
    .split('/')
    .map((level, index) => (hasPlaceholder(level) ? (fillIn(level, subject, index === 0) ?? '+') : level))
    .join('/');
}
