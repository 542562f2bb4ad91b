/** What fires, who is told of it, and what is silent. */
import { z } from 'zod';
import { list, section, text } from '../../config/fields.ts';
import { authorOf } from '../author.ts';
import { type AnyRoute, route } from '../route.ts';
import { demandedReasonField } from './reason-field.ts';

const MATCHERS_MAX = 8;

const alertSchema = z.strictObject({
  fingerprint: z.string().meta({ description: 'The same for the same alert about the same subject.' }),
  alert: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  status: z.enum(['firing', 'resolved']),
  isSilenced: z.boolean(),
  subjectKind: z
    .string()
    .meta({ description: 'Such as `address` or `clientId`; empty where it is about the gateway.' }),
  subject: z.string().meta({ description: 'May be what a client chose.' }),
  summary: z.string(),
  says: z.string().meta({ description: 'What happened last. What clients chose is in it.' }),
  count: z.int(),
  startsAt: z.string(),
  lastAt: z.string(),
  endsAt: z.string().nullable().meta({ description: 'Null while it fires.' }),
  runbook: z.string(),
});

const receiverSchema = z.strictObject({
  name: z.string(),
  type: z.string(),
  isDown: z.boolean(),
  waiting: z.int().meta({ description: 'Notifications in its queue.' }),
  delivered: z.int(),
  lost: z.int().meta({ description: 'That found no room, or were refused for good.' }),
  says: z.string().meta({ description: 'What went wrong last; empty while it is well.' }),
});

const silenceSchema = z.strictObject({
  id: z.string(),
  matchers: z.array(z.string()),
  createdAt: z.string(),
  until: z.string(),
  by: z.string(),
  reason: z.string(),
});

const receiver = text({ pattern: /^[a-z0-9][a-z0-9-]{0,31}$/, wanted: 'the name of a receiver' });

export const alertRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/alerts',
    operationId: 'listAlerts',
    summary: 'Alerts that fire, the last that are over, and how the receivers are.',
    tag: 'alerts',
    role: 'viewer',
    scope: 'alerts:read',
    response: z.strictObject({
      firing: z.array(alertSchema),
      resolved: z.array(alertSchema).meta({ description: 'The newest first, at most 200.' }),
      receivers: z.array(receiverSchema),
    }),
    handler: ({ alertDesk }) => alertDesk.list(),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/test',
    operationId: 'testAlerts',
    summary: 'Tells the receivers a test alert now, and what each of them answered.',
    tag: 'alerts',
    role: 'operator',
    scope: 'alerts:write',
    body: section({ receiver: receiver.optional().meta({ description: 'All of them where it is absent.' }) }),
    response: z.strictObject({
      outcomes: z.array(
        z.strictObject({
          receiver: z.string(),
          type: z.string(),
          ok: z.boolean(),
          says: z.string().meta({ description: 'What it answered, or why it did not.' }),
          durationMs: z.number(),
        }),
      ),
    }),
    action: { name: 'alert-test', words: ({ body }) => (body.receiver === undefined ? [] : [body.receiver]) },
    handler: async ({ alertDesk }, { body }, principal) => ({
      outcomes: await alertDesk.test(body.receiver, authorOf(principal)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v1/silences',
    operationId: 'listSilences',
    summary: 'Silences in force, the first to end first.',
    tag: 'alerts',
    role: 'viewer',
    scope: 'alerts:read',
    response: z.strictObject({ silences: z.array(silenceSchema) }),
    handler: ({ alertDesk }) => ({ silences: alertDesk.silences() }),
  }),
  route({
    method: 'POST',
    path: '/v1/silences',
    operationId: 'addSilence',
    summary: 'Holds back what matches, until its time is over. The alerts still fire.',
    tag: 'alerts',
    role: 'operator',
    scope: 'alerts:write',
    status: 201,
    body: section({
      matchers: list(text({ pattern: /^[^\0]{1,600}$/s, wanted: 'a matcher such as alert=SallyportBruteForce' }), {
        min: 1,
        max: MATCHERS_MAX,
        what: 'matchers',
      }).meta({ description: '`label=value` or `label!=value`; `*` stands for anything.' }),
      for: text({ pattern: /^[^\0]{1,32}$/, wanted: 'a duration such as 30m, 2h or 7d' }).meta({
        description: 'How long.',
      }),
      reason: demandedReasonField().meta({
        description: 'Why, for those who wonder at the silence.',
      }),
    }),
    response: silenceSchema,
    action: { name: 'alert-silence', words: ({ body }) => [...body.matchers, body.for, body.reason] },
    handler: ({ alertDesk }, { body }, principal) =>
      alertDesk.silence({ matchers: body.matchers, duration: body.for, reason: body.reason }, authorOf(principal)),
  }),
  route({
    method: 'DELETE',
    path: '/v1/silences/{id}',
    operationId: 'removeSilence',
    summary: 'Ends a silence before its time.',
    tag: 'alerts',
    role: 'operator',
    scope: 'alerts:write',
    params: section({ id: text({ pattern: /^[^\0]{1,64}$/, wanted: 'the name of a silence' }) }),
    response: silenceSchema,
    action: { name: 'alert-unsilence', words: ({ params }) => [params.id] },
    handler: ({ alertDesk }, { params }) => alertDesk.unsilence(params.id),
  }),
];
