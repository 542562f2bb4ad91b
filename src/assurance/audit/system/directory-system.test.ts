import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { machineCommands, noCommands, recordedCommands } from './commands.ts';
import { DirectorySystem } from './directory-system.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
after(() => rmSync(base, { recursive: true }));

const root = join(base, 'image');
mkdirSync(join(root, 'etc/real'), { recursive: true });
writeFileSync(join(base, 'outside'), 'secret of the host');
writeFileSync(join(root, 'etc/real/file'), 'inside');
symlinkSync('/etc/real', join(root, 'etc/absolute'));
symlinkSync('../../../../../../outside', join(root, 'etc/up'));
symlinkSync(join(base, 'outside'), join(root, 'etc/out'));
symlinkSync('circle', join(root, 'etc/circle'));
writeFileSync(join(root, 'etc/binary'), Buffer.from([0xff, 0xfe, 0x00]));
writeFileSync(join(root, 'etc/large'), 'x'.repeat(5000));
execFileSync('mkfifo', [join(root, 'etc/pipe')]);

const image = new DirectorySystem({ root, runCommand: noCommands });

test('links are resolved inside the root, absolute ones too', async () => {
  const fact = await image.readText('/etc/absolute/file');
  assert.equal(fact.state === 'known' && fact.value, 'inside');
});

test('no link leads out of the root', async () => {
  for (const path of ['/etc/up', '/etc/out', '/../../outside', '/etc/../../outside']) {
    assert.equal((await image.readText(path)).state, 'absent', path);
    assert.equal((await image.status(path)).state, 'absent', path);
  }
});

test('what cannot be read is unknown with its reason, and never an exception', async () => {
  for (const [path, reason] of [
    ['/etc/circle', 'unreadable'],
    ['/etc/binary', 'unreadable'],
    ['/etc/pipe', 'unreadable'],
    ['/etc/real', 'unreadable'],
    ['/etc/large', 'too-large'],
  ] as const) {
    const fact = await image.readText(path, { sizeMaxBytes: 4096 });
    assert.equal(fact.state === 'unknown' && fact.reason, reason, path);
  }
  assert.deepEqual(await image.readText('/etc/none'), { state: 'absent', source: { from: '/etc/none' } });
  assert.equal((await image.list('/etc/real/file')).state, 'absent');
});

const isRoot = process.getuid?.() === 0;
test('what this user may not read is permission-denied', {
  skip: isRoot ? 'root may read everything' : false,
}, async () => {
  writeFileSync(join(root, 'etc/shadow'), 'x');
  chmodSync(join(root, 'etc/shadow'), 0);
  const fact = await image.readText('/etc/shadow');
  assert.equal(fact.state === 'unknown' && fact.reason, 'permission-denied');
});

test('files of /proc, which have no size, are read', async () => {
  const live = new DirectorySystem({ root: '/', runCommand: noCommands });
  const fact = await live.readText('/proc/self/status');
  assert.ok(fact.state === 'known' && fact.value.startsWith('Name:'));
});

test('commands: an image runs none, a recording answers what was recorded', async () => {
  const nothing = await image.run('ss', ['-Htlnp']);
  assert.equal(nothing.state === 'unknown' && nothing.reason, 'not-running');
  const run = recordedCommands({ commands: [{ command: ['ss', '-Htlnp'], stdout: 'LISTEN\n' }] });
  const recorded = await run('ss', ['-Htlnp']);
  assert.deepEqual(recorded.state === 'known' && recorded.value, { exitCode: 0, stdout: 'LISTEN\n', stderr: '' });
  assert.equal((await run('ss', [])).state, 'unknown');
});

test('commands of the machine: a failure is a value, a missing program and a deadline are not', async () => {
  const controller = new AbortController();
  const run = machineCommands(controller.signal);
  const failed = await run('ls', ['/nonexistent/at-all']);
  assert.equal(failed.state === 'known' && failed.value.exitCode, 2);
  const missing = await run('sallyport-no-such-program', []);
  assert.equal(missing.state === 'unknown' && missing.reason, 'tool-missing');
  const slow = run('sleep', ['600']);
  controller.abort();
  const cut = await slow;
  assert.equal(cut.state === 'unknown' && cut.reason, 'timed-out');
});

test('commands get neither the environment nor the PATH of the caller', async () => {
  process.env['SALLYPORT_TEST_SECRET'] = 'x';
  const printed = await machineCommands(new AbortController().signal)('env', []);
  assert.ok(printed.state === 'known');
  assert.doesNotMatch(printed.value.stdout, /SALLYPORT_TEST_SECRET/);
  assert.match(printed.value.stdout, /^PATH=\/usr\/sbin:\/usr\/bin:\/sbin:\/bin$/m);
});

test('asked twice, the same answer: a run is of one moment', async () => {
  let runs = 0;
  const system = new DirectorySystem({
    root,
    runCommand: async (command, args) => {
      runs++;
      return noCommands(command, args);
    },
  });
  await Promise.all([system.run('ss', []), system.run('ss', [])]);
  assert.equal(runs, 1);
});
