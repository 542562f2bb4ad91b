import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FIXTURE_NOW, fixtureContext, type MadeFile } from '../../../../../test/kit/audited-system.ts';
import { describeChecks, worst } from '../../../../../test/kit/check-fixtures.ts';
import { HOST } from '../../host/host-subject.ts';
import type { Outcome } from '../../model/outcome.ts';
import { evidence, fail, pass } from '../../model/outcome.ts';
import { type Result, resultOf } from '../../model/result.ts';
import { placedTarget } from '../../model/target.ts';
import { findCheck } from '../../registry.ts';
import { collectScannerReport, type ScannerFacts } from '../../scanners/facts.ts';
import { foldScannerFindings } from '../../scanners/fold.ts';
import { scanners } from './scanners.ts';

const recorded = (name: string): string =>
  readFileSync(new URL(`../../scanners/fixtures/${name}`, import.meta.url), 'utf8');

/** What the real programs wrote. */
const LYNIS = recorded('lynis-report.dat');
const RESULTS = recorded('xccdf-results.xml');
const ARF = recorded('arf.xml');
/** Of a checklist for another release. */
const FOREIGN = recorded('xccdf-foreign.xml');

interface Fixture {
  readonly file: MadeFile | string | null;
  readonly nowMs?: number;
}

const file = (text: string): Fixture => ({ file: text });
const CLEAN_LYNIS = file(LYNIS.replace(/^(?:warning|suggestion)\[\]=.*\n/gm, ''));
const PASSED = file(RESULTS.replaceAll(/<result>(?:fail|notchecked)</g, '<result>pass<'));
const CUT_LYNIS = file(LYNIS.replace('finish=true', ''));
const UNREADABLE: Fixture = { file: { unreadable: 'permission-denied' } };
const OLD = FIXTURE_NOW + 400 * 86_400_000;

async function collect({ file: made, nowMs = FIXTURE_NOW + 86_400_000 }: Fixture): Promise<ScannerFacts> {
  return collectScannerReport(
    placedTarget('scanner-report', '/report'),
    fixtureContext({ files: { '/report': made } }, nowMs),
  );
}

describeChecks<ScannerFacts, Fixture>({
  family: scanners,
  collect,
  fixtures: {
    L01: { pass: CLEAN_LYNIS, fail: file(LYNIS), 'not-applicable': file(RESULTS), unknown: CUT_LYNIS },
    L02: { pass: CLEAN_LYNIS, fail: file(LYNIS), 'not-applicable': file(ARF), unknown: UNREADABLE },
    L03: { pass: PASSED, fail: file(ARF), 'not-applicable': file(LYNIS), unknown: file(FOREIGN) },
    L04: { pass: file(ARF), fail: file(FOREIGN), 'not-applicable': { file: null }, unknown: file('<html>') },
    L05: {
      pass: file(LYNIS),
      fail: { file: RESULTS, nowMs: OLD },
      'not-applicable': { file: null },
      unknown: CUT_LYNIS.file === null ? CUT_LYNIS : file(LYNIS.replace(/^report_datetime_end=.*\n/m, '')),
    },
  },
});

async function outcomesOf(id: string, fixture: Fixture): Promise<Outcome[]> {
  const facts = await collect(fixture);
  return [scanners.checks.find((check) => check.id === id)!.evaluate(facts)].flat() as Outcome[];
}

