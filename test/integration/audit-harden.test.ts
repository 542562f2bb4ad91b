import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readDirectives } from '../../src/assurance/audit/brokers/mosquitto/directives.ts';
import { mosquittoTrial } from '../../src/assurance/audit/fix/mosquitto-trial.ts';
import { noCommands } from '../../src/assurance/audit/system/commands.ts';
import { DirectorySystem } from '../../src/assurance/audit/system/directory-system.ts';
import { sallyportInProcess } from '../kit/in-process.ts';
import { withoutNetworks } from '../kit/network-namespace.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-harden-'));
after(() => rmSync(base, { recursive: true, force: true }));

const lacks = (program: string): string | false =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? false : `${program} is not installed`;

const RECORDING = {
  commands: [
    {
      command: ['ss', '-Htulnp'],
      stdout: [
        'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))',
        'tcp LISTEN 0 128 [::]:8883 [::]:* users:(("mosquitto",pid=2,fd=3))',
        'tcp LISTEN 0 128 0.0.0.0:1883 0.0.0.0:* users:(("mosq\u001b } accept #",pid=2,fd=4))',
        'tcp LISTEN 0 128 127.0.0.1:5432 0.0.0.0:*',
        'udp UNCONN 0 0 0.0.0.0:5353 0.0.0.0:*',
        '',
      ].join('\n'),
    },
  ],
};

function image(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(base, name);
  for (const [path, text] of Object.entries({ ...files, 'recording.json': JSON.stringify(RECORDING) })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const harden = (...args: string[]) => sallyportInProcess('harden', ...args);

const UNIT = '[Service]\nType=simple\nExecStart=/bin/true\n';
const root = image('host', {
  '/etc/mosquitto/mosquitto.conf': '# main\npersistence_location /srv/mosquitto/\ninclude_dir /etc/mosquitto/conf.d\n',
  '/etc/mosquitto/conf.d/b.conf': 'listener 1884\nmax_connections -1\n',
  '/etc/mosquitto/conf.d/a.conf': '# first\nlistener 1883\n',
  '/etc/ssh/sshd_config': 'PermitRootLogin yes\n',
  '/home/ann/.ssh/authorized_keys': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabc ann\n',
  '/etc/systemd/system/mosquitto.service': UNIT,
});

describe('harden', () => {
  it('mosquitto keeps passwords in the file, and the file for its owner', async () => {
    const text = 'listener 1883\nallow_anonymous true\nconnection up\nremote_password hunter2\n';
    const secret = image('secret', { '/etc/mosquitto/mosquitto.conf': text });
    const file = join(base, 'secret.conf');
    assert.equal((await harden('mosquitto', '--root', secret, '-o', file)).code, 0);
    assert.match(readFileSync(file, 'utf8'), /^remote_password hunter2$/m);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const planned = await sallyportInProcess('audit', 'fix', 'plan', '--root', secret, '--only', 'M');
    assert.match(planned.out, /^\+max_connections 1000$/m);
    assert.doesNotMatch(planned.out, /hunter2/);
  });

  it('mosquitto gives one file in the order of the includes, with which Mosquitto starts', {
    skip: lacks('mosquitto') || withoutNetworks,
  }, async () => {
    const { code, out, err } = await harden('mosquitto', '--root', root);
    assert.equal(code, 0, err);
    assert.match(
      out,
      /# main\npersistence_location .*\n# from .*a\.conf\n# first\nlistener 1883\nmax_connections 1000\n/,
    );
    assert.match(out, /\nlistener 1884\nmax_connections 1000\n/);
    assert.match(out, /^# {3}M08 /m);
    assert.doesNotMatch(out, /^include_dir/m);
    const copy = join(base, 'hardened.conf');
    writeFileSync(copy, out);
    const system = new DirectorySystem({ root: '/', runCommand: noCommands });
    const directives = await readDirectives(system, copy);
    assert.ok(directives.state === 'known');
    assert.equal(await mosquittoTrial(directives.value), undefined);
    const broken = [...directives.value, { name: 'no_such_setting', value: '1', file: copy, line: 1 }];
    assert.match((await mosquittoTrial(broken)) ?? '', /did not start/);
  });

  it('sshd gives a drop-in that sshd accepts, and leaves root and passwords on where nobody has a key', {
    skip: lacks('sshd') || lacks('ssh-keygen'),
  }, async () => {
    const file = join(base, '00-sallyport.conf');
    assert.equal((await harden('sshd', '--root', root, '-o', file)).code, 0);
    assert.match(readFileSync(file, 'utf8'), /^PermitRootLogin no$/m);
    const key = join(base, 'host_key');
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    mkdirSync('/run/sshd', { recursive: true });
    const told = spawnSync('/usr/sbin/sshd', ['-t', '-f', file, '-h', key], { encoding: 'utf8' });
    assert.equal(told.status, 0, told.stderr);
    const keyless = image('keyless', { '/etc/ssh/sshd_config': 'PermitRootLogin yes\n' });
    assert.match((await harden('sshd', '--root', keyless)).out, /^# PermitRootLogin no$/m);
    assert.equal((await harden('sshd', '--root', root, '-o', file)).code, 2, 'a file that is there is left alone');
  });

  it('systemd gives a drop-in without a word that systemd does not know, and names where the broker writes', {
    skip: lacks('systemd-analyze'),
  }, async () => {
    const { code, out, err } = await harden('systemd', '--root', root);
    assert.equal(code, 0, err);
    assert.match(out, /^ReadWritePaths=.*-\/srv\/mosquitto/m);
    const unit = join(base, 'hardened.service');
    writeFileSync(unit, `${UNIT}${out}`);
    const told = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    assert.doesNotMatch(told.stderr, /hardened\.service:\d+/);
    writeFileSync(unit, `${UNIT}${out}NoSuchKey=yes\n`);
    assert.match(spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' }).stderr, /NoSuchKey/);
  });

  it('nftables gives a ruleset that nft loads, that drops by default, and whose comments nobody can break out of', {
    skip: lacks('nft') || withoutNetworks,
  }, async () => {
    const args = ['--root', root, '--recorded', join(root, 'recording.json'), '--admin', '192.0.2.0/24'];
    const { code, out, err } = await harden('nftables', ...args);
    assert.equal(code, 0, err);
    const file = join(base, 'hardened.nft');
    writeFileSync(file, out);
    const script = 'nft -c -f "$1" && nft -f "$1" && nft -f "$1" && nft list ruleset';
    const told = spawnSync('unshare', ['--net', 'sh', '-c', script, 'sh', file], { encoding: 'utf8' });
    assert.equal(told.status, 0, told.stderr);
    assert.match(told.stdout, /policy drop/);
    assert.match(told.stdout, /ip saddr 192\.0\.2\.0\/24 tcp dport 22 accept/);
    assert.match(told.stdout, /ip saddr 192\.0\.2\.0\/24 tcp dport 1883 accept/);
    assert.match(told.stdout, /tcp dport 8883 accept/);
    assert.doesNotMatch(told.stdout, /5432|5353/);
    assert.equal((await harden('nftables', ...args, '--admin', '1.2.3.4/33; accept')).code, 2);
  });

  it('says what is missing where there is nothing', async () => {
    const empty = image('empty', {});
    for (const what of ['mosquitto', 'systemd', 'sshd', 'nftables', 'windows'])
      assert.equal((await harden(what, '--root', empty)).code, 2, what);
  });
});
