/** Applies steps one after another: back up, write, validate, audit again; what fails on the way is put back at once. */
import { familyOf } from '../model/check.ts';
import type { Result } from '../model/result.ts';
import type { AuditContext } from '../model/subject.ts';
import { type Job, runJobs } from '../run/runner.ts';
import type { DirectorySystem } from '../system/directory-system.ts';
import type { FixStep } from './fix-step.ts';
import { type FixPlan, findingsOf } from './plan.ts';
import type { Transaction } from './transaction.ts';
import { validate } from './validate.ts';

export interface StepOutcome {
  readonly step: FixStep;
  readonly state: 'applied' | 'rolled-back';
  /** Why it was rolled back, and what of it could not be. */
  readonly problems: readonly string[];
  /** What the audit, run again, does not find any more. */
  readonly mended: readonly Result[];
}

export interface ApplyOptions {
  readonly plan: FixPlan;
  readonly jobs: readonly Job[];
  readonly context: AuditContext;
  /** A look that remembers nothing: what was read before the change is not what is there after it. */
  readonly freshSystem: () => DirectorySystem;
  readonly transaction: Transaction;
  readonly onStep?: (step: FixStep) => void;
}

export async function applyFixes(options: ApplyOptions): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  for (const step of options.plan.steps) {
    options.onStep?.(step);
    outcomes.push(await applyStep(step, options));
  }
  return outcomes;
}

async function applyStep(
  step: FixStep,
  { plan, jobs, context, freshSystem, transaction }: ApplyOptions,
): Promise<StepOutcome> {
  const mark = transaction.mark;
  const rolledBack = async (why: string): Promise<StepOutcome> => ({
    step,
    state: 'rolled-back',
    problems: [why, ...(await transaction.rollBack(mark))],
    mended: [],
  });
  try {
    const places = freshSystem();
    const before = findingsOf(
      await runJobs({ context: { ...context, system: places }, jobs: ofStep(step, jobs), parallelMax: 1 }),
    );
    for (const { path, before: was, after } of step.texts)
      await transaction.writeText(await places.placeOf(path), was, after);
    for (const { path, before: was, after } of step.permissions)
      await transaction.setPermissions(await places.placeOf(path), was, after);
    const refusal = await validate(step, freshSystem());
    if (refusal !== undefined) return await rolledBack(refusal);
    const system = freshSystem();
    if (system.isLive) {
      for (const setting of step.kernel) await transaction.setKernel(setting);
      if (step.ruleset !== undefined) await transaction.loadRuleset(step.ruleset);
      if (step.validator === 'sshd' && !(await transaction.reloadSshd()))
        return await rolledBack('sshd could not be reloaded.');
    }
    const told = await runJobs({ context: { ...context, system }, jobs: ofStep(step, jobs), parallelMax: 1 });
    const after = findingsOf(told);
    const left = new Set(after.map(({ fingerprint }) => fingerprint));
    const foretold = (plan.mends.get(step.id) ?? []).filter(({ check }) => !step.afterRestart.includes(check.id));
    const stays = foretold.filter(({ fingerprint }) => left.has(fingerprint));
    if (stays.length > 0) return await rolledBack(`The audit still finds ${namesOf(stays)}.`);
    const ids = new Set(foretold.map(({ check }) => check.id));
    const lost = told.find(
      ({ check, outcome }) => ids.has(check.id) && (outcome.status === 'unknown' || outcome.status === 'error'),
    );
    if (lost !== undefined) return await rolledBack(`The audit cannot tell any more: ${namesOf([lost])}.`);
    const known = new Set(before.map(({ fingerprint }) => fingerprint));
    // What changes elsewhere on a running host at the same moment is not the step's doing.
    const families = new Set(step.checks.map(familyOf));
    const caused = after.filter(
      ({ fingerprint, check }) =>
        !known.has(fingerprint) && families.has(familyOf(check.id)) && !step.checks.includes(check.id),
    );
    if (caused.length > 0) return await rolledBack(`The audit finds what it did not find before: ${namesOf(caused)}.`);
    return { step, state: 'applied', problems: [], mended: foretold };
  } catch (error) {
    return rolledBack(`${(error as Error).message}.`);
  }
}

function ofStep(step: FixStep, jobs: readonly Job[]): Job[] {
  return jobs.filter(({ target }) => target.id === step.targetId);
}

function namesOf(results: readonly Result[]): string {
  return [...new Set(results.map(({ check }) => `${check.id} ${check.title}`))].join('; ');
}
