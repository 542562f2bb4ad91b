import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reportSchema } from '../../src/assurance/audit/report/report-schema.ts';
import { sallyportInProcess } from '../kit/in-process.ts';
import { withoutNetworks } from '../kit/network-namespace.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'sallyport-fix-'));
chmodSync(base, 0o755);
after(() => rmSync(base, { recursive: true, force: true }));

const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const without =
  withoutNetworks ||
  (process.getuid?.() === 0 ? false : 'only root can mount') ||
  (['sshd', 'mosquitto'].every(isInstalled) ? false : 'openssh-server or mosquitto is not installed');

const SSHD = `# ours
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes  # since the move
PasswordAuthentication yes
X11Forwarding yes
UsePAM yes
Subsystem sftp /usr/lib/openssh/sftp-server
`;
const MOSQUITTO = `# devices
listener 1883
allow_anonymous true
password_file /etc/mosquitto/passwd
log_type all
check_retain_source false
`;

interface Host {
  readonly folder: string;
  read(path: string): string;
  write(path: string, text: string): void;
  /** A program on that host. */
  run(...command: string[]): { code: number | null; out: string; err: string };
  fix(...args: string[]): { code: number | null; out: string; err: string };
}

/** This machine with folders of its own for what is configured: real programs, and nothing of the machine is changed. */
function weakHost(name: string): Host {
  const folder = join(base, name);
  const at = (path: string): string => join(folder, path);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  mkdirSync(at('etc/ssh/sshd_config.d'), { recursive: true });
  mkdirSync(at('run/sshd'), { recursive: true });
  mkdirSync(at('etc/systemd/system'), { recursive: true });
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('etc/ssh/ssh_host_ed25519_key')]);
  write('etc/ssh/sshd_config', SSHD);
  write('etc/mosquitto/mosquitto.conf', MOSQUITTO);
  write('etc/mosquitto/passwd', 'ann:$7$101$c2FsdA==$aGFzaA==\n');
  write('home/ann/.ssh/authorized_keys', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabc ann\n');
  chmodSync(at('etc/mosquitto/passwd'), 0o644);
  const mounts = ['etc/ssh', 'etc/mosquitto', 'etc/systemd/system', 'home', 'run'].map(
    (path) => `mount --bind ${at(path)} /${path}`,
  );
  const run: Host['run'] = (...command) => {
    const script = `${mounts.join(' && ')} && ip link set lo up && exec "$@"`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--net', 'sh', '-c', script, 'sh', ...command],
      {
        encoding: 'utf8',
        timeout: 120_000,
      },
    );
    return { code: status, out: stdout, err: stderr };
  };
  // Whatever else runs on this machine is no business of the test's.
  write(
    'audit.yaml',
    'targets: [{ kind: host, place: / }, { kind: mosquitto, place: /etc/mosquitto/mosquitto.conf }]\n',
  );
  return {
    folder,
    read: (path) => readFileSync(at(path), 'utf8'),
    write,
    run,
    fix: (...args) => run(process.execPath, BIN, 'audit', 'fix', ...args, '--file', at('audit.yaml')),
  };
}

const SSH_AND_BROKER = ['--only', 'A01,A02,A03,A04,A05,A11,M'];

function audited(host: Host): { failed: Set<string>; score: number } {
  const { out, err } = host.run(process.execPath, BIN, 'audit', '--json', '--file', join(host.folder, 'audit.yaml'));
  assert.notEqual(out, '', err);
  const { results, score } = reportSchema.parse(JSON.parse(out));
  const failed = new Set(results.filter(({ status }) => status === 'fail').map(({ check }) => check));
  // What holds the total down may be left to a person.
  return { failed, score: score.uncapped ?? 0 };
}

