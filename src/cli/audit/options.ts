/** The options that all verbs of `sallyport audit` share, and its exit codes. */
import { FAMILIES } from '../../assurance/audit/model/check.ts';
import { SEVERITIES, type Severity } from '../../assurance/audit/model/severity.ts';
import { findCheck } from '../../assurance/audit/registry.ts';
import { EXTENSIONS, FORMATS, type FormatName, formatOfFile } from '../../assurance/audit/report/formats.ts';
import type { ViewFilter } from '../../assurance/audit/report/view.ts';
import { nearestWord } from '../../base/nearest-word.ts';
import { type CommandOption, hasOption, type Invocation, textOption, UsageError } from '../command.ts';

export const AuditExit = { Clean: 0, Findings: 1, Usage: 2, Incomplete: 3, Internal: 4 } as const;

/** The verbs that audit once and show what was found. */
const AUDITING = ['', 'host', 'tls', 'probe', 'config', 'import'];

/** The verbs that plan what is to be mended. */
export const FIXING = ['fix plan', 'fix apply'];

/** The verbs that look at a system. */
const LOOKING = [...AUDITING, 'baseline', 'watch', ...FIXING];

export const AUDIT_OPTIONS = {
  file: {
    type: 'string',
    short: 'f',
    goesWith: LOOKING,
    value: 'FILE',
    says: 'the audit file: targets, profile, waivers, attestations (YAML)',
  },
  root: {
    type: 'string',
    goesWith: LOOKING,
    value: 'DIR',
    says: 'audit the system that is mounted there; nothing of it is run',
  },
  recorded: {
    type: 'string',
    goesWith: [...AUDITING, 'baseline', 'watch', 'fix plan'],
    value: 'FILE',
    says: 'outputs of commands that were recorded on that system (JSON)',
  },
  kind: {
    type: 'string',
    goesWith: ['config'],
    value: 'KIND',
    says: 'what the files configure: mosquitto, emqx, hivemq or gateway (default: as they look)',
  },
  'fail-on': {
    type: 'string',
    goesWith: [...AUDITING, 'baseline', 'compare', 'watch'],
    value: 'SEVERITY',
    says: 'the least severity that makes the exit code 1 (default: low)',
  },
  only: {
    type: 'string',
    goesWith: [...AUDITING, ...FIXING],
    value: 'CHECKS',
    says: 'show only these checks or families, such as U,A01; changes no verdict',
  },
  severity: {
    type: 'string',
    goesWith: [...AUDITING, ...FIXING, 'watch'],
    value: 'SEVERITY',
    says: 'show only what is this bad or worse; changes no verdict',
  },
  format: {
    type: 'string',
    goesWith: AUDITING,
    value: 'FORMAT',
    says: 'text, json, sarif, junit, csv, html or markdown (default: text)',
  },
  output: {
    type: 'string',
    goesWith: AUDITING,
    short: 'o',
    value: 'FILE',
    multiple: true,
    says: 'write a report there, too (any number); its extension says which: json, sarif, xml (JUnit), csv, html, md, txt',
  },
  baseline: {
    type: 'string',
    goesWith: [...AUDITING, 'watch'],
    value: 'FILE',
    says: 'a report that `audit baseline` wrote: say what is new and what was mended',
  },
  'new-only': { type: 'boolean', goesWith: AUDITING, says: 'only what the baseline lacks makes the exit code 1' },
  parallel: {
    type: 'string',
    goesWith: [...AUDITING, 'baseline', 'watch'],
    value: 'N',
    says: 'targets under audit at the same time (default: 32; 256 for probes alone, which mostly wait)',
  },
  verbose: { type: 'boolean', goesWith: AUDITING, short: 'v', says: 'show what passed and what does not apply, too' },
  ca: {
    type: 'string',
    goesWith: ['tls', 'probe'],
    value: 'FILE',
    says: 'the authorities that clients trust (PEM)',
  },
  'server-name': {
    type: 'string',
    goesWith: ['tls'],
    value: 'NAME',
    says: 'what clients call the endpoint (default: its host)',
  },
  certificate: {
    type: 'string',
    goesWith: ['tls', 'probe'],
    value: 'FILE',
    says: 'tls: a revoked client certificate of yours, to be refused; probe: the one to show (PEM)',
  },
  key: { type: 'string', goesWith: ['tls', 'probe'], value: 'FILE', says: 'its private key (PEM)' },
  crl: {
    type: 'string',
    goesWith: ['tls'],
    value: 'FILE',
    says: 'revocation lists that have to be current (PEM or DER)',
  },
  fetch: {
    type: 'boolean',
    goesWith: ['tls'],
    says: 'fetch revocation lists from where the certificates say they are',
  },
  timeout: {
    type: 'string',
    goesWith: LOOKING,
    value: 'SECONDS',
    says: 'give up what is not told by then (default: 60)',
  },
} as const satisfies Record<string, CommandOption>;

