/** What happens, live: the stream of events as server-sent events, with what was missed meanwhile. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { LEVELS } from '../../observability/event-stream/event-filter.ts';
import type { Beginning } from '../../observability/event-stream/event-stream.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

const EVENTS_MAX = 32;
const LAST_EVENT_ID = /^\d{1,15}$/;

const eventName = text({
  pattern: /^[a-z.*-]{1,64}$/,
  wanted: 'the name of an event, such as publish.refused or ban.*',
});
const pattern = (description: string) =>
  text({ pattern: /^[^\0]{1,1024}$/, wanted: 'a text of 1 to 1024 characters' })
    .optional()
    .meta({ description });

export const eventRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/events',
    operationId: 'watchEvents',
    summary:
      'Events as they happen. Each has a number; with `Last-Event-ID` it goes on behind that one, and a record `gap` tells how many are gone by then.',
    tag: 'events',
    role: 'viewer',
    scope: 'events:read',
    query: section({
      event: z
        .union([eventName, z.array(eventName).max(EVENTS_MAX)])
        .optional()
        .meta({ description: 'Name of an event, `*` for any characters; may be given more than once.' }),
      level: z.enum(LEVELS).optional().meta({ description: 'This level or a louder one.' }),
      clientId: pattern('Of this client, `*` for any characters; also what a ban or a detection is about.'),
      username: pattern('Of this user.'),
      address: pattern('From this address or network.'),
      listener: pattern('On this listener.'),
      since: z.iso
        .datetime({ offset: true, error: 'give a time such as 2026-07-06T08:00:00Z' })
        .optional()
        .meta({ description: 'Begin with what happened then, as far as it is kept.' }),
      follow: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: '`false` ends when all that is kept was told; otherwise it stays.' }),
    }),
    mediaType: 'text/event-stream',
    isStream: true,
    handler: ({ live }, { query, headers }) => {
      const { event, since, follow, ...filter } = query;
      const watcher = live.stream.watch(
        { ...filter, ...(event === undefined ? {} : { events: [event].flat() }) },
        beginningOf(headers['last-event-id'], since, follow === 'false'),
        { isFollowing: follow !== 'false' },
      );
      // The answer begins with the first byte, and whoever asks wants to know at once that nothing is missed from here on.
      watcher.push(': here it begins\n\n');
      return watcher;
    },
  }),
];

function beginningOf(lastId: string | string[] | undefined, since: string | undefined, isEnding: boolean): Beginning {
  if (typeof lastId === 'string' && lastId !== '') {
    if (LAST_EVENT_ID.test(lastId)) return { kind: 'after', id: Number(lastId) };
    const says = 'is no number of an event: give the `id` of the last record, or leave it out';
    throw new ControlProblem('invalid-request', `last-event-id in the header: ${says}.`, {
      errors: [{ in: 'header', at: 'last-event-id', says }],
    });
  }
  if (since !== undefined) return { kind: 'since', epochMs: Date.parse(since) };
  return isEnding ? { kind: 'since', epochMs: 0 } : { kind: 'now' };
}
