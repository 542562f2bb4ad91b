/** Reports as files: written for their owner alone, and read back as baselines and for comparison. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { OperatorError } from '../../app/config/problem.ts';
import type { AuditReport } from '../../assurance/audit/report/report-schema.ts';
import { parseReport } from '../../assurance/audit/report/saved-report.ts';

/** A report is a map for attackers. */
const FILE_MODE = 0o600;

export async function writeReport(path: string, text: string, mode = FILE_MODE): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    await writeFile(beside, text, { mode, flag: 'wx' });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw new OperatorError(`The report ${path} cannot be written: ${(error as Error).message}.`);
  }
}

export async function loadReport(path: string): Promise<AuditReport> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new OperatorError(`The report ${path} cannot be read: ${(error as Error).message}.`);
  }
  const report = parseReport(text);
  if (typeof report === 'string') throw new OperatorError(`${path} is no JSON report of sallyport audit: ${report}`);
  return report;
}
