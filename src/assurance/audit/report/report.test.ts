import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { auditFileJsonSchema } from '../audit-file/schema.ts';
import type { CheckInfo } from '../model/check.ts';
import { unknown } from '../model/fact.ts';
import { evidence, fail, manual, notApplicable, type Outcome, pass, unassessed } from '../model/outcome.ts';
import { type Result, resultOf } from '../model/result.ts';
import type { Target } from '../model/target.ts';
import { compareReports } from './comparison.ts';
import { FORMATS, type FormatName, formatOfFile } from './formats.ts';
import { makeReport, type ReportInput } from './report.ts';
import { type AuditReport, reportJsonSchema, reportSchema } from './report-schema.ts';
import { baselineOf, parseReport } from './saved-report.ts';
import { ReportView } from './view.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  ']]> <!-- &lt; &amp;',
  '=HYPERLINK("http://evil.example","x")',
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  '\t=1+1',
  '[click](javascript:alert(1)) ![x](http://evil.example/x.png)',
  '| a | b |\n# heading',
  '``` `code` ```',
  '\u001b[31mred\u001b]0;title\u0007\u009b2J',
  '\u202egnp.exe',
  '\u0000\u0008\ud800',
  'line one\r\nline two',
  'https://evil.example @everyone www.evil.example',
] as const;

const check = (id: string, more: Partial<CheckInfo> = {}): CheckInfo => ({
  id,
  title: `Title of ${id}`,
  severity: 'high',
  exposure: 'network',
  why: 'Because.',
  remediation: { text: 'Mend it.', command: 'mend --it', impact: 'None.', risk: 'low', ease: 'easy' },
  standards: { cis: ['4.1'], etsi: ['5.5-1'] },
  ...more,
});

const target: Target = { kind: 'host', id: 'host', label: 'this host', place: '/' };

const result = (id: string, outcome: Outcome, more: Partial<CheckInfo> = {}, at = target): Result =>
  resultOf(check(id, more), at, outcome);

function reportOf(results: readonly Result[], more: Partial<ReportInput> = {}): AuditReport {
  const targets = [...new Set(results.map((one) => one.target))];
  return makeReport({ version: '1.2.3', startedMs: 0, durationMs: 12.4, targets, results, failOn: 'low', ...more });
}

const proof = evidence('there', 'not there', { from: '/etc/x', line: 3 });

const hostileResults = HOSTILE.flatMap((text, index): Result[] => {
  const at: Target = { kind: 'mosquitto', id: `mosquitto:${text}`, label: text, place: text };
  const id = String(index + 10);
  return [
    result(
      `M${id}`,
      fail('bad', evidence(text, text, { from: `/etc/${text}`, line: 1 }), { subject: text, command: text }),
      {},
      at,
    ),
    result(`E${id}`, pass(evidence(text, text, { from: text }), { subject: text }), {}, at),
    result(`V${id}`, unassessed(unknown('malformed', text), { subject: text }), {}, at),
    result(`A${id}`, manual('look', text, { subject: text }), {}, at),
  ];
});
const hostile = reportOf(hostileResults, {
  waivers: { unused: [{ check: 'M10', reason: 'r', owner: HOSTILE[0], expires: '2027-01-01' }], expired: [] },
});

const everything = reportOf([
  result('U01', fail('bad', proof)),
  result('U02', pass(proof, { confidence: 'runtime', port: 1883 })),
  result('U03', unassessed(unknown('tool-missing', 'No tool.'))),
  result('U04', notApplicable('none', 'Nothing there.')),
  result('W01', manual('ask', 'Ask somebody.'), { severity: 'info' }),
  result('H01', { status: 'error', confidence: 'config', reason: 'evaluator-threw', says: 'TypeError: x' }),
]);

const render = (format: FormatName, report: AuditReport): string => FORMATS[format](new ReportView(report));

describe('published schemas', () => {
  // After a change: UPDATE_GOLDEN=1 node --test src/assurance/audit/report/report.test.ts
  for (const [name, schema] of [
    ['audit-report', reportJsonSchema()],
    ['audit-file', auditFileJsonSchema()],
  ] as const) {
    it(`${name}: is the one that the program uses`, () => {
      const published = new URL(`../../../../docs/schema/${name}.schema.json`, import.meta.url);
      const text = `${JSON.stringify(schema, null, 2)}\n`;
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(published, text);
      assert.equal(readFileSync(published, 'utf8'), text);
    });
  }

  it('describes every report, hostile ones too', () => {
    const published = new URL('../../../../docs/schema/audit-report.schema.json', import.meta.url);
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(published, 'utf8')));
    for (const report of [everything, hostile]) {
      const parsed = JSON.parse(render('json', report));
      assert.deepEqual(schema.safeParse(parsed).error?.issues ?? [], []);
      assert.deepEqual(reportSchema.parse(parsed).results.length, report.results.length);
    }
    assert.equal(schema.safeParse({ ...everything, more: 1 }).success, false);
  });
});

