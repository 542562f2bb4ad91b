import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { loadConfig } from '../../src/app/config/load.ts';
import { CONTROL_SOCKET } from '../../src/app/control/control-socket.ts';
import { applyRuleset, revertRuleset, verifyRuleset } from '../../src/app/firewall/installation.ts';
import { handleOf } from '../../src/app/firewall/loaded-tables.ts';
import { banControl } from '../kit/ban-control.ts';
import { encode } from '../kit/codec.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, writeGatewayFiles } from '../kit/gateway.ts';
import { inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { type Knock, OwnNetwork } from '../kit/own-network.ts';
import { connect } from '../kit/packets.ts';
import { removeAtExit, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const PORT = 1883;
const without =
  spawnSync('nft', ['--version']).error === undefined
    ? withoutNetworks ||
      (spawnSync(...inOwnNetwork('nft', 'add table inet probe')).status === 0 ? false : 'nft may change nothing here')
    : 'nft is not installed';

const LISTENER = { name: 'tcp', type: 'tcp', address: '::', port: PORT } as const;
const CONFIG = { authentication: { passwordFile: 'users' }, authorization: { aclFile: 'acl' } };

describe('sallyport firewall', { skip: without }, () => {
  let network: OwnNetwork;
  let directory: string;
  before(async () => {
    directory = await temporaryDirectory('firewall');
    network = new OwnNetwork();
    await network.up();
  });
  after(async () => {
    await network.close();
    await removeDirectory(directory);
  });
  // One that fails leaves nothing behind for the next.
  afterEach(() => network.run('nft', 'flush', 'ruleset'));
  const write = (firewall: object): Promise<unknown> =>
    writeGatewayFiles(directory, { listeners: [LISTENER], config: { ...CONFIG, firewall } });
  const configured = async (firewall: object) => {
    await write(firewall);
    return (await loadConfig(path.join(directory, 'sallyport.yaml'))).config;
  };
  const firewall = (...args: string[]) => network.run(process.execPath, COMMAND, 'firewall', ...args, '-d', directory);

  it('prints what nft takes, and loads nothing', async () => {
    await write({ defaultDrop: true, sources: ['10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'] });
    const printed = await firewall('print');
    assert.equal(printed.code, 0, printed.err);
    assert.match(printed.out, /tcp dport \{ 1883 \} jump mqtt/);
    const file = path.join(directory, 'printed.nft');
    await runToEnd('sh', ['-c', 'cat > "$0"', file], { input: printed.out });
    const checked = await network.run('nft', '-c', '-f', file);
    assert.equal(checked.code, 0, checked.err);
    assert.equal(await network.ruleset(), '');
  });

  it('applies, sees that it is loaded, and notices what others change', async () => {
    const config = await configured({});
    const run = network.nft;
    assert.equal((await verifyRuleset(run, config)).isLoaded, false);
    assert.equal((await firewall('apply', '--confirmed')).code, 0);
    const same = await firewall('verify', '--json');
    assert.equal(same.code, 0, same.out + same.err);
    await network.run('nft', 'add element inet sallyport banned4 { 192.0.2.7 timeout 1h }');
    assert.deepEqual((await verifyRuleset(run, config)).surplus, [], 'bans come and go');
    await network.run('nft', 'add rule inet sallyport input tcp dport 9999 accept');
    const drifted = await firewall('verify');
    assert.equal(drifted.code, 1);
    assert.match(drifted.out, /\+ tcp dport 9999 accept/);
    const slower = await verifyRuleset(run, await configured({ connectionsPerSecond: 7 }));
    assert.match(slower.missing.join('\n'), /limit rate over 7\/second/);
    assert.doesNotMatch(await network.ruleset(), /sallyport_compared/);
    assert.equal((await firewall('revert')).code, 0);
    assert.equal(await network.ruleset(), '');
    assert.equal(await revertRuleset(run), 'nothing');
  });

  it('takes an apply back that nobody confirms, to what was there before, bans included', async () => {
    await applyRuleset({ run: network.nft, config: await configured({}) });
    await network.run('nft', 'add element inet sallyport banned4 { 192.0.2.7 timeout 1h }');
    const handle = await handleOf(network.nft, 'sallyport');
    await write({ defaultDrop: true });
    const applied = await firewall('apply', '--confirm-within', '1s');
    assert.equal(applied.code, 0, applied.err);
    await eventually(
      'it is taken back',
      async () => !/policy drop|sallyport_before|dormant/.test(await network.ruleset()),
    );
    assert.notEqual(await handleOf(network.nft, 'sallyport'), handle, 'another one was loaded in between');
    assert.match(await network.ruleset(), /policy accept[\s\S]*jump mqtt/);
    assert.match(await network.ruleset(), /192\.0\.2\.7 timeout 1h/);
  });

  it('keeps an apply that is confirmed, and reverts one at once', async () => {
    const run = network.nft;
    assert.equal((await firewall('confirm')).code, 1);
    const waiting = { run, config: await configured({ defaultDrop: true }), watch: async () => 'first' };
    await applyRuleset(waiting);
    const again = await firewall('apply');
    assert.equal(again.code, 2);
    assert.match(again.err, /waits to be confirmed/);
    assert.equal((await firewall('confirm')).code, 0);
    // What the process does that watches, when its time has come.
    assert.equal(await revertRuleset(run, 'first'), 'nothing');
    assert.match(await network.ruleset(), /policy drop/);
    await applyRuleset({ run, config: await configured({}), watch: async () => 'second' });
    assert.match(await network.ruleset(), /policy accept/);
    assert.equal((await firewall('revert')).code, 0);
    const restored = await network.ruleset();
    assert.match(restored, /policy drop/);
    assert.doesNotMatch(restored, /sallyport_before/);
  });

  it('refuses garbage with key and line, and changes nothing', async () => {
    await write({ sources: ['10.0.0.0/33'], connectionsPerSecond: -1, openPorts: ['ssh'] });
    const { code, err } = await firewall('apply');
    assert.equal(code, 2);
    assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.sources\[0\]: /);
    assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.connectionsPerSecond: /);
    assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.openPorts\[0\]: /);
    await write({});
    assert.match((await firewall('apply', '--confirm-within', 'soon')).err, /from 1s to 1h/);
    assert.match((await firewall('aply')).err, /Did you mean firewall apply/);
    assert.equal(await network.ruleset(), '');
  });

  it('does not lock out who is logged in through a port that it would close', async () => {
    await write({ defaultDrop: true });
    const line = [process.execPath, COMMAND, 'firewall', 'apply', '-d', directory];
    const { code, err } = await network.run('env', 'SSH_CONNECTION=192.0.2.1 5000 192.0.2.2 2222', ...line);
    assert.equal(code, 2);
    assert.match(err, /port 2222, which would be closed: add it to firewall\.openPorts/);
    assert.equal(await network.ruleset(), '');
  });
});

