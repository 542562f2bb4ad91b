/** How good it is, from 0 to 100, and how much of it was looked at. Only what was assessed counts: nothing is earned by installed tools. */
import { FAMILIES, type FamilyLetter, familyOf } from '../model/check.ts';
import type { Result } from '../model/result.ts';
import { SEVERITY_WEIGHT, type Severity, worstSeverity } from '../model/severity.ts';

/** An unwaived failure of this severity holds the total down. */
const CAPS: Readonly<Partial<Record<Severity, number>>> = { critical: 39, high: 69 };

/** Below this part of the checks assessed, a grade would be a guess. */
export const COVERAGE_MIN_PERCENT = 70;

const GRADES = [
  [90, 'A'],
  [80, 'B'],
  [70, 'C'],
  [40, 'D'],
  [0, 'F'],
] as const;
export type Grade = (typeof GRADES)[number][1];

export interface FamilyScore {
  readonly letter: FamilyLetter;
  readonly title: string;
  /** 0 to 100; null where nothing that weighs anything was assessed. */
  readonly score: number | null;
  /** Checks that passed or failed, once for every target. */
  readonly assessed: number;
  /** Checks that could have: all but those that do not apply and those that only inform. */
  readonly applicable: number;
}

export interface Score {
  readonly families: readonly FamilyScore[];
  readonly total: number | null;
  /** What the total was before an unwaived finding capped it. */
  readonly uncapped: number | null;
  readonly cappedBy: 'critical' | 'high' | null;
  readonly coveragePercent: number;
  /** Null where the coverage is too low for one. */
  readonly grade: Grade | null;
}

/** One check on one target: failed if any of its results failed, unassessed if any could not be told. */
interface Unit {
  readonly letter: FamilyLetter;
  readonly state: 'passed' | 'failed' | 'unassessed';
  readonly weight: number;
  /** Of the worst failure that no waiver covers. */
  readonly open: Severity | undefined;
}

export interface ScoreInput {
  readonly results: readonly Result[];
  readonly isWaived: (result: Result) => boolean;
}

export function scoreOf({ results, isWaived }: ScoreInput): Score {
  const units = unitsOf(results, isWaived);
  const families = (Object.keys(FAMILIES) as FamilyLetter[]).flatMap((letter): FamilyScore[] => {
    const own = units.filter((unit) => unit.letter === letter);
    return own.length === 0 ? [] : [{ letter, title: FAMILIES[letter], score: pointsOf(own), ...countsOf(own) }];
  });
  const uncapped = pointsOf(units);
  const worst = worstSeverity(units.flatMap(({ open }) => open ?? []));
  const cap = (worst === undefined ? undefined : CAPS[worst]) ?? 100;
  const total = uncapped === null ? null : Math.min(uncapped, cap);
  const { assessed, applicable } = countsOf(units);
  const coveragePercent = applicable === 0 ? 0 : Math.floor((100 * assessed) / applicable);
  const isGraded = total !== null && coveragePercent >= COVERAGE_MIN_PERCENT;
  return {
    families,
    total,
    uncapped,
    cappedBy: (worst === 'critical' || worst === 'high') && uncapped !== null && uncapped > cap ? worst : null,
    coveragePercent,
    grade: isGraded ? GRADES.find(([from]) => total >= from)![1] : null,
  };
}

function unitsOf(results: readonly Result[], isWaived: ScoreInput['isWaived']): Unit[] {
  const groups = Map.groupBy(results, ({ check, target }) => JSON.stringify([check.id, target.id]));
  return [...groups.values()].flatMap((group): Unit[] => {
    const relevant = group.filter(({ outcome }) => outcome.status !== 'not-applicable');
    const failures = relevant.filter(({ outcome }) => outcome.status === 'fail');
    const severities = (failures.length > 0 ? failures : relevant).map(({ severity }) => severity);
    const weight = Math.max(0, ...severities.map((severity) => SEVERITY_WEIGHT[severity]));
    if (weight === 0) return [];
    const isPassed = relevant.every(({ outcome }) => outcome.status === 'pass');
    return [
      {
        letter: familyOf(group[0]!.check.id),
        state: failures.length > 0 ? 'failed' : isPassed ? 'passed' : 'unassessed',
        weight,
        open: worstSeverity(failures.filter((failure) => !isWaived(failure)).map(({ severity }) => severity)),
      },
    ];
  });
}

function countsOf(units: readonly Unit[]): Pick<FamilyScore, 'assessed' | 'applicable'> {
  return { assessed: units.filter(({ state }) => state !== 'unassessed').length, applicable: units.length };
}

function pointsOf(units: readonly Unit[]): number | null {
  const weightOf = (state: Unit['state']): number =>
    units.reduce((sum, unit) => (unit.state === state ? sum + unit.weight : sum), 0);
  const passed = weightOf('passed');
  const all = passed + weightOf('failed');
  // Rounded down: 100 is for what is whole.
  return all === 0 ? null : Math.floor((100 * passed) / all);
}
