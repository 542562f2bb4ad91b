/** What operators are told of an MQTT session: the row of a list, everything that is known of one, and what went with one that was removed. */
import { z } from 'zod';
import { type SilentWorker, silentWorkersSchema } from '../silent-workers.ts';

const count = z.int().min(0);
const time = z.string().meta({ description: 'ISO 8601, UTC.' });
/** What only the broker that keeps the session could tell. */
const known = <Schema extends z.ZodType>(schema: Schema, description: string) =>
  schema.nullable().meta({ description: `${description} Null where only the broker behind knows.` });

export const SESSION_STATES = ['connected', 'away'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export const sessionSummarySchema = z.strictObject({
  clientId: z.string(),
  username: z
    .string()
    .nullable()
    .meta({ description: 'Whose it is; null for anonymous clients and the gateway itself.' }),
  broker: z.string().meta({
    description: 'Who keeps the session: `embedded`, or the name of the upstream that the client was led to.',
  }),
  state: z.enum(SESSION_STATES).meta({
    description: '`away`: kept, while its client is not connected. Only of the embedded broker.',
  }),
  protocolVersion: z
    .union([z.literal(3), z.literal(4), z.literal(5)])
    .nullable()
    .meta({
      description:
        '3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. Null where the client has not been there since the last start.',
    }),
  connectedAt: time.nullable().meta({
    description: 'When its last connection began, ISO 8601, UTC. Null as `protocolVersion` is.',
  }),
  disconnectedAt: time.nullable().meta({ description: 'Since when its client is away, ISO 8601, UTC.' }),
  expiryS: known(count, 'For so long it outlives its connection; 4294967295 is for ever.'),
  expiresInMs: count.nullable().meta({
    description: 'What is left of that while its client is away. Null where it is connected, and for ever.',
  }),
  subscriptions: count,
  queuedMessages: known(count, 'Messages that wait for the client to come back, or to read.'),
  queuedBytes: known(count, 'Their topics, properties and payloads.'),
  inflight: known(count, 'QoS 1 and 2 messages to the client that it has not acknowledged.'),
});
export type SessionSummary = z.infer<typeof sessionSummarySchema>;

const subscriptionSchema = z.strictObject({
  filter: z.string(),
  qos: known(z.int().min(0).max(2), 'Highest QoS.'),
  noLocal: known(z.boolean(), 'Nothing that it published itself.'),
  retainAsPublished: known(z.boolean(), 'The retain flag as the publisher set it.'),
  retainHandling: known(z.int().min(0).max(2), 'Retained messages: 0 always, 1 when it is new, 2 never.'),
  subscriptionIdentifier: z.int().min(1).nullable(),
});

const willSchema = z.strictObject({
  topic: z.string(),
  qos: known(z.int().min(0).max(2), 'QoS.'),
  retain: known(z.boolean(), 'Whether it stays.'),
  delayS: known(count, 'Seconds from the end of the connection.'),
  payloadBytes: known(count, 'Size; what it says is not shown.'),
});

export const sessionDetailsSchema = sessionSummarySchema.extend({
  filters: z.array(subscriptionSchema).meta({ description: 'Subscriptions, at most a thousand of them.' }),
  unreleased: known(count, 'QoS 2 messages of the client that it has not released.'),
  will: willSchema.nullable().meta({ description: 'What is published for it when its connection is lost.' }),
});
export type SessionDetails = z.infer<typeof sessionDetailsSchema>;

export const sessionSourcesSchema = z
  .array(
    z.strictObject({
      broker: z.string(),
      knows: z.enum(['all', 'connected']).meta({
        description:
          '`connected`: of this broker the gateway knows only sessions of clients that are connected through it.',
      }),
    }),
  )
  .meta({ description: 'Whose sessions the answer is about.' });

/** `next` as the desk reads it. */
export interface SessionPage {
  readonly sessions: readonly SessionSummary[];
  /** On all pages; null where there are too many sessions to look at each. */
  readonly matched: number | null;
  readonly sources: z.infer<typeof sessionSourcesSchema>;
  readonly silentWorkers: readonly SilentWorker[];
  readonly next: string | null;
}

export const removedSessionSchema = z.strictObject({
  session: sessionSummarySchema.meta({ description: 'As it was.' }),
  connections: z.array(z.string()).meta({ description: 'Those that are ended.' }),
  silentWorkers: silentWorkersSchema('A connection of theirs ends with the session, and is not named.'),
});
export type RemovedSession = z.infer<typeof removedSessionSchema>;
