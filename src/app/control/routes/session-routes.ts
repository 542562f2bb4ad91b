/** MQTT sessions: what is kept of clients that are connected or away, and the end of one. Operators' own logins are in `account-routes.ts`. */
import { z } from 'zod';
import { choice, section, text } from '../../config/fields.ts';
import {
  removedSessionSchema,
  SESSION_STATES,
  sessionDetailsSchema,
  sessionSourcesSchema,
  sessionSummarySchema,
} from '../../sessions/session-facts.ts';
import { silentWorkersSchema } from '../../silent-workers.ts';
import { authorOf } from '../author.ts';
import { cursorOf, encodeCursor, limitOf, nextCursor, pageQuery } from '../cursor.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

const pattern = (description: string) =>
  text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a text of 1 to 1024 characters' })
    .optional()
    .meta({ description });
const params = section({ clientId: text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a client identifier' }) });

export const sessionRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/mqtt-sessions',
    operationId: 'listMqttSessions',
    summary:
      'Sessions of clients: all that the embedded broker keeps, also while their client is away; of other brokers those that are connected. A page looks at 10,000 of them at most: with a filter it may be short, or empty, and have a `next` all the same.',
    tag: 'mqtt-sessions',
    role: 'viewer',
    scope: 'clients:read',
    query: section({
      clientId: pattern('Client identifier; `*` stands for any characters.'),
      username: pattern('User name; `*` stands for any characters.'),
      state: choice(SESSION_STATES).optional(),
      broker: pattern('Who keeps it: `embedded`, or the name of an upstream.'),
      ...pageQuery(),
    }),
    response: z.strictObject({
      sessions: z.array(sessionSummarySchema),
      matched: z.int().nullable().meta({
        description:
          'Sessions that fit, on all pages; null where a filter has a `*` or a user name and there are more than 10,000 sessions.',
      }),
      sources: sessionSourcesSchema,
      silentWorkers: silentWorkersSchema('Sessions that other brokers keep for their clients are missing here.'),
      next: nextCursor,
    }),
    handler: async ({ live }, { query }) => {
      const { limit, cursor, ...filter } = query;
      const { next, ...page } = await live.sessions.list(filter, cursorOf({ cursor }), limitOf({ limit }));
      return { ...page, next: next === null ? null : encodeCursor(next) };
    },
  }),
  route({
    method: 'GET',
    path: '/v1/mqtt-sessions/{clientId}',
    operationId: 'showMqttSession',
    summary: 'Everything that is known of a session: one entry, or more where listeners lead to different brokers.',
    tag: 'mqtt-sessions',
    role: 'viewer',
    scope: 'clients:read',
    params,
    response: z.strictObject({
      sessions: z.array(sessionDetailsSchema),
      silentWorkers: silentWorkersSchema('What other brokers keep for their clients is missing here.'),
    }),
    handler: async ({ live }, { params: { clientId } }) => {
      const { sessions, silent } = await live.sessions.show(clientId);
      if (sessions.length === 0) throw new ControlProblem('not-found', live.sessions.absence(clientId, silent));
      return { sessions, silentWorkers: [...silent] };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/mqtt-sessions/{clientId}',
    operationId: 'removeMqttSession',
    summary:
      'Ends a session of the embedded broker: its client is disconnected (0x98 for MQTT 5), its Will is published, its subscriptions and queue are dropped.',
    tag: 'mqtt-sessions',
    role: 'operator',
    scope: 'clients:write',
    params,
    response: removedSessionSchema,
    action: {
      name: 'session-remove',
      words: ({ params: { clientId } }) => [clientId],
      changes: ({ session }) => [{ path: `session:${session.clientId}`, before: session, after: null }],
    },
    handler: async ({ live }, { params: { clientId } }, principal) => {
      const { kind, ...removal } = await live.sessions.remove(clientId, authorOf(principal));
      if ('says' in removal) throw new ControlProblem(kind === 'absent' ? 'not-found' : 'conflict', removal.says);
      return removal;
    },
  }),
];
