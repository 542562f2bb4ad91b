/** What an audit that watches tells the gateway, so that log, journal and collectors have it too. */
import { auditNoteSchema, eventOfAudit } from '../audit-note.ts';
import { type AnyRoute, route } from '../route.ts';

export const auditRoutes: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/v1/audit/notes',
    operationId: 'tellAuditNote',
    summary: 'Makes an event of what `sallyport audit watch` has found. The event is the record.',
    tag: 'audit',
    role: 'operator',
    scope: 'audit:write',
    body: auditNoteSchema,
    handler: ({ emit }, { body }) => emit(eventOfAudit(body)),
  }),
];
