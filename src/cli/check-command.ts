/** `sallyport check`: is the configuration right, and what does it come to? */

import type { Config } from '../app/config/config.ts';
import { loadConfig } from '../app/config/load.ts';
import { ConfigError } from '../app/config/problem.ts';
import type { Setting } from '../app/config/settings.ts';
import { systemClock } from '../base/clock.ts';
import type { PolicySummary } from '../policy/authorization/policy-compiled.ts';
import { type PolicyWarning, policyWarnings } from '../policy/authorization/prove/policy-warnings.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS } from './command.ts';
import { deepCheck, formatFinding } from './deep-check.ts';
import { placeOf } from './place.ts';
import { readPolicyFile, tellPolicyProgress } from './policy-source.ts';
import { warningLine } from './policy-test.ts';
import { policyRisks, risksOf } from './risks.ts';
import { endProgress, print, printError, printJson, styled } from './terminal.ts';

export const checkCommand: Command = {
  name: 'check',
  usage: ['[--config FILE | --data DIR] [--quiet] [--json]'],
  wordsMax: 0,
  description:
    'Reads the configuration and every file it names (users, ACL, certificates, keys, revocation lists) as a start would, changes nothing, and says everything that is wrong with file, line and column. What is not wrong but risky (no encryption, no login, secrets that others can read) is named too. If all is right it shows each effective setting and where it comes from.',
  options: {
    ...PLACE_OPTIONS,
    quiet: { type: 'boolean', short: 'q', says: 'print only what is wrong' },
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport check', 'Of ./data'],
    ['sallyport check --quiet && sallyport reload', 'Never reload something broken'],
    ['sallyport check --json', 'Settings, sources and findings, for programs'],
  ],
  exitCodes: [
    [0, 'all is right'],
    [2, 'something has to be mended'],
  ],
  async run(invocation) {
    const { configFile } = placeOf(invocation);
    const wantsJson = hasOption(invocation, 'json');
    try {
      const { config, settings } = await loadConfig(configFile);
      const { findings, policy } = await deepCheck(config, systemClock, tellPolicyProgress);
      const isRight = findings.length === 0;
      const warnings = policy === undefined ? [] : await warningsOf(config);
      endProgress();
      const risks = [...(await risksOf(config)), ...(policy === undefined ? [] : policyRisks(config, policy))];
      if (wantsJson) printJson({ ok: isRight, config: configFile, findings, risks, warnings, settings, policy });
      else {
        if (isRight && !hasOption(invocation, 'quiet'))
          print(`${table(settings)}${policyLine(policy)}\n\n${styled('green', 'All is right.')}`);
        for (const finding of findings) printError(formatFinding(finding));
        for (const warning of warnings) printError(warningLine(warning));
        for (const risk of risks) printError(`${styled('yellow', 'risk:', process.stderr)} ${risk}`);
      }
      return isRight ? ExitCode.Ok : ExitCode.Usage;
    } catch (error) {
      if (!wantsJson || !(error instanceof ConfigError)) throw error;
      printJson({ ok: false, config: configFile, findings: error.problems });
      return ExitCode.Usage;
    }
  },
};

async function warningsOf({ authorization: { policyFile }, response }: Config): Promise<PolicyWarning[]> {
  if (policyFile === undefined) return [];
  const policy = await readPolicyFile(policyFile);
  return policyWarnings(policy, {
    givenRole: response.quarantine.role,
    onProgress: (done, all) => tellPolicyProgress({ stage: 'looking over', done, all }),
  });
}

function policyLine(policy: PolicySummary | undefined): string {
  if (policy === undefined) return '';
  const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
  const { roles, grants, assignments, assertions } = policy;
  const parts = [
    counted(roles, 'role'),
    counted(grants, 'grant'),
    counted(assignments, 'assignment'),
    counted(assertions, 'assertion'),
  ];
  return `\n\nThe policy has ${parts.join(', ')}.`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function table(settings: readonly Setting[]): string {
  const rows = settings.map(({ path, value, source }) => [path, shown(value), source] as const);
  const widthOf = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [pathWidth, valueWidth] = [widthOf(0), Math.min(48, widthOf(1))];
  return rows
    .map(([path, value, source]) => {
      const from = source === 'default' ? styled('dim', source) : source;
      return `${path.padEnd(pathWidth)}  ${value.padEnd(valueWidth)}  ${from}`;
    })
    .join('\n');
}
