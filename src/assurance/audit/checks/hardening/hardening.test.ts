import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXTURE_NOW, fixtureContext, layered, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { DEBIAN, NO_BROKER_PROCESS, NOT_ENCRYPTED, without } from '../../../../../test/kit/debian-host.ts';
import { type AuditFile, NOTHING_DECLARED } from '../../audit-file/schema.ts';
import { collectHost, type HostFacts } from '../../host/host-facts.ts';
import { hardening } from './hardening.ts';

interface Fixture {
  readonly made: MadeSystem;
  readonly attestations?: AuditFile['attestations'];
}

const GOOD: Fixture = { made: DEBIAN };
const debian = (over: MadeSystem): Fixture => ({ made: layered(DEBIAN, over) });
const files = (over: MadeSystem['files'] & object): Fixture => debian({ files: over });
const commands = (over: MadeSystem['commands'] & object): Fixture => debian({ commands: over });
const IMAGE = debian({ isImage: true });
const backup = (date: string): Fixture => ({ made: DEBIAN, attestations: { backup: { date, by: 'ann' } } });
const LSBLK = 'lsblk -J -s -o NAME,TYPE /dev/mapper/data';
const LSBLK_SWAP = 'lsblk -J -s -o NAME,TYPE /dev/dm-1';
const SYNC = 'timedatectl show -p NTPSynchronized --value';
const NO_LOGGING = { '/etc/systemd/journald.conf': null, '/etc/rsyslog.conf': null };
const EVERY_KERNEL = { cannot: 'every kernel that runs has some of these settings' };
const EVERY_LOG = { cannot: 'every host has something to log, kept or not' };

const collect = async ({ made, attestations }: Fixture): Promise<HostFacts> =>
  collectHost(
    fixtureContext(made, FIXTURE_NOW, { ...NOTHING_DECLARED, ...(attestations === undefined ? {} : { attestations }) }),
  );

describeChecks<HostFacts, Fixture>({
  family: hardening,
  collect,
  fixtures: {
    H01: {
      pass: GOOD,
      fail: files({ '/proc/700/attr/current': 'unconfined\n' }),
      'not-applicable': files(NO_BROKER_PROCESS),
      unknown: IMAGE,
    },
    H02: {
      pass: GOOD,
      fail: commands({ [LSBLK]: NOT_ENCRYPTED }),
      manual: commands({ [LSBLK]: NOT_ENCRYPTED, 'systemd-detect-virt': 'kvm\n' }),
      'not-applicable': files(without('/var/lib/mosquitto/mosquitto.db')),
      unknown: commands({ 'findmnt -n -o SOURCE -T /var/lib/mosquitto': null }),
    },
    H03: {
      pass: GOOD,
      fail: commands({ [LSBLK_SWAP]: NOT_ENCRYPTED }),
      'not-applicable': files({ '/proc/swaps': 'Filename\tType\n/dev/zram0 partition 1 0 5\n' }),
      unknown: IMAGE,
    },
    H04: {
      pass: GOOD,
      fail: files({ '/etc/systemd/journald.conf': 'Storage=volatile\n', '/etc/rsyslog.conf': null }),
      'not-applicable': EVERY_LOG,
      unknown: files(NO_LOGGING),
    },
    H05: {
      pass: GOOD,
      fail: files({ '/etc/rsyslog.conf': '# *.* @@logs.example.org\n*.* /var/log/all\n' }),
      'not-applicable': EVERY_LOG,
      unknown: files(NO_LOGGING),
    },
    H06: {
      pass: GOOD,
      fail: commands({ 'auditctl -l': 'No rules\n' }),
      'not-applicable': files(without('/etc/mosquitto/mosquitto.conf', '/etc/mosquitto/passwd')),
      unknown: commands({ 'auditctl -l': null }),
    },
    H07: {
      pass: GOOD,
      fail: commands({ [SYNC]: 'no\n' }),
      'not-applicable': { cannot: 'every host has a clock that can be wrong' },
      unknown: commands({ [SYNC]: { exitCode: 1, stderr: 'not booted with systemd' } }),
    },
    H08: {
      pass: GOOD,
      fail: files({ '/proc/sys/net/ipv4/tcp_syncookies': '0\n' }),
      'not-applicable': EVERY_KERNEL,
      unknown: IMAGE,
    },
    H09: {
      pass: GOOD,
      fail: files(without('/etc/systemd/system/mosquitto.service.d/hardening.conf')),
      'not-applicable': files(without('/lib/systemd/system/mosquitto.service')),
      unknown: files({ '/lib/systemd/system/mosquitto.service': { unreadable: 'permission-denied' } }),
    },
    H10: {
      pass: GOOD,
      fail: files({
        '/proc/700/limits': 'Max open files            1024                 524288               files\n',
      }),
      'not-applicable': files(NO_BROKER_PROCESS),
      unknown: files({ '/proc/700/limits': { unreadable: 'permission-denied' } }),
    },
    H11: {
      pass: GOOD,
      fail: files({ '/proc/sys/fs/suid_dumpable': '2\n' }),
      'not-applicable': EVERY_KERNEL,
      unknown: IMAGE,
    },
    H12: {
      pass: backup('2026-10-01'),
      fail: backup('2026-01-01'),
      manual: GOOD,
      'not-applicable': { cannot: 'every broker has a configuration worth a backup' },
      unknown: { cannot: 'an audit file is read whole or refused before the run' },
    },
    H13: {
      pass: GOOD,
      fail: files({ '/var/log/lynis-report.dat': { text: '', modifiedMs: FIXTURE_NOW - 200 * 86_400_000 } }),
      'not-applicable': files(without('/var/log/lynis-report.dat')),
      unknown: files({ '/var/log/lynis-report.dat': { hidden: 'permission-denied' } }),
    },
  },
});

test('on the hardened Debian of the fixtures, nothing of the family fails', async () => {
  const facts = await collect(backup('2026-11-01'));
  const failed = hardening.checks.filter(({ evaluate }) =>
    [evaluate(facts)].flat().some(({ status }) => status !== 'pass'),
  );
  assert.deepEqual(
    failed.map(({ id }) => id),
    [],
  );
});

test("Debian's own unit of mosquitto lacks every restriction, and they are named", async () => {
  const facts = await collect(files(without('/etc/systemd/system/mosquitto.service.d/hardening.conf')));
  const [outcome] = [hardening.checks.find(({ id }) => id === 'H09')!.evaluate(facts)].flat();
  assert.match(
    outcome?.status === 'fail' ? outcome.evidence.observed : '',
    /NoNewPrivileges, ProtectSystem, .*CapabilityBoundingSet/,
  );
});