describe('audit fix on a weak host with the real sshd and Mosquitto', { skip: without }, () => {
  it('mends what it says, keeps comments, modes and owners, and is put back by revert', () => {
    const host = weakHost('weak');
    const { failed: before, score } = audited(host);
    for (const id of ['A01', 'A02', 'A03', 'A04', 'A05', 'A11', 'M01', 'M15', 'M17', 'M19', 'M20', 'M22', 'M25'])
      assert.ok(before.has(id), `${id} fails before`);
    const planned = host.fix('plan', ...SSH_AND_BROKER);
    assert.equal(planned.code, 1, planned.err);
    assert.match(planned.out, /^-PermitRootLogin yes {2}# since the move$/m);
    assert.equal(host.read('etc/ssh/sshd_config'), SSHD, 'a plan changes nothing');

    const applied = host.fix('apply', '--yes', ...SSH_AND_BROKER, '--backups', join(host.folder, 'kept'), '--json');
    assert.equal(applied.code, 0, applied.err + applied.out);
    const { folder } = JSON.parse(applied.out) as { folder: string };
    assert.equal(host.run(process.execPath, BIN, 'audit', 'fix', 'confirm', folder).code, 0);
    const { failed: left, score: risen } = audited(host);
    assert.ok(risen > score, `the score has risen, from ${score} to ${risen}`);
    for (const id of ['A01', 'A02', 'A03', 'A04', 'A05', 'A11', 'M01', 'M15', 'M17', 'M19', 'M20', 'M22', 'M25'])
      assert.ok(!left.has(id), `${id} is mended`);
    assert.match(host.read('etc/ssh/sshd_config'), /^PermitRootLogin no {2}# since the move$/m);
    assert.match(host.run('sshd', '-T').out, /^permitrootlogin no$/m);
    assert.match(
      host.read('etc/mosquitto/mosquitto.conf'),
      /^# devices\nlistener 1883\nmax_connections 1000\nallow_anonymous false\n/,
    );
    assert.equal(statSync(join(host.folder, 'etc/mosquitto/passwd')).mode & 0o007, 0);

    assert.equal(host.fix('revert', folder).code, 0);
    assert.equal(host.read('etc/ssh/sshd_config'), SSHD);
    assert.equal(host.read('etc/mosquitto/mosquitto.conf'), MOSQUITTO);
    assert.equal(statSync(join(host.folder, 'etc/mosquitto/passwd')).mode & 0o777, 0o644);
  });

  it('is put back where Mosquitto does not start with it, and where sshd refuses the file', () => {
    const host = weakHost('broken');
    // A file that the audit cannot know to be damaged.
    const broken = `${MOSQUITTO}psk_file /etc/mosquitto/no-such-file\nno_such_setting true\n`;
    const refused = `${SSHD}NoSuchKeyword yes\n`;
    host.write('etc/mosquitto/mosquitto.conf', broken);
    host.write('etc/ssh/sshd_config', refused);
    const { code, out } = host.fix('apply', '--yes', '--only', 'A03,M', '--backups', join(host.folder, 'kept'));
    assert.equal(code, 1, out);
    assert.match(out, /rolled back {2}sshd\n {2}sshd refuses it: .*NoSuchKeyword/);
    assert.match(
      out,
      /rolled back {2}mosquitto:\/etc\/mosquitto\/mosquitto\.conf\n {2}Mosquitto did not start with it/,
    );
    assert.equal(host.read('etc/mosquitto/mosquitto.conf'), broken);
    assert.equal(host.read('etc/ssh/sshd_config'), refused);
  });

  it('of sshd is put back by itself where nobody confirms it, after the command has ended', async () => {
    const host = weakHost('unconfirmed');
    const kept = join(host.folder, 'kept');
    const { code, out, err } = host.fix('apply', '--yes', '--only', 'A05', '--confirm-within', '1', '--backups', kept);
    assert.equal(code, 0, err);
    assert.match(out, /audit fix confirm/);
    for (let tries = 0; host.read('etc/ssh/sshd_config') !== SSHD; tries++) {
      assert.ok(tries < 200, 'it is put back');
      await sleep(100);
    }
  });
});

/** A folder that stands for a system; none of its programs is run. */
function image(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(base, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const fixIn = (root: string, ...args: string[]) => sallyportInProcess('audit', 'fix', ...args, '--root', root);

describe('audit fix of an image', () => {
  it('writes inside it alone, also where its links lead out of it', async () => {
    const outside = join(base, 'outside.conf');
    writeFileSync(outside, 'untouched\n');
    const root = image('linked', { '/etc/mosquitto/real.conf': 'listener 1883\n', '/etc/none': '' });
    spawnSync('ln', ['-s', '/etc/mosquitto/real.conf', join(root, 'etc/mosquitto/mosquitto.conf')]);
    spawnSync('ln', ['-s', outside, join(root, 'etc/mosquitto/out.conf')]);
    const { code, err } = await fixIn(root, 'apply', '--yes', '--only', 'M15,M19');
    assert.equal(code, 0, err);
    assert.match(
      readFileSync(join(root, 'etc/mosquitto/real.conf'), 'utf8'),
      /^listener 1883\nmax_packet_size 1048576\n/,
    );
    assert.equal(readFileSync(outside, 'utf8'), 'untouched\n');
    assert.ok(existsSync(join(root, 'var/lib/sallyport/audit-fix')));
  });

  it('leaves passwords on where nobody has a key', async () => {
    const root = image('keyless', { '/etc/ssh/sshd_config': SSHD });
    const { out } = await fixIn(root, 'plan', '--only', 'A02', '--json');
    const plan = JSON.parse(out) as { steps: unknown[]; byHand: { check: string; says?: string }[] };
    assert.equal(plan.steps.length, 0);
    assert.match(plan.byHand[0]?.says ?? '', /nobody could log in/);
  });

  it('wants a word before it changes anything, and refuses a folder that it did not make', async () => {
    const root = image('careful', { '/etc/mosquitto/mosquitto.conf': 'listener 1883\n' });
    assert.equal((await fixIn(root, 'apply')).code, 2);
    assert.equal(readFileSync(join(root, 'etc/mosquitto/mosquitto.conf'), 'utf8'), 'listener 1883\n');
    const forged = join(base, 'forged');
    mkdirSync(forged);
    writeFileSync(join(forged, 'manifest.json'), '{"version":1,"undo":[{"kind":"run","path":"/bin/sh"}]}');
    assert.equal((await fixIn(root, 'revert', forged)).code, 2);
    cpSync(forged, `${forged}-open`, { recursive: true });
    chmodSync(`${forged}-open`, 0o777);
    assert.match((await fixIn(root, 'revert', `${forged}-open`)).err, /only this user may write to/);
  });

  it('of hostile files is a plan, and no crash', async () => {
    const root = image('hostile', {
      '/etc/mosquitto/mosquitto.conf': `listener \u001b[2J\nlistener 1883\r\nmax_connections -1\r\n${'x'.repeat(70_000)}\ninclude_dir /etc/mosquitto\n`,
      '/etc/ssh/sshd_config': 'Match all\nMatch\n=\nMACs\nPermitRootLogin\n"""\nInclude sshd_config\n',
      '/etc/sysctl.d/x.conf': '====\n',
    });
    const { code, err, out } = await fixIn(root, 'plan');
    assert.ok(code === 0 || code === 1, err);
    assert.doesNotMatch(out, /\u001b\[2J/);
  });
});
