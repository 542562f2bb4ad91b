import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXTURE_NOW, fixtureContext, layered, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { DEBIAN, NO_BROKER_PROCESS, nft, ruleset, without } from '../../../../../test/kit/debian-host.ts';
import { type AuditFile, NOTHING_DECLARED } from '../../audit-file/schema.ts';
import { collectHost, type HostFacts } from '../../host/host-facts.ts';
import { services } from './services.ts';

interface Fixture {
  readonly made: MadeSystem;
  readonly listeners?: AuditFile['listeners'];
}

const debian = (over: MadeSystem): Fixture => ({ made: layered(DEBIAN, over) });
const sockets = (...lines: string[]): Fixture =>
  debian({ commands: { 'ss -Htulnp': lines.map((line) => `${line}\n`).join('') } });
const tcp = (local: string, process: string): string =>
  `tcp LISTEN 0 100 ${local} 0.0.0.0:* users:(("${process}",pid=7,fd=5))`;
const NO_SS = debian({ commands: { 'ss -Htulnp': null } });
const filter = (...args: Parameters<typeof ruleset>): Fixture =>
  debian({ commands: { 'nft -j list ruleset': ruleset(...args) } });
const NO_FILTER = debian({ commands: { 'nft -j list ruleset': '{"nftables":[{"metainfo":{}}]}' } });
const NO_NFT = debian({ commands: { 'nft -j list ruleset': null } });

const EMQX = {
  '/proc/800/status': 'Name:\tbeam.smp\nUid:\t990\t990\t990\t990\n',
  '/proc/800/cmdline': '/opt/emqx/erts/bin/beam.smp\0-name\0emqx2@10.0.0.5\0-emqx_data_dir\0/x\0emqx\0',
};
const emqx = (...lines: string[]): Fixture => ({
  made: layered(layered(DEBIAN, { files: EMQX }), sockets(...lines).made),
});

const declared = [
  { port: 22, protocol: 'tcp', purpose: 'administrators' },
  { port: 8883, protocol: 'tcp', purpose: 'devices' },
] as const;

const CONFIGURATION = '/etc/mosquitto/mosquitto.conf';
const configured = (ports: string): Fixture => {
  const lines = ports.split(' ').map((port) => `listener ${port}\n`);
  return debian({ files: { [CONFIGURATION]: lines.join('') } });
};

