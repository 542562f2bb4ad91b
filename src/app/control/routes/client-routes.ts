/** Who is connected, what is known of each, and what an operator does about one. */
import { z } from 'zod';
import { clientDetailsSchema, clientSummarySchema, MATCHED_SAYS, VERDICTS } from '../../clients/client-facts.ts';
import { section, text } from '../../config/fields.ts';
import { silentWorkersSchema } from '../../silent-workers.ts';
import { authorOf } from '../author.ts';
import { cursorOf, encodeCursor, limitOf, nextCursor, pageQuery } from '../cursor.ts';
import { demandPermission } from '../permission.ts';
import { type AnyRoute, route } from '../route.ts';
import { reasonField } from './reason-field.ts';

const LIMITS_MAX = 32;

const params = section({
  id: text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a client identifier, or the identifier of a connection' }).meta({
    description: 'A client identifier, or the identifier of a connection such as `c42`.',
  }),
});
const clientParams = section({
  id: text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a client identifier' }).meta({
    description: 'A client identifier; it need not be connected.',
  }),
});
const pattern = (description: string) =>
  text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a text of 1 to 1024 characters' })
    .optional()
    .meta({ description });
const lasting = text({ pattern: /^[^\0]{1,32}$/, wanted: 'a duration such as 10m' })
  .optional()
  .meta({ description: 'How long, such as 10m.' });
const reason = reasonField().optional().meta({ description: 'Why, for the record; a client of MQTT 5 is told.' });

const filterQuery = {
  clientId: pattern('Client identifier; `*` stands for any characters.'),
  username: pattern('User name; `*` stands for any characters.'),
  address: pattern('An address or a network.'),
  listener: pattern('Name of a listener.'),
  verdict: z.enum(VERDICTS).optional(),
};

