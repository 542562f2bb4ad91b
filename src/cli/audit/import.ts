/** `sallyport audit import`: what other scanners have found, beside what this audit finds on the host, so that nothing counts twice. */
import { posix, resolve } from 'node:path';
import { subjectOf } from '../../assurance/audit/registry.ts';
import type { Job } from '../../assurance/audit/run/runner.ts';
import { type Invocation, textOption, UsageError } from '../command.ts';
import { auditJobs, jobsOf, withContext } from './audit-run.ts';

export async function importReports(invocation: Invocation): Promise<number> {
  const files = invocation.words.slice(1);
  if (files.length === 0)
    throw new UsageError(
      'Name the reports: audit import REPORT… (lynis-report.dat, or results of oscap: XCCDF or ARF).',
    );
  const isImage = textOption(invocation, 'root') !== undefined;
  const places = new Set(files.map((file) => (isImage ? posix.resolve('/', file) : resolve(file))));
  return withContext(invocation, async (context) => {
    const subject = subjectOf('scanner-report');
    for (const place of places) {
      if ((await context.system.status(place)).state === 'absent') throw new UsageError(`There is no file ${place}.`);
    }
    const reports = [...places].map((place): Job => ({ subject, target: subject.targetAt!(place, {}) }));
    return auditJobs(invocation, context, [...(await jobsOf(context, ['host'])), ...reports]);
  });
}