describeChecks<HostFacts, Fixture>({
  family: services,
  collect: async ({ made, listeners }) => {
    const file = listeners === undefined ? NOTHING_DECLARED : { ...NOTHING_DECLARED, listeners };
    return collectHost(fixtureContext(made, FIXTURE_NOW, file));
  },
  fixtures: {
    S01: {
      pass: { made: DEBIAN },
      fail: sockets(tcp('*:1883', 'mosquitto')),
      'not-applicable': sockets(tcp('0.0.0.0:22', 'sshd')),
      unknown: NO_SS,
    },
    S02: {
      pass: sockets(tcp('127.0.0.1:18083', 'beam.smp')),
      fail: sockets(tcp('0.0.0.0:18083', 'beam.smp')),
      'not-applicable': sockets(tcp('0.0.0.0:8080', 'nginx')),
      unknown: NO_SS,
    },
    S03: {
      pass: emqx(tcp('127.0.0.1:4372', 'beam.smp')),
      fail: emqx(tcp('0.0.0.0:5372', 'beam.smp')),
      'not-applicable': { made: DEBIAN },
      unknown: debian({ files: EMQX, commands: { 'ss -Htulnp': null } }),
    },
    S04: {
      pass: { made: DEBIAN, listeners: [...declared] },
      fail: { ...sockets(tcp('[::]:9001', 'odd')), listeners: [...declared] },
      manual: { made: DEBIAN },
      'not-applicable': { cannot: 'whatever listens is either declared or not' },
      unknown: { ...NO_SS, listeners: [...declared] },
    },
    S05: {
      pass: configured('1883 8883'),
      fail: configured('8883'),
      'not-applicable': debian({ files: NO_BROKER_PROCESS }),
      unknown: debian({ files: { [CONFIGURATION]: { unreadable: 'permission-denied' } } }),
    },
    S06: {
      pass: { made: DEBIAN },
      fail: debian({ files: { '/proc/900/status': 'Name:\tinetutils-inetd\n'.slice(0, 21) } }),
      'not-applicable': { cannot: 'a host either runs such a daemon or does not' },
      unknown: debian({ isImage: true }),
    },
    S07: {
      pass: { made: DEBIAN },
      fail: NO_FILTER,
      'not-applicable': { cannot: 'every host has a network to be filtered' },
      unknown: NO_NFT,
    },
    S08: {
      pass: { made: DEBIAN },
      fail: debian({ files: without('/etc/systemd/system/sysinit.target.wants/nftables.service') }),
      'not-applicable': debian({
        files: { '/etc/nftables.conf': 'flush ruleset\n' },
        commands: { 'nft -j list ruleset': '{"nftables":[]}' },
      }),
      unknown: NO_NFT,
    },
    S09: {
      pass: { made: DEBIAN },
      fail: filter([[nft.port({ set: [22, 8883] }), nft.accept]]),
      'not-applicable': NO_FILTER,
      unknown: NO_NFT,
    },
    S10: {
      pass: { made: DEBIAN },
      fail: filter([], 'drop', 'ip'),
      'not-applicable': debian({ files: { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1\n' } }),
      unknown: NO_NFT,
    },
    S11: {
      pass: { made: DEBIAN },
      fail: filter([[nft.port(8883), nft.accept]]),
      'not-applicable': filter([[nft.port(22), nft.accept]]),
      unknown: NO_NFT,
    },
    S12: {
      pass: filter([[nft.port(123, 'udp'), nft.accept]]),
      fail: filter([[nft.port({ range: [1000, 2000] }, 'udp'), nft.accept]]),
      'not-applicable': NO_FILTER,
      unknown: NO_NFT,
    },
  },
});

async function outcomesOf(id: string, { made }: Fixture) {
  const facts = await collectHost(fixtureContext(made));
  return [services.checks.find((check) => check.id === id)!.evaluate(facts)].flat();
}

test('each exposed port is a finding of its own, with its port, whatever families it listens on', async () => {
  const outcomes = await outcomesOf(
    'S01',
    sockets(tcp('0.0.0.0:1883', 'm'), tcp('[::]:1883', 'm'), tcp('[::1]:8083', 'm')),
  );
  assert.deepEqual(
    outcomes.map(({ status, subject, port }) => [status, subject, port]),
    [
      ['fail', 'port 1883', 1883],
      ['pass', 'port 8083', 8083],
    ],
  );
});

test('a user who may not list the rules knows nothing of the packet filter', async () => {
  const [outcome] = await outcomesOf(
    'S07',
    debian({
      commands: { 'nft -j list ruleset': { exitCode: 1, stderr: 'Operation not permitted (you must be root)' } },
    }),
  );
  assert.equal(outcome?.status === 'unknown' && outcome.reason, 'permission-denied');
});

test('what a chain accepts that accepts everything opens nothing beside one that drops', async () => {
  const beside = (policy: string): Fixture =>
    debian({
      commands: {
        'iptables-save': `*filter\n:INPUT ${policy} [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -p udp -m udp --dport 1900 -j ACCEPT\nCOMMIT\n`,
      },
    });
  for (const id of ['S09', 'S12']) {
    const fails = async (fixture: Fixture): Promise<boolean> =>
      (await outcomesOf(id, fixture)).some(({ status }) => status === 'fail');
    assert.deepEqual([await fails(beside('ACCEPT')), await fails(beside('DROP'))], [false, true], id);
  }
});

test('a listener that no file asks for, and one that is asked for and does not run, are told apart', async () => {
  const reasons = await Promise.all(
    ['8883', '1883 8883 9001'].map(async (ports) => {
      const [outcome] = await outcomesOf('S05', configured(ports));
      return outcome?.status === 'fail' && outcome.reason;
    }),
  );
  assert.deepEqual(reasons, ['listener-not-configured', 'listener-not-running']);
});

test('of a runtime that other programs share, only a port that is missing is a finding', async () => {
  const emqx = {
    '/proc/900/status': 'Name:\tbeam.smp\nUid:\t999\t999\t999\t999\n',
    '/proc/900/cmdline': '/usr/lib/emqx/bin/beam.smp\0-name\0emqx@127.0.0.1\0',
    '/proc/900/environ': '',
  };
  const off = ['ssl', 'ws', 'wss'].map((type) => `listeners.${type}.default.enable = false`).join('\n');
  const judged = async (port: number) => {
    const sockets = `tcp LISTEN 0 100 0.0.0.0:1883 0.0.0.0:* users:(("beam.smp",pid=900,fd=5))\ntcp LISTEN 0 100 0.0.0.0:4370 0.0.0.0:* users:(("beam.smp",pid=900,fd=6))\n`;
    const files = {
      ...NO_BROKER_PROCESS,
      ...emqx,
      '/etc/emqx/emqx.conf': `${off}\nlisteners.tcp.default.bind = ${port}\n`,
    };
    const outcomes = await outcomesOf('S05', debian({ files, commands: { 'ss -Htulnp': sockets } }));
    const own = outcomes.find(({ subject }) => subject?.startsWith('emqx'));
    return own?.status === 'fail' ? own.reason : own?.status;
  };
  assert.equal(await judged(1883), 'pass');
  assert.equal(await judged(1884), 'listener-not-running');
});

test('each Mosquitto is held against the configuration that it was started with, wherever that is', async () => {
  const broker = (pid: number, config: string) => ({
    [`/proc/${pid}/status`]: 'Name:\tmosquitto\nUid:\t107\t107\t107\t107\n',
    [`/proc/${pid}/cmdline`]: `/usr/sbin/mosquitto\0-c\0${config}\0`,
  });
  const line = (port: number, pid: number): string =>
    `tcp LISTEN 0 100 0.0.0.0:${port} 0.0.0.0:* users:(("mosquitto",pid=${pid},fd=5))\n`;
  const outcomes = await outcomesOf(
    'S05',
    debian({
      files: {
        ...NO_BROKER_PROCESS,
        ...broker(701, '/srv/a.conf'),
        ...broker(702, '/srv/b.conf'),
        '/srv/a.conf': 'listener 8883\n',
        '/srv/b.conf': 'listener 8884\n',
      },
      commands: { 'ss -Htulnp': line(8883, 701) + line(8884, 702) + line(1883, 702) },
    }),
  );
  assert.deepEqual(
    outcomes.map((one) => [one.status, one.subject, one.status === 'fail' ? one.reason : '']),
    [
      ['pass', 'mosquitto /srv/a.conf', ''],
      ['fail', 'mosquitto /srv/b.conf', 'listener-not-configured'],
    ],
  );
});
