/** The journal: what was refused, who logged in, and what operators did. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { OperatorError } from '../../config/problem.ts';
import { isoOf } from '../../observability/incident/incident-report.ts';
import { RECORD_KINDS } from '../../observability/journal/record.ts';
import { wantedAddress } from '../../observability/journal/searched-fields.ts';
import { journalDirectoryOf } from '../../observability/observers.ts';
import { cursorOf, encodeCursor, limitOf, nextCursor, pageQuery, strangeCursor } from '../cursor.ts';
import { workApart } from '../heavy/work.ts';
import { removedSchema } from '../removed.ts';
import { type AnyRoute, route } from '../route.ts';
import { timeText } from '../time-text.ts';

const PAGE_MAX = 1000;
const word = text({ pattern: /^[^\0]{1,66000}$/, wanted: 'a word, or the beginning of one and a *' }).optional();

export const journalRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/journal',
    operationId: 'searchJournal',
    summary: 'Records that fit, the newest first. A value that ends in * means all that begin so.',
    tag: 'journal',
    role: 'viewer',
    scope: 'journal:read',
    query: section({
      since: timeText.optional().meta({ description: 'From this time on, ISO 8601.' }),
      until: timeText.optional().meta({ description: 'Before this time.' }),
      client: word.meta({ description: 'Client identifier.' }),
      user: word.meta({ description: 'User name.' }),
      address: word,
      event: word.meta({ description: 'Name of an event or of an action, such as `publish.refused` or `ban-*`.' }),
      by: word.meta({ description: 'Who decided or did it, such as `acl:default` or `local:*`.' }),
      ...pageQuery({ limitMax: PAGE_MAX }),
    }),
    response: z.strictObject({
      records: z.array(
        z.strictObject({
          n: z.int().meta({ description: 'Counted from 1 without a gap.' }),
          t: z.number().meta({ description: 'Milliseconds since the epoch.' }),
          k: z.enum(RECORD_KINDS),
          d: z.record(z.string(), z.unknown()),
          h: z.string().meta({ description: 'Its hash, the link of the chain.' }),
        }),
      ),
      removed: removedSchema,
      next: nextCursor,
    }),
    handler: async ({ inForce, clock }, { query, signal }) => {
      const { config } = inForce();
      if (!config.journal.isEnabled) throw new OperatorError('No journal is kept: set journal.enabled to true.');
      const { since: sinceMs, until: untilMs, client, user, event, by: author } = query;
      const address = query.address === undefined ? undefined : wantedAddress(query.address);
      const limit = limitOf(query);
      const given = Object.entries({ client, user, address, event, author }).filter(([, value]) => value !== undefined);
      const wanted = { sinceMs, untilMs, fields: Object.fromEntries(given), limit, beforeN: numberIn(cursorOf(query)) };
      const directory = journalDirectoryOf(config);
      const { records, removed } = await workApart('journal', { directory, wanted }, { clock, signal });
      return {
        records: [...records],
        removed: removed === undefined ? null : { since: isoOf(removed.sinceMs), until: isoOf(removed.untilMs) },
        next: records.length < limit ? null : encodeCursor(String(records.at(-1)!.n)),
      };
    },
  }),
];

function numberIn(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw strangeCursor();
}
