/** One run of the audit, from the command line to the exit code. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OperatorError } from '../../app/config/problem.ts';
import { VERSION } from '../../app/version.ts';
import { loadAuditFile } from '../../assurance/audit/audit-file/load.ts';
import { type AuditFile, NOTHING_DECLARED } from '../../assurance/audit/audit-file/schema.ts';
import { applyWaivers } from '../../assurance/audit/audit-file/waivers.ts';
import type { AuditContext } from '../../assurance/audit/model/subject.ts';
import type { TargetKind } from '../../assurance/audit/model/target.ts';
import { findCheck, SUBJECTS, subjectOf } from '../../assurance/audit/registry.ts';
import { FORMATS } from '../../assurance/audit/report/formats.ts';
import { makeReport } from '../../assurance/audit/report/report.ts';
import type { AuditReport } from '../../assurance/audit/report/report-schema.ts';
import { baselineOf } from '../../assurance/audit/report/saved-report.ts';
import { terminalReport } from '../../assurance/audit/report/terminal-report.ts';
import { ReportView, verdictSentence } from '../../assurance/audit/report/view.ts';
import { contradictionsIn } from '../../assurance/audit/run/contradictions.ts';
import { deadlineSignal, type Job, runJobs } from '../../assurance/audit/run/runner.ts';
import { foldScannerFindings } from '../../assurance/audit/scanners/fold.ts';
import { machineCommands, noCommands, recordedCommands } from '../../assurance/audit/system/commands.ts';
import { DirectorySystem, type RunCommand } from '../../assurance/audit/system/directory-system.ts';
import { systemClock } from '../../base/clock.ts';
import { hasOption, type Invocation, textOption, UsageError } from '../command.ts';
import { stayAwake } from '../stay-awake.ts';
import { endProgress, print, printError, showProgress, styled, terminalColumns } from '../terminal.ts';
import { formatOption, outputOptions, parallelMax, severityOption, timeoutMs, viewFilter } from './options.ts';
import { loadReport, writeReport } from './report-files.ts';

/** A probe takes half a minute, most of which it waits. */
const PROBES_AT_ONCE = 256;

/** Audits what the audit file names, else what is found; of these kinds, or of all where none is named. */
export async function auditEverything(invocation: Invocation, kinds?: readonly TargetKind[]): Promise<number> {
  return withContext(invocation, async (context) => auditJobs(invocation, context, await jobsOf(context, kinds)));
}

export async function jobsOf(context: AuditContext, kinds?: readonly TargetKind[]): Promise<Job[]> {
  const isWanted = (kind: TargetKind): boolean => kinds === undefined || kinds.includes(kind);
  const declared = context.declared.targets.filter(({ kind }) => isWanted(kind));
  if (declared.length > 0) return declared.map(declaredJob);
  const found = await Promise.all(
    SUBJECTS.filter(({ kind }) => isWanted(kind)).map(async (subject) =>
      (await subject.discover(context)).map((target): Job => ({ subject, target })),
    ),
  );
  return found.flat();
}

function declaredJob({ kind, place, name, options }: AuditFile['targets'][number]): Job {
  const subject = subjectOf(kind);
  if (subject.targetAt === undefined)
    throw new OperatorError(`Targets of kind ${kind} cannot be named in an audit file.`);
  const target = subject.targetAt(place, options);
  return { subject, target: name === undefined ? target : { ...target, label: name } };
}

/** A context for the command line's root, recording, audit file and deadline, for as long as `work` takes. */
export async function withContext<T>(invocation: Invocation, work: (context: AuditContext) => Promise<T>): Promise<T> {
  const clock = systemClock;
  const file = textOption(invocation, 'file');
  const isCheck = (id: string): boolean => 'id' in findCheck(id);
  const declared = file === undefined ? NOTHING_DECLARED : await loadAuditFile(file, isCheck, clock.epochMs());
  const deadline = deadlineSignal({ clock }, timeoutMs(invocation));
  const sleep = stayAwake();
  try {
    const root = textOption(invocation, 'root');
    const runCommand = await commandsOf(invocation, root, deadline.signal);
    const system = new DirectorySystem({ root: await rootFolder(root), runCommand });
    return await work({ system, clock, declared, signal: deadline.signal });
  } finally {
    deadline.cancel();
    sleep();
  }
}

/** Runs the jobs, writes and prints the reports that the command line asks for, and gives the exit code. */
export async function auditJobs(invocation: Invocation, context: AuditContext, jobs: readonly Job[]): Promise<number> {
  // What is wrong with the command line is said before the work, not after it.
  const [filter, format, outputs] = [viewFilter(invocation), formatOption(invocation), outputOptions(invocation)];
  const report = await auditReport(invocation, context, jobs);
  const view = new ReportView(report, filter);
  for (const output of outputs) await writeReport(output.path, FORMATS[output.format](view));
  if (format === 'text')
    print(terminalReport(view, styled, { isVerbose: hasOption(invocation, 'verbose'), widthMax: terminalColumns() }));
  else process.stdout.write(FORMATS[format](view));
  // Standard output is for a program then; people are told by the other.
  if (format !== 'text') printError(verdictSentence(report));
  return report.gate.exitCode;
}

export async function auditReport(
  invocation: Invocation,
  context: AuditContext,
  jobs: readonly Job[],
): Promise<AuditReport> {
  const failOn = severityOption(invocation, 'fail-on') ?? 'low';
  const baselineFile = textOption(invocation, 'baseline');
  const isNewOnly = hasOption(invocation, 'new-only');
  if (isNewOnly && baselineFile === undefined)
    throw new UsageError('--new-only needs the --baseline that says what is old.');
  const baseline = baselineFile === undefined ? undefined : baselineOf(await loadReport(baselineFile));
  const { clock, declared } = context;
  const [startedMs, beganMs] = [clock.epochMs(), clock.nowMs()];
  const found = await runJobs({
    context,
    jobs,
    parallelMax: parallelMax(
      invocation,
      jobs.every(({ target }) => target.kind === 'mqtt') ? PROBES_AT_ONCE : undefined,
    ),
    onProgress: ({ done, all, label }) => showProgress(`${done} of ${all} audited (${label})`),
  });
  endProgress();
  const results = foldScannerFindings([...found, ...contradictionsIn(found)]);
  const { waiverOf, unused, expired } = applyWaivers(declared.waivers, results, startedMs);
  return makeReport({
    version: VERSION,
    startedMs,
    durationMs: clock.nowMs() - beganMs,
    targets: jobs.map(({ target }) => target),
    results,
    failOn,
    waiverOf,
    waivers: { unused: [...unused], expired: [...expired] },
    isNewOnly,
    ...(baseline === undefined ? {} : { baseline }),
  });
}

async function rootFolder(root: string | undefined): Promise<string> {
  if (root === undefined) return '/';
  const folder = resolve(root);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new UsageError(`--root ${root} is no folder that can be read.`);
  return folder;
}

async function commandsOf(invocation: Invocation, root: string | undefined, signal: AbortSignal): Promise<RunCommand> {
  const file = textOption(invocation, 'recorded');
  if (file === undefined) return root === undefined ? machineCommands(signal) : noCommands;
  if (root === undefined) throw new UsageError('--recorded belongs to another system: name its files with --root.');
  try {
    return recordedCommands(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new OperatorError(`${file} is no recording of commands: ${(error as Error).message.replace(/\.$/, '')}.`);
  }
}
