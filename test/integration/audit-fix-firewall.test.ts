import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../kit/eventually.ts';
import { COMMAND } from '../kit/gateway.ts';
import { withoutNetworks } from '../kit/network-namespace.ts';
import { removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const without = withoutNetworks || (spawnSync('nft', ['--version']).status === 0 ? false : 'nftables is not installed');

const HOST = '198.51.100.1';
const ADMIN = '198.51.100.10';
const STRANGER = '198.51.100.20';
/** SSH, plain MQTT, MQTT over TLS, and a database that listens to everybody. */
const PORTS = [22, 1883, 8883, 5433];
/** As Debian ships it: three chains that accept everything. */
const NFTABLES_CONF = `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
}
`;

const LISTEN = `
  const { createServer } = require('node:net');
  let open = 0;
  for (const port of process.argv.slice(1))
    createServer((socket) => socket.on('error', () => {}).end()).listen(Number(port), '0.0.0.0', () => {
      if (++open === process.argv.length - 1) console.log('open');
    });
`;

const CONNECT = `
  const { connect } = require('node:net');
  const [host, localAddress, ...ports] = process.argv.slice(1);
  Promise.all(ports.map((port) => new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), localAddress });
    const end = (isOpen) => { socket.destroy(); resolve(isOpen ? port : undefined); };
    setTimeout(() => end(false), 1500);
    socket.on('connect', () => end(true)).on('error', () => end(false));
  }))).then((open) => console.log(open.filter(Boolean).join(' ')));
`;

/** A host with folders, processes and a network of its own, and a second network beside it that its clients are in. */
describe('audit fix of the packet filter, between two networks', { skip: without }, () => {
  let directory: string;
  let host: ChildProcess;
  let clients: ChildProcess;
  /** The process inside: the holder itself is outside of its own process namespace. */
  let inside: number;

  const at = (path: string): string => join(directory, path);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };

  before(async () => {
    directory = await temporaryDirectory('audit-firewall');
    write('etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
    write('etc/nftables.conf', NFTABLES_CONF);
    // Debian's iptables is a link that leads through it.
    spawnSync('cp', ['-a', '/etc/alternatives', at('etc')]);
    write('etc/systemd/system/multi-user.target.wants/none.service', '');
    const script = `mount --bind ${at('etc')} /etc && ip link set lo up && exec "$@"`;
    const listen = [process.execPath, '-e', LISTEN, ...PORTS.map(String)];
    host = spawn(
      'unshare',
      ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script, 'sh', ...listen],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(host.stdout!, 'data');
    inside = Number(readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, 'utf8').trim());
    clients = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 300'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(clients.stdout!, 'data');
    const ip = (...args: string[]): void => {
      const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    };
    const within = (pid: number, ...args: string[]): void => {
      const { status, stderr } = spawnSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...args], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
    };
    ip(
      'link',
      'add',
      'veth-host',
      'netns',
      String(inside),
      'type',
      'veth',
      'peer',
      'veth-client',
      'netns',
      String(clients.pid),
    );
    within(inside, 'addr', 'add', `${HOST}/24`, 'dev', 'veth-host');
    within(inside, 'link', 'set', 'veth-host', 'up');
    for (const address of [ADMIN, STRANGER]) within(clients.pid!, 'addr', 'add', `${address}/24`, 'dev', 'veth-client');
    within(clients.pid!, 'link', 'set', 'veth-client', 'up');
  });

  after(async () => {
    for (const child of [host, clients]) {
      if (child === undefined || child.exitCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await removeDirectory(directory);
  });

  const onHost = (...command: string[]) =>
    runToEnd('nsenter', [`--target=${inside}`, '--mount', '--net', '--pid', ...command]);
  const fix = (verb: string, ...args: string[]) => {
    const options: Readonly<Record<string, readonly string[]>> = {
      plan: ['--file', at('audit.yaml')],
      apply: ['--file', at('audit.yaml'), '--backups', at('kept')],
    };
    return onHost(process.execPath, COMMAND, 'audit', 'fix', verb, ...args, ...(options[verb] ?? []));
  };
  async function reached(from: string): Promise<number[]> {
    const { out, err } = await runToEnd('nsenter', [
      `--net=/proc/${clients.pid}/ns/net`,
      process.execPath,
      '-e',
      CONNECT,
      HOST,
      from,
      ...PORTS.map(String),
    ]);
    assert.equal(err, '');
    return out.trim().split(' ').filter(Boolean).map(Number);
  }
  const tables = async (): Promise<string> => (await onHost('nft', 'list', 'tables')).out;
  const fold = (text: string): { folder: string } => JSON.parse(text) as { folder: string };
  const ONLY_S07 = ['--only', 'S07'];
  const ADMINS = ['--admin', `${ADMIN}/32`];

  it('is left to a person as long as nobody says where administrators come from', async () => {
    write('audit.yaml', 'targets: [{ kind: host, place: / }]\n');
    const { out, err } = await fix('plan', ...ONLY_S07, '--json');
    const plan = JSON.parse(out) as { steps: unknown[]; byHand: { check: string; says: string }[] };
    assert.deepEqual(plan.steps, [], err);
    assert.match(plan.byHand[0]!.says, /--admin/);
  });

  it('is not planned where iptables drops by default already', {
    skip: spawnSync('iptables', ['--version']).status === 0 ? false : 'iptables is not installed',
  }, async () => {
    assert.equal((await onHost('iptables', '-P', 'INPUT', 'DROP')).code, 0);
    const { code, out, err } = await fix('plan', ...ONLY_S07, ...ADMINS);
    assert.equal(code, 0, err);
    assert.match(out, /nothing that a program should mend/);
    for (const table of ['ip filter', 'ip6 filter']) await onHost('nft', 'delete', 'table', ...table.split(' '));
  });

  it('drops what is not named, says S07 is mended, and is put back whole by revert', async () => {
    assert.deepEqual([await reached(ADMIN), await reached(STRANGER)], [PORTS, PORTS]);
    const planned = await fix('plan', ...ONLY_S07, ...ADMINS);
    assert.match(planned.out, /^firewall: /m, planned.err + planned.out);
    assert.match(planned.out, /^\+ {4}ip saddr 198\.51\.100\.10\/32 tcp dport 22 accept/m);
    assert.match(planned.out, /^\+include "\/etc\/nftables\.d\/sallyport-host\.nft"$/m);
    assert.equal(await tables(), '', 'a plan loads nothing');

    const applied = await fix('apply', '--yes', ...ONLY_S07, ...ADMINS, '--json');
    assert.equal(applied.code, 0, applied.err + applied.out);
    const { folder } = fold(applied.out);
    assert.match(applied.out, /"check": "S07"/);
    assert.deepEqual(await reached(ADMIN), PORTS);
    assert.deepEqual(await reached(STRANGER), [8883, 5433], 'SSH and plain MQTT are for administrators');
    assert.equal((await onHost('nft', '-c', '-f', '/etc/nftables.conf')).code, 0, 'the boot can load it');
    assert.equal((await fix('confirm', folder)).code, 0);

    assert.equal((await fix('revert', folder)).code, 0);
    assert.deepEqual(await reached(STRANGER), PORTS);
    assert.equal(await tables(), '');
    assert.equal(readFileSync(at('etc/nftables.conf'), 'utf8'), NFTABLES_CONF);
    assert.equal(existsSync(at('etc/nftables.d')), false);
  });

  it('is taken back by itself where it shuts out who applied it, and gives back a table that was there', async () => {
    const earlier = 'table inet sallyport_host {\n\tset kept { type ipv4_addr; elements = { 203.0.113.7 }; }\n}\n';
    write('earlier.nft', earlier);
    assert.equal((await onHost('nft', '-f', at('earlier.nft'))).code, 0);
    const applied = await fix(
      'apply',
      '--yes',
      ...ONLY_S07,
      '--admin',
      '203.0.113.0/24',
      '--confirm-within',
      '4',
      '--json',
    );
    assert.equal(applied.code, 0, applied.err + applied.out);
    assert.deepEqual(await reached(ADMIN), [8883, 5433], 'who named the wrong network is shut out');
    await eventually('it is put back', async () => (await reached(ADMIN)).length === PORTS.length);
    await eventually('the files, too', () => readFileSync(at('etc/nftables.conf'), 'utf8') === NFTABLES_CONF);
    assert.match(
      (await onHost('nft', 'list', 'table', 'inet', 'sallyport_host')).out,
      /elements = \{ 203\.0\.113\.7 \}/,
    );
    assert.equal((await fix('confirm', fold(applied.out).folder)).code, 1, 'it is too late');
  });

  it('changes nothing where nft refuses the ruleset', async () => {
    // A table of the same name with what a ruleset of ours cannot replace is no obstacle; a broken boot file is.
    const before = await onHost('nft', 'list', 'ruleset');
    writeFileSync(at('etc/nftables.conf'), 'table inet x {\n');
    const applied = await fix('apply', '--yes', ...ONLY_S07, ...ADMINS);
    const after = await onHost('nft', 'list', 'ruleset');
    assert.equal(after.out, before.out);
    assert.equal(applied.code, 1, applied.out);
    assert.match(applied.out, /rolled back {2}firewall\n {2}nft refuses it/);
    assert.equal(readFileSync(at('etc/nftables.conf'), 'utf8'), 'table inet x {\n');
  });
});
