/** The report as SARIF 2.1.0, for code scanning: failures are results, what could not be told are notifications. */
import type { Severity } from '../model/severity.ts';
import type { ReportedCheck, ReportedResult } from './report-schema.ts';
import type { ReportView } from './view.ts';

const LEVEL: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
};

/** Where code scanning sorts by a number from 0 to 10, as CVSS has it. */
const SECURITY_SEVERITY: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '3.0',
  info: '0.0',
};

export function sarifReport(view: ReportView): string {
  const { report } = view;
  const shown = [...new Set(view.results.map((result) => view.checkOf(result)))];
  const indexOf = new Map(shown.map(({ id }, index) => [id, index]));
  const undecided = view.results.filter(({ status }) => status === 'unknown' || status === 'error');
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'Sallyport audit', semanticVersion: report.tool.version, rules: shown.map(ruleOf) },
        },
        originalUriBaseIds: { ROOT: { uri: 'file:///', description: { text: 'The root of the audited system.' } } },
        invocations: [
          {
            executionSuccessful: report.gate.verdict !== 'incomplete',
            startTimeUtc: report.startedAt,
            exitCode: report.gate.exitCode,
            toolExecutionNotifications: undecided.map((result) => ({
              level: result.status === 'error' ? 'error' : 'warning',
              message: {
                text: `${result.check} (${view.placeOf(result)}): ${result.says ?? result.reason ?? result.status}`,
              },
              associatedRule: { id: result.check, index: indexOf.get(result.check) },
            })),
          },
        ],
        results: view.failures.map((result) => resultObject(view, result, indexOf.get(result.check)!)),
        properties: { score: report.score.total, coveragePercent: report.score.coveragePercent },
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleOf({ id, title, severity, why, remediation, standards }: ReportedCheck): unknown {
  const help = [remediation.text, ...(remediation.command === undefined ? [] : [remediation.command])].join('\n');
  const tags = Object.entries(standards).flatMap(([name, clauses]) =>
    (clauses ?? []).map((clause) => `${name}:${clause}`),
  );
  return {
    id,
    name: id,
    shortDescription: { text: title },
    fullDescription: { text: why },
    help: { text: help },
    defaultConfiguration: { level: LEVEL[severity] },
    properties: { 'security-severity': SECURITY_SEVERITY[severity], tags: ['security', ...tags] },
  };
}

function resultObject(view: ReportView, result: ReportedResult, ruleIndex: number): unknown {
  const { evidence, waiver, isNew } = result;
  const { title, remediation } = view.checkOf(result);
  const found = evidence === undefined ? '' : ` Found: ${evidence.observed}. Want: ${evidence.expected}.`;
  return {
    ruleId: result.check,
    ruleIndex,
    kind: 'fail',
    level: LEVEL[result.severity],
    message: { text: `${title}: ${view.placeOf(result)}.${found} ${remediation.text}` },
    locations: [
      {
        physicalLocation: {
          // Code scanning wants a file of every result; what is about no file stands at the target's name.
          artifactLocation: { uri: uriOf(evidence?.file ?? `audit-target/${result.target}`), uriBaseId: 'ROOT' },
          ...(evidence?.line === undefined ? {} : { region: { startLine: evidence.line } }),
        },
        logicalLocations: [{ fullyQualifiedName: view.placeOf(result) }],
      },
    ],
    partialFingerprints: { 'sallyportAudit/v1': result.fingerprint },
    ...(isNew === undefined ? {} : { baselineState: isNew ? 'new' : 'unchanged' }),
    ...(waiver === undefined
      ? {}
      : {
          suppressions: [
            {
              kind: 'external',
              status: 'accepted',
              justification: `${waiver.reason} (${waiver.owner}, until ${waiver.expires})`,
            },
          ],
        }),
    properties: { confidence: result.confidence, exposure: result.exposure, priority: result.priority },
  };
}

/** Relative to the root, every odd character escaped. */
function uriOf(path: string): string {
  return path
    .replace(/^\/+/, '')
    .split('/')
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join('/');
}
