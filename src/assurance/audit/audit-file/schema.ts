/** The audit file: what an organization declares about its audits. Targets, what it wants of them, waivers, attestations. */
import { z } from 'zod';
import { choice, flag, list, section, size, text, wholeNumber } from '../../../app/config/fields.ts';
import { TARGET_KINDS } from '../model/target.ts';

const words = (wanted: string) => text({ pattern: /^[^\u0000-\u001f\u007f]{1,500}$/, wanted });
const checkId = text({ pattern: /^[A-Z]\d{2}$/, wanted: 'the identifier of a check, such as M01' });
const fingerprint = text({
  pattern: /^[0-9a-f]{16}$/,
  wanted: 'a fingerprint of 16 hexadecimal digits in quotes, from a report',
});
const day = text({ pattern: /^\d{4}-\d{2}-\d{2}$/, wanted: 'a day, such as 2027-03-31' }).refine(
  (value) => !Number.isNaN(Date.parse(value)) && new Date(Date.parse(value)).toISOString().startsWith(value),
  'is no day of the calendar: give one such as 2027-03-31',
);

const attestation = (what: string) =>
  section({
    date: day.describe('When it was last done.'),
    by: words('who answers for it').describe('Who answers for it.'),
    evidence: words('where the evidence is')
      .optional()
      .describe('Where the evidence is: a document, a ticket, an address.'),
  })
    .optional()
    .describe(what);

export const auditFileSchema = section({
  targets: list(
    section({
      kind: choice(TARGET_KINDS).describe('What it is.'),
      place: words('a path or an address').describe(
        'A path on the audited system, or an address such as mqtts://broker.example.',
      ),
      name: words('a name').optional().describe('What reports call it; its place where nothing is said.'),
      options: z.record(z.string(), z.unknown()).default({}).describe('What only targets of this kind have.'),
    }),
    { min: 0, max: 10_000, what: 'targets' },
  )
    .default([])
    .describe('What to audit. Without any: the host and what is found on it.'),
  profile: section({
    mutualTls: flag().default(false).describe('Clients are to have certificates.'),
    connections: wholeNumber({ min: 1, max: 10_000_000 })
      .default(1000)
      .describe('How many clients one broker must be able to hold.'),
    packetSizeMax: size({ min: '1B', max: '256MiB' })
      .prefault('1MiB')
      .describe('The largest packet that a broker should take.'),
  })
    .prefault({})
    .describe('What is wanted where not everybody wants the same.'),
  listeners: list(
    section({
      port: wholeNumber({ min: 1, max: 65_535 }).describe('TCP or UDP port.'),
      protocol: choice(['tcp', 'udp']).default('tcp').describe('Transport.'),
      purpose: words('what listens there').describe('What listens there, and for whom.'),
    }),
    { min: 0, max: 1000, what: 'listeners' },
  )
    .optional()
    .describe('Every port that is to be reached from the network: what else listens is drift.'),
  attestations: section({
    policy: attestation('The security policy was reviewed.'),
    training: attestation('Those who operate brokers and devices were trained.'),
    drill: attestation('An attack or an outage was rehearsed.'),
    disclosure: attestation('A contact for reports of flaws was published.'),
    rotation: attestation('The oldest password or certificate in use was made anew.'),
    backup: attestation('A backup was restored and found whole.'),
  })
    .prefault({})
    .describe('What only people can say, with its date.'),
  waivers: list(
    section({
      check: checkId.describe('The check.'),
      target: words("a target's identifier").optional().describe('Only on this target, as reports name it.'),
      fingerprint: fingerprint.optional().describe('Only this finding.'),
      reason: words('why this is accepted').describe('Why it is accepted.'),
      owner: words('who accepts it').describe('Who accepts it.'),
      expires: day.describe('The last day of the waiver, at most 365 days from now.'),
    }),
    { min: 0, max: 10_000, what: 'waivers' },
  )
    .default([])
    .describe('Findings that are accepted for a time.'),
});

export type AuditFile = z.infer<typeof auditFileSchema>;
export type Waiver = AuditFile['waivers'][number];
export type Attestations = AuditFile['attestations'];
export type Profile = AuditFile['profile'];
export type DeclaredTarget = AuditFile['targets'][number];

/** What holds where there is no audit file. */
export const NOTHING_DECLARED: AuditFile = auditFileSchema.parse({});

export function auditFileJsonSchema(): unknown {
  return z.toJSONSchema(auditFileSchema.meta({ title: 'Audit file of sallyport audit' }), { io: 'input' });
}
