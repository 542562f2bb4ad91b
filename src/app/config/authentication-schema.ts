/** Who clients are: the chain of methods that are asked, and what they share. */
import { z } from 'zod';
import { anonymousEntry } from './chain/anonymous-entry.ts';
import { entry } from './chain/entry.ts';
import { jwtEntry } from './chain/jwt-entry.ts';
import { ldapEntry } from './chain/ldap-entry.ts';
import { passwordFileEntry, usersEntry } from './chain/password-entries.ts';
import { scramEntry } from './chain/scram-entry.ts';
import { postgresqlEntry, redisEntry } from './chain/store-entries.ts';
import { webhookEntry } from './chain/webhook-entry.ts';
import { clientIdsSchema } from './client-ids-schema.ts';
import { complaint, list, path, section, wholeNumber } from './fields.ts';
import { passwordRulesSchema } from './password-rules-schema.ts';

const ENTRIES_MAX = 32;

function about(description: string): { description: string } {
  return { description };
}

/** Each method's entry, in the order of the documentation. */
function entrySchema(directory: string) {
  const entries = [
    entry(z.literal('certificate'), {}),
    passwordFileEntry,
    usersEntry,
    jwtEntry(directory),
    scramEntry(directory),
    webhookEntry(directory),
    ldapEntry(directory),
    postgresqlEntry(directory),
    redisEntry(directory),
    anonymousEntry,
  ] as const;
  const methods = entries.map(({ shape }) => shape.method.value);
  return z.discriminatedUnion('method', entries, {
    error: ({ input }) => {
      const isMap = typeof input === 'object' && input !== null && !Array.isArray(input);
      return isMap
        ? complaint((input as { method?: unknown }).method, `one of ${methods.join(', ')}`)
        : complaint(input, 'a map whose first key is method');
    },
  });
}

export function authenticationSchema(directory: string) {
  return section({
    chain: list(entrySchema(directory), { min: 1, max: ENTRIES_MAX, what: 'methods' })
      .superRefine((entries, context) => {
        const takenBy = new Map<string, number>();
        for (const [index, { name, method }] of entries.entries()) {
          const called = name ?? method;
          const other = takenBy.get(called);
          if (other === undefined) takenBy.set(called, index);
          else {
            const message = `two entries have the same name, "${called}", here and in chain[${other}]: give one of them a name of its own`;
            context.addIssue({ code: 'custom', path: [index, name === undefined ? 'method' : 'name'], message });
          }
        }
      })
      .prefault([{ method: 'certificate' }, { method: 'password-file' }, { method: 'anonymous' }])
      .meta(
        about('Methods in the order in which they are asked; the first that applies to what a client shows decides.'),
      ),
    clientIds: clientIdsSchema
      .prefault({})
      .meta(about('What clients may call themselves, where their listener has no rule of its own.')),
    passwordRules: passwordRulesSchema.prefault({}).meta(about('What passwords of the built-in users have to be.')),
    passwordFile: path(directory).prefault('users').meta(about('Users and their hashed passwords.')),
    totpFile: path(directory)
      .optional()
      .meta(about('Users with a second factor and their secrets; without it the file totp in the data directory.')),
    hashConcurrency: wholeNumber({ min: 1, max: 64 }).prefault(2).meta(about('Passwords verified at once.')),
    hashQueueMax: wholeNumber({ min: 1, max: 100_000 })
      .prefault(512)
      .meta(about('Clients that may wait for verification; more are told the server is busy.')),
  });
}