export const clientRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/clients',
    operationId: 'listClients',
    summary:
      'Clients that are connected, those of all workers, in the order in which they came. A page of a filter that few fit may be short, or empty, and have a `next` all the same.',
    tag: 'clients',
    role: 'viewer',
    scope: 'clients:read',
    query: section({ ...filterQuery, ...pageQuery() }),
    response: z.strictObject({
      clients: z.array(clientSummarySchema),
      matched: z.int().nullable().meta({ description: MATCHED_SAYS }),
      silentWorkers: silentWorkersSchema('Their clients are missing here.'),
      next: nextCursor,
    }),
    handler: async ({ live }, { query }) => {
      const { limit, cursor, ...filter } = query;
      const { next, ...page } = await live.clients.list(filter, cursorOf({ cursor }), limitOf({ limit }));
      return { ...page, next: next === null ? null : encodeCursor(next) };
    },
  }),
  route({
    method: 'GET',
    path: '/v1/clients/{id}',
    operationId: 'showClient',
    summary: 'Everything that is known of a client: one entry, or more where listeners lead to different brokers.',
    tag: 'clients',
    role: 'viewer',
    scope: 'clients:read',
    params,
    response: z.strictObject({
      clients: z.array(clientDetailsSchema),
      silentWorkers: silentWorkersSchema('What they have of it is missing here.'),
    }),
    handler: async ({ live }, { params: { id } }) => {
      const { found, silent } = await live.clients.show(id);
      return { clients: [...found], silentWorkers: [...silent] };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/clients/{id}/disconnect',
    operationId: 'disconnectClient',
    summary: 'Ends its connections (0x98 for MQTT 5); its Will is published, unless it is banned as well.',
    tag: 'clients',
    role: 'operator',
    scope: 'clients:write',
    params,
    body: section({
      reason,
      ban: text({ pattern: /^[^\0]{1,32}$/, wanted: 'a duration such as 2h, or forever' })
        .optional()
        .meta({ description: 'Also ban the client identifier: for so long, or `forever`. Needs `bans:write` too.' }),
    }),
    response: z.strictObject({
      clientId: z.string(),
      connections: z.array(z.string()).meta({ description: 'Those that are ended.' }),
      ban: z
        .strictObject({
          subject: z.string(),
          reason: z.string(),
          author: z.string(),
          createdAt: z.string(),
          expiresAt: z.string().nullable(),
        })
        .nullable(),
      silentWorkers: silentWorkersSchema('They end what they have of it when they go on.'),
    }),
    action: {
      name: 'client-disconnect',
      words: ({ params: { id }, body: { reason: why = '', ban = '' } }) => [id, ban, why],
    },
    handler: async ({ live }, { params: { id }, body: { reason: why, ban } }, principal) => {
      if (ban !== undefined) demandPermission({ role: 'operator', scope: 'bans:write' }, principal, undefined);
      const asked = { ...(why === undefined ? {} : { reason: why }), ...(ban === undefined ? {} : { banFor: ban }) };
      const done = await live.clients.disconnect(id, authorOf(principal), asked);
      return { ...done, connections: [...done.connections], silentWorkers: [...done.silentWorkers] };
    },
  }),
  route({
    method: 'PUT',
    path: '/v1/clients/{id}/throttle',
    operationId: 'throttleClient',
    summary: 'Sets limits of this client for now, as overrides do.',
    tag: 'clients',
    role: 'operator',
    scope: 'clients:write',
    params: clientParams,
    body: section({
      limits: z
        .record(
          text({ pattern: /^[^=\0]{1,64}$/, wanted: 'the name of a limit such as publish.messagesPerSecond' }),
          text({ pattern: /^[^\0]{1,256}$/, wanted: 'a value as in the configuration, such as 5 or 2KB' }),
        )
        .refine((limits) => Object.keys(limits).length <= LIMITS_MAX, `has more than ${LIMITS_MAX} names`)
        .meta({ description: 'By name, each value as in the configuration: `"publish.messagesPerSecond": "5"`.' }),
      for: lasting,
    }),
    response: z.strictObject({
      overrides: z.array(
        z.strictObject({
          target: z.string(),
          limit: z.string(),
          value: z.string(),
          source: z.string(),
          expiresInMs: z.number().optional().meta({ description: 'Absent where it does not expire.' }),
        }),
      ),
    }),
    action: {
      name: 'client-throttle',
      words: ({ params: { id }, body }) => [id, body.for ?? '', ...assignments(body)],
    },
    handler: ({ live }, { params: { id }, body }, principal) => ({
      overrides: live.clients.throttle(id, assignments(body), body.for, authorOf(principal)),
    }),
  }),
  route({
    method: 'PUT',
    path: '/v1/clients/{id}/quarantine',
    operationId: 'quarantineClient',
    summary: 'Confines it to response.quarantine.role, or sends it to the decoy, now and when it comes back.',
    tag: 'clients',
    role: 'operator',
    scope: 'clients:write',
    params: clientParams,
    body: section({ for: lasting }),
    response: z.strictObject({
      clientId: z.string(),
      role: z.string().nullable(),
      upstream: z.string().nullable().meta({ description: 'The decoy that it is sent to.' }),
      forMs: z.number(),
    }),
    action: { name: 'client-quarantine', words: ({ params: { id }, body }) => [id, body.for ?? ''] },
    handler: ({ live }, { params: { id }, body }, principal) => {
      const { role = null, upstream = null, ...rest } = live.clients.quarantine(id, body.for, authorOf(principal));
      return { ...rest, role, upstream };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/clients/{id}/release',
    operationId: 'releaseClient',
    summary: 'Lets it out of the quarantine, and takes back what limits it for now.',
    tag: 'clients',
    role: 'operator',
    scope: 'clients:write',
    params: clientParams,
    response: z.strictObject({ clientId: z.string(), isOutOfQuarantine: z.boolean(), limitsTakenBack: z.int() }),
    action: { name: 'client-release', words: ({ params: { id } }) => [id] },
    handler: ({ live }, { params: { id } }) => live.clients.release(id),
  }),
];

function assignments({ limits }: { readonly limits: Readonly<Record<string, string>> }): string[] {
  return Object.entries(limits).map(([name, value]) => `${name}=${value}`);
}
