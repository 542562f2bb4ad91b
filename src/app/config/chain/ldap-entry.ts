/** The entry of the chain for a directory. */
import { z } from 'zod';
import { complaint, flag, list, section, text } from '../fields.ts';
import { secret } from '../secret.ts';
import { backendUrl, directoryFields, plaintextProblem } from './backend-fields.ts';
import { entry } from './entry.ts';

const ATTRIBUTES_MAX = 32;

function about(description: string): { description: string } {
  return { description };
}

const name = () =>
  text({ pattern: /^[^\p{Cc}]{1,1024}$/u, wanted: 'a distinguished name, such as ou=people,dc=example,dc=org' });
const attribute = () =>
  text({ pattern: /^[A-Za-z][A-Za-z0-9-]{0,127}$/, wanted: 'the name of an attribute, such as uid' });

/** In parentheses, and with `%` only in front of what it stands for. */
function filter(places: string, example: string) {
  const wanted = `a filter in parentheses, such as ${example}`;
  const error = (issue: { input?: unknown }): string => complaint(issue.input, wanted);
  const misused = new RegExp(`%(?![${places}%])`);
  return z.string({ error }).refine((given) => /^\(.{1,1022}\)$/s.test(given) && !misused.test(given), { error });
}

const groups = section({
  attribute: attribute()
    .optional()
    .meta(about('Attribute of the user that names its groups, such as memberOf; or give filter.')),
  base: name().meta(
    about('Where groups are. Of those that the attribute names, only they count that stand directly here.'),
  ),
  filter: filter('ucd', '(member=%d)')
    .optional()
    .meta(
      about('Finds the groups of a user, with %d for its distinguished name, %u for its user name; or give attribute.'),
    ),
  nameAttribute: attribute()
    .prefault('cn')
    .meta(about('Attribute of a group that is its name, where filter finds it.')),
}).superRefine(
  (given, context) => {
    if ((given.attribute === undefined) !== (given.filter === undefined)) return;
    const message = 'says where groups are, but not how they are found: give either attribute or filter';
    context.addIssue({ code: 'custom', path: [], message });
  },
  { when: ({ value }) => typeof value === 'object' && value !== null },
);

export function ldapEntry(directory: string) {
  return entry(z.literal('ldap'), {
    url: backendUrl(['ldaps', 'ldap'], 'ldaps://directory.example.org').meta(about('ldaps or ldap, host and port.')),
    startTls: flag().prefault(false).meta(about('Whether TLS begins on an ldap connection before anything is said.')),
    bindDn: name().meta(about('Account that searches.')),
    bindPassword: secret(directory).meta(about('Where its password is kept.')),
    userBase: name().meta(about('Where users are searched for, with all that is below.')),
    userFilter: filter('uc', '(uid=%u)')
      .prefault('(uid=%u)')
      .meta(about('Finds the user, with %u for the user name and %c for the client identifier.')),
    usernameAttribute: attribute()
      .prefault('uid')
      .meta(about('Attribute that has to be the user name, letter by letter: directories do not mind the case.')),
    groups: groups.optional().meta(about('Groups of the user; without it there are none.')),
    attributes: list(attribute(), { min: 0, max: ATTRIBUTES_MAX, what: 'attributes' })
      .prefault([])
      .meta(about('Attributes of the user that the policy may look at.')),
    ...directoryFields(directory),
  }).superRefine(
    (given, context) => {
      const complain = (key: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [key], message });
      if (given.startTls === true && typeof given.url === 'string' && given.url.startsWith('ldaps:')) {
        complain('startTls', 'does not belong to ldaps, which is TLS from the start: remove it, or make the URL ldap');
      }
      const isPlain = ({ scheme }: { scheme: string }): boolean => scheme === 'ldap' && given.startTls !== true;
      const message = plaintextProblem(given, isPlain, 'make the URL ldaps, or say startTls: true');
      if (message !== undefined) complain('url', message);
      if (typeof given.userFilter === 'string' && !given.userFilter.includes('%u')) {
        complain('userFilter', 'has no %u in it, so that everybody would be the same user');
      }
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}
