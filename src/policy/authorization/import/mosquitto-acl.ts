/** Mosquitto's ACL file as roles: one for each user, one for anonymous clients, and one for each kind of pattern. */
import { type AclAccess, parseAclFile } from '../acl-file.ts';
import type { Action } from '../policy-form.ts';
import type { ImportedPolicy, ImportedSelector } from './imported-policy.ts';

const ACTIONS: Readonly<Record<AclAccess, readonly Action[]>> = {
  read: ['subscribe', 'receive'],
  write: ['publish'],
  readwrite: ['publish', 'subscribe', 'receive'],
  // Mosquitto withholds what a wide subscription reaches; a deny of `subscribe` would refuse the subscription.
  deny: ['publish', 'receive'],
};

/** @throws {FileFaultError} with everything that is wrong in the file. */
export function importMosquittoAcl(text: string, file: string, policy: ImportedPolicy): void {
  const { rules } = parseAclFile(text, file);
  for (const { line, kind, username, access, filter } of rules) {
    const isNamed = filter.includes('%u');
    const [role, to] = kind === 'topic' ? ownerOf(username) : isNamed ? NAMED_PATTERNS : PATTERNS;
    if (!policy.has(role)) policy.assign([role], to);
    if (filter.includes('${')) {
      policy.leaveOut(access === 'deny' ? 'deny' : 'allow', line, `"\${" would begin a placeholder in ${filter}.`);
      continue;
    }
    const topic = kind === 'topic' ? filter : filter.replaceAll('%u', '${username}').replaceAll('%c', '${clientId}');
    policy.grant(role, { effect: access === 'deny' ? 'deny' : 'allow', actions: ACTIONS[access], topic, line });
    if (access === 'deny' && kind === 'pattern') {
      policy.note(line, "In Mosquitto a user's own grant outranks this deny; here a deny beats every allow.");
    }
  }
  if (rules.some(({ access }) => access === 'read' || access === 'readwrite')) {
    const says =
      'Mosquitto accepts every SUBSCRIBE; here one needs a grant that covers it. To let clients subscribe to more than they may receive, allow `subscribe` there.';
    policy.note(1, says);
  }
}

const PATTERNS: readonly [string, ImportedSelector] = ['everyone', 'everyone'];
/** A pattern with %u is nothing to a client without a user name. */
const NAMED_PATTERNS: readonly [string, ImportedSelector] = ['named', 'authenticated'];

function ownerOf(username: string | undefined): readonly [string, ImportedSelector] {
  return username === undefined ? ['anonymous', 'anonymous'] : [`user-${username}`, { user: username }];
}
