import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXTURE_NOW } from '../../../../../test/kit/audited-system.ts';
import { describeChecks, type FixturesOfCheck } from '../../../../../test/kit/check-fixtures.ts';
import type { Attestations } from '../../audit-file/schema.ts';
import { awareness } from './awareness.ts';
import { judgeAttestation } from './evaluators.ts';

type Key = keyof Attestations;
const at = (key: Key, date: string): Attestations => ({ [key]: { date, by: 'ann' } });

const fixturesOf = (key: Key): FixturesOfCheck<Attestations> => ({
  pass: at(key, '2026-06-01'),
  fail: at(key, '2025-06-01'),
  manual: {},
  'not-applicable': { cannot: 'every organization has people who have to know what they do' },
  unknown: { cannot: 'an audit file is read whole or refused before the run' },
});

describeChecks({
  family: awareness,
  collect: async (attestations: Attestations) => ({ attestations, nowMs: FIXTURE_NOW }),
  fixtures: {
    W01: fixturesOf('policy'),
    W02: fixturesOf('training'),
    W03: fixturesOf('drill'),
    W04: fixturesOf('disclosure'),
    W05: fixturesOf('rotation'),
  },
});

test('an attestation asks to be done again in its last month, and has lapsed after it', () => {
  const judged = (date: string) => judgeAttestation({ attestations: at('policy', date), nowMs: FIXTURE_NOW }, 'policy');
  assert.deepEqual(
    ['2025-12-27', '2025-12-26', '2025-11-26', '2025-11-25', '2026-11-27'].map((date) => {
      const outcome = judged(date);
      return 'reason' in outcome ? outcome.reason : outcome.status;
    }),
    ['pass', 'lapses-soon', 'lapses-soon', 'lapsed', 'date-in-future'],
  );
  const last = judged('2025-11-26');
  assert.match(last.status === 'manual' ? last.says : '', /lapses today/);
});
