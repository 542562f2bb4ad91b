/** What runs, with which configuration, and how it takes up another. */
import { z } from 'zod';
import { silentWorkersSchema } from '../../silent-workers.ts';
import { statusSchema } from '../../status/gateway-status.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

const settingSchema = z.strictObject({
  path: z.string().meta({ description: 'Such as `limits.keepAliveMax` or `listeners[0].port`.' }),
  value: z
    .unknown()
    .meta({ description: 'As the file or the schema writes it. Of a secret, the place where it is kept.' }),
  source: z.string().meta({ description: '`default`, or file and line.' }),
});

export const statusRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/status',
    operationId: 'getStatus',
    summary: 'What runs, how much goes on, and what is broken.',
    tag: 'status',
    role: 'viewer',
    scope: 'status:read',
    response: statusSchema,
    handler: ({ live }) => live.status.now(),
  }),
  route({
    method: 'GET',
    path: '/v1/config',
    operationId: 'getConfig',
    summary: 'Every effective setting, and where it comes from. Of a secret only the place where it is kept.',
    tag: 'config',
    role: 'operator',
    scope: 'config:read',
    response: z.strictObject({ settings: z.array(settingSchema) }),
    handler: ({ inForce }) => ({ settings: inForce().settings.map(withoutPasswords) }),
  }),
  route({
    method: 'POST',
    path: '/v1/reload',
    operationId: 'reload',
    summary:
      'Reads configuration, users, policy and certificates anew; what is wrong leaves the old ones in force (422).',
    tag: 'config',
    role: 'admin',
    scope: 'config:write',
    action: { name: 'reload', words: () => [] },
    response: z.strictObject({
      ok: z.literal(true),
      generation: z.int(),
      changed: z.array(z.string()).meta({ description: 'Settings of the top level that differ.' }),
      restartNeeded: z.array(z.string()).meta({ description: 'Those of them that only a restart puts into force.' }),
      silentWorkers: silentWorkersSchema('They have the old settings until they go on; all others have the new ones.'),
    }),
    handler: async ({ reload }) => {
      const outcome = await reload();
      if (outcome.ok) return { ...outcome, silentWorkers: [...(outcome.silentWorkers ?? [])] };
      throw new ControlProblem('refused', outcome.says);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/restart',
    operationId: 'replaceWorkers',
    summary: 'Replaces the workers one after another; no connection is refused meanwhile.',
    tag: 'config',
    role: 'admin',
    scope: 'config:write',
    action: { name: 'restart', words: () => [] },
    response: z.strictObject({
      ended: silentWorkersSchema('They were ended without a farewell to their clients; every worker is a new one.'),
    }),
    handler: ({ gateway }) => gateway.replaceWorkers(),
  }),
];

/** A URL that an operator has written with a password in it is shown without. */
function withoutPasswords<Setting extends { readonly value: unknown }>(setting: Setting): Setting {
  if (typeof setting.value !== 'string') return setting;
  return { ...setting, value: setting.value.replace(/^([a-z0-9+.-]+:\/\/[^/@:]*):[^/@]*@/i, '$1:***@') };
}
