import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fixtureContext } from '../../../../test/kit/audited-system.ts';
import { OperatorError } from '../../../app/config/problem.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import type { CheckInfo } from '../model/check.ts';
import { defineFamily } from '../model/check.ts';
import { unknown } from '../model/fact.ts';
import { type Confidence, fail, type Outcome, pass, unassessed } from '../model/outcome.ts';
import { type Result, resultOf } from '../model/result.ts';
import type { Severity } from '../model/severity.ts';
import { defineSubject } from '../model/subject.ts';
import type { Target } from '../model/target.ts';
import { contradictionsIn } from './contradictions.ts';
import { deadlineSignal, type Progress, runJobs } from './runner.ts';
import { scoreOf } from './score.ts';

const target = (id: string): Target => ({ kind: 'host', id, label: id, place: '/' });
const proof = { observed: 'x', expected: 'y', method: 'looked' };

function info(id: string, severity: Severity = 'high', question?: string): CheckInfo {
  return {
    id,
    title: id,
    severity,
    exposure: 'network',
    why: 'x',
    remediation: { text: 'x', impact: 'x', risk: 'low', ease: 'easy' },
    standards: {},
    ...(question === undefined ? {} : { question }),
  };
}

const entry = ({ id: _, ...rest }: CheckInfo) => rest;

function subjectThat(collect: (target: Target) => Promise<string>) {
  const family = defineFamily<
    string,
    { U01: ReturnType<typeof entry>; U02: ReturnType<typeof entry>; U03: ReturnType<typeof entry> }
  >(
    'U',
    { U01: entry(info('U01')), U02: entry(info('U02')), U03: entry(info('U03')) },
    {
      U01: (facts) => pass({ ...proof, observed: facts }),
      U02: () => {
        throw new TypeError('this check is broken');
      },
      U03: () => [],
    },
  );
  return defineSubject({ kind: 'host', families: [family], discover: async () => [], collect });
}

describe('the runner', () => {
  it('takes a file that the operator named wrongly for no bug of its own', async () => {
    const subject = subjectThat(async () => {
      throw new OperatorError('The file secret cannot be read (ENOENT).');
    });
    const jobs = [{ subject, target: target('a') }];
    for (const { outcome } of await runJobs({ context: fixtureContext({}), jobs, parallelMax: 1 })) {
      assert.ok(outcome.status === 'unknown' && outcome.reason === 'unreadable', JSON.stringify(outcome));
      assert.equal(outcome.says, 'The file secret cannot be read (ENOENT).');
    }
  });

  it('lets one broken check be an error, and the others be judged', async () => {
    const subject = subjectThat(async () => 'seen');
    const results = await runJobs({
      context: fixtureContext({}),
      jobs: [{ subject, target: target('a') }],
      parallelMax: 4,
    });
    assert.deepEqual(
      results.map(({ check, outcome }) => [check.id, outcome.status]),
      [
        ['U01', 'pass'],
        ['U02', 'error'],
        ['U03', 'error'],
      ],
    );
  });

  it('makes every check an error where collecting throws, and goes on with the other targets', async () => {
    const subject = subjectThat(async ({ id }) => {
      if (id === 'bad') throw new Error('no facts');
      return 'seen';
    });
    const jobs = ['bad', 'good'].map((id) => ({ subject, target: target(id) }));
    const results = await runJobs({ context: fixtureContext({}), jobs, parallelMax: 1 });
    assert.deepEqual(
      results.filter(({ check }) => check.id === 'U01').map(({ outcome }) => outcome.status),
      ['error', 'pass'],
    );
  });

  it('ends at its deadline though a collector never does: all its checks are timed-out', async () => {
    const clock = new ManualClock();
    const { signal } = deadlineSignal({ clock }, 1000);
    const subject = subjectThat(() => new Promise(() => undefined));
    const context = { ...fixtureContext({}), clock, signal };
    const run = runJobs({ context, jobs: ['a', 'b'].map((id) => ({ subject, target: target(id) })), parallelMax: 1 });
    clock.advance(1000);
    const results = await run;
    assert.equal(results.length, 6);
    assert.ok(results.every(({ outcome }) => outcome.status === 'unknown' && outcome.reason === 'timed-out'));
  });

  it('audits in parallel up to its ceiling, gives results in the order of the jobs, and tells of progress', async () => {
    let [atOnce, most] = [0, 0];
    const seen: Progress[] = [];
    const subject = subjectThat(async ({ id }) => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      return id;
    });
    const ids = Array.from({ length: 20 }, (_, index) => `t${index}`);
    const results = await runJobs({
      context: fixtureContext({}),
      jobs: ids.map((id) => ({ subject, target: target(id) })),
      parallelMax: 4,
      onProgress: (progress) => seen.push(progress),
    });
    assert.equal(most, 4);
    assert.deepEqual(
      results.filter(({ check }) => check.id === 'U01').map((result) => result.target.id),
      ids,
    );
    assert.deepEqual(seen.at(-1), { done: 20, all: 20, label: seen.at(-1)?.label });
  });
});

