/** Makes the report of a run: results as data, the score, the gate, and what waivers and a baseline say of them. */
import type { CheckInfo } from '../model/check.ts';
import { redact, visible } from '../model/evidence-text.ts';
import type { Evidence } from '../model/outcome.ts';
import { priorityOf, type Result } from '../model/result.ts';
import { isAtLeast, type Severity } from '../model/severity.ts';
import type { Target } from '../model/target.ts';
import { scoreOf } from '../run/score.ts';
import {
  type AuditReport,
  REPORT_FORMAT_VERSION,
  type ReportedCheck,
  type ReportedResult,
  type ReportedWaiver,
} from './report-schema.ts';

export interface ReportInput {
  readonly version: string;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly targets: readonly Target[];
  readonly results: readonly Result[];
  readonly failOn: Severity;
  /** The waiver that covers a result and has not expired. */
  readonly waiverOf?: (result: Result) => ReportedWaiver | undefined;
  readonly waivers?: AuditReport['waivers'];
  readonly baseline?: Baseline;
  /** Only what the baseline lacks counts. */
  readonly isNewOnly?: boolean;
}

export interface Baseline {
  readonly madeAt: string;
  /** Of failures that were there already. */
  readonly fingerprints: ReadonlySet<string>;
}

export function makeReport(input: ReportInput): AuditReport {
  const { results, failOn, baseline, waiverOf = () => undefined } = input;
  const score = scoreOf({ results, isWaived: (result) => waiverOf(result) !== undefined });
  const reported = results.map((result) => reportedResult(result, waiverOf(result), baseline));
  const checks = new Map(results.map(({ check }) => [check.id, reportedCheck(check)]));
  return {
    format: 'sallyport-audit',
    formatVersion: REPORT_FORMAT_VERSION,
    tool: { name: 'sallyport', version: input.version },
    startedAt: new Date(input.startedMs).toISOString(),
    durationMs: Math.round(input.durationMs),
    targets: input.targets.map(({ id, kind, label, place }) => ({
      id: visible(id),
      kind,
      label: visible(label),
      place: visible(redact(place)),
    })),
    score: { ...score, families: [...score.families] },
    gate: gateOf(reported, failOn, input.isNewOnly === true),
    checks: [...checks.values()],
    results: reported,
    waivers: input.waivers ?? { unused: [], expired: [] },
    ...(baseline === undefined ? {} : { baseline: compareWithBaseline(reported, baseline) }),
  };
}

function compareWithBaseline(
  results: readonly ReportedResult[],
  { madeAt, fingerprints }: Baseline,
): AuditReport['baseline'] {
  const failing = new Set(results.filter(({ status }) => status === 'fail').map(({ fingerprint }) => fingerprint));
  return {
    madeAt,
    known: [...failing].filter((one) => fingerprints.has(one)).length,
    mended: [...fingerprints].filter((one) => !failing.has(one)),
  };
}

function reportedResult(
  result: Result,
  waiver: ReportedWaiver | undefined,
  baseline: Baseline | undefined,
): ReportedResult {
  const { check, target, outcome, severity, exposure, fingerprint } = result;
  const isFail = outcome.status === 'fail';
  return {
    check: check.id,
    target: visible(target.id),
    ...(outcome.subject === undefined ? {} : { subject: visible(outcome.subject) }),
    status: outcome.status,
    severity,
    exposure,
    confidence: outcome.confidence,
    ...(outcome.port === undefined ? {} : { port: outcome.port }),
    ...('reason' in outcome ? { reason: outcome.reason } : {}),
    ...('says' in outcome ? { says: outcome.says } : {}),
    ...('evidence' in outcome ? { evidence: shown(outcome.evidence) } : {}),
    ...(isFail && outcome.command !== undefined ? { command: visible(outcome.command) } : {}),
    fingerprint,
    priority: isFail ? priorityOf(result) : 0,
    ...(waiver === undefined ? {} : { waiver }),
    ...(baseline !== undefined && isFail ? { isNew: !baseline.fingerprints.has(fingerprint) } : {}),
  };
}

/** File names come from whoever is audited, as what stands in files does. */
function shown(evidence: Evidence): Evidence {
  const { method, file } = evidence;
  return { ...evidence, method: visible(method), ...(file === undefined ? {} : { file: visible(file) }) };
}

function reportedCheck({
  id,
  title,
  severity,
  exposure,
  why,
  remediation,
  standards,
  question,
}: CheckInfo): ReportedCheck {
  const { cis, nist, iec, etsi } = standards;
  return {
    id,
    title,
    severity,
    exposure,
    why,
    remediation: { ...remediation },
    standards: {
      ...(cis === undefined ? {} : { cis: [...cis] }),
      ...(nist === undefined ? {} : { nist: [...nist] }),
      ...(iec === undefined ? {} : { iec: [...iec] }),
      ...(etsi === undefined ? {} : { etsi: [...etsi] }),
    },
    ...(question === undefined ? {} : { question }),
  };
}

/** Filters of what is shown have no part in this. */
function gateOf(results: readonly ReportedResult[], failOn: Severity, isNewOnly: boolean): AuditReport['gate'] {
  const counted = results.filter(({ severity, waiver }) => waiver === undefined && isAtLeast(severity, failOn));
  const findings = counted.filter(({ status, isNew }) => status === 'fail' && !(isNewOnly && isNew === false)).length;
  const undecided = counted.filter(({ status }) => status === 'unknown' || status === 'error').length;
  const counts = { failOn, isNewOnly, findings, undecided };
  if (findings > 0) return { ...counts, verdict: 'findings', exitCode: 1 };
  if (undecided > 0) return { ...counts, verdict: 'incomplete', exitCode: 3 };
  return { ...counts, verdict: 'clean', exitCode: 0 };
}
