/** A report as data: what `--json` prints, what baselines and comparisons read, and what every other format is made from. */
import { z } from 'zod';
import { FAMILIES, type FamilyLetter } from '../model/check.ts';
import { STATUSES } from '../model/outcome.ts';
import { SEVERITIES } from '../model/severity.ts';
import { TARGET_KINDS } from '../model/target.ts';

export const REPORT_FORMAT_VERSION = 1;

const severity = z.enum(SEVERITIES);
const confidence = z.enum(['config', 'runtime', 'probe']);
const exposure = z.enum(['network', 'local', 'loopback']);
const letters = z.enum(Object.keys(FAMILIES) as [FamilyLetter, ...FamilyLetter[]]);
const percent = z.int().min(0).max(100);
const count = z.int().min(0);
const line = z.int().min(1);
const fingerprint = z.string().regex(/^[0-9a-f]{16}$/);
const day = z.iso.date();

const evidenceSchema = z.strictObject({
  observed: z.string().describe('What is there; secrets are taken out.'),
  expected: z.string().describe('What should be there.'),
  method: z.string().describe('How it was looked at.'),
  file: z.string().optional(),
  line: line.optional(),
});

const waiverSchema = z.strictObject({
  check: z.string(),
  target: z.string().optional(),
  fingerprint: fingerprint.optional(),
  reason: z.string(),
  owner: z.string(),
  expires: day,
});

const resultSchema = z.strictObject({
  check: z.string().describe('Identifier of the check, such as M01.'),
  target: z.string().describe('Identifier of the target, as in `targets`.'),
  subject: z.string().optional().describe('What within the target this is about; absent where it is all of it.'),
  status: z.enum(STATUSES),
  severity,
  exposure,
  confidence: confidence.describe('Read in a configuration, seen on the running system, or tried over the network.'),
  port: z.int().min(0).max(65535).optional(),
  reason: z.string().optional().describe('A stable word for why it is not a pass.'),
  says: z.string().optional().describe('One sentence, where there is no evidence to show.'),
  evidence: evidenceSchema.optional(),
  command: z.string().optional().describe('A command for just this finding.'),
  fingerprint: fingerprint.describe('The same from run to run: of check, target, subject and reason.'),
  priority: count.describe('Severity × exposure × ease of mending; of failures only, else 0.'),
  waiver: waiverSchema.optional().describe('Why this does not count against the gate.'),
  isNew: z.boolean().optional().describe('Whether the baseline lacks it; absent without a baseline.'),
});

const checkSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  severity,
  exposure,
  why: z.string(),
  remediation: z.strictObject({
    text: z.string(),
    command: z.string().optional(),
    impact: z.string(),
    risk: z.enum(['low', 'medium', 'high']),
    ease: z.enum(['easy', 'moderate', 'hard']),
  }),
  standards: z.strictObject({
    cis: z.array(z.string()).optional(),
    nist: z.array(z.string()).optional(),
    iec: z.array(z.string()).optional(),
    etsi: z.array(z.string()).optional(),
  }),
  question: z.string().optional(),
});

export const reportSchema = z.strictObject({
  format: z.literal('sallyport-audit'),
  formatVersion: z.literal(REPORT_FORMAT_VERSION),
  tool: z.strictObject({ name: z.literal('sallyport'), version: z.string() }),
  startedAt: z.iso.datetime(),
  durationMs: count,
  targets: z.array(
    z.strictObject({ id: z.string(), kind: z.enum(TARGET_KINDS), label: z.string(), place: z.string() }),
  ),
  score: z.strictObject({
    total: percent.nullable(),
    uncapped: percent.nullable(),
    cappedBy: z.enum(['critical', 'high']).nullable(),
    coveragePercent: percent,
    grade: z.enum(['A', 'B', 'C', 'D', 'F']).nullable(),
    families: z.array(
      z.strictObject({
        letter: letters,
        title: z.string(),
        score: percent.nullable(),
        assessed: count,
        applicable: count,
      }),
    ),
  }),
  gate: z.strictObject({
    failOn: severity.describe('The least severity that makes the run fail.'),
    isNewOnly: z.boolean().describe('Whether only failures count that the baseline lacks.'),
    verdict: z.enum(['clean', 'findings', 'incomplete']),
    findings: count.describe('Failures of that severity that no waiver and no baseline covers.'),
    undecided: count.describe('Results of that severity that could not be told.'),
    exitCode: z.union([z.literal(0), z.literal(1), z.literal(3)]),
  }),
  checks: z.array(checkSchema).describe('The catalogue entries of all checks that results refer to.'),
  results: z.array(resultSchema),
  waivers: z.strictObject({
    unused: z.array(waiverSchema).describe('Waivers that covered nothing.'),
    expired: z.array(waiverSchema).describe('Waivers that would have covered something, had they not expired.'),
  }),
  baseline: z
    .strictObject({ madeAt: z.iso.datetime(), known: count, mended: z.array(fingerprint) })
    .optional()
    .describe('What the run was compared with.'),
});

export type AuditReport = z.infer<typeof reportSchema>;
export type ReportedResult = AuditReport['results'][number];
export type ReportedCheck = AuditReport['checks'][number];
export type ReportedWaiver = z.infer<typeof waiverSchema>;

export function reportJsonSchema(): unknown {
  return z.toJSONSchema(reportSchema.meta({ title: 'Report of sallyport audit' }), { io: 'output' });
}