function scored(
  cases: readonly (readonly [Severity, Outcome['status'], string?])[],
  isWaived = (_: Result): boolean => false,
) {
  const results = cases.map(([severity, status, id], index) => {
    const check = info(id ?? `U${String(index + 1).padStart(2, '0')}`, severity);
    const outcome: Outcome =
      status === 'fail'
        ? fail('x', proof)
        : status === 'pass'
          ? pass(proof)
          : status === 'unknown'
            ? unassessed(unknown('tool-missing', 'x'))
            : { status: 'not-applicable', confidence: 'config', reason: 'x', says: 'x' };
    return resultOf(check, target('host'), outcome);
  });
  return scoreOf({ results, isWaived });
}

describe('the score', () => {
  it('weighs critical 20, high 8, medium 3, low 1, and what only informs nothing', () => {
    const score = scored([
      ['critical', 'pass'],
      ['medium', 'pass'],
      ['low', 'fail'],
      ['info', 'fail'],
    ]);
    assert.equal(score.total, Math.floor((100 * 23) / 24));
    assert.equal(score.families[0]?.applicable, 3);
  });

  it('is of what was assessed: unknown lowers the coverage, not the score', () => {
    const score = scored([
      ['high', 'pass'],
      ['high', 'unknown'],
      ['high', 'not-applicable'],
    ]);
    assert.deepEqual([score.total, score.coveragePercent, score.grade], [100, 50, null]);
  });

  it('is held at 39 by an open critical finding and at 69 by a high one; a waiver lifts the cap, not the loss', () => {
    const many = Array.from({ length: 20 }, () => ['critical', 'pass'] as const);
    assert.deepEqual(scored([...many, ['critical', 'fail']]).total, 39);
    assert.deepEqual(scored([...many, ['high', 'fail']]).total, 69);
    assert.deepEqual(scored([...many, ['high', 'fail']], () => true).total, 98);
    assert.deepEqual(scored([...many, ['high', 'fail']]).cappedBy, 'high');
  });

  it('counts a check with several subjects once: failed if one failed, unknown if one could not be told', () => {
    const score = scored([
      ['high', 'pass', 'U01'],
      ['high', 'fail', 'U01'],
      ['high', 'pass', 'U02'],
      ['high', 'unknown', 'U02'],
      ['high', 'pass', 'U03'],
    ]);
    assert.deepEqual([score.total, score.coveragePercent], [50, 66]);
  });

  it('gives nothing where nothing was assessed', () => {
    assert.deepEqual([scored([['high', 'unknown']]).total, scored([]).grade], [null, null]);
  });
});

describe('contradictions', () => {
  const answer = (id: string, status: 'pass' | 'fail', confidence: Confidence, port: number) =>
    resultOf(
      info(id, 'high', 'anonymous-access'),
      target(`${confidence} ${port}`),
      status === 'pass' ? pass(proof, { confidence, port }) : fail('x', proof, { confidence, port }),
    );

  it('are findings: the configuration says no, and the probe got in', () => {
    const found = contradictionsIn([answer('M01', 'pass', 'config', 1883), answer('P01', 'fail', 'probe', 1883)]);
    assert.deepEqual(
      found.map(({ check, outcome }) => [check.id, outcome.status, outcome.subject]),
      [['X01', 'fail', 'anonymous-access 1883']],
    );
  });

  it('hold all that a check says of a port against the other: two versions of TLS are one answer', () => {
    const both = [answer('T04', 'pass', 'probe', 8883), answer('T04', 'fail', 'probe', 8883)];
    assert.deepEqual(contradictionsIn([answer('M13', 'fail', 'config', 8883), ...both]), []);
    assert.equal(contradictionsIn([answer('M13', 'pass', 'config', 8883), ...both]).length, 1);
  });

  it('are not made of agreement, of other ports, or of two answers of the same kind', () => {
    assert.deepEqual(
      contradictionsIn([answer('M01', 'fail', 'config', 1883), answer('P01', 'fail', 'probe', 1883)]),
      [],
    );
    assert.deepEqual(
      contradictionsIn([answer('M01', 'pass', 'config', 1883), answer('P01', 'fail', 'probe', 8883)]),
      [],
    );
    assert.deepEqual(
      contradictionsIn([answer('M01', 'pass', 'config', 1883), answer('E01', 'fail', 'config', 1883)]),
      [],
    );
  });
});

describe('a fingerprint', () => {
  it('stays when what was observed changes, and changes with check, target, subject and reason', () => {
    const of = (id: string, at: string, reason: string, observed: string, subject?: string) =>
      resultOf(info(id), target(at), fail(reason, { ...proof, observed }, subject === undefined ? {} : { subject }))
        .fingerprint;
    const first = of('U01', 'a', 'r', 'one');
    assert.equal(of('U01', 'a', 'r', 'two'), first);
    const others = [
      of('U02', 'a', 'r', ''),
      of('U01', 'b', 'r', ''),
      of('U01', 'a', 's', ''),
      of('U01', 'a', 'r', '', 'sub'),
    ];
    assert.equal(new Set([first, ...others]).size, 5);
  });
});