const GATEWAY = '10.9.0.1';
const GATEWAY_V6 = 'fd09::1';

/** A machine to be guarded, and one with many addresses beside it. */
async function neighbours(t: TestContext): Promise<{ guarded: OwnNetwork; outside: OwnNetwork }> {
  const [guarded, outside] = [new OwnNetwork(), new OwnNetwork()];
  t.after(() => Promise.all([guarded.close(), outside.close()]));
  await Promise.all([guarded.up(), outside.up()]);
  await guarded.link(outside, 'wire');
  await guarded.address('wire', `${GATEWAY}/16`, `${GATEWAY_V6}/32`);
  const hosts = [66, 67, 68, 200, 201, 241].map((host) => `10.9.0.${host}/16`);
  await outside.address('wire', ...hosts, '10.9.1.66/16', 'fd09::66/32', 'fd09:0:0:1::66/32');
  return { guarded, outside };
}

describe('packets', { skip: without }, () => {
  it('from elsewhere, to other ports, or too many at once are dropped, and all others come through', async (t) => {
    const { guarded, outside } = await neighbours(t);
    const directory = await temporaryDirectory('firewall');
    removeAtExit(directory);
    const firewall = {
      sources: ['10.9.0.0/24', 'fd09::/64'],
      defaultDrop: true,
      openPorts: [9022],
      connectionsPerSecond: 1,
      connectionsBurst: 5,
    };
    await writeGatewayFiles(directory, { listeners: [LISTENER], config: { ...CONFIG, firewall } });
    const { config } = await loadConfig(path.join(directory, 'sallyport.yaml'));
    for (const port of [PORT, 9022, 9999]) await guarded.listen(port);
    const knock = (from: string, port = PORT): Promise<Knock> =>
      outside.knock({ from, to: from.includes(':') ? GATEWAY_V6 : GATEWAY, port });
    const all = async (): Promise<Knock[]> =>
      Promise.all([
        knock('10.9.0.66'),
        knock('fd09::66'),
        knock('10.9.1.66'),
        knock('fd09:0:0:1::66'),
        knock('10.9.1.66', 9022),
        knock('10.9.0.66', 9999),
      ]);
    assert.deepEqual(await all(), Array(6).fill('answered'));
    await applyRuleset({ run: guarded.nft, config });
    assert.deepEqual(await all(), ['answered', 'answered', 'silent', 'silent', 'answered', 'silent']);

    const crowd = await Promise.all(Array.from({ length: 30 }, () => knock('10.9.0.67')));
    const count = crowd.filter((word) => word === 'answered').length;
    // The burst, and what comes in by the rate while the rest is being tried.
    assert.ok(count >= 5 && count <= 10, `${count} of 30 came through: ${crowd.join(' ')}`);
    assert.equal(await knock('10.9.0.68'), 'answered', 'the rate is of each address');
    assert.equal(await revertRuleset(guarded.nft), 'removed');
    assert.deepEqual(await all(), Array(6).fill('answered'));
  });
});

