/** One run of the audit, from the command line to the exit code. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OperatorError } from '../../app/config/problem.ts';
import { VERSION } from '../../app/version.ts';
import type { AuditContext } from '../../assurance/audit/model/subject.ts';
import type { TargetKind } from '../../assurance/audit/model/target.ts';
import { SUBJECTS } from '../../assurance/audit/registry.ts';
import { makeReport } from '../../assurance/audit/report/report.ts';
import type { AuditReport } from '../../assurance/audit/report/report-schema.ts';
import { terminalReport } from '../../assurance/audit/report/terminal-report.ts';
import { ReportView } from '../../assurance/audit/report/view.ts';
import { contradictionsIn } from '../../assurance/audit/run/contradictions.ts';
import { deadlineSignal, type Job, runJobs } from '../../assurance/audit/run/runner.ts';
import { machineCommands, noCommands, recordedCommands } from '../../assurance/audit/system/commands.ts';
import { DirectorySystem, type RunCommand } from '../../assurance/audit/system/directory-system.ts';
import { systemClock } from '../../base/clock.ts';
import { hasOption, type Invocation, textOption, UsageError } from '../command.ts';
import { endProgress, print, printJson, showProgress, styled } from '../terminal.ts';
import { severityOption, timeoutMs, viewFilter } from './options.ts';

const PARALLEL_MAX = 16;

/** Audits what is found of these kinds; of all kinds where none is named. */
export async function auditEverything(invocation: Invocation, kinds?: readonly TargetKind[]): Promise<number> {
  return withContext(invocation, async (context) => {
    const subjects = SUBJECTS.filter(({ kind }) => kinds === undefined || kinds.includes(kind));
    const found = await Promise.all(
      subjects.map(async (subject) => (await subject.discover(context)).map((target): Job => ({ subject, target }))),
    );
    return auditJobs(invocation, context, found.flat());
  });
}

/** A context for the command line's root, recording and deadline, for as long as `work` takes. */
export async function withContext<T>(invocation: Invocation, work: (context: AuditContext) => Promise<T>): Promise<T> {
  const clock = systemClock;
  const deadline = deadlineSignal({ clock }, timeoutMs(invocation));
  try {
    const root = textOption(invocation, 'root');
    const runCommand = await commandsOf(invocation, root, deadline.signal);
    const system = new DirectorySystem({ root: await rootFolder(root), runCommand });
    return await work({ system, clock, signal: deadline.signal });
  } finally {
    deadline.cancel();
  }
}

/** Runs the jobs, prints the report as the command line asks, and gives the exit code. */
export async function auditJobs(invocation: Invocation, context: AuditContext, jobs: readonly Job[]): Promise<number> {
  const filter = viewFilter(invocation);
  const failOn = severityOption(invocation, 'fail-on') ?? 'low';
  const { clock } = context;
  const [startedMs, beganMs] = [clock.epochMs(), clock.nowMs()];
  const results = await runJobs({
    context,
    jobs,
    parallelMax: PARALLEL_MAX,
    onProgress: ({ done, all, label }) => showProgress(`${done} of ${all} audited (${label})`),
  });
  endProgress();
  const report = makeReport({
    version: VERSION,
    startedMs,
    durationMs: clock.nowMs() - beganMs,
    targets: jobs.map(({ target }) => target),
    results: [...results, ...contradictionsIn(results)],
    failOn,
  });
  show(invocation, report, new ReportView(report, filter));
  return report.gate.exitCode;
}

function show(invocation: Invocation, report: AuditReport, view: ReportView): void {
  if (hasOption(invocation, 'json')) printJson({ ...report, results: view.results });
  else print(terminalReport(view, styled, hasOption(invocation, 'verbose')));
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
    throw new OperatorError(`${file} is no recording of commands: ${(error as Error).message}`);
  }
}