export function severityOption(invocation: Invocation, name: string): Severity | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  const severity = SEVERITIES.find((one) => one === text);
  if (severity !== undefined) return severity;
  const meant = nearestWord(text, SEVERITIES);
  throw new UsageError(
    `--${name} takes ${SEVERITIES.join(', ')}, not "${text}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
  );
}

export function viewFilter(invocation: Invocation): ViewFilter {
  const severity = severityOption(invocation, 'severity');
  const only = textOption(invocation, 'only')
    ?.split(',')
    .map((word) => word.trim().toUpperCase())
    .filter((word) => word !== '');
  for (const word of only ?? []) {
    if (!Object.hasOwn(FAMILIES, word)) checkNamed(word);
  }
  return { ...(only === undefined ? {} : { only }), ...(severity === undefined ? {} : { severity }) };
}

/** @throws {UsageError} that shows the nearest identifier. */
export function checkNamed(id: string): Exclude<ReturnType<typeof findCheck>, { meant: unknown }> {
  const found = findCheck(id);
  if ('id' in found) return found;
  const hint = found.meant === undefined ? '`sallyport audit list` shows them.' : `Did you mean ${found.meant}?`;
  throw new UsageError(`There is no check "${id}". ${hint}`);
}

const TIMEOUT_MAX_S = 3600;

export function timeoutMs(invocation: Invocation): number {
  const text = textOption(invocation, 'timeout') ?? '60';
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= TIMEOUT_MAX_S))
    throw new UsageError(`--timeout takes seconds, above 0 and up to ${TIMEOUT_MAX_S}, not "${text}".`);
  return seconds * 1000;
}

const PARALLEL_MAX = 512;

export function parallelMax(invocation: Invocation, otherwise = 32): number {
  const text = textOption(invocation, 'parallel') ?? String(otherwise);
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > PARALLEL_MAX)
    throw new UsageError(`--parallel takes a whole number from 1 to ${PARALLEL_MAX}, not "${text}".`);
  return count;
}

/** What goes to standard output. */
export function formatOption(invocation: Invocation): FormatName {
  const text = textOption(invocation, 'format');
  if (hasOption(invocation, 'json')) {
    if (text !== undefined && text !== 'json') throw new UsageError('Give --json or --format, not both.');
    return 'json';
  }
  if (text === undefined) return 'text';
  const names = Object.keys(FORMATS) as FormatName[];
  const format = names.find((name) => name === text);
  if (format === undefined) throw new UsageError(`--format takes ${names.join(', ')}, not "${text}".`);
  return format;
}

/** Files to write, each with its format. */
export function outputOptions(invocation: Invocation): { readonly path: string; readonly format: FormatName }[] {
  const paths = (invocation.options['output'] ?? []) as readonly string[];
  return paths.map((path) => {
    const format = formatOfFile(path);
    if (format === undefined)
      throw new UsageError(`--output ${path}: name it with one of the extensions ${EXTENSIONS.join(', ')}.`);
    return { path, format };
  });
}
