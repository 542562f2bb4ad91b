/** `sallyport audit list` and `audit explain`: the catalogue of checks. */
import { type CheckInfo, FAMILIES, familyOf } from '../../assurance/audit/model/check.ts';
import { allChecks } from '../../assurance/audit/registry.ts';
import { hasOption, type Invocation, UsageError } from '../command.ts';
import { print, printJson, styled } from '../terminal.ts';
import { AuditExit, checkNamed } from './options.ts';

function plain({ id, title, severity, exposure, why, remediation, standards, question }: CheckInfo): CheckInfo {
  return {
    id,
    title,
    severity,
    exposure,
    why,
    remediation,
    standards,
    ...(question === undefined ? {} : { question }),
  };
}

export async function listChecks(invocation: Invocation): Promise<number> {
  const checks = allChecks();
  if (hasOption(invocation, 'json')) {
    printJson(checks.map(plain));
    return AuditExit.Clean;
  }
  for (const [letter, own] of Map.groupBy(checks, ({ id }) => familyOf(id))) {
    print(styled('bold', `${letter}  ${FAMILIES[letter]}`));
    for (const { id, severity, title } of own) print(`  ${id}  ${severity.padEnd(8)}  ${title}`);
  }
  return AuditExit.Clean;
}

const STANDARD_NAMES = {
  cis: 'CIS Controls v8',
  nist: 'NIST CSF 2.0',
  iec: 'IEC 62443-4-2',
  etsi: 'ETSI EN 303 645',
} as const;

export async function explainCheck(invocation: Invocation): Promise<number> {
  const [, id, extra] = invocation.words;
  if (id === undefined || extra !== undefined) throw new UsageError('Name one check: audit explain CHECK.');
  const check = checkNamed(id);
  if (hasOption(invocation, 'json')) {
    printJson(plain(check));
    return AuditExit.Clean;
  }
  const { remediation, standards } = check;
  print(styled('bold', `${check.id}  ${check.title}`));
  print(`${check.severity}, in ${FAMILIES[familyOf(check.id)]}; reached from: ${check.exposure}`);
  print(`\n${check.why}`);
  print(`\n${styled('bold', 'To mend it')}\n${remediation.text}`);
  if (remediation.command !== undefined) print(`  ${styled('green', `$ ${remediation.command}`)}`);
  print(`Impact: ${remediation.impact} Risk: ${remediation.risk}. It is ${remediation.ease}.`);
  const maps = Object.entries(standards).map(
    ([name, clauses]) => `  ${STANDARD_NAMES[name as keyof typeof STANDARD_NAMES]}: ${clauses.join(', ')}`,
  );
  if (maps.length > 0) print(`\n${styled('bold', 'Asked for by')}\n${maps.join('\n')}`);
  return AuditExit.Clean;
}
