/** Holds every check of a family against fixtures: one that passes, one that fails, one to which it does not apply, one that cannot be told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Family } from '../../src/assurance/audit/model/check.ts';
import type { Outcome, Status } from '../../src/assurance/audit/model/outcome.ts';
import { evaluateSafely } from '../../src/assurance/audit/model/subject.ts';

/** A fixture, or why there cannot be one: as a reason of at least a few words. */
export type FixtureOrReason<Fixture> = Fixture | { readonly cannot: string };

export interface FixturesOfCheck<Fixture> {
  readonly pass: FixtureOrReason<Fixture>;
  readonly fail: FixtureOrReason<Fixture>;
  readonly 'not-applicable': FixtureOrReason<Fixture>;
  readonly unknown: FixtureOrReason<Fixture>;
  /** For checks that only a person can answer. */
  readonly manual?: FixtureOrReason<Fixture>;
}

const REASON_WORDS_MIN = 4;

function isReason(one: unknown): one is { readonly cannot: string } {
  return typeof one === 'object' && one !== null && 'cannot' in one;
}

/** The worst of several outcomes: a fixture that fails may pass for other subjects. */
const WORST: readonly Status[] = ['error', 'fail', 'unknown', 'manual', 'pass', 'not-applicable'];

export interface FixtureSuite<Facts, Fixture> {
  readonly family: Family<Facts>;
  /** By identifier: none may be missing, and none may be of a check that does not exist. */
  readonly fixtures: Readonly<Record<string, FixturesOfCheck<Fixture>>>;
  readonly collect: (fixture: Fixture) => Promise<Facts>;
}

export function describeChecks<Facts, Fixture>({ family, fixtures, collect }: FixtureSuite<Facts, Fixture>): void {
  describe(`family ${family.letter}`, () => {
    it('has fixtures for every check, and only for those', () => {
      assert.deepEqual(Object.keys(fixtures).sort(), family.checks.map(({ id }) => id).sort());
    });
    for (const check of family.checks) {
      for (const [wanted, fixture] of Object.entries(fixtures[check.id] ?? {})) {
        if (isReason(fixture)) {
          it(`${check.id} cannot be ${wanted}: ${fixture.cannot}`, () => {
            assert.ok(fixture.cannot.split(' ').length >= REASON_WORDS_MIN, 'say why');
          });
          continue;
        }
        it(`${check.id} ${check.title}: ${wanted}`, async () => {
          const facts = await collect(fixture as Fixture);
          const outcomes = evaluateSafely(() => check.evaluate(facts));
          assert.equal(worst(outcomes), wanted, JSON.stringify(outcomes, null, 2));
          // Pure: asked again it says the same.
          assert.deepEqual(
            evaluateSafely(() => check.evaluate(facts)),
            outcomes,
          );
        });
      }
    }
  });
}

export function worst(outcomes: readonly Outcome[]): Status {
  return WORST.find((status) => outcomes.some((outcome) => outcome.status === status))!;
}
