import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reportSchema } from '../../src/assurance/audit/report/report-schema.ts';
import { sallyportInProcess } from '../kit/in-process.ts';
import { withoutNetworks } from '../kit/network-namespace.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'sallyport-fix-'));
chmodSync(base, 0o755);
after(() => rmSync(base, { recursive: true, force: true }));

/** Debian's packages, each with a command that works only where it is installed. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'openssh-server': 'command -v sshd',
  mosquitto: 'command -v mosquitto',
  fail2ban: 'fail2ban-client --version',
  'python3-systemd': '/usr/bin/python3 -c "import systemd.journal"',
  nftables: 'nft --version',
  iptables: 'iptables --version',
};
const missing = Object.keys(PROGRAMS).filter((name) => spawnSync('sh', ['-c', PROGRAMS[name]!]).status !== 0);
const without =
  withoutNetworks ||
  (process.getuid?.() === 0 ? false : 'only root can mount') ||
  (missing.length === 0 ? false : `not installed: ${missing.join(', ')}`);

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
log_dest file /var/log/mosquitto/mosquitto.log
check_retain_source false
pid_file /run/mosquitto/mosquitto.pid
`;
/** As Debian ships it: what comes in is accepted. */
const NFTABLES = `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
}
`;
/** What Debian's programs read there beside what they are configured with. */
const ETC =
  'alternatives debian_version fail2ban group ld.so.cache ld.so.conf ld.so.conf.d localtime nsswitch.conf os-release pam.d passwd security ssl';
/** No systemd runs on the host: what it would restart is restarted as its unit does it; the rest needs no systemd that runs. */
const SYSTEMCTL = `#!/bin/sh
case "$*" in
  'restart fail2ban') exec fail2ban-client restart ;;
  'restart mosquitto')
    pid=$(cat /run/mosquitto/mosquitto.pid) && kill "$pid" || exit 1
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    exec mosquitto -d -c /etc/mosquitto/mosquitto.conf ;;
esac
exec /usr/bin/systemctl "$@"
`;
/** A login without a name, as soon as Mosquitto listens; prints the reason code of the CONNACK. */
const LOG_IN = `
  const logIn = () => {
    const socket = require('node:net').connect(1883, '127.0.0.1');
    socket.on('connect', () => socket.write(Buffer.from('101000044d5154540402003c0004616e6f6e', 'hex')));
    socket.on('data', (bytes) => { console.log(bytes[3]); socket.destroy(); });
    socket.on('error', () => setTimeout(logIn, 50));
  };
  logIn();
`;
/** A login without a key or a password: sshd answers with the methods that it would take. */
const SSH =
  'ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=none nobody@127.0.0.1';

interface Host {
  readonly folder: string;
  read(path: string): string;
  write(path: string, text: string): void;
  /** A program on that host. */
  run(...command: string[]): { code: number | null; out: string; err: string };
  /** What a person types there, as root. */
  shell(command: string): { code: number | null; out: string; err: string };
  fix(verb: string, ...args: string[]): { code: number | null; out: string; err: string };
}

