/** What `sallyport top` shows, in one answer. */
import { z } from 'zod';
import { clientSummarySchema } from '../../clients/client-facts.ts';
import { recentRefusals } from '../../clients/recent-refusals.ts';
import { section } from '../../config/fields.ts';
import { statusSchema } from '../../status/gateway-status.ts';
import { type AnyRoute, numberText, route } from '../route.ts';

const COUNT_DEFAULT = 20;
const REFUSALS_OF_MS = 60_000;

export const topRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/top',
    operationId: 'getTop',
    summary: 'The status, the clients with the most traffic now, and to whom most was refused in the last minute.',
    tag: 'status',
    role: 'viewer',
    scope: 'clients:read',
    query: section({ count: numberText({ min: 1, max: 200 }).optional() }),
    response: z.strictObject({
      status: statusSchema,
      talkers: z.array(clientSummarySchema).meta({ description: 'Most bytes first.' }),
      refusals: z
        .array(
          z.strictObject({
            address: z.string(),
            clientId: z.string().nullable(),
            by: z.string(),
            count: z.int(),
            says: z.string().meta({ description: 'Of the latest one.' }),
          }),
        )
        .meta({ description: 'Most refusals first, as far as the events of that time are kept.' }),
    }),
    handler: async ({ clock, gateway, live }, { query: { count = COUNT_DEFAULT } }) => {
      // A worker that is stuck is waited for once.
      const [status, talkers] = await Promise.all([live.status.now(), gateway.clients.talkers(count)]);
      return { status, talkers, refusals: recentRefusals(live.stream.ring, clock.epochMs() - REFUSALS_OF_MS, count) };
    },
  }),
];
