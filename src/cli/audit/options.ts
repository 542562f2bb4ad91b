/** The options that all verbs of `sallyport audit` share, and its exit codes. */
import { FAMILIES } from '../../assurance/audit/model/check.ts';
import { SEVERITIES, type Severity } from '../../assurance/audit/model/severity.ts';
import { findCheck } from '../../assurance/audit/registry.ts';
import type { ViewFilter } from '../../assurance/audit/report/view.ts';
import { nearestWord } from '../../base/nearest-word.ts';
import { type CommandOption, type Invocation, textOption, UsageError } from '../command.ts';

export const AuditExit = { Clean: 0, Findings: 1, Usage: 2, Incomplete: 3, Internal: 4 } as const;

export const VIEW_OPTIONS = {
  root: { type: 'string', value: 'DIR', says: 'audit the system that is mounted there; nothing of it is run' },
  recorded: { type: 'string', value: 'FILE', says: 'outputs of commands that were recorded on that system (JSON)' },
  'fail-on': {
    type: 'string',
    value: 'SEVERITY',
    says: 'the least severity that makes the exit code 1 (default: low)',
  },
  only: {
    type: 'string',
    value: 'CHECKS',
    says: 'show only these checks or families, such as U,A01; changes no verdict',
  },
  severity: { type: 'string', value: 'SEVERITY', says: 'show only what is this bad or worse; changes no verdict' },
  verbose: { type: 'boolean', short: 'v', says: 'show what passed and what does not apply, too' },
  timeout: { type: 'string', value: 'SECONDS', says: 'give up what is not told by then (default: 60)' },
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
