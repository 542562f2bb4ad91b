/** What clients may call themselves, by who they are. */
import { z } from 'zod';
import { ANY_CLIENT_ID, ClientIdPattern } from '../../policy/identity/client-id-rules.ts';
import { choice, complaint, section, text } from './fields.ts';

const PATTERN_MAX_CHARS = 1024;

function about(description: string): { description: string } {
  return { description };
}

const patternError = (issue: { input?: unknown }): string =>
  complaint(issue.input, 'a regular expression in the syntax of RE2, such as "(?P<username>[a-z0-9]+)-[0-9]+"');

export const clientIdsSchema = section({
  form: choice(['any', 'username', 'prefix', 'pattern', 'assigned'])
    .prefault(ANY_CLIENT_ID.form)
    .meta(
      about(
        'any: whatever the client likes. username: the user name. prefix: begins with template. pattern: matches pattern. assigned: made of template by the gateway.',
      ),
    ),
  template: text({
    pattern: /^(?:[^%+#\p{Cc}]|%u){1,256}$/u,
    wanted: 'a text with %u for the user name, such as "%u:"',
  })
    .prefault('%u:')
    .meta(about('How identifiers begin, with %u for the user name.')),
  pattern: z
    .string({ error: patternError })
    .max(PATTERN_MAX_CHARS, { error: `is longer than ${PATTERN_MAX_CHARS} characters` })
    .superRefine((given, context) => {
      const parsed = ClientIdPattern.parse(given);
      if (typeof parsed !== 'string') return;
      context.addIssue({ code: 'custom', message: `is no regular expression of RE2: ${parsed}`, input: given });
    })
    .optional()
    .meta(
      about(
        'Regular expression (RE2) for the whole identifier; what its group username captures has to be the user name.',
      ),
    ),
  empty: choice(['assign', 'refuse'])
    .prefault(ANY_CLIENT_ID.empty)
    .meta(about('What becomes of a client that brings no identifier: one that it may have, or none.')),
  duplicate: choice(['takeover', 'refuse'])
    .prefault(ANY_CLIENT_ID.duplicate)
    .meta(
      about(
        'What becomes of a client whose identifier is connected already by the same user: it takes the session over, or is refused. Another user is always refused.',
      ),
    ),
}).superRefine(
  (given, context) => {
    const complain = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
    if (given.form === 'pattern' && given.pattern === undefined)
      complain('form', '"pattern" needs the key pattern: add it');
    if (given.form !== 'pattern' && given.pattern !== undefined) {
      complain('pattern', `has no effect while form is "${given.form}": set that to pattern, or remove this key`);
    }
  },
  { when: ({ value }) => typeof value === 'object' && value !== null },
);
