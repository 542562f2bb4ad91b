/** `sallyport audit fix`: plan what a program may mend, apply it with a way back, confirm it or put it back. */
import { spawn } from 'node:child_process';
import { isAbsolute, join, resolve } from 'node:path';
import { OperatorError } from '../../app/config/problem.ts';
import { applyFixes, type StepOutcome } from '../../assurance/audit/fix/apply.ts';
import { commandFor, diffOf, type FixPlan, octal, plainPlan, planFixes } from '../../assurance/audit/fix/plan.ts';
import { Transaction } from '../../assurance/audit/fix/transaction.ts';
import { familyOf } from '../../assurance/audit/model/check.ts';
import { visible } from '../../assurance/audit/model/evidence-text.ts';
import type { Result } from '../../assurance/audit/model/result.ts';
import { isAtLeast } from '../../assurance/audit/model/severity.ts';
import { TARGET_KINDS, type TargetKind } from '../../assurance/audit/model/target.ts';
import { DirectorySystem } from '../../assurance/audit/system/directory-system.ts';
import { systemClock } from '../../base/clock.ts';
import { type CommandOption, hasOption, type Invocation, textOption, UsageError } from '../command.ts';
import { verbOf } from '../subcommand.ts';
import { endProgress, print, printError, printJson, showProgress, styled } from '../terminal.ts';
import { adminNetworks } from './admin-networks.ts';
import { jobsOf, withContext } from './audit-run.ts';
import { AuditExit, FIXING, viewFilter } from './options.ts';

export const FIX_OPTIONS = {
  yes: { type: 'boolean', goesWith: ['fix apply'], says: 'really change what the plan says' },
  'confirm-within': {
    type: 'string',
    goesWith: ['fix apply'],
    value: 'SECONDS',
    says: 'what could lock you out is put back after that time unless you confirm it (default: 120)',
  },
  backups: {
    type: 'string',
    goesWith: ['fix apply'],
    value: 'DIR',
    says: 'where what was there is kept (default: /var/lib/sallyport/audit-fix, below --root)',
  },
  admin: {
    type: 'string',
    goesWith: FIXING,
    value: 'NETWORK',
    multiple: true,
    says: 'where administrators come from, such as 192.0.2.0/24 (any number); without, the packet filter is left to you',
  },
  unconfirmed: { type: 'boolean', goesWith: ['fix revert'], says: 'only if nobody has confirmed it' },
} as const satisfies Record<string, CommandOption>;

/** What other scanners have found is theirs to explain: a plan is of what this audit looks at itself. */
const FIXED_KINDS: readonly TargetKind[] = TARGET_KINDS.filter((kind) => kind !== 'scanner-report');

const VERBS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  plan: showPlan,
  apply,
  confirm,
  revert,
};

export function fix(invocation: Invocation): Promise<number> {
  const [, verb, extra] = invocation.words;
  const action = verbOf('audit fix', VERBS, verb);
  if (extra !== undefined && (verb === 'plan' || verb === 'apply'))
    throw new UsageError(`"${extra}" is one word too many for audit fix ${verb}.`);
  return action(invocation);
}

/** What the filters of reports say of a report, they say here of what is to be mended. */
function wanted(invocation: Invocation): (result: Result) => boolean {
  const { only, severity } = viewFilter(invocation);
  return ({ check, severity: own }) =>
    (only === undefined || only.includes(check.id) || only.includes(familyOf(check.id))) &&
    (severity === undefined || isAtLeast(own, severity));
}

async function showPlan(invocation: Invocation): Promise<number> {
  const wishes = { isWanted: wanted(invocation), admins: adminNetworks(invocation) };
  return withContext(invocation, async (context) => {
    showProgress('auditing, and planning');
    const plan = await planFixes(context, await jobsOf(context, FIXED_KINDS), wishes);
    endProgress();
    if (hasOption(invocation, 'json')) printJson(plainPlan(plan));
    else printPlan(plan);
    return plan.steps.length + plan.byHand.length > 0 ? AuditExit.Findings : AuditExit.Clean;
  });
}

