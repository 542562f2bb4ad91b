/** Writes docs/checks.md, the catalogue of the audit's checks, from the registry: `node scripts/checks.ts`. */
import { writeFileSync } from 'node:fs';
import { type CheckInfo, FAMILIES, familyOf } from '../src/assurance/audit/model/check.ts';
import { allChecks } from '../src/assurance/audit/registry.ts';

export const CHECKS_PAGE = new URL('../docs/checks.md', import.meta.url);

const STANDARDS = { cis: 'CIS', nist: 'NIST', iec: 'IEC', etsi: 'ETSI' } as const;

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');
}

function row({ id, title, severity, why, remediation, standards }: CheckInfo): string {
  const maps = Object.entries(standards).map(
    ([name, clauses]) => `${STANDARDS[name as keyof typeof STANDARDS]} ${clauses.join(', ')}`,
  );
  return `| ${id} | ${severity} | ${cell(title)} | ${cell(why)} | ${cell(remediation.text)} | ${maps.join('; ')} |`;
}

export function renderChecks(checks: readonly CheckInfo[] = allChecks()): string {
  const sections = [...Map.groupBy(checks, ({ id }) => familyOf(id))].map(
    ([letter, own]) =>
      `## ${letter}. ${FAMILIES[letter]}\n\n| id | severity | what should hold | why | cure | asked for by |\n|-|-|-|-|-|-|\n${own.map(row).join('\n')}\n`,
  );
  return `# The checks of \`sallyport audit\`

Written by \`node scripts/checks.ts\` from the registry; do not edit. \`sallyport audit explain ID\` shows one of them with its command, impact
and risk. How to use them is in [audit.md](audit.md).

The last column names CIS Controls v8 safeguards, NIST CSF 2.0 subcategories, IEC 62443-4-2 component requirements and ETSI EN 303 645
provisions.

${sections.join('\n')}`;
}

if (import.meta.main) writeFileSync(CHECKS_PAGE, renderChecks());
