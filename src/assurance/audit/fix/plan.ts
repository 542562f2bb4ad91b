/** The plan of `audit fix`: steps for what may be mended by a program, each held against the audit before it is shown. */
import { createTwoFilesPatch } from 'diff';
import { redactLines } from '../model/evidence-text.ts';
import type { Result } from '../model/result.ts';
import type { AuditContext } from '../model/subject.ts';
import { type Job, runJobs } from '../run/runner.ts';
import { ChangedSystem } from './changed-system.ts';
import { type ByHand, digestOf, type FixStep, type Planner, type TextChange, type Withheld } from './fix-step.ts';
import { planFirewall } from './plan-firewall.ts';
import { planMosquitto } from './plan-mosquitto.ts';
import { planPermissions } from './plan-permissions.ts';
import { planSshd } from './plan-sshd.ts';
import { planSysctl } from './plan-sysctl.ts';
import { planUnits } from './plan-unit.ts';

const PLANNERS: readonly Planner[] = [planSshd, planSysctl, planUnits, planPermissions, planMosquitto, planFirewall];
const PARALLEL_MAX = 32;

export interface FixPlan {
  readonly steps: readonly FixStep[];
  /** Findings that a step mends, by the step's identifier. */
  readonly mends: ReadonlyMap<string, readonly Result[]>;
  readonly byHand: readonly ByHand[];
}

export interface PlanWishes {
  /** Whether a finding is to be mended at all. */
  readonly isWanted: (result: Result) => boolean;
  /** Networks that administrators come from. */
  readonly admins?: readonly string[];
}

export function findingsOf(results: readonly Result[]): Result[] {
  return results.filter(({ outcome }) => outcome.status === 'fail');
}

export async function planFixes(
  context: AuditContext,
  jobs: readonly Job[],
  { isWanted, admins = [] }: PlanWishes,
): Promise<FixPlan> {
  const before = findingsOf(await runJobs({ context, jobs, parallelMax: PARALLEL_MAX }));
  const findings = before.filter(isWanted);
  const planned = await Promise.all(PLANNERS.map((plan) => plan({ context, findings, admins })));
  const withheld: Withheld[] = planned.flatMap((one) => one.withheld ?? []);
  const steps: FixStep[] = [];
  const mends = new Map<string, readonly Result[]>();
  for (const step of planned.flatMap((one) => one.steps)) {
    const { mended, caused } = await foretell(context, jobs, before, step);
    if (caused.length > 0) {
      const says = `The change would bring a new finding: ${caused.map(({ check }) => `${check.id} ${check.title}`).join('; ')}.`;
      withheld.push(...step.checks.map((check) => ({ check, says })));
    } else if (mended.length > 0) {
      steps.push(step);
      mends.set(step.id, mended);
    }
  }
  const isMended = new Set([...mends.values()].flat().map(({ fingerprint }) => fingerprint));
  const byHand = findings
    .filter(({ fingerprint }) => !isMended.has(fingerprint))
    .map((result): ByHand => {
      const says = withheld.find(({ check }) => check === result.check.id)?.says;
      return says === undefined ? { result } : { result, says };
    });
  return { steps, mends, byHand };
}

/** What the audit would say after the step; what only a restart mends is taken for mended. */
async function foretell(
  context: AuditContext,
  jobs: readonly Job[],
  before: readonly Result[],
  step: FixStep,
): Promise<{ mended: readonly Result[]; caused: readonly Result[] }> {
  const own = jobs.filter(({ target }) => target.id === step.targetId);
  const system = new ChangedSystem(context.system, [step]);
  const after = findingsOf(await runJobs({ context: { ...context, system }, jobs: own, parallelMax: 1 }));
  const known = new Set(before.map(({ fingerprint }) => fingerprint));
  const left = new Set(after.map(({ fingerprint }) => fingerprint));
  const isOfStep = ({ check, target }: Result): boolean =>
    target.id === step.targetId && step.checks.includes(check.id);
  return {
    mended: before.filter(
      (one) => isOfStep(one) && (!left.has(one.fingerprint) || step.afterRestart.includes(one.check.id)),
    ),
    caused: after.filter(({ fingerprint, check }) => !known.has(fingerprint) && !step.checks.includes(check.id)),
  };
}

/** As `diff -u` writes it. */
/** For people to read: lines beside the changed ones may hold secrets, which are taken out. */
export function diffOf({ path, before, after }: TextChange): string {
  const from = before === undefined ? '/dev/null' : path;
  const patch = createTwoFilesPatch(from, path, before ?? '', after, undefined, undefined, { context: 3 });
  return redactLines(patch.slice(patch.indexOf('--- ')));
}

const CHECKED_BY: Readonly<Record<FixStep['validator'], string>> = {
  sshd: 'sshd -t',
  mosquitto: 'mosquitto starts with a copy of it, in a network of its own',
  systemd: 'systemd-analyze verify',
  nft: 'nft -c',
  none: 'the audit, run again',
};

/** A plan as data: for `--json`. */
export function plainPlan({ steps, mends, byHand }: FixPlan) {
  return {
    steps: steps.map((step) => ({
      id: step.id,
      title: step.title,
      mends: (mends.get(step.id) ?? []).map(plainFinding),
      risk: step.risk,
      impact: step.impact,
      files: step.texts.map((change) => ({
        path: change.path,
        precondition: change.before === undefined ? 'absent' : `sha256:${digestOf(change.before)}`,
        diff: diffOf(change),
      })),
      permissions: step.permissions.map(({ path, before, after }) => ({
        path,
        before: { mode: octal(before.mode), gid: before.gid },
        after: { mode: octal(after.mode), gid: after.gid },
      })),
      kernel: step.kernel,
      ...(step.ruleset === undefined ? {} : { ruleset: { table: step.ruleset.table, text: step.ruleset.text } }),
      validator: CHECKED_BY[step.validator],
      rollback: step.isConfirmed
        ? 'what was there is put back unless it is confirmed in time, or where validation or the audit fails'
        : 'what was there is put back where validation or the audit fails',
      afterwards: step.afterwards,
    })),
    byHand: byHand.map(({ result, says }) => ({
      ...plainFinding(result),
      text: result.check.remediation.text,
      ...(commandFor(result) === undefined ? {} : { command: commandFor(result) }),
      ...(says === undefined ? {} : { says }),
    })),
  };
}

function plainFinding({ check, target, outcome, severity, fingerprint }: Result) {
  const subject = outcome.subject === undefined ? {} : { subject: outcome.subject };
  return { check: check.id, title: check.title, target: target.id, ...subject, severity, fingerprint };
}

export function commandFor({ check, outcome }: Result): string | undefined {
  return (outcome.status === 'fail' ? outcome.command : undefined) ?? check.remediation.command;
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
