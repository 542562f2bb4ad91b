import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAuditFile } from '../../src/assurance/audit/audit-file/load.ts';
import { type AuditReport, reportSchema } from '../../src/assurance/audit/report/report-schema.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
after(() => rmSync(base, { recursive: true }));

function audit(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'audit', ...args], {
    encoding: 'utf8',
    cwd: base,
  });
  return { code: status, out: stdout, err: stderr };
}

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

function reportOf(...args: string[]): AuditReport {
  const { out, err } = audit(...args, '--json');
  assert.notEqual(out, '', err);
  return reportSchema.parse(JSON.parse(out));
}

const statusOf = (report: AuditReport, id: string): string[] =>
  report.results.filter(({ check }) => check === id).map(({ status, reason }) => `${status} ${reason ?? ''}`.trim());

describe('audit of an image', () => {
  it('finds what its files tell, and does not pass what only a running system could', () => {
    const report = reportOf('host', '--root', image);
    assert.deepEqual(statusOf(report, 'U01'), ['fail end-of-life']);
    assert.deepEqual(statusOf(report, 'A01'), ['fail permitrootlogin-weak']);
    assert.deepEqual(statusOf(report, 'A07'), ['fail empty-password']);
    for (const id of ['S01', 'S07', 'A10', 'H01', 'H08'])
      assert.deepEqual(statusOf(report, id), ['unknown not-running'], id);
    assert.ok(report.score.total !== null && report.score.total <= 39, 'a critical finding is open');
    assert.equal(report.gate.exitCode, 1);
  });

  it('takes outputs that were recorded on the system', () => {
    const recording = join(base, 'recording.json');
    const stdout = 'tcp LISTEN 0 100 0.0.0.0:1883 0.0.0.0:*\n';
    writeFileSync(recording, JSON.stringify({ commands: [{ command: ['ss', '-Htulnp'], stdout }] }));
    const report = reportOf('host', '--root', image, '--recorded', recording);
    assert.deepEqual(statusOf(report, 'S01'), ['fail plaintext-exposed']);
  });

  it('of nothing at all is incomplete, and has no grade', () => {
    const report = reportOf('host', '--root', makeImage('empty', { '/etc/none': '' }));
    assert.deepEqual([report.gate.exitCode, report.score.grade], [3, null]);
    assert.ok(!report.results.some(({ status }) => status === 'error'));
  });

  it('of hostile files is an answer for each check, and no crash', () => {
    const hostile = makeImage('hostile', {
      '/etc/os-release': '\u0000\u001b[2J'.repeat(5000),
      '/etc/passwd': ':::\n'.repeat(100_000),
      '/etc/ssh/sshd_config': 'Include /etc/ssh/*\nInclude sshd_config\n',
      '/etc/sudoers': '@include /etc/sudoers\n@includedir /etc\n',
      '/var/lib/dpkg/status': `Package: ${'x'.repeat(100_000)}\nVersion: \n\n:::`,
      '/etc/pam.d/common-auth': '\u202e<script>',
    });
    symlinkSync('/etc/shadow', join(hostile, 'etc/shadow'));
    const report = reportOf('host', '--root', hostile);
    assert.ok(!report.results.some(({ status }) => status === 'error'));
  });
});

describe('audit of this machine', () => {
  const report = reportOf();

  it('answers every check without an error, and shows no hash of its shadow file', () => {
    assert.deepEqual(
      report.results.filter(({ status }) => status === 'error'),
      [],
    );
    assert.doesNotMatch(JSON.stringify(report), /\$(?:y|6)\$[./A-Za-z0-9]/);
    assert.ok(report.results.length > 45);
  });

  it('can be compared with itself, and taken as a baseline', () => {
    const file = join(base, 'before.json');
    assert.equal(audit('baseline', file).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(audit('compare', file, file).code, 0);
  });
});

describe('the command line', () => {
  it('writes every format in one run', () => {
    const names = ['r.json', 'r.sarif', 'r.xml', 'r.csv', 'r.html', 'r.md', 'r.txt'];
    const { code } = audit('host', '--root', image, ...names.flatMap((name) => ['-o', join(base, name)]));
    assert.equal(code, 1);
    for (const name of names) assert.ok(existsSync(join(base, name)), name);
  });

  it('says with exit code 2 what has to be mended', () => {
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
      const { code, out, err } = audit(...args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, says);
    }
  });

  it('explains a check', () => {
    const { code, out } = audit('explain', 'u02');
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
