/** Entries of the chain for servers that keep hashes of passwords: PostgreSQL and Redis. */
import { z } from 'zod';
import { complaint, discreetComplaint, text, wholeNumber } from '../fields.ts';
import { secret } from '../secret.ts';
import { backendUrl, directoryFields, plaintextProblem } from './backend-fields.ts';
import { entry } from './entry.ts';

function about(description: string): { description: string } {
  return { description };
}

const account = () => text({ pattern: /^[^\p{Cc}]{1,256}$/u, wanted: 'a user name' });

const QUERY_WANTED =
  'a SELECT with $1 for the user name, and $2 for the client identifier if it matters, without a semicolon';

/** The rest is the database's to judge; this is what would show only at the first login. */
function isQuery(given: string): boolean {
  return /^\s*(select|with)\s/i.test(given) && /\$1(?![0-9])/.test(given) && !/\$(?:[03-9]|[12][0-9])|;/.test(given);
}

const queryError = (issue: { input?: unknown }): string => complaint(issue.input, QUERY_WANTED);

export function postgresqlEntry(directory: string) {
  return entry(z.literal('postgresql'), {
    url: backendUrl(['postgresql'], 'postgresql://db.example.org:5432/fleet')
      .refine((given) => /^postgresql:\/\/[^/]+\/[^/]+$/.test(given), {
        error: (issue) => discreetComplaint(issue.input, 'a URL that ends with the name of the database'),
      })
      .meta(about('Host, port and database.')),
    user: account().meta(about('Account that asks; it needs no more than to read.')),
    password: secret(directory).optional().meta(about('Where its password is kept.')),
    query: z
      .string({ error: queryError })
      .max(65_536)
      .refine(isQuery, { error: queryError })
      .prefault('SELECT username, password_hash FROM mqtt_user WHERE username = $1')
      .meta(
        about('Gives the columns password_hash and, where there are such, username, roles, groups and attributes.'),
      ),
    ...directoryFields(directory),
  });
}

export function redisEntry(directory: string) {
  return entry(z.literal('redis'), {
    url: backendUrl(['rediss', 'redis'], 'rediss://redis.example.org:6379').meta(
      about('rediss or redis, host and port.'),
    ),
    user: account().optional().meta(about('Account that asks; without it the default user.')),
    password: secret(directory).optional().meta(about('Where its password is kept.')),
    database: wholeNumber({ min: 0, max: 65_535 }).prefault(0).meta(about('Number of the database.')),
    key: text({
      pattern: /^[^%\p{Cc}]{0,256}%u[^%\p{Cc}]{0,256}$/u,
      wanted: 'a key with %u for the user name, such as user:%u',
    })
      .prefault('user:%u')
      .meta(about('Key of the hash map with the fields password_hash, roles, groups and attributes.')),
    ...directoryFields(directory),
  }).superRefine(
    (given, context) => {
      const message = plaintextProblem(given, ({ scheme }) => scheme === 'redis', 'make the URL rediss');
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['url'], message });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}
