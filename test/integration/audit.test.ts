import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAuditFile } from '../../src/assurance/audit/audit-file/load.ts';
import { type AuditReport, reportSchema } from '../../src/assurance/audit/report/report-schema.ts';
import { sallyport } from '../kit/gateway.ts';
import { sallyportInProcess } from '../kit/in-process.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
after(() => rmSync(base, { recursive: true }));

const audit = (...args: string[]) => sallyportInProcess('audit', ...args);

/** An image of a Debian system with one weak setting after another. */
function makeImage(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(base, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const image = makeImage('image', {
  '/usr/lib/os-release': 'ID=debian\nVERSION_CODENAME=bullseye\nPRETTY_NAME="Debian 11"\n',
  '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n',
  '/etc/shadow': 'root::19000::::::\n',
  '/etc/ssh/sshd_config': 'PermitRootLogin yes\n',
  '/etc/mosquitto/mosquitto.conf': 'listener 1883\n',
});
symlinkSync('/usr/lib/os-release', join(image, 'etc/os-release'));

async function reportOf(...args: string[]): Promise<AuditReport> {
  const { out, err } = await audit(...args, '--json');
  assert.notEqual(out, '', err);
  return reportSchema.parse(JSON.parse(out));
}

const statusOf = (report: AuditReport, id: string): string[] =>
  report.results.filter(({ check }) => check === id).map(({ status, reason }) => `${status} ${reason ?? ''}`.trim());

describe('audit of an image', () => {
  it('finds what its files tell, and does not pass what only a running system could', async () => {
    const report = await reportOf('host', '--root', image);
    assert.deepEqual(statusOf(report, 'U01'), ['fail end-of-life']);
    assert.deepEqual(statusOf(report, 'A01'), ['fail permitrootlogin-weak']);
    assert.deepEqual(statusOf(report, 'A07'), ['fail empty-password']);
    for (const id of ['S01', 'S07', 'A10', 'H01', 'H08'])
      assert.deepEqual(statusOf(report, id), ['unknown not-running'], id);
    assert.ok(report.score.total !== null && report.score.total <= 39, 'a critical finding is open');
    assert.equal(report.gate.exitCode, 1);
  });

  it('takes outputs that were recorded on the system', async () => {
    const recording = join(base, 'recording.json');
    const stdout = 'tcp LISTEN 0 100 0.0.0.0:1883 0.0.0.0:*\n';
    writeFileSync(recording, JSON.stringify({ commands: [{ command: ['ss', '-Htulnp'], stdout }] }));
    const report = await reportOf('host', '--root', image, '--recorded', recording);
    assert.deepEqual(statusOf(report, 'S01'), ['fail plaintext-exposed']);
  });

  it('of nothing at all is incomplete, and has no grade', async () => {
    const report = await reportOf('host', '--root', makeImage('empty', { '/etc/none': '' }));
    assert.deepEqual([report.gate.exitCode, report.score.grade], [3, null]);
    assert.ok(!report.results.some(({ status }) => status === 'error'));
  });

  it('of hostile files is an answer for each check, and no crash', async () => {
    const hostile = makeImage('hostile', {
      '/etc/os-release': '\u0000\u001b[2J'.repeat(5000),
      '/etc/passwd': ':::\n'.repeat(100_000),
      '/etc/ssh/sshd_config': 'Include /etc/ssh/*\nInclude sshd_config\n',
      '/etc/sudoers': '@include /etc/sudoers\n@includedir /etc\n',
      '/var/lib/dpkg/status': `Package: ${'x'.repeat(100_000)}\nVersion: \n\n:::`,
      '/etc/pam.d/common-auth': '\u202e<script>',
    });
    symlinkSync('/etc/shadow', join(hostile, 'etc/shadow'));
    const report = await reportOf('host', '--root', hostile);
    assert.ok(!report.results.some(({ status }) => status === 'error'));
  });
});

it('what another scanner has found is read in beside, and folded into what was found here', async () => {
  const recorded = readFileSync(
    new URL('../../src/assurance/audit/scanners/fixtures/arf.xml', import.meta.url),
    'utf8',
  );
  makeImage('image', { '/var/lib/scap/arf.xml': recorded, '/var/lib/scap/none.xml': '<html/>' });
  const report = await reportOf('import', '/var/lib/scap/arf.xml', '--root', image);
  assert.deepEqual(
    report.results
      .filter(({ check }) => check === 'L03')
      .map(({ subject, status, reason }) => [subject, status, reason]),
    [
      ['sshd_disable_root_login', 'not-applicable', 'found-by-ours'],
      ['banner_etc_issue_net', 'fail', 'failed-rule'],
      ['rules that could not be told', 'unknown', 'command-failed'],
    ],
  );
  assert.deepEqual(statusOf(report, 'A01'), ['fail permitrootlogin-weak']);
  const other = await reportOf('import', '/var/lib/scap/none.xml', '--root', image);
  assert.deepEqual(statusOf(other, 'L03'), ['unknown unsupported']);
  assert.equal((await audit('import', '/none.xml', '--root', image)).code, 2);
});

describe('audit of this machine', () => {
  let report: AuditReport;
  before(async () => {
    report = await reportOf();
  });

  it('answers every check without an error, and shows no hash of its shadow file', () => {
    assert.deepEqual(
      report.results.filter(({ status }) => status === 'error'),
      [],
    );
    assert.doesNotMatch(JSON.stringify(report), /\$(?:y|6)\$[./A-Za-z0-9]/);
    assert.ok(report.results.length > 45);
  });

  it('can be compared with itself, and taken as a baseline', async () => {
    const file = join(base, 'before.json');
    assert.equal((await audit('baseline', file, '--root', image)).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await audit('compare', file, file)).code, 0);
  });
});

describe('the command line', () => {
  it('writes every format in one run', async () => {
    const names = ['r.json', 'r.sarif', 'r.xml', 'r.csv', 'r.html', 'r.md', 'r.txt'];
    const { code } = await audit('host', '--root', image, ...names.flatMap((name) => ['-o', join(base, name)]));
    assert.equal(code, 1);
    for (const name of names) assert.ok(existsSync(join(base, name)), name);
  });

  it('says with exit code 2 what has to be mended', async () => {
    writeFileSync(join(base, 'bad.yaml'), 'waivers:\n  - check: U01\n');
    for (const [args, says] of [
      [['--fail-on', 'bad'], /--fail-on takes critical, high/],
      [['--only', 'Q'], /no check "Q"/],
      [['-o', 'x.pdf'], /extensions/],
      [['--new-only'], /--baseline/],
      [['--root', join(base, 'none')], /no folder/],
      [['--recorded', 'x'], /--root/],
      [['--timeout', '0'], /--timeout takes seconds/],
      [['--file', join(base, 'bad.yaml')], /bad\.yaml:2:5: waivers\[0\]\.reason: is missing/],
      [['explain', 'U99'], /no check "U99"/],
      [['compare', 'x'], /two JSON reports/],
    ] as const) {
      const { code, out, err } = await audit(...args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, says);
    }
  });

  it('ends the program with the exit code of the gate', async () => {
    const { code, out } = await sallyport(['audit', 'host', '--root', image, '--only', 'A01']);
    assert.equal(code, 1);
    assert.match(out, /A01 {2}/);
  });

  it('explains a check', async () => {
    const { code, out } = await audit('explain', 'u02');
    assert.equal(code, 0);
    assert.match(out, /U02 {2}No security update is pending[\s\S]*To mend it[\s\S]*CIS Controls v8: 7\.3/);
  });

  it('takes the audit file that the documentation shows', () => {
    const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8');
    const [, yaml = ''] = /```yaml\n(targets:[\s\S]*?)```/.exec(page) ?? [];
    const file = parseAuditFile('docs/audit.md', yaml, () => true, Date.parse('2026-11-26'));
    assert.equal(file.waivers.length, 1);
  });
});
