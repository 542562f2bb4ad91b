import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../app/config/problem.ts';
import type { CheckInfo } from '../model/check.ts';
import { fail, type Outcome, pass } from '../model/outcome.ts';
import { resultOf } from '../model/result.ts';
import { parseAuditFile } from './load.ts';
import type { Waiver } from './schema.ts';
import { applyWaivers } from './waivers.ts';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const isCheck = (id: string): boolean => id === 'M01' || id === 'U02';

const parse = (text: string) => parseAuditFile('audit.yaml', text, isCheck, NOW);

function problemsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split('\n');
  }
  return [];
}

describe('an audit file', () => {
  it('may be empty, and then declares nothing', () => {
    assert.deepEqual(parse('').waivers, []);
    assert.equal(parse('').profile.packetSizeMax, 1_048_576);
  });

  it('is refused with line, key and cure', () => {
    for (const [text, says] of [
      ['targts: []', /^audit\.yaml:1:1: targts: unknown key; did you mean `targets`\?$/],
      ['targets:\n  - kind: mosqito\n    place: /x', /^audit\.yaml:2:11: targets\[0\]\.kind: "mosqito" is not allowed/],
      [
        'waivers:\n  - check: M99\n    target: host\n    reason: r\n    owner: o\n    expires: 2027-01-01',
        /^audit\.yaml:2:12: .*no check M99/,
      ],
      ['waivers:\n  - check: M01\n    reason: r\n    owner: o\n    expires: 2027-01-01', /covers too much/],
      [
        'waivers:\n  - check: M01\n    target: host\n    reason: r\n    owner: o\n    expires: 2028-01-01',
        /^audit\.yaml:6:14: .*365 days/,
      ],
      [
        'waivers:\n  - check: M01\n    target: host\n    reason: r\n    owner: o\n    expires: 2027-02-30',
        /no day of the calendar/,
      ],
      ['waivers:\n  - check: M01\n    target: host\n    owner: o\n    expires: 2027-01-01', /reason: is missing/],
      ['waivers: {', /not YAML/],
      ['a: &a [*a]', /./],
      [`targets:\n${'['.repeat(9000)}`, /^audit\.yaml:2:65: this is nested more than 64 levels deep/],
      ['- 1', /a map of keys/],
    ] as const) {
      assert.match(problemsOf(text)[0] ?? '', says, text);
    }
  });
});

const info: CheckInfo = {
  id: 'U02',
  title: 'x',
  severity: 'high',
  exposure: 'network',
  why: 'x',
  remediation: { text: 'x', impact: 'x', risk: 'low', ease: 'easy' },
  standards: {},
};
const proof = { observed: 'x', expected: 'y', method: 'z' };
const at = (id: string, outcome: Outcome) => resultOf(info, { kind: 'host', id, label: id, place: '/' }, outcome);

describe('a waiver', () => {
  const waiver = (more: Partial<Waiver>): Waiver => ({
    check: 'U02',
    reason: 'r',
    owner: 'o',
    expires: '2027-01-01',
    ...more,
  });
  const failed = at('host', fail('bad', proof));
  const other = at('other', fail('bad', proof));

  it('covers its check on its target, or its fingerprint, and nothing else', () => {
    const byTarget = applyWaivers([waiver({ target: 'host' })], [failed, other], NOW);
    assert.deepEqual([byTarget.waiverOf(failed)?.owner, byTarget.waiverOf(other)], ['o', undefined]);
    const byPrint = applyWaivers([waiver({ fingerprint: other.fingerprint })], [failed, other], NOW);
    assert.deepEqual([byPrint.waiverOf(failed), byPrint.waiverOf(other)?.owner], [undefined, 'o']);
  });

  it('that covers nothing is reported as unused, also where its check passes', () => {
    const { unused } = applyWaivers([waiver({ target: 'host' })], [at('host', pass(proof))], NOW);
    assert.equal(unused.length, 1);
  });

  it('holds through its last day, and counts no more after it', () => {
    const ends = [waiver({ target: 'host', expires: '2026-11-26' })];
    assert.equal(applyWaivers(ends, [failed], NOW).waiverOf(failed)?.owner, 'o');
    const { waiverOf, expired, unused } = applyWaivers(ends, [failed], NOW + 86_400_000);
    assert.deepEqual([waiverOf(failed), expired.length, unused.length], [undefined, 1, 0]);
  });
});
