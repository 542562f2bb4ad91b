/** The recording of what clients really use, from which a policy is proposed. */
import { z } from 'zod';
import { silentWorkersSchema } from '../../silent-workers.ts';
import type { Learner, LearningStatus } from '../../watching/learner.ts';
import { type AnyRoute, route } from '../route.ts';

const statusSchema = z.strictObject({
  isOn: z.boolean(),
  by: z.enum(['configuration', 'operator']).optional().meta({ description: 'Who says so, where it is on.' }),
  sinceMs: z.number().optional().meta({ description: 'When the recording began, in milliseconds since the epoch.' }),
  users: z.int(),
  lost: z.int().meta({ description: 'Uses that found no room.' }),
  ceilings: z.array(z.enum(['users', 'nodes'])),
  file: z.string(),
  silentWorkers: silentWorkersSchema('What they have recorded is missing here, and comes later.'),
});

function verb(
  name: 'start' | 'stop' | 'clear',
  summary: string,
  run: (learner: Learner) => Promise<LearningStatus>,
): AnyRoute {
  return route({
    method: 'POST',
    path: `/v1/learning/${name}`,
    operationId: `${name}Learning`,
    summary,
    tag: 'learning',
    role: 'operator',
    scope: 'learning:write',
    response: statusSchema,
    action: { name: `learn-${name}`, words: () => [] },
    handler: ({ learner }) => run(learner),
  });
}

export const learningRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/learning',
    operationId: 'getLearning',
    summary: 'Whether it is on, and what is recorded.',
    tag: 'learning',
    role: 'viewer',
    scope: 'learning:read',
    response: statusSchema,
    handler: ({ learner }) => learner.status(),
  }),
  verb('start', 'Begins to record, or goes on.', (learner) => learner.start()),
  verb('stop', 'Ends the recording, and keeps what it has.', (learner) => learner.stop()),
  verb('clear', 'Forgets what was recorded; whether it is on stays.', (learner) => learner.clear()),
  route({
    method: 'POST',
    path: '/v1/learning/save',
    operationId: 'saveLearning',
    summary: 'Writes what is in memory to the file, for whoever reads that.',
    tag: 'learning',
    role: 'operator',
    scope: 'learning:read',
    response: statusSchema,
    handler: async ({ learner }) => {
      await learner.save();
      return learner.status();
    },
  }),
];