function printPlan(plan: FixPlan): void {
  for (const step of plan.steps) {
    print(styled('bold', `${step.id}: ${visible(step.title)}`));
    print(`  mends   ${namesOf(plan.mends.get(step.id) ?? [])}`);
    print(`  risk    ${step.risk}. ${visible(step.impact)}`);
    for (const change of step.texts) print(diffLines(diffOf(change)));
    for (const { path, before, after } of step.permissions) {
      const group = before.gid === after.gid ? '' : `, group ${before.gid} → ${after.gid}`;
      print(`  ${visible(path)}: mode ${octal(before.mode)} → ${octal(after.mode)}${group}`);
    }
    if (step.ruleset !== undefined)
      print(`  running packet filter: the table ${step.ruleset.table} is loaded as that file has it`);
    for (const { name, before, after } of step.kernel) print(`  running kernel: ${name} ${visible(before)} → ${after}`);
    for (const command of step.afterwards) print(`  then, by you: ${command}`);
    print('');
  }
  printByHand(plan);
  const steps = plan.steps.length === 1 ? '1 step' : `${plan.steps.length} steps`;
  print(
    plan.steps.length === 0
      ? 'There is nothing that a program should mend.'
      : `${steps}. Apply with: sallyport audit fix apply --yes`,
  );
}

function diffLines(diff: string): string {
  return diff
    .trimEnd()
    .split('\n')
    .map((line) => {
      const text = visible(line);
      if (/^[+](?![+][+])/.test(line)) return styled('green', text);
      return /^-(?!--)/.test(line) ? styled('red', text) : text;
    })
    .join('\n');
}

function printByHand({ byHand }: FixPlan): void {
  if (byHand.length === 0) return;
  print(styled('bold', 'Left to you'));
  for (const { result, says } of byHand) {
    const subject = result.outcome.subject === undefined ? '' : ` (${result.outcome.subject})`;
    print(`  ${result.check.id}  ${visible(`${result.check.title}${subject}`)}`);
    if (says !== undefined) print(`       ${visible(says)}`);
    print(`       ${result.check.remediation.text}`);
    const command = commandFor(result);
    if (command !== undefined) print(`       $ ${visible(command)}`);
  }
  print('');
}

function namesOf(results: readonly Result[]): string {
  return [...new Set(results.map(({ check }) => `${check.id} ${check.title}`))].join('; ');
}

const CONFIRM_MAX_S = 3600;

async function apply(invocation: Invocation): Promise<number> {
  if (!hasOption(invocation, 'yes'))
    throw new UsageError('Look at `sallyport audit fix plan`, then say so: audit fix apply --yes.');
  if (textOption(invocation, 'recorded') !== undefined)
    throw new UsageError('--recorded tells of what was: it cannot show whether a fix has worked.');
  const text = textOption(invocation, 'confirm-within') ?? '120';
  const confirmS = Number(text);
  if (!(Number.isInteger(confirmS) && confirmS >= 1 && confirmS <= CONFIRM_MAX_S))
    throw new UsageError(`--confirm-within takes whole seconds from 1 to ${CONFIRM_MAX_S}, not "${text}".`);
  const wishes = { isWanted: wanted(invocation), admins: adminNetworks(invocation) };
  return withContext(invocation, async (context) => {
    const { system } = context;
    if (!(system instanceof DirectorySystem)) throw new TypeError('only what is a folder can be changed');
    showProgress('auditing, and planning');
    const jobs = await jobsOf(context, FIXED_KINDS);
    const plan = await planFixes(context, jobs, wishes);
    endProgress();
    if (plan.steps.length === 0) {
      printByHand(plan);
      print('There is nothing that a program should mend.');
      return plan.byHand.length > 0 ? AuditExit.Findings : AuditExit.Clean;
    }
    const transaction = await beginTransaction(textOption(invocation, 'backups'), system);
    const outcomes = await applyFixes({
      plan,
      jobs,
      context,
      transaction,
      freshSystem: () => system.fresh(),
      onStep: ({ title }) => showProgress(title),
    });
    endProgress();
    const isWaiting = system.isLive && outcomes.some(({ step, state }) => step.isConfirmed && state === 'applied');
    if (isWaiting) await startWatchdog(transaction, confirmS);
    report(invocation, plan, outcomes, transaction.folder, isWaiting ? confirmS : undefined);
    return outcomes.every(({ state }) => state === 'applied') ? AuditExit.Clean : AuditExit.Findings;
  });
}

