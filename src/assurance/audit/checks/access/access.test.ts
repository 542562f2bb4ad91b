import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixtureContext, layered, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { DEBIAN, NO_BROKER_PROCESS, without } from '../../../../../test/kit/debian-host.ts';
import { collectHost, type HostFacts } from '../../host/host-facts.ts';
import { access } from './access.ts';

const debian = (over: MadeSystem): MadeSystem => layered(DEBIAN, over);
const SSHD = '/etc/ssh/sshd_config';
const sshd = (text: string): MadeSystem => debian({ files: { [SSHD]: text }, commands: { 'sshd -T': null } });
const NO_SSHD = debian({ files: { [SSHD]: null } });
const HIDDEN_SSHD = debian({ files: { [SSHD]: { unreadable: 'permission-denied' } } });
const fail2ban = (test: { exitCode?: number; stderr?: string }, status: string): MadeSystem =>
  debian({ commands: { 'fail2ban-client -t': test, 'fail2ban-client status': status } });

describeChecks<HostFacts, MadeSystem>({
  family: access,
  collect: async (made) => collectHost(fixtureContext(made)),
  fixtures: {
    A01: { pass: DEBIAN, fail: sshd('PermitRootLogin yes\n'), 'not-applicable': NO_SSHD, unknown: HIDDEN_SSHD },
    A02: { pass: DEBIAN, fail: sshd('UsePAM yes\n'), 'not-applicable': NO_SSHD, unknown: HIDDEN_SSHD },
    A03: { pass: DEBIAN, fail: sshd('MaxAuthTries 5\n'), 'not-applicable': NO_SSHD, unknown: HIDDEN_SSHD },
    A04: { pass: DEBIAN, fail: sshd('MACs +hmac-md5\n'), 'not-applicable': NO_SSHD, unknown: HIDDEN_SSHD },
    A05: { pass: DEBIAN, fail: sshd('X11Forwarding yes\n'), 'not-applicable': NO_SSHD, unknown: HIDDEN_SSHD },
    A06: {
      pass: DEBIAN,
      fail: fail2ban(
        { exitCode: 255, stderr: '2026 fail2ban [1]: ERROR   Have not found any log file for sshd jail\n' },
        '',
      ),
      'not-applicable': debian({ files: without('/etc/fail2ban/fail2ban.conf') }),
      unknown: debian({
        commands: { 'fail2ban-client status': { exitCode: 255, stderr: 'Permission denied to socket' } },
      }),
    },
    A07: {
      pass: DEBIAN,
      fail: debian({ files: { '/etc/passwd': 'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n' } }),
      'not-applicable': { cannot: 'every host has accounts to look at' },
      unknown: debian({ files: { '/etc/shadow': { unreadable: 'permission-denied' } } }),
    },
    A08: {
      pass: DEBIAN,
      fail: debian({ files: { '/etc/pam.d/common-auth': '# pam_faillock.so\nauth required pam_unix.so nullok\n' } }),
      'not-applicable': debian({ files: without('/etc/pam.d/common-auth', '/etc/pam.d/common-password') }),
      unknown: debian({ files: { '/etc/pam.d/common-auth': { unreadable: 'permission-denied' } } }),
    },
    A09: {
      pass: DEBIAN,
      fail: debian({ files: { '/etc/sudoers.d/cloud': 'ann ALL=(ALL) NOPASSWD: ALL\n' } }),
      'not-applicable': debian({ files: without('/etc/sudoers') }),
      unknown: debian({ files: { '/etc/sudoers': { unreadable: 'permission-denied' } } }),
    },
    A10: {
      pass: DEBIAN,
      fail: debian({ files: { '/proc/700/status': 'Name:\tmosquitto\nUid:\t0\t0\t0\t0\n' } }),
      'not-applicable': debian({ files: NO_BROKER_PROCESS }),
      unknown: debian({ isImage: true }),
    },
    A11: {
      pass: DEBIAN,
      fail: debian({ files: { '/etc/mosquitto/certs/server.key': { text: 'x', mode: 0o644 } } }),
      'not-applicable': debian({ files: without('/etc/mosquitto/mosquitto.conf', '/etc/mosquitto/passwd') }),
      unknown: debian({ files: { '/etc/mosquitto': { isFolder: true, unreadable: 'permission-denied' } } }),
    },
  },
});

