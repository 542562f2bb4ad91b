/** What the gateway limits, for whom, how much of it is left, and a change of it for now. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { setLimits, showLimits, unsetLimits } from '../../limit-control.ts';
import { silentWorkersSchema } from '../../silent-workers.ts';
import { authorOf } from '../author.ts';
import { type AnyRoute, route } from '../route.ts';

const NAMES_MAX = 32;
const target = text({
  pattern: /^[^\0]{1,1024}$/,
  wanted: 'a target such as client:d42, user:ann or listener:mqtts',
}).meta({
  description: 'A scope and whom it means, such as `client:d42`; without a name, every one of that scope.',
});
const limitName = text({ pattern: /^[^=\0]{1,64}$/, wanted: 'the name of a limit such as publish.bytesPerSecond' });

const overrideSchema = z.strictObject({
  target: z.string(),
  limit: z.string(),
  value: z.string(),
  source: z.string(),
  expiresInMs: z.number().optional().meta({ description: 'Absent where it does not expire.' }),
});

const limitSchema = z.strictObject({
  scope: z.string(),
  key: z.string(),
  limit: z.string(),
  value: z.string().meta({ description: 'As it was written.' }),
  source: z.string().meta({ description: 'Where it comes from.' }),
  buckets: z
    .array(z.strictObject({ level: z.number(), burst: z.number(), perSecond: z.number() }))
    .optional()
    .meta({ description: 'Of a rate that somebody is charged to, one for each window: what is left of it.' }),
  waiting: z.int().optional().meta({ description: 'Connections that wait for it.' }),
});

export const limitRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/limits',
    operationId: 'showLimits',
    summary: 'The limits that hold for a target, where each comes from, and what is left of them.',
    tag: 'limits',
    role: 'viewer',
    scope: 'limits:read',
    query: section({ target }),
    response: z.strictObject({
      limits: z.array(limitSchema),
      silentWorkers: silentWorkersSchema('What is left at them is missing here.'),
    }),
    handler: async ({ gateway }, { query }) => {
      const { limits, silent } = await showLimits(gateway.limits, [query.target]);
      return { limits: [...limits], silentWorkers: [...silent] };
    },
  }),
  route({
    method: 'GET',
    path: '/v1/limits/overrides',
    operationId: 'listOverrides',
    summary: 'What operators and responses to attacks have set for now.',
    tag: 'limits',
    role: 'viewer',
    scope: 'limits:read',
    response: z.strictObject({ overrides: z.array(overrideSchema) }),
    handler: ({ gateway }) => ({ overrides: gateway.limits.overrides() }),
  }),
  route({
    method: 'PUT',
    path: '/v1/limits/overrides',
    operationId: 'setOverrides',
    summary:
      'Replaces limits of a target, until they expire, are taken back, or the gateway ends. All of them or none.',
    tag: 'limits',
    role: 'operator',
    scope: 'limits:write',
    body: section({
      target,
      limits: z
        .record(limitName, text({ pattern: /^[^\0]{1,256}$/, wanted: 'a value as in the configuration, such as 2KB' }))
        .refine(
          (limits) => Object.keys(limits).length <= NAMES_MAX,
          `has more than ${NAMES_MAX} names: send them apart`,
        )
        .meta({
          description: 'By name, each value as in the configuration, such as `"publish.bytesPerSecond": "2KB"`.',
        }),
      for: text({ pattern: /^[^\0]{1,32}$/, wanted: 'a duration such as 10m' })
        .optional()
        .meta({ description: 'How long, such as 10m; until it is taken back where it is absent.' }),
    }),
    response: z.strictObject({ overrides: z.array(overrideSchema) }),
    action: { name: 'limits-set', words: ({ body }) => wordsOf(body) },
    handler: ({ gateway, inForce }, { body }, principal) => ({
      overrides: setLimits(gateway.limits, wordsOf(body), authorOf(principal), inForce().config),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/v1/limits/overrides',
    operationId: 'unsetOverrides',
    summary: 'Takes overrides of a target back: those that are named, or all of them.',
    tag: 'limits',
    role: 'operator',
    scope: 'limits:write',
    query: section({
      target,
      limit: z
        .union([limitName, z.array(limitName).max(NAMES_MAX)])
        .optional()
        .meta({ description: 'Name of a limit; may be given more than once.' }),
    }),
    response: z.strictObject({ removed: z.int() }),
    action: { name: 'limits-unset', words: ({ query }) => [query.target, ...[query.limit ?? []].flat()] },
    handler: ({ gateway }, { query }) => ({
      removed: unsetLimits(gateway.limits, [query.target, ...[query.limit ?? []].flat()]),
    }),
  }),
];

interface Override {
  readonly target: string;
  readonly limits: Readonly<Record<string, string>>;
  readonly for?: string | undefined;
}

function wordsOf({ target: whom, limits, for: duration = '' }: Override): string[] {
  return [whom, duration, ...Object.entries(limits).map(([name, value]) => `${name}=${value}`)];
}
