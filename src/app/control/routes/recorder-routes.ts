/** The flight recorder: what it has on disk, and what it keeps of a client right now. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { silentWorkersSchema, unheardOf } from '../../silent-workers.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

const count = z.int().min(0);
const endpointSchema = z.strictObject({ address: z.string(), port: count });

const recordingSchema = z.strictObject({
  connectionId: z.string(),
  clientId: z.string().nullable(),
  username: z.string().nullable(),
  listener: z.string(),
  client: endpointSchema,
  server: endpointSchema,
  incident: z.string().meta({ description: 'Why it was made.' }),
  writtenAt: z.string(),
  overwritten: count.meta({ description: 'Packets that had to make room for later ones.' }),
  packets: z.array(
    z.strictObject({
      atMs: z.number().meta({ description: 'Since the Unix epoch, in milliseconds.' }),
      direction: z.enum(['from client', 'to client']),
      type: z.string(),
      flags: count,
      lengthBytes: count.meta({ description: 'As it was sent.' }),
      packetId: count.optional(),
      topic: z.string().optional(),
      bytes: z.string().meta({ description: 'Its first bytes, in hex.' }),
    }),
  ),
});

export const recorderRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/recordings',
    operationId: 'listRecordings',
    summary: 'Recordings on disk, the newest first.',
    tag: 'recorder',
    role: 'operator',
    scope: 'recorder:read',
    response: z.strictObject({
      isEnabled: z.boolean(),
      directory: z.string(),
      recordings: z.array(z.strictObject({ name: z.string(), sizeBytes: count })),
    }),
    handler: async ({ live, inForce }) => ({
      isEnabled: inForce().config.flightRecorder.isEnabled,
      directory: live.recordings.directory,
      recordings: await live.recordings.list(),
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/recordings/{id}',
    operationId: 'recordClient',
    summary: 'What is kept of a client or a connection now; of one that has ended, while it is still there.',
    tag: 'recorder',
    role: 'operator',
    scope: 'recorder:write',
    params: section({
      id: text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a client identifier, or the identifier of a connection' }),
    }),
    response: z.strictObject({
      recordings: z.array(recordingSchema),
      silentWorkers: silentWorkersSchema('What they keep of it is missing here.'),
    }),
    action: { name: 'recorder-dump', words: ({ params: { id } }) => [id] },
    handler: async ({ gateway, inForce }, { params: { id } }, { name }) => {
      const { found: recordings, silent } = await gateway.clients.recordings(id, `operator:${name}`);
      if (recordings.length > 0) {
        return {
          recordings: recordings.map((each) => ({ ...each, packets: [...each.packets] })),
          silentWorkers: [...silent],
        };
      }
      const says = inForce().config.flightRecorder.isEnabled
        ? 'Nothing is recorded of it: it is unknown, or was connected before the recorder was switched on.'
        : 'The flight recorder is off: set flightRecorder.enabled, reload, and wait for the client to come back.';
      throw new ControlProblem('not-found', says + unheardOf(silent));
    },
  }),
];