/** This machine with folders, processes and a network of its own: real programs, and nothing of the machine is changed. */
async function weakHost(t: TestContext, name: string): Promise<Host> {
  const folder = join(base, name);
  const at = (path: string): string => join(folder, path);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const made = ['etc/ssh/sshd_config.d', 'etc/systemd/system/multi-user.target.wants', 'run/sshd', 'run/fail2ban'];
  for (const path of [...made, 'var/log', 'var/lib/fail2ban']) mkdirSync(at(path), { recursive: true });
  for (const path of ETC.split(' ')) spawnSync('cp', ['-a', `/etc/${path}`, at('etc')]);
  for (const path of ['run/mosquitto', 'var/log/mosquitto']) spawnSync('install', ['-d', '-o', 'mosquitto', at(path)]);
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('etc/ssh/ssh_host_ed25519_key')]);
  write('etc/ssh/sshd_config', SSHD);
  write('etc/mosquitto/mosquitto.conf', MOSQUITTO);
  write('etc/mosquitto/passwd', 'ann:$7$101$c2FsdA==$aGFzaA==\n');
  write('etc/nftables.conf', NFTABLES);
  write('etc/fail2ban/jail.d/defaults-debian.conf', '[sshd]\nenabled = false\n');
  write('home/ann/.ssh/authorized_keys', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabc ann\n');
  write('bin/systemctl', SYSTEMCTL);
  chmodSync(at('bin/systemctl'), 0o755);
  chmodSync(at('etc/mosquitto/passwd'), 0o644);
  // Whatever else runs on this machine is no business of the test's.
  write(
    'audit.yaml',
    'targets: [{ kind: host, place: / }, { kind: mosquitto, place: /etc/mosquitto/mosquitto.conf }]\n',
  );
  const mounts = ['etc', 'home', 'run', 'var/log', 'var/lib/fail2ban'].map(
    (path) => `mount --bind ${at(path)} /${path}`,
  );
  const script = `${mounts.join(' && ')} && ip link set lo up && echo up && while sleep 1; do :; done`;
  const holder = spawn(
    'unshare',
    ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(async () => {
    const ended = once(holder, 'exit');
    if (holder.exitCode === null && holder.kill('SIGKILL')) await ended;
  });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
  assert.equal(holder.exitCode, null, 'the host is there');
  // The holder itself is outside of its own process namespace.
  const inside = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim();
  const run: Host['run'] = (...command) => {
    const { status, stdout, stderr } = spawnSync(
      'nsenter',
      [`--target=${inside}`, '--mount', '--net', '--pid', ...command],
      { encoding: 'utf8', timeout: 120_000 },
    );
    return { code: status, out: stdout, err: stderr };
  };
  return {
    folder,
    read: (path) => readFileSync(at(path), 'utf8'),
    write,
    run,
    shell: (command) => run('sh', '-c', `PATH=${at('bin')}:/usr/sbin:/usr/bin:/sbin:/bin; ${command}`),
    fix: (verb, ...args) => {
      const where = verb === 'revert' ? [] : ['--file', at('audit.yaml')];
      return run(process.execPath, BIN, 'audit', 'fix', verb, ...args, ...where);
    },
  };
}

/** The five programs, each as weak as its configuration. */
function startPrograms(host: Host): void {
  for (const command of [
    '/usr/sbin/sshd',
    'mosquitto -d -c /etc/mosquitto/mosquitto.conf',
    'fail2ban-client start',
    'nft -f /etc/nftables.conf',
    'iptables -A INPUT -p tcp --dport 22 -j ACCEPT',
    'iptables -A INPUT -p udp --dport 1900 -j ACCEPT',
  ]) {
    const { code, err, out } = host.shell(command);
    assert.equal(code, 0, `${command}: ${err}${out}`);
  }
}

/** All but what is of the one kernel that the host shares with this machine. */
const WANTED = ['--only', 'A,M,S', '--admin', '198.51.100.10/32'];
const MENDED: Readonly<Record<string, readonly string[]>> = {
  sshd: ['A01', 'A02', 'A03', 'A04', 'A05'],
  permissions: ['A11'],
  'mosquitto:/etc/mosquitto/mosquitto.conf': ['M01', 'M15', 'M17', 'M19', 'M20', 'M22', 'M25'],
  // Of both kinds of rules, those of nft and those of iptables.
  firewall: ['S07', 'S08'],
};

interface Plan {
  readonly steps: readonly { id: string; mends: readonly { check: string }[]; afterwards: readonly string[] }[];
  readonly byHand: readonly { check: string; command?: string }[];
}

function audited(host: Host) {
  const { out, err } = host.run(process.execPath, BIN, 'audit', '--json', '--file', join(host.folder, 'audit.yaml'));
  assert.notEqual(out, '', err);
  const { results, score } = reportSchema.parse(JSON.parse(out));
  const failed = new Map(results.filter(({ status }) => status === 'fail').map((result) => [result.check, result]));
  const passed = new Set(results.filter(({ status }) => status === 'pass').map(({ check }) => check));
  // What holds the total down may be left to a person.
  return { failed, passed, score: score.uncapped ?? 0 };
}

describe('audit fix on a weak host with the real sshd, Mosquitto, fail2ban, nft and iptables', {
  skip: without,
}, () => {
  it('mends what it says, names what is left to a person, and is put back by revert', async (t) => {
    const host = await weakHost(t, 'weak');
    startPrograms(host);
    const logIn = (): string => host.run(process.execPath, '-e', LOG_IN).out.trim();
    assert.equal(logIn(), '0', 'Mosquitto lets in who has no name');
    assert.match(host.shell(SSH).err, /Permission denied \(publickey,password/);
    const before = audited(host);
    const ids = [...Object.values(MENDED).flat(), 'A06'];
    for (const id of ids) assert.ok(before.failed.has(id), `${id} fails before`);
    assert.equal(before.failed.get('A06')?.reason, 'no-jail', 'fail2ban runs, for nothing');
    const chains = before.failed.get('S07')?.evidence?.observed ?? '';
    assert.match(chains, /inet filter input \(policy accept\).*iptables filter INPUT \(policy accept\)/);

    const planned = host.fix('plan', ...WANTED, '--json');
    assert.equal(planned.code, 1, planned.err);
    assert.equal(host.read('etc/ssh/sshd_config'), SSHD, 'a plan changes nothing');
    const plan = JSON.parse(planned.out) as Plan;
    for (const [id, checks] of Object.entries(MENDED)) {
      const mends = plan.steps.find((step) => step.id === id)?.mends.map(({ check }) => check);
      for (const check of checks) assert.ok(mends?.includes(check), `${id} mends ${check}, of ${mends}`);
    }
    const jail = plan.byHand.find(({ check }) => check === 'A06')?.command ?? 'no command';

    const applied = host.fix('apply', '--yes', ...WANTED, '--backups', join(host.folder, 'kept'), '--json');
    assert.equal(applied.code, 0, applied.err + applied.out);
    const { folder } = JSON.parse(applied.out) as { folder: string };
    assert.equal(host.run(process.execPath, BIN, 'audit', 'fix', 'confirm', folder).code, 0);
    for (const command of [jail, ...plan.steps.flatMap(({ afterwards }) => afterwards)]) {
      const { code, err, out } = host.shell(command);
      assert.equal(code, 0, `${command}: ${err}${out}`);
    }

    assert.equal(logIn(), '5', 'Mosquitto refuses who has no name');
    assert.match(host.shell(SSH).err, /Permission denied \(publickey\)/);
    const after = audited(host);
    assert.ok(after.score > before.score, `the score has risen, from ${before.score} to ${after.score}`);
    for (const id of ids) assert.ok(!after.failed.has(id), `${id} is mended`);
    for (const id of ids) assert.ok(after.passed.has(id), `${id} passes`);
    const brought = [...after.failed.keys()].filter((id) => !before.failed.has(id));
    assert.deepEqual(brought, [], 'nothing is found that was not there before');
    assert.match(host.run('sshd', '-T').out, /^permitrootlogin no$/m);
    assert.match(host.run('fail2ban-client', 'status').out, /Jail list:\s+sshd$/m);
    assert.match(host.read('etc/ssh/sshd_config'), /^PermitRootLogin no {2}# since the move$/m);
    assert.match(
      host.read('etc/mosquitto/mosquitto.conf'),
      /^# devices\nlistener 1883\nmax_connections 1000\nallow_anonymous false\n/,
    );
    assert.equal(statSync(join(host.folder, 'etc/mosquitto/passwd')).mode & 0o007, 0);

    assert.equal(host.fix('revert', folder).code, 0);
    assert.equal(host.read('etc/ssh/sshd_config'), SSHD);
    assert.equal(host.read('etc/mosquitto/mosquitto.conf'), MOSQUITTO);
    assert.equal(host.read('etc/nftables.conf'), NFTABLES);
    assert.equal(statSync(join(host.folder, 'etc/mosquitto/passwd')).mode & 0o777, 0o644);
  });

  it('is put back where Mosquitto does not start with it, and where sshd refuses the file', async (t) => {
    const host = await weakHost(t, 'broken');
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

  it('of sshd is put back by itself where nobody confirms it, after the command has ended', async (t) => {
    const host = await weakHost(t, 'unconfirmed');
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

const fixIn = (root: string, verb: string, ...args: string[]) =>
  sallyportInProcess('audit', 'fix', verb, ...args, '--root', root);
const revert = (folder: string) => sallyportInProcess('audit', 'fix', 'revert', folder);

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
    assert.equal((await revert(forged)).code, 2);
    cpSync(forged, `${forged}-open`, { recursive: true });
    chmodSync(`${forged}-open`, 0o777);
    assert.match((await revert(`${forged}-open`)).err, /only this user may write to/);
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
