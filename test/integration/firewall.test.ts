import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, writeGatewayFiles } from '../kit/gateway.ts';
import { inNetworkOf, inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { type Finished, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const PORT = 1883;
const without =
  spawnSync('nft', ['--version']).error === undefined
    ? withoutNetworks ||
      (spawnSync(...inOwnNetwork('nft', 'add table inet probe')).status === 0 ? false : 'nft may change nothing here')
    : 'nft is not installed';

const LISTENER = { name: 'tcp', type: 'tcp', address: '::', port: PORT } as const;
/** Everything that loopback has is banned like anybody else here. */
const BANS = { allow: ['127.0.0.200'] };

/** A network of the test's own, in which a process waits so that commands can join it. */
class Network {
  readonly #holder: ChildProcess;

  constructor() {
    const [command, args] = inOwnNetwork('sh', '-c', 'echo up; exec cat');
    this.#holder = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async up(): Promise<void> {
    await once(this.#holder.stdout!, 'data');
  }

  run(command: string, ...args: string[]): Promise<Finished> {
    const [program, all] = inNetworkOf(this.#holder.pid!, command, ...args);
    return runToEnd(program, all);
  }

  start(command: string, ...args: string[]): ChildProcess {
    const [program, all] = inNetworkOf(this.#holder.pid!, command, ...args);
    return spawn(program, all, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async ruleset(): Promise<string> {
    return (await this.run('nft', 'list', 'ruleset')).out;
  }

  /** `open`, `closed` by the gateway, or `silent` where packets are dropped. */
  async knock(from: string, to = from.includes(':') ? '::1' : '127.0.0.1', waitMs = 700): Promise<string> {
    const script = `
      const socket = require('node:net').connect({ host: '${to}', port: ${PORT}, localAddress: '${from}' });
      const say = (word) => { console.log(word); process.exit(); };
      let isOpen = false;
      socket.on('connect', () => { isOpen = true; setTimeout(say, 200, 'open'); });
      socket.on('error', () => say('closed')).on('close', () => say('closed'));
      setTimeout(() => { if (!isOpen) say('silent'); }, ${waitMs});`;
    return (await this.run(process.execPath, '-e', script)).out.trim();
  }

  async close(): Promise<void> {
    const closed = once(this.#holder, 'close');
    this.#holder.stdin!.end();
    await closed;
  }
}

describe('sallyport firewall', { skip: without }, () => {
  let network: Network;
  let directory: string;
  before(async () => {
    directory = await temporaryDirectory('firewall');
    network = new Network();
    await network.up();
  });
  after(async () => {
    await network.close();
    await removeDirectory(directory);
  });
  // One that fails leaves nothing behind for the next.
  afterEach(() => network.run('nft', 'flush', 'ruleset'));
  const configure = (firewall: object): Promise<unknown> =>
    writeGatewayFiles(directory, {
      listeners: [LISTENER],
      config: { authentication: { passwordFile: 'users' }, authorization: { aclFile: 'acl' }, bans: BANS, firewall },
    });
  const firewall = (...args: string[]) => network.run(process.execPath, COMMAND, 'firewall', ...args, '-d', directory);

  it('prints what nft takes, and loads nothing', async () => {
    await configure({ defaultDrop: true, sources: ['10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'] });
    const printed = await firewall('print');
    assert.equal(printed.code, 0, printed.err);
    assert.match(printed.out, /tcp dport \{ 1883 \} jump mqtt/);
    const file = path.join(directory, 'printed.nft');
    await runToEnd('sh', ['-c', 'cat > "$0"', file], { input: printed.out });
    const checked = await network.run('nft', '-c', '-f', file);
    assert.equal(checked.code, 0, checked.err);
    assert.equal(await network.ruleset(), '');
    assert.equal((await firewall('verify')).code, 1);
  });

  it('applies, sees that it is loaded, and notices what others change', async () => {
    await configure({});
    assert.equal((await firewall('apply', '--confirmed')).code, 0);
    const same = await firewall('verify', '--json');
    assert.equal(same.code, 0, same.out + same.err);
    await network.run('nft', 'add element inet sallyport banned4 { 192.0.2.7 timeout 1h }');
    assert.equal((await firewall('verify')).code, 0, 'bans come and go');
    await network.run('nft', 'add rule inet sallyport input tcp dport 9999 accept');
    const drifted = await firewall('verify');
    assert.equal(drifted.code, 1);
    assert.match(drifted.out, /\+ tcp dport 9999 accept/);
    await configure({ connectionsPerSecond: 7 });
    assert.match((await firewall('verify')).out, /- .*limit rate over 7\/second/);
    assert.doesNotMatch(await network.ruleset(), /sallyport_compared/);
    assert.equal((await firewall('revert')).code, 0);
    assert.equal(await network.ruleset(), '');
    assert.equal((await firewall('revert')).code, 1);
  });

  it('takes an apply back that nobody confirms, to what was there before, bans included', async () => {
    await configure({});
    assert.equal((await firewall('apply', '--confirmed')).code, 0);
    await network.run('nft', 'add element inet sallyport banned4 { 192.0.2.7 timeout 1h }');
    await configure({ defaultDrop: true });
    const applied = await firewall('apply', '--confirm-within', '2s');
    assert.equal(applied.code, 0, applied.err);
    assert.match(await network.ruleset(), /policy drop/);
    const again = await firewall('apply');
    assert.equal(again.code, 2);
    assert.match(again.err, /waits to be confirmed/);
    await eventually(
      'it is taken back',
      async () => !/policy drop|sallyport_before|dormant/.test(await network.ruleset()),
    );
    assert.match(await network.ruleset(), /policy accept[\s\S]*jump mqtt/);
    assert.match(await network.ruleset(), /192\.0\.2\.7 timeout 1h/);
    await firewall('revert');
  });

  it('keeps an apply that is confirmed, and reverts one at once', async () => {
    await configure({ defaultDrop: true });
    assert.equal((await firewall('confirm')).code, 1);
    await firewall('apply', '--confirm-within', '8s');
    assert.equal((await firewall('confirm')).code, 0);
    await sleep(9000);
    assert.match(await network.ruleset(), /policy drop/);
    await configure({});
    await firewall('apply', '--confirm-within', '1h');
    assert.match(await network.ruleset(), /policy accept/);
    assert.equal((await firewall('revert')).code, 0);
    const restored = await network.ruleset();
    assert.match(restored, /policy drop/);
    assert.doesNotMatch(restored, /sallyport_before/);
    await firewall('revert');
  });

  it('refuses garbage with key and line, and changes nothing', async () => {
    await configure({ sources: ['10.0.0.0/33'], connectionsPerSecond: -1, openPorts: ['ssh'] });
    for (const verb of ['print', 'apply', 'verify']) {
      const { code, err } = await firewall(verb);
      assert.equal(code, 2, verb);
      assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.sources\[0\]: /);
      assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.connectionsPerSecond: /);
      assert.match(err, /sallyport\.yaml:\d+:\d+: firewall\.openPorts\[0\]: /);
    }
    await configure({});
    assert.match((await firewall('apply', '--confirm-within', 'soon')).err, /from 1s to 1h/);
    assert.match((await firewall('aply')).err, /Did you mean firewall apply/);
    assert.equal(await network.ruleset(), '');
  });

  it('does not lock out who is logged in through a port that it would close', async () => {
    await configure({ defaultDrop: true });
    const line = [process.execPath, COMMAND, 'firewall', 'apply', '-d', directory];
    const { code, err } = await network.run('env', 'SSH_CONNECTION=192.0.2.1 5000 192.0.2.2 2222', ...line);
    assert.equal(code, 2);
    assert.match(err, /port 2222, which would be closed: add it to firewall\.openPorts/);
    assert.equal(await network.ruleset(), '');
  });
});

describe('bans at the firewall', { skip: without }, () => {
  for (const workers of [1, 2]) {
    it(`drop who is banned until it is not, with ${workers} process(es)`, async (t) => {
      const directory = await temporaryDirectory('firewall');
      const network = new Network();
      await network.up();
      await writeGatewayFiles(directory, {
        listeners: [LISTENER],
        config: {
          workers,
          authentication: { passwordFile: 'users' },
          authorization: { aclFile: 'acl' },
          bans: BANS,
          firewall: { enabled: true },
        },
      });
      let output = '';
      const gateway = network.start(process.execPath, COMMAND, 'start', '-d', directory);
      gateway.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
      t.after(async () => {
        const closed = once(gateway, 'close');
        gateway.kill();
        await closed;
        await network.close();
        await removeDirectory(directory);
      });
      const sallyport = (...args: string[]) => network.run(process.execPath, COMMAND, ...args, '-d', directory);
      await eventually('it is up', async () =>
        (await sallyport('ban', 'list', '--json')).out.includes('"isRunning": true'),
      );
      // Without a ruleset it says so, and goes on.
      await eventually('the event', () => /"firewall\.failed".*sallyport firewall apply/.test(output));
      await eventually('127.0.0.1 is open', async () => (await network.knock('127.0.0.1')) === 'open');
      assert.equal((await sallyport('ban', 'add', '127.0.0.66', '--for', '1h')).code, 0);
      assert.equal(await network.knock('127.0.0.66'), 'closed');

      assert.equal((await sallyport('firewall', 'apply', '--confirmed')).code, 0);
      await eventually('the event', () => /"firewall\.recovered"/.test(output));
      await eventually('127.0.0.66 is silent', async () => (await network.knock('127.0.0.66')) === 'silent');
      assert.equal(await network.knock('127.0.0.1'), 'open');

      // A network, with one inside that is allowed, and another network inside that outlasts it.
      await sallyport('ban', 'add', '127.0.0.192/26', '--for', '12s');
      await sallyport('ban', 'add', '127.0.0.240/28', '--for', '1h');
      await sallyport('ban', 'add', '::1', '--for', '1h');
      await eventually('127.0.0.201 is silent', async () => (await network.knock('127.0.0.201')) === 'silent');
      assert.equal(await network.knock('127.0.0.200'), 'open');
      assert.equal(await network.knock('::1'), 'silent');
      await eventually('127.0.0.201 is open', async () => (await network.knock('127.0.0.201')) === 'open');
      await eventually('127.0.0.241 is silent', async () => (await network.knock('127.0.0.241')) === 'silent');

      assert.equal((await sallyport('ban', 'remove', '127.0.0.66')).code, 0);
      await eventually('127.0.0.66 is open', async () => (await network.knock('127.0.0.66')) === 'open');
      const held = await network.run('nft', 'list', 'set', 'inet', 'sallyport', 'banned6');
      assert.match(held.out, /::1 timeout 1h expires 59m/);
    });
  }
});
