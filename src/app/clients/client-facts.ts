/** What operators are told of a connected client: the row of a list, and everything that is known of one. */
import { z } from 'zod';
import { silentWorkersSchema } from '../silent-workers.ts';

function about<Schema extends z.ZodType>(schema: Schema, description: string): Schema {
  return schema.meta({ description });
}

export const VERDICTS = ['clear', 'suspect', 'quarantined'] as const;
/** `suspect`: an attack goes on that a detector lays to it. */
export type ClientVerdict = (typeof VERDICTS)[number];

const count = z.int().min(0);
const time = z.string().meta({ description: 'ISO 8601, UTC.' });

const attackSchema = z.strictObject({
  detector: z.string(),
  subjectKind: z.enum(['address', 'network', 'username', 'clientId', 'certificate', 'listener']),
  subject: z.string(),
  score: about(z.number(), 'Count over threshold, as it has decayed to.'),
  scoreMax: z.number(),
  ageMs: about(count, 'For so long it goes on.'),
});

const ratesShape = {
  messagesInPerSecond: about(z.number(), 'PUBLISH packets from the client that were forwarded.'),
  messagesOutPerSecond: about(z.number(), 'PUBLISH packets to the client.'),
  bytesInPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
};

export const clientSummarySchema = z.strictObject({
  connectionId: about(z.string(), 'Unique while the gateway lives.'),
  clientId: z.string(),
  username: z.string().nullable(),
  listener: z.string(),
  upstream: about(z.string(), 'The broker that it was led to: `embedded`, or the name of an upstream.'),
  address: z.string(),
  port: count,
  protocolVersion: about(z.union([z.literal(3), z.literal(4), z.literal(5)]), '3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0.'),
  isSecure: about(z.boolean(), 'Over TLS.'),
  connectedAt: time,
  keepAliveS: about(count, 'The keep-alive that is enforced; 0 where there is none.'),
  subscriptions: about(count, 'Filters that it holds.'),
  isThrottled: about(z.boolean(), 'It waits for a limit now.'),
  verdict: z.enum(VERDICTS),
  ...ratesShape,
});
export type ClientSummary = z.infer<typeof clientSummarySchema>;

export const MATCHED_SAYS =
  'Clients that fit, on all pages; null where a worker has more than 10,000 and there is a filter.';

export const clientPageSchema = z.strictObject({
  clients: z.array(clientSummarySchema),
  matched: about(count.nullable(), MATCHED_SAYS),
  next: about(z.string().nullable(), 'The cursor of the next page; null on the last.'),
  silentWorkers: silentWorkersSchema('Their clients are missing here.'),
});
export type ClientPage = z.infer<typeof clientPageSchema>;

const waitSchema = z.strictObject({
  limit: z.string(),
  scope: z.string(),
  key: about(z.string(), 'Whose limit it is; empty for the whole gateway.'),
  value: z.string(),
  source: about(z.string(), 'Where the value comes from.'),
});

const limitSchema = z.strictObject({
  scope: z.string(),
  key: z.string(),
  limit: z.string(),
  value: z.string(),
  source: z.string(),
  buckets: z.array(z.strictObject({ level: z.number(), burst: z.number(), perSecond: z.number() })).optional(),
  waiting: about(count, 'Connections that wait for it.').optional(),
});

export const clientDetailsSchema = clientSummarySchema.extend({
  cleanStart: z.boolean(),
  sessionExpiryS: about(z.number().nullable(), 'As the CONNECT asks for; null where it says nothing.'),
  willTopic: z.string().nullable(),
  identity: z
    .strictObject({
      method: z.string(),
      username: z.string().nullable(),
      roles: z.array(z.string()),
      groups: z.array(z.string()),
    })
    .nullable(),
  tls: z.strictObject({ version: z.string().nullable(), cipher: z.string().nullable() }).nullable(),
  certificate: z
    .strictObject({
      subject: z.string(),
      issuer: z.string(),
      serial: z.string(),
      fingerprint: about(z.string(), 'SHA-256, lower-case hex.'),
      expiresAt: time,
    })
    .nullable(),
  filters: about(z.array(z.string()), 'Subscriptions, at most a thousand of them.'),
  totals: z.strictObject({
    messagesIn: count,
    messagesOut: count,
    bytesIn: count,
    bytesOut: count,
  }),
  inflight: about(count, 'QoS 1 and 2 messages of the client that are not acknowledged yet.'),
  inflightMax: count,
  packetsPerSecond: about(z.number(), 'Packets of any kind from the client, over ten seconds.'),
  isKnownGood: about(z.boolean(), 'Kept to the last when the gateway sheds load.'),
  waitsToSend: about(waitSchema.nullable(), 'The limit that its next packet waits for.'),
  waitsToReceive: about(waitSchema.nullable(), 'The limit that its next delivery waits for.'),
  limits: about(z.array(limitSchema), 'Every limit that holds for it, and what is left.'),
  attacks: about(z.array(attackSchema), 'Attacks that go on and that detectors lay to it, to its address or its user.'),
});
export type ClientDetails = z.infer<typeof clientDetailsSchema>;