describe('reports of other scanners', () => {
  it('keep the identifiers, lines and settings of Lynis, and its age', async () => {
    const warnings = await outcomesOf('L01', file(LYNIS));
    const [first] = warnings;
    assert.ok(first?.status === 'fail');
    assert.equal(warnings.length, 3);
    assert.match(first.subject!, /^PKGS-7392 /);
    assert.match(
      first.evidence.observed,
      /^PKGS-7392: Found one or more vulnerable packages\. \(Lynis, \d+ days? ago\)$/,
    );
    assert.match(LYNIS.split('\n')[first.evidence.line! - 1]!, /^warning\[\]=PKGS-7392/);
    const [ssh] = await outcomesOf(
      'L02',
      file(
        LYNIS.replace(
          /^suggestion.*$/m,
          'suggestion[]=SSH-7408|Consider hardening SSH configuration|X11Forwarding (set YES to NO)|-|',
        ),
      ),
    );
    assert.equal(ssh?.subject, 'SSH-7408 X11Forwarding', 'what its value is may change from scan to scan');
  });

  it('keep the rules, titles and severities of OpenSCAP, bare and within an ARF', async () => {
    for (const text of [RESULTS, ARF]) {
      const outcomes = await outcomesOf('L03', file(text));
      assert.deepEqual(
        outcomes.map((one) => [one.subject, one.status, one.status === 'fail' ? one.severity : one.status]),
        [
          ['sshd_disable_root_login', 'fail', 'high'],
          ['banner_etc_issue_net', 'fail', 'medium'],
          ['rules that could not be told', 'unknown', 'unknown'],
        ],
      );
      assert.match(JSON.stringify(outcomes), /Remote Connections & <others> \(OpenSCAP/);
    }
  });

  it('of a checklist for another system are called what they are', async () => {
    const [outcome] = await outcomesOf('L04', file(FOREIGN));
    assert.equal(outcome?.status === 'fail' && outcome.reason, 'all-not-applicable');
    assert.equal(worst(await outcomesOf('L03', file(FOREIGN))), 'unknown');
  });

  it('that are old are no answer', async () => {
    for (const [id, text] of [
      ['L01', LYNIS],
      ['L03', ARF],
    ] as const) {
      const [outcome] = await outcomesOf(id, { file: text, nowMs: OLD });
      assert.equal(outcome?.status === 'unknown' && outcome.reason, 'stale');
    }
  });

  it('that are hostile, cut off or not text are neither a pass nor a finding, and end in time', async () => {
    const bomb = `<!DOCTYPE r [<!ENTITY a "${'x'.repeat(1000)}">]>`;
    for (const made of [
      '',
      '\u0000'.repeat(1000),
      'lynis_version=3\nwarning[]=\u001b[2J|x|',
      'lynis_version=3\nwarning[]=||||',
      ARF.slice(0, ARF.lastIndexOf('<result>')),
      RESULTS.replace('</TestResult>', ''),
      RESULTS.replace('<result>fail', '<result>&fail;'),
      RESULTS.replace('<Benchmark', `${bomb}<Benchmark`),
      `<Benchmark>${'<!--'.repeat(200_000)}`,
      `<Benchmark>${'<TestResult '.repeat(200_000)}`,
      `<Benchmark>${'<Rule id="a" '.repeat(200_000)}<TestResult end-time="2026-11-26T00:00:00Z"></TestResult>`,
      `<TestResult end-time="2026-11-26T00:00:00Z">${'<a>'.repeat(20_000)}`,
    ]) {
      const facts = await collect(file(made));
      for (const check of scanners.checks) {
        const outcomes = [check.evaluate(facts)].flat();
        if (check.id === 'L04' || check.id === 'L05') continue;
        for (const { status } of outcomes)
          assert.ok(status === 'unknown' || status === 'not-applicable', `${check.id} ${status}: ${made.slice(0, 80)}`);
      }
    }
    assert.equal(worst(await outcomesOf('L03', { file: { bytes: Buffer.from([0x3c, 0xff, 0xfe]) } })), 'unknown');
  });
});

describe('findings of other scanners that this audit has, too', () => {
  const SCANNED = placedTarget('scanner-report', '/report');
  const proof = evidence('x', 'y', { from: '/etc/ssh/sshd_config' });
  const check = (id: string) => {
    const found = findCheck(id);
    assert.ok('id' in found);
    return found;
  };
  const scanned = (id: string, subject: string): Result =>
    resultOf(check(id), SCANNED, fail('warning', proof, { subject }));
  const own = (id: string, isFail: boolean): Result =>
    resultOf(check(id), HOST, isFail ? fail('x', proof) : pass(proof));
  const statuses = (results: readonly Result[]): string[] => results.map(({ outcome }) => outcome.status);

  it('are folded into ours', () => {
    const folded = foldScannerFindings([
      own('A01', true),
      scanned('L02', 'SSH-7408 PermitRootLogin'),
      scanned('L03', 'sshd_disable_root_login'),
      scanned('L02', 'SSH-7408 AllowTcpForwarding'),
      scanned('L01', 'NETW-2705 nameservers'),
    ]);
    assert.deepEqual(statuses(folded), ['fail', 'not-applicable', 'not-applicable', 'fail', 'fail']);
  });

  it('stay where ours passes, or was not asked', () => {
    assert.deepEqual(statuses(foldScannerFindings([own('U02', false), scanned('L01', 'PKGS-7392 x')])), [
      'pass',
      'fail',
    ]);
    assert.deepEqual(statuses(foldScannerFindings([scanned('L01', 'PKGS-7392 x')])), ['fail']);
  });
});
