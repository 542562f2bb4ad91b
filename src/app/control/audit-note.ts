/** What `sallyport audit watch` tells the running gateway: its events become events of the gateway, and so reach log, journal and collectors. */
import { z } from 'zod';
import type { GatewayEvent } from '../../base/events.ts';

const words = z.string().max(1000);
const severity = z.enum(['critical', 'high', 'medium', 'low', 'info']);
const count = z.int().min(0);

export const auditNoteSchema = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.enum(['finding.new', 'finding.mended', 'finding.regressed']),
    check: words,
    title: words,
    severity,
    target: words,
    subject: words.optional(),
    fingerprint: words,
    says: words,
  }),
  z.strictObject({
    event: z.literal('audit.finished'),
    trigger: words,
    changed: z.array(z.string()).optional(),
    findings: z.strictObject({ critical: count, high: count, medium: count, low: count, info: count }),
    undecided: count,
    score: count.nullable(),
    coveragePercent: count,
    durationMs: count,
  }),
  z.strictObject({ event: z.literal('audit.failed'), trigger: words, says: words }),
  z.strictObject({
    event: z.enum(['listener.appeared', 'listener.gone', 'listener.unused']),
    address: words,
    port: count,
    process: words.optional(),
    says: words,
  }),
]);

type AuditNote = z.output<typeof auditNoteSchema>;

/** The event that a note becomes. */
export function eventOfAudit(note: AuditNote): GatewayEvent {
  switch (note.event) {
    case 'finding.new':
    case 'finding.mended':
    case 'finding.regressed': {
      const { event, subject, ...rest } = note;
      return { name: `audit.${event}`, ...rest, ...(subject === undefined ? {} : { subject }) };
    }
    case 'audit.finished': {
      const { trigger, findings, undecided, score, coveragePercent } = note;
      const scored = score === null ? {} : { score };
      return { name: 'audit.finished', trigger, ...findings, undecided, ...scored, coveragePercent };
    }
    case 'audit.failed':
      return { name: 'audit.failed', says: note.says };
    case 'listener.appeared':
    case 'listener.gone':
    case 'listener.unused': {
      const { event, address, port, process, says } = note;
      const place = `${address.includes(':') ? `[${address}]` : address}:${port}`;
      return { name: `audit.${event}`, place, ...(process === undefined ? {} : { process }), says };
    }
  }
}