describe('SARIF', () => {
  interface SarifLog {
    runs: {
      results: {
        ruleIndex: number;
        ruleId: string;
        suppressions?: unknown[];
        locations: { physicalLocation: { artifactLocation: { uri: string } } }[];
      }[];
      tool: { driver: { rules: { id: string }[] } };
    }[];
  }
  const schemaText = readFileSync(
    new URL('../../../../test/kit/schemas/sarif-2.1.0-rtm.5.json', import.meta.url),
    'utf8',
  );
  // Zod takes every uri-reference for an absolute URL; the test below resolves them instead.
  const schema = z.fromJSONSchema(
    JSON.parse(schemaText, (key, value) => (key === 'format' && value === 'uri-reference' ? undefined : value)),
  );

  it('is valid against the schema of SARIF 2.1.0', () => {
    for (const report of [everything, hostile, reportOf([])]) {
      const log = JSON.parse(render('sarif', report)) as SarifLog;
      assert.deepEqual(schema.safeParse(log).error?.issues ?? [], []);
      for (const { ruleIndex, ruleId, locations } of log.runs[0]!.results) {
        assert.equal(log.runs[0]!.tool.driver.rules[ruleIndex]?.id, ruleId);
        const { uri } = locations[0]!.physicalLocation.artifactLocation;
        assert.match(new URL(uri, 'file:///').href, /^file:\/\/\/\S+$/);
        assert.doesNotMatch(uri, /^\/|:\/\//);
      }
    }
  });

  it('canary: what is no SARIF is noticed', () => {
    const log = JSON.parse(render('sarif', everything)) as SarifLog;
    Object.assign(log.runs[0]!.results[0]!, { level: 'dreadful' });
    assert.equal(schema.safeParse(log).success, false);
  });

  it('shows a waived failure as suppressed', () => {
    const waiver = { check: 'U01', reason: 'agreed', owner: 'ann', expires: '2027-01-01' };
    const report = reportOf([result('U01', fail('bad', proof))], { waiverOf: () => waiver });
    const log = JSON.parse(render('sarif', report)) as SarifLog;
    assert.equal(log.runs[0]!.results[0]!.suppressions?.length, 1);
    assert.equal(report.gate.exitCode, 0);
  });
});

describe('hostile strings', () => {
  /** Tags in the order they stand, with attributes, as a browser would see them. */
  const tagsIn = (markup: string): string[] => [...markup.matchAll(/<[a-z!/?][^>]*>/gi)].map(([tag]) => tag);

  it('make no markup in HTML: the tags are those of a harmless report', () => {
    const html = render('html', hostile);
    for (const tag of tagsIn(html)) {
      assert.doesNotMatch(tag, /script|img|onerror|onmouseover|javascript:|\shref=|\ssrc=/i);
      assert.doesNotMatch(
        tag,
        /^<(?!\/?(?:!doctype|html|head|meta|title|style|body|header|h[1-3]|p|div|b|table|thead|tbody|tr|th|td|meter|ol|ul|li|span|br|code|article|dl|dt|dd)\b)/i,
      );
    }
    assert.ok(html.includes('&lt;script&gt;alert(1)'));
    assert.ok(html.includes("default-src 'none'"));
  });

  it('leave XML well-formed: every tag is ours and closed, and no character is forbidden', () => {
    const xml = render('junit', hostile);
    const open: string[] = [];
    for (const tag of tagsIn(xml)) {
      const name = /^<[/?]?([\w]+)/.exec(tag)?.[1] ?? '';
      assert.ok(['xml', 'testsuites', 'testsuite', 'testcase', 'failure', 'error', 'skipped'].includes(name), tag);
      if (tag.startsWith('</')) assert.equal(open.pop(), name);
      else if (!tag.startsWith('<?') && !tag.endsWith('/>')) open.push(name);
    }
    assert.deepEqual(open, []);
    assert.doesNotMatch(xml, /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
    assert.ok(xml.isWellFormed());
    assert.doesNotMatch(xml.replace(/<[^>]*>/g, ''), /&(?!amp;|lt;|gt;|quot;|#39;)/);
  });

  it('are no formulas in CSV, and break no row', () => {
    const csv = render('csv', hostile);
    const rows = parseCsv(csv);
    assert.equal(rows.length, hostile.results.length + 1);
    for (const row of rows) {
      assert.equal(row.length, rows[0]!.length);
      for (const cell of row) assert.doesNotMatch(cell, /^\s*[=+\-@]/);
    }
  });

  it('are no markup, no link and no new line in Markdown', () => {
    for (const line of render('markdown', hostile).split('\n')) {
      if (/^ {3}/.test(line)) continue;
      assert.doesNotMatch(line.replace(/^\|-.*$/, ''), /<[a-z/!]|\]\(|https?:\/\/|@everyone|www\.evil/i, line);
      if (line.startsWith('| ')) assert.ok(line.endsWith(' |'), line);
    }
    assert.doesNotMatch(render('markdown', hostile), /^# heading/m);
  });

  it('are not obeyed by a terminal', () => {
    const colour = (_: string, text: string): string => text;
    for (const text of [render('text', hostile), render('json', hostile), colour('', render('markdown', hostile))]) {
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  });
});

/** As RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '\r\n') rows.push([]);
  }
  rows.pop();
  return rows;
}

describe('the gate', () => {
  const gateOf = (results: readonly Result[], more: Partial<ReportInput> = {}) => reportOf(results, more).gate;

  it('is 1 for findings, 3 where nothing is found but something could not be told, 0 otherwise', () => {
    assert.equal(
      gateOf([result('U01', fail('bad', proof)), result('U02', unassessed(unknown('timed-out', 'x')))]).exitCode,
      1,
    );
    assert.equal(
      gateOf([result('U02', unassessed(unknown('timed-out', 'x'))), result('U03', pass(proof))]).exitCode,
      3,
    );
    assert.equal(
      gateOf([result('H01', { status: 'error', confidence: 'config', reason: 'evaluator-threw', says: 'x' })]).exitCode,
      3,
    );
    assert.equal(gateOf([result('U03', pass(proof)), result('W01', manual('x', 'x'))]).exitCode, 0);
  });

  it('counts only what is as severe as --fail-on', () => {
    const results = [result('U01', fail('bad', proof), { severity: 'medium' })];
    assert.equal(gateOf(results, { failOn: 'high' }).exitCode, 0);
    assert.equal(gateOf(results, { failOn: 'medium' }).exitCode, 1);
  });

  it('is the same whatever is shown', () => {
    const report = reportOf([result('U01', fail('bad', proof))]);
    const view = new ReportView(report, { only: ['S'], severity: 'critical' });
    assert.equal(view.results.length, 0);
    const shown = reportSchema.parse(JSON.parse(FORMATS.json(view)));
    assert.deepEqual([shown.gate.exitCode, shown.results.length], [1, 0]);
    assert.match(FORMATS.text(view), /1 weakness of severity low or worse/);
    assert.match(FORMATS.text(view), /1 results are not shown/);
  });

  it('with --new-only counts only what the baseline lacks', () => {
    const known = result('U01', fail('bad', proof));
    const baseline = baselineOf(reportOf([known, result('U05', fail('bad', proof))]));
    const again = reportOf([known], { baseline, isNewOnly: true });
    assert.deepEqual([again.gate.exitCode, again.baseline?.known, again.baseline?.mended.length], [0, 1, 1]);
    const worse = reportOf([known, result('U02', fail('bad', proof))], { baseline, isNewOnly: true });
    assert.deepEqual([worse.gate.exitCode, worse.gate.findings], [1, 1]);
  });
});

describe('what to mend first', () => {
  it('goes by severity, exposure and ease; what is waived is not there', () => {
    const easy = { text: 'x', impact: 'x', risk: 'low', ease: 'easy' } as const;
    const results = [
      result('U01', fail('bad', proof, { exposure: 'loopback' }), { remediation: easy }),
      result('U02', fail('bad', proof), { remediation: { ...easy, ease: 'hard' } }),
      result('U03', fail('bad', proof), { remediation: easy }),
      result('U04', fail('bad', proof), { remediation: easy, severity: 'critical' }),
      result('U05', fail('bad', proof), { remediation: easy, severity: 'critical' }),
    ];
    const waiver = { check: 'U05', reason: 'r', owner: 'o', expires: '2027-01-01' };
    const report = reportOf(results, { waiverOf: (one) => (one.check.id === 'U05' ? waiver : undefined) });
    assert.deepEqual(
      new ReportView(report).first(5).map((one) => one.check),
      ['U04', 'U03', 'U01', 'U02'],
    );
  });
});

describe('saved reports', () => {
  it('are read back as they were written', () => {
    assert.deepEqual(parseReport(render('json', everything)), JSON.parse(render('json', everything)));
  });

  it('that are none are refused with a sentence', () => {
    for (const text of ['', '[]', '{"format":"sallyport-audit"}', 'null', '{"a":', '\u0000']) {
      assert.equal(typeof parseReport(text), 'string', text);
    }
  });

  it('compare: new, mended, remaining, and what cannot be told any more', () => {
    const before = reportOf([
      result('U01', fail('bad', proof)),
      result('U02', fail('bad', proof)),
      result('U03', fail('bad', proof)),
      result('U04', pass(proof)),
    ]);
    const after = reportOf([
      result('U01', fail('bad', proof)),
      result('U02', pass(proof)),
      result('U03', unassessed(unknown('timed-out', 'x'))),
      result('U04', fail('bad', proof)),
    ]);
    const { appeared, mended, lost, remaining } = compareReports(before, after);
    const ids = (results: readonly { check: string }[]): string[] => results.map((one) => one.check);
    assert.deepEqual([ids(appeared), ids(mended), ids(lost), ids(remaining)], [['U04'], ['U02'], ['U03'], ['U01']]);
  });
});

describe('formats', () => {
  it('are known by the extension of a file', () => {
    assert.deepEqual(['a.SARIF', 'b.xml', 'c.md', 'json', 'd.pdf', 'e.constructor'].map(formatOfFile), [
      'sarif',
      'junit',
      'markdown',
      'json',
      undefined,
      undefined,
    ]);
  });
});
