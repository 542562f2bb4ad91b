/** Who is shut out, by whose word, why, and until when. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { authorOf } from '../author.ts';
import { nextCursor, pageOf, pageQuery } from '../cursor.ts';
import { type AnyRoute, route } from '../route.ts';
import { reasonField } from './reason-field.ts';

const subject = text({
  pattern: /^[^\0]{1,66000}$/,
  wanted: 'an address, a network such as 192.0.2.0/24, user:NAME, client:ID or certificate:SHA256',
}).meta({ description: 'An address, a network, `user:NAME`, `client:ID` or `certificate:SHA256`.' });
const reason = reasonField().optional().meta({ description: 'Why, for the record; the banned one is not told.' });

export const banSchema = z.strictObject({
  subject: z.string(),
  reason: z.string(),
  author: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().nullable().meta({ description: 'Null where it lasts until somebody takes it back.' }),
  offence: z.int().optional().meta({ description: "The how many-th of detectors; absent for an operator's." }),
});

const reasonsSchema = z.strictObject({
  subject: z.string(),
  isBanned: z.boolean(),
  allowedBy: z.string().nullable().meta({ description: 'The network of `bans.allow` that it lies in.' }),
  bans: z.array(banSchema).meta({ description: 'Every ban that is meant for it, the one that answers first.' }),
});

export const banRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/bans',
    operationId: 'listBans',
    summary: 'Every ban in force, the latest first.',
    tag: 'bans',
    role: 'viewer',
    scope: 'bans:read',
    query: section(pageQuery()),
    response: z.strictObject({ total: z.int(), bans: z.array(banSchema), next: nextCursor }),
    handler: ({ banDesk }, { query }) => {
      const all = banDesk.all();
      const { items, next } = pageOf(all, query, ({ createdAt, subject: whom }) => `${latestFirst(createdAt)} ${whom}`);
      return { total: all.length, bans: items, next };
    },
  }),
  route({
    method: 'GET',
    path: '/v1/bans/why',
    operationId: 'explainBan',
    summary: 'Whether somebody is shut out, and by which bans.',
    tag: 'bans',
    role: 'viewer',
    scope: 'bans:read',
    query: section({ subject }),
    response: reasonsSchema,
    handler: ({ banDesk }, { query }) => banDesk.why([query.subject]),
  }),
  route({
    method: 'POST',
    path: '/v1/bans',
    operationId: 'addBan',
    summary: 'Shuts somebody out, at once and on open connections too. The same ban again replaces it.',
    tag: 'bans',
    role: 'operator',
    scope: 'bans:write',
    status: 201,
    body: section({
      subject,
      for: text({ pattern: /^[^\0]{1,32}$/, wanted: 'a duration such as 30m, 2h or 7d' })
        .optional()
        .meta({ description: 'How long, such as 30m, 2h or 7d; until it is removed where it is absent.' }),
      reason,
    }),
    response: banSchema,
    action: { name: 'ban-add', words: ({ body }) => wordsOf(body) },
    handler: ({ banDesk }, { body }, principal) => banDesk.add(wordsOf(body), authorOf(principal)),
  }),
  route({
    method: 'DELETE',
    path: '/v1/bans',
    operationId: 'removeBan',
    summary: 'Lets somebody in again; what still keeps it out is in the answer.',
    tag: 'bans',
    role: 'operator',
    scope: 'bans:write',
    query: section({ subject, reason }),
    response: reasonsSchema,
    action: { name: 'ban-remove', words: ({ query }) => [query.subject, query.reason ?? ''] },
    handler: ({ banDesk }, { query }, principal) =>
      banDesk.remove([query.subject, query.reason ?? ''], authorOf(principal)),
  }),
];

interface NewBan {
  readonly subject: string;
  readonly for?: string | undefined;
  readonly reason?: string | undefined;
}

function wordsOf({ subject: whom, for: duration = '', reason: why = '' }: NewBan): string[] {
  return [whom, duration, why];
}

/** A text that sorts as the time does, turned round. */
function latestFirst(time: string): string {
  return String(Number.MAX_SAFE_INTEGER - Date.parse(time)).padStart(16, '0');
}
