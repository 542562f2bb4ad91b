/** A kind of target with everything that is particular to it: how it is found, what is collected of it, and what is checked. */
import type { Clock } from '../../../base/clock.ts';
import type { AuditFile } from '../audit-file/schema.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { CheckInfo, Family, FamilyLetter } from './check.ts';
import type { Outcome } from './outcome.ts';
import { type Result, resultOf } from './result.ts';
import type { Target, TargetKind } from './target.ts';

/** What a collector may use. */
export interface AuditContext {
  readonly system: AuditedSystem;
  readonly clock: Clock;
  /** What the organization declares: its profile, listeners and attestations. */
  readonly declared: AuditFile;
  /** Aborts at the run's deadline; a collector that is cut short says `timed-out`. */
  readonly signal: AbortSignal;
}

interface SubjectParts<Facts> {
  readonly kind: TargetKind;
  readonly families: readonly Family<Facts>[];
  /** The targets of this kind that the system has, without being told; none where there is nothing to find. */
  readonly discover: (context: AuditContext) => Promise<readonly Target[]>;
  /**
   * Makes a target out of its place and options, as an audit file or a command line names it. Absent where targets of this kind are only
   * found.
   * @throws {OperatorError} with what is wrong with them.
   */
  readonly targetAt?: (place: string, options: Readonly<Record<string, unknown>>) => Target;
  /** Reads and asks; never throws for what the target is like. */
  readonly collect: (target: Target, context: AuditContext) => Promise<Facts>;
}

/** A `SubjectParts` with its facts' type closed over, so that all kinds fit in one list. */
export interface Subject {
  readonly kind: TargetKind;
  readonly families: readonly {
    readonly letter: FamilyLetter;
    readonly title: string;
    readonly checks: readonly CheckInfo[];
  }[];
  readonly discover: SubjectParts<unknown>['discover'];
  readonly targetAt?: SubjectParts<unknown>['targetAt'];
  readonly assess: (target: Target, context: AuditContext) => Promise<Result[]>;
}

export function defineSubject<Facts>({ kind, families, discover, targetAt, collect }: SubjectParts<Facts>): Subject {
  return {
    kind,
    families,
    discover,
    ...(targetAt === undefined ? {} : { targetAt }),
    async assess(target, context) {
      const facts = await collect(target, context);
      return families.flatMap(({ checks }) =>
        checks.flatMap((check) =>
          evaluateSafely(() => check.evaluate(facts)).map((outcome) => resultOf(check, target, outcome)),
        ),
      );
    },
  };
}

/** One check that breaks must not take the others with it. */
export function evaluateSafely(evaluate: () => Outcome | readonly Outcome[]): readonly Outcome[] {
  const broken = (says: string): Outcome[] => [
    { status: 'error', confidence: 'config', reason: 'evaluator-threw', says },
  ];
  try {
    const given = evaluate();
    const outcomes = Array.isArray(given) ? (given as readonly Outcome[]) : [given as Outcome];
    return outcomes.length > 0 ? outcomes : broken('The check came to no outcome.');
  } catch (error) {
    return broken(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}

/** A result for every check of the subject, where collecting itself came to nothing. */
export function withoutFacts(subject: Subject, target: Target, outcome: Outcome): Result[] {
  return subject.families.flatMap(({ checks }) => checks.map((check) => resultOf(check, target, outcome)));
}
