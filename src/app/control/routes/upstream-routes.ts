/** The brokers behind, and an operator's word on one of them. */
import { z } from 'zod';
import type { Service } from '../../../transports/upstream/target.ts';
import { section, text } from '../../config/fields.ts';
import { silentWorkersSchema, unheardOf } from '../../silent-workers.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

const SHOWN = { pattern: /^[^\0]{1,1024}$/, wanted: 'a text of 1 to 1024 characters' };

const targetSchema = z.strictObject({
  upstream: z.string(),
  target: z.string().meta({ description: 'Its URL.' }),
  state: z.enum(['up', 'down', 'unknown', 'draining', 'ejected']),
  connections: z.int(),
  mqtt5: z.boolean().optional().meta({ description: 'Absent before it was asked.' }),
  says: z.string().meta({ description: 'What went wrong last.' }),
});

function serviceRoute(verb: 'drain' | 'eject' | 'return', service: Service, summary: string): AnyRoute {
  return route({
    method: 'POST',
    path: `/v1/upstreams/{upstream}/${verb}`,
    operationId: `${verb}Target`,
    summary,
    tag: 'upstreams',
    role: 'operator',
    scope: 'upstreams:write',
    params: section({ upstream: text(SHOWN).meta({ description: 'Name of the upstream.' }) }),
    body: section({ target: text(SHOWN).meta({ description: 'Its URL, as the list of upstreams has it.' }) }),
    action: { name: `upstream-${verb}`, words: ({ params, body }) => [params.upstream, body.target] },
    response: z.strictObject({ silentWorkers: silentWorkersSchema('They do so when they go on.') }),
    handler: async ({ gateway }, { params: { upstream }, body: { target } }) => {
      const { isKnown, silent } = await gateway.upstreams.setService(upstream, target, service);
      if (isKnown) return { silentWorkers: [...silent] };
      const says = `There is no target ${target} of an upstream ${upstream}; \`sallyport upstream list\` shows them.`;
      throw new ControlProblem('not-found', says + unheardOf(silent));
    },
  });
}

export const upstreamRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/upstreams',
    operationId: 'listTargets',
    summary:
      'Every target of every upstream, its state and its connections; none where only the embedded broker serves.',
    tag: 'upstreams',
    role: 'viewer',
    scope: 'upstreams:read',
    response: z.strictObject({
      targets: z.array(targetSchema),
      silentWorkers: silentWorkersSchema('Their connections are missing here.'),
    }),
    handler: async ({ gateway }) => {
      const { targets, silent } = await gateway.upstreams.status();
      return { targets: [...targets], silentWorkers: [...silent] };
    },
  }),
  serviceRoute('drain', 'draining', 'Sends it nobody new, and leaves it those whom it has.'),
  serviceRoute('eject', 'ejected', 'Sends it nobody new, and ends the connections that it has.'),
  serviceRoute('return', 'in service', 'Puts it into service again, with a share that grows.'),
];