describe('bans at the firewall', { skip: without }, () => {
  for (const workers of [1, 2]) {
    it(`drop who is banned until it is not, with ${workers} process(es)`, async (t) => {
      const { guarded, outside } = await neighbours(t);
      const directory = await temporaryDirectory('firewall');
      const firewall = { enabled: true };
      const bans = { allow: ['10.9.0.200'] };
      const files = { listeners: [LISTENER], users: { ann: 'right' }, acl: ['user ann', 'topic readwrite #'] };
      await writeGatewayFiles(directory, { ...files, config: { ...CONFIG, workers, bans, firewall } });
      let output = '';
      const gateway = guarded.start(process.execPath, COMMAND, 'start', '-d', directory);
      gateway.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
      t.after(async () => {
        const closed = once(gateway, 'close');
        gateway.kill();
        await closed;
        await removeDirectory(directory);
      });
      const { ban, unban } = banControl(directory);
      const logIn = (password: string) => encode(connect(4, { clientId: 'c', username: 'ann', password }), 4);
      const right = logIn('right');
      const knock = (from: string, says = right): Promise<Knock> =>
        outside.knock({ from, to: from.includes(':') ? GATEWAY_V6 : GATEWAY, port: PORT, says });
      const until = (word: Knock, from: string): Promise<void> =>
        eventually(`${from} is ${word}`, async () => (await knock(from)) === word);
      await until('answered', '10.9.0.66');
      await eventually('it can be asked', async () => existsSync(path.join(directory, CONTROL_SOCKET)));
      // Without a ruleset it says so, and goes on.
      await eventually('the event', () => /"firewall\.failed".*sallyport firewall apply/.test(output));
      await ban('10.9.0.66', '1h');
      await until('closed', '10.9.0.66');

      const { config } = await loadConfig(path.join(directory, 'sallyport.yaml'));
      await applyRuleset({ run: guarded.nft, config });
      await eventually('the event', () => /"firewall\.recovered"/.test(output));
      await until('silent', '10.9.0.66');
      assert.equal(await knock('10.9.0.67'), 'answered');
      const wrong = logIn('wrong');
      for (let i = 0; i < 12; i++) await knock('10.9.0.68', wrong);
      await until('silent', '10.9.0.68');

      await unban('10.9.0.66');
      await until('answered', '10.9.0.66');
      if (workers > 1) return;

      await ban('10.9.0.67', '8s');
      await until('silent', '10.9.0.67');
      // A network, with one inside that is allowed, and another network inside that outlasts it.
      await ban('10.9.0.192/26', '1h');
      await ban('10.9.0.240/28', '1h');
      await ban('fd09::66', '1h');
      await until('silent', '10.9.0.201');
      await until('silent', 'fd09::66');
      assert.equal(await knock('10.9.0.200'), 'answered');
      await unban('10.9.0.192/26');
      await until('answered', '10.9.0.201');
      await until('silent', '10.9.0.241');
      const held = await guarded.run('nft', 'list', 'set', 'inet', 'sallyport', 'banned6');
      assert.match(held.out, /fd09::66 timeout 1h expires 59m/);
      await until('answered', '10.9.0.67');
    });
  }
});
