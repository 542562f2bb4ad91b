import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXTURE_NOW, fixtureContext, layered, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import {
  DEBIAN,
  DPKG_STATUS,
  dpkgStatus,
  NO_BROKER_PROCESS,
  SECURITY_INDEX,
  SECURITY_RELEASE,
  without,
} from '../../../../../test/kit/debian-host.ts';
import { collectHost, type HostFacts } from '../../host/host-facts.ts';
import { updates } from './updates.ts';

const debian = (over: MadeSystem): MadeSystem => layered(DEBIAN, over);
const DAY_MS = 86_400_000;

const FEDORA: MadeSystem = {
  files: { '/etc/os-release': 'NAME=Fedora\nPRETTY_NAME="Fedora Linux 43"\nID=fedora\nVERSION_ID=43\n' },
};
const ALWAYS = { cannot: 'every host has an operating system and a package manager' };

const handBuilt = (version: string): MadeSystem =>
  debian({
    files: {
      [DPKG_STATUS]: dpkgStatus({ libssl3: '3.0.17-1~deb12u2' }),
      '/usr/local/sbin/mosquitto': { bytes: Buffer.from(`\x7fELF\0\0${version}\0mosquitto version %s\0`) },
    },
  });

describeChecks<HostFacts, MadeSystem>({
  family: updates,
  collect: async (made) => collectHost(fixtureContext(made)),
  fixtures: {
    U01: {
      pass: DEBIAN,
      fail: debian({ files: { '/etc/os-release': 'ID=debian\nVERSION_CODENAME=bullseye\n' } }),
      'not-applicable': ALWAYS,
      unknown: FEDORA,
    },
    U02: {
      pass: DEBIAN,
      fail: debian({ files: { [SECURITY_INDEX]: 'Package: libssl3\nVersion: 3.0.18-1~deb12u1\n' } }),
      'not-applicable': ALWAYS,
      unknown: debian({ files: { [SECURITY_RELEASE]: null } }),
    },
    U03: {
      pass: DEBIAN,
      fail: debian({ files: { [SECURITY_RELEASE]: { text: '', modifiedMs: FIXTURE_NOW - 8 * DAY_MS } } }),
      'not-applicable': ALWAYS,
      unknown: debian({ files: { '/var/lib/apt/lists': { isFolder: true, unreadable: 'permission-denied' } } }),
    },
    U04: {
      pass: DEBIAN,
      fail: debian({ commands: { 'apt-config dump': 'APT::Periodic::Unattended-Upgrade "0";\n' } }),
      'not-applicable': ALWAYS,
      unknown: debian({ commands: { 'apt-config dump': null } }),
    },
    U05: {
      pass: DEBIAN,
      fail: debian({
        files: { '/etc/apt/sources.list': 'deb [trusted=yes] http://mirror.example/debian bookworm main\n' },
      }),
      'not-applicable': ALWAYS,
      unknown: debian({ files: { '/etc/apt/sources.list': { unreadable: 'permission-denied' } } }),
    },
    U06: {
      pass: DEBIAN,
      fail: handBuilt('2.0.11'),
      'not-applicable': debian({
        files: { ...NO_BROKER_PROCESS, [DPKG_STATUS]: dpkgStatus({ libssl3: '3.0.17-1~deb12u2' }) },
      }),
      unknown: handBuilt('unversioned'),
    },
    U07: {
      pass: DEBIAN,
      fail: debian({
        files: { '/proc/700/maps': '7f00-7f01 r-xp 0 08:01 11 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n' },
      }),
      'not-applicable': debian({ files: NO_BROKER_PROCESS }),
      unknown: debian({ files: { '/proc/700/maps': { unreadable: 'permission-denied' } } }),
    },
    U08: {
      pass: DEBIAN,
      fail: debian({ files: { '/boot/vmlinuz-6.1.0-42-amd64': '' } }),
      'not-applicable': debian({ files: without('/boot/vmlinuz-6.1.0-40-amd64', '/boot/vmlinuz-6.1.0-41-amd64') }),
      unknown: debian({ isImage: true }),
    },
  },
});

async function outcomesOf(id: string, made: MadeSystem, nowMs = FIXTURE_NOW) {
  const facts = await collectHost(fixtureContext(made, nowMs));
  const outcomes = updates.checks.find((check) => check.id === id)!.evaluate(facts);
  return [outcomes].flat();
}

test('an old index makes "nothing is pending" unknown, and a pending update still a failure', async () => {
  const later = FIXTURE_NOW + 30 * DAY_MS;
  const [quiet] = await outcomesOf('U02', DEBIAN, later);
  assert.equal(quiet?.status === 'unknown' && quiet.reason, 'stale');
  const pending = debian({ files: { [SECURITY_INDEX]: 'Package: libssl3\nVersion: 3.0.18\n' } });
  assert.equal((await outcomesOf('U02', pending, later))[0]?.status, 'fail');
});

test('a table of releases that is too old calls nothing supported, but what has ended stays ended', async () => {
  const later = FIXTURE_NOW + 500 * DAY_MS;
  assert.equal((await outcomesOf('U01', DEBIAN, later))[0]?.status, 'unknown');
  const ended = debian({ files: { '/etc/os-release': 'ID=ubuntu\nVERSION_CODENAME=focal\n' } });
  assert.equal((await outcomesOf('U01', ended, later))[0]?.status, 'fail');
});

test('a package that the distribution mended is judged by its package version, not by the upstream number', async () => {
  const outcomes = await outcomesOf('U06', DEBIAN);
  assert.deepEqual(
    outcomes.map(({ status, subject }) => [status, subject]),
    [['pass', 'package mosquitto']],
  );
});

test('a source that is not authenticated is shown with file and line', async () => {
  const made = debian({
    files: { '/etc/apt/sources.list.d/x.sources': 'Types: deb\nURIs: http://x.example/\nTrusted: yes\n' },
  });
  const [outcome] = await outcomesOf('U05', made);
  assert.deepEqual(outcome?.status === 'fail' && [outcome.evidence.file, outcome.evidence.line], [
    '/etc/apt/sources.list.d/x.sources',
    3,
  ]);
});

test('an index that apt keeps compressed is read with its own program', async () => {
  const packed = `${SECURITY_INDEX}.lz4`;
  const made = debian({
    files: { [SECURITY_INDEX]: null, [packed]: '' },
    commands: { [`/usr/lib/apt/apt-helper cat-file ${packed}`]: 'Package: libssl3\nVersion: 9\n' },
  });
  assert.equal((await outcomesOf('U02', made))[0]?.status, 'fail');
});
