/** Who is in quarantine. Who goes in and comes out is said of clients, in `client-routes.ts`. */
import { z } from 'zod';
import { subjectText } from '../../../policy/detection/bans/ban.ts';
import { section } from '../../config/fields.ts';
import { nextCursor, pageOf, pageQuery } from '../cursor.ts';
import { type AnyRoute, route } from '../route.ts';

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
      quarantined: z.array(
        z.strictObject({
          subject: z.string().meta({ description: 'As bans name it: `client:d42`, `user:ann`, `address:192.0.2.7`.' }),
          expiresInMs: z.int().min(0),
        }),
      ),
      next: nextCursor,
    }),
    handler: ({ gateway }, { query }) => {
      const all = gateway.quarantine.told().map(({ subject, forMs }) => ({
        subject: subjectText(subject),
        expiresInMs: Math.round(forMs),
      }));
      const { items, next } = pageOf(all, query, ({ subject }) => subject);
      return { total: all.length, quarantined: items, next };
    },
  }),
];
