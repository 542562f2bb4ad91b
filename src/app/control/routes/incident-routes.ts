/** Everything about one address, user or client, with what to do. */
import { z } from 'zod';
import type { ClientSummary } from '../../clients/client-facts.ts';
import { section, text } from '../../config/fields.ts';
import { OperatorError } from '../../config/problem.ts';
import { type IncidentSubject, readIncidentSubject } from '../../observability/incident/incident.ts';
import { incidentRecord, reportOn } from '../../observability/incident/incident-report.ts';
import {
  banName,
  CLIENT_FIELDS,
  CLIENTS_MAX,
  isBannable,
  type Live,
  liveWith,
  meantClients,
  NOBODY,
  NOT_BANNED,
} from '../../observability/incident/live.ts';
import { journalDirectoryOf } from '../../observability/observers.ts';
import { silentWorkersSchema } from '../../silent-workers.ts';
import { workApart } from '../heavy/work.ts';
import { ControlProblem } from '../problem-details.ts';
import { removedSchema } from '../removed.ts';
import { type AnyRoute, route } from '../route.ts';
import type { ControlServices } from '../services.ts';
import { timeText } from '../time-text.ts';

const SINCE_DEFAULT_MS = 24 * 3_600_000;
const NAME_MAX_CHARS = 1024;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const name = text({ pattern: /^[^\0]{1,66000}$/, wanted: 'a name' }).optional();
const time = z.string().meta({ description: 'ISO 8601, UTC.' });
const touched = z.array(z.strictObject({ value: z.string(), count: z.int() }));
const entry = {
  first: time,
  last: time,
  count: z.int(),
  name: z.string().meta({ description: 'Of an event, or of what an operator did.' }),
  says: z.string().meta({ description: 'What clients chose is in it.' }),
};
const timelineEntry = z.strictObject({ ...entry, level: z.enum(LEVELS) });

export const incidentSchema = z.strictObject({
  version: z.literal(1),
  subject: z.strictObject({ kind: z.enum(['address', 'user', 'client']), value: z.string() }),
  since: time,
  until: time,
  verdict: z.string(),
  records: z.int().meta({ description: 'Records of the journal that were found.' }),
  removed: removedSchema,
  isCut: z.boolean().meta({ description: 'There are more: the newest are in it.' }),
  logins: z.strictObject({ succeeded: z.int(), failed: z.int() }),
  refusals: z.array(z.strictObject({ ...entry, by: z.string(), examples: z.array(z.string()) })),
  topics: touched,
  addresses: touched,
  users: touched,
  clients: touched,
  measures: z.array(timelineEntry).meta({ description: 'Alerts, attacks, responses, bans, and what operators did.' }),
  timeline: z.array(timelineEntry),
  live: z
    .strictObject({
      isRunning: z.boolean(),
      isBanned: z.boolean(),
      allowedBy: z.string().nullable(),
      bans: z.array(
        z.strictObject({
          subject: z.string(),
          reason: z.string(),
          author: z.string(),
          expiresAt: z.string().nullable(),
        }),
      ),
      clients: z.array(
        z.strictObject({
          clientId: z.string(),
          username: z.string().nullable(),
          address: z.string(),
          connectedAt: z.string().nullable(),
        }),
      ),
      silentWorkers: silentWorkersSchema('Clients of theirs are missing here.'),
    })
    .nullable(),
  advice: z.array(z.strictObject({ says: z.string(), command: z.string() })),
});

export const incidentRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/incidents',
    operationId: 'showIncident',
    summary: 'What the journal knows of one address, user or client, whether it is banned, and what to do.',
    tag: 'incidents',
    role: 'viewer',
    scope: 'incidents:read',
    query: section({
      address: name,
      user: name.meta({ description: 'User name.' }),
      client: name.meta({ description: 'Client identifier.' }),
      since: timeText.optional().meta({ description: 'From this time on, ISO 8601; a day ago where it is absent.' }),
      until: timeText.optional().meta({ description: 'Before this time; now where it is absent.' }),
    }),
    response: incidentSchema,
    handler: async (services, { query, signal }) => {
      const { clock, inForce } = services;
      const { config } = inForce();
      if (!config.journal.isEnabled) throw new OperatorError('No journal is kept: set journal.enabled to true.');
      const subject = subjectIn(query);
      const untilMs = query.until ?? clock.epochMs();
      const sinceMs = query.since ?? untilMs - SINCE_DEFAULT_MS;
      const directory = journalDirectoryOf(config);
      const incident = await workApart(
        'incident',
        { directory, about: { subject, sinceMs, untilMs } },
        { clock, signal },
      );
      return incidentRecord(reportOn(incident, await liveOf(services, subject)));
    },
  }),
];

function subjectIn(query: { address?: string | undefined; user?: string | undefined; client?: string | undefined }) {
  const given = (['address', 'user', 'client'] as const).filter((kind) => query[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    throw new ControlProblem('invalid-request', 'Say about whom: one of address, user and client in the query.');
  }
  return readIncidentSubject(kind, query[kind]!);
}

async function liveOf({ banDesk, live }: ControlServices, subject: IncidentSubject): Promise<Live> {
  const { kind, value } = subject;
  const why = isBannable(subject) ? banDesk.why([banName(subject)]) : NOT_BANNED;
  // Nobody is connected by a name that is longer than names of clients can be.
  const isName = value.length <= NAME_MAX_CHARS;
  if (!isName) return liveWith(true, why, NOBODY);
  const clients: ClientSummary[] = [];
  let cursor: string | undefined;
  for (;;) {
    const missing = CLIENTS_MAX - clients.length;
    const page = await live.clients.list({ [CLIENT_FIELDS[kind]]: value }, cursor, missing);
    clients.push(...page.clients);
    if (page.next === null || clients.length >= CLIENTS_MAX)
      return liveWith(true, why, { clients: meantClients(clients, subject), silentWorkers: page.silentWorkers });
    cursor = page.next;
  }
}
