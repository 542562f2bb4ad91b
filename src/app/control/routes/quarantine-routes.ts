/** Who is in quarantine, and letting them go. An operator puts in clients alone, in `client-routes.ts`. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { listQuarantine, releaseFromQuarantine } from '../../response/quarantine-desk.ts';
import { nextCursor, pageOf, pageQuery } from '../cursor.ts';
import { type AnyRoute, route } from '../route.ts';
import { reasonField } from './reason-field.ts';

const confined = z.array(
  z.strictObject({
    subject: z.string().meta({ description: 'As bans name it: `client:d42`, `user:ann`, `address:192.0.2.7`.' }),
    expiresInMs: z.int().min(0),
    expiresAt: z.string().meta({ description: 'ISO 8601, UTC.' }),
  }),
);

export const quarantineRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/quarantine',
    operationId: 'listQuarantine',
    summary: 'Every subject in quarantine, whether anybody of it is connected or not, and for how long still.',
    tag: 'quarantine',
    role: 'viewer',
    scope: 'clients:read',
    query: section(pageQuery()),
    response: z.strictObject({
      total: z.int(),
      quarantined: confined,
      next: nextCursor,
    }),
    handler: ({ gateway, clock }, { query }) => {
      const all = listQuarantine(gateway.quarantine, clock.epochMs());
      const { items, next } = pageOf(all, query, ({ subject }) => subject);
      return { total: all.length, quarantined: items, next };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/quarantine',
    operationId: 'releaseFromQuarantine',
    summary: 'Lets somebody out, as the list names them; what still confines them is in the answer.',
    tag: 'quarantine',
    role: 'operator',
    scope: 'clients:write',
    query: section({
      subject: text({
        pattern: /^[^\0]{1,66000}$/,
        wanted: 'an address, a network such as 192.0.2.0/24, user:NAME, client:ID or certificate:SHA256',
      }).meta({
        description: 'As the list names it: an address, a network, `user:NAME`, `client:ID`, `certificate:SHA256`.',
      }),
      reason: reasonField()
        .optional()
        .meta({ description: 'Why, for the record; the one who is let out is not told.' }),
    }),
    response: z.strictObject({ subject: z.string(), quarantined: confined }),
    action: { name: 'quarantine-release', words: ({ query }) => [query.subject, query.reason ?? ''] },
    handler: ({ gateway, clock }, { query }) =>
      releaseFromQuarantine(gateway.quarantine, query.subject, clock.epochMs()),
  }),
];