async function outcomesOf(id: string, made: MadeSystem) {
  const facts = await collectHost(fixtureContext(made));
  return [access.checks.find((check) => check.id === id)!.evaluate(facts)].flat();
}

const failures = async (id: string, made: MadeSystem) =>
  (await outcomesOf(id, made)).flatMap((one) =>
    one.status === 'fail' ? [[one.severity, one.evidence.file, one.evidence.line, one.subject]] : [],
  );

test('root with a key only is a medium finding, with a password a high one', async () => {
  assert.deepEqual(await failures('A01', sshd('\n')), [['medium', SSHD, undefined, undefined]]);
  assert.deepEqual(await failures('A01', sshd('# x\nPermitRootLogin = "yes"\n')), [['high', SSHD, 2, undefined]]);
});

test('the first value counts, included files in their place, and a Match that loosens is a finding of its own', async () => {
  const made = layered(
    sshd('Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nMatch User ann\n  PermitRootLogin yes\n'),
    {
      files: {
        '/etc/ssh/sshd_config.d/a.conf': 'PermitRootLogin no\n',
        '/etc/ssh/sshd_config.d/b.txt': 'PermitRootLogin yes\n',
      },
    },
  );
  assert.deepEqual(await failures('A01', made), [['high', SSHD, 4, `Match in ${SSHD}`]]);
});

test('files that include each other come to an end', async () => {
  const [outcome] = await outcomesOf('A01', sshd('Include /etc/ssh/sshd_config\n'));
  assert.equal(outcome?.status === 'unknown' && outcome.reason, 'malformed');
});

test('what sshd tells itself outweighs its files', async () => {
  const made = debian({ files: { [SSHD]: 'PermitRootLogin yes\n' }, commands: { 'sshd -T': 'permitrootlogin no\n' } });
  assert.deepEqual(await failures('A01', made), []);
});

test('a password that PAM asks for is a password too', async () => {
  const [outcome] = await outcomesOf('A02', sshd('PasswordAuthentication no\nUsePAM yes\n'));
  assert.equal(outcome?.status === 'fail' && outcome.reason, 'keyboard-interactive');
});

test('an empty password is found, and its hash is never shown', async () => {
  const made = debian({ files: { '/etc/shadow': 'root:$6$salt$verysecret:1::::::\nguest::1::::::\n' } });
  const outcomes = await outcomesOf('A07', made);
  assert.deepEqual(
    outcomes.map(({ status, subject }) => [status, subject]),
    [['fail', 'guest']],
  );
  assert.doesNotMatch(JSON.stringify(outcomes), /verysecret/);
});

test('a folder above a key that everybody may write to is a finding, with a sticky bit it is none', async () => {
  const at = (mode: number): MadeSystem =>
    debian({
      files: {
        '/etc/mosquitto/certs/k.key': { text: 'x', mode: 0o600 },
        '/etc/mosquitto/certs': { isFolder: true, mode },
      },
    });
  assert.deepEqual(
    (await failures('A11', at(0o777))).map((one) => one[3]),
    ['/etc/mosquitto/certs'],
  );
  assert.deepEqual(await failures('A11', at(0o1777)), []);
});

test('two brokers of one kind are two findings, and processes of one broker are one', async () => {
  const broker = (pid: number, uid: number, config: string) => ({
    [`/proc/${pid}/status`]: `Name:\tmosquitto\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
    [`/proc/${pid}/cmdline`]: `/usr/sbin/mosquitto\0-c\0${config}\0`,
  });
  const outcomes = await outcomesOf(
    'A10',
    debian({
      files: {
        ...NO_BROKER_PROCESS,
        ...broker(700, 0, '/etc/mosquitto/a.conf'),
        ...broker(701, 0, '/etc/mosquitto/b.conf'),
        ...broker(702, 107, '/etc/mosquitto/b.conf'),
      },
    }),
  );
  assert.deepEqual(
    outcomes.map(({ status, subject }) => [status, subject]),
    [
      ['fail', 'mosquitto: /usr/sbin/mosquitto -c /etc/mosquitto/a.conf'],
      ['fail', 'mosquitto: /usr/sbin/mosquitto -c /etc/mosquitto/b.conf'],
    ],
  );
});