async function beginTransaction(backups: string | undefined, system: DirectorySystem): Promise<Transaction> {
  const name = new Date(systemClock.epochMs()).toISOString().replace(/[:.]/g, '-');
  try {
    const place = backups === undefined ? await system.placeOf('/var/lib/sallyport/audit-fix') : resolve(backups);
    return await Transaction.begin(place, name);
  } catch (error) {
    throw new OperatorError(
      `There is no place to keep what was there: ${(error as Error).message.replace(/\.$/, '')}. Name one with --backups, or run it as root.`,
    );
  }
}

/** A shell of its own session that outlives this program and the terminal: a lockout takes both away. */
async function startWatchdog(transaction: Transaction, confirmS: number): Promise<void> {
  await transaction.waitForConfirmation();
  const script = 'trap "" HUP; sleep "$1"; exec "$2" "$3" audit fix revert "$4" --unconfirmed';
  const words = [String(confirmS), process.execPath, process.argv[1]!, transaction.folder];
  const child = spawn('/bin/sh', ['-c', script, 'sallyport-revert', ...words], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
  });
  const started = Promise.withResolvers<void>();
  child.once('spawn', () => started.resolve());
  child.once('error', (error) => started.reject(error));
  try {
    await started.promise;
  } catch (error) {
    // Without a way back in time there is none forward.
    const problems = await transaction.rollBack();
    throw new OperatorError(
      `Everything was put back, because nothing could be started to do so later: ${(error as Error).message}. ${problems.join(' ')}`,
    );
  }
  child.unref();
}

function report(
  invocation: Invocation,
  plan: FixPlan,
  outcomes: readonly StepOutcome[],
  folder: string,
  confirmS: number | undefined,
): void {
  if (hasOption(invocation, 'json')) {
    printJson({
      folder,
      ...(confirmS === undefined ? {} : { revertedAfterS: confirmS }),
      steps: outcomes.map(({ step, state, problems, mended }) => ({
        id: step.id,
        state,
        problems,
        mended: mended.map(({ check, fingerprint }) => ({ check: check.id, fingerprint })),
        afterwards: state === 'applied' ? step.afterwards : [],
      })),
    });
    return;
  }
  for (const { step, state, problems, mended } of outcomes) {
    if (state === 'applied') {
      print(
        `${styled('green', 'applied')}      ${step.id}${mended.length === 0 ? '' : `, mended: ${namesOf(mended)}`}`,
      );
      for (const command of step.afterwards) print(`  then, by you: ${command}`);
    } else {
      print(`${styled('red', 'rolled back')}  ${step.id}`);
      for (const problem of problems) print(`  ${visible(problem)}`);
    }
  }
  printByHand(plan);
  print(`What was there is kept in ${folder}. To put it back: sallyport audit fix revert ${folder}`);
  if (confirmS !== undefined)
    print(
      styled(
        'bold',
        `Log in anew to see that you still can, then, within ${confirmS} seconds: sallyport audit fix confirm ${folder}`,
      ),
    );
}

async function loadTransaction(invocation: Invocation): Promise<Transaction> {
  const [, verb, folder] = invocation.words;
  if (folder === undefined) throw new UsageError(`Name the folder that fix apply has shown: audit fix ${verb} FOLDER.`);
  const place = isAbsolute(folder) ? folder : join(process.cwd(), folder);
  try {
    return await Transaction.load(place);
  } catch (error) {
    throw new OperatorError(`${folder} cannot be used: ${(error as Error).message}.`);
  }
}

async function confirm(invocation: Invocation): Promise<number> {
  const transaction = await loadTransaction(invocation);
  if (!(await transaction.decide())) {
    printError('There is nothing to confirm: it was confirmed or put back before, or never had to be.');
    return AuditExit.Findings;
  }
  print('Confirmed: it stays.');
  return AuditExit.Clean;
}

async function revert(invocation: Invocation): Promise<number> {
  const transaction = await loadTransaction(invocation);
  const isUndecided = await transaction.decide();
  if (hasOption(invocation, 'unconfirmed') && !isUndecided) return AuditExit.Clean;
  const problems = await transaction.rollBack();
  for (const problem of problems) printError(visible(problem));
  print(problems.length === 0 ? 'Everything is as it was.' : 'The rest is as it was.');
  return problems.length === 0 ? AuditExit.Clean : AuditExit.Findings;
}
