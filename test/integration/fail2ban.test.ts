/** The filter and the jail of deploy/fail2ban, run by a real fail2ban on the log of a real gateway. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openLog } from '../../src/app/log.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Packet } from '../../src/mqtt/packet.ts';
import { encode } from '../kit/codec.ts';
import { eventually } from '../kit/eventually.ts';
import { addressesIn, fail2banIn, withoutFail2ban } from '../kit/fail2ban.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { inNetworkOf, inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { operatorLogins } from '../kit/operators.ts';
import { connect } from '../kit/packets.ts';
import { HOST, Program, removeAtExit, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const PASSWORD = 'a password of the tests';
const INNOCENT = '203.0.113.99';

async function scene(t: TestContext, config: object = {}): Promise<{ gateway: RunningGateway; logFile: string }> {
  const directory = await temporaryDirectory('fail2ban');
  removeAtExit(directory);
  await mkdir(path.join(directory, 'gateway'));
  const logFile = path.join(directory, 'sallyport.log');
  const gateway = await startGateway({
    directory: path.join(directory, 'gateway'),
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: PASSWORD },
    acl: ['user ann', 'topic readwrite #'],
    config: { log: { destination: logFile }, ...config },
  });
  t.after(() => gateway.stop());
  return { gateway, logFile };
}

/** Says the bytes from that address, and waits until the gateway has closed. */
function say(gateway: RunningGateway, localAddress: string, bytes: Uint8Array): Promise<void> {
  const socket = net.connect({ host: HOST, port: gateway.ports.get('tcp')!, localAddress });
  socket.on('error', () => undefined);
  socket.resume();
  socket.end(bytes);
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function logIn(gateway: RunningGateway, from: string, who: object): Promise<void> {
  const packet: Packet = connect(4, { clientId: 'c', username: 'ann', password: 'a guess', ...who });
  return say(gateway, from, encode(packet, 4));
}

function untilLogged(logFile: string, what: string, times = 1): Promise<void> {
  return eventually(`${what} is logged`, async () => (await readFile(logFile, 'utf8')).split(what).length > times);
}

test('the filter finds what strangers do, and nothing of what clients do who may', {
  skip: withoutFail2ban,
}, async (t) => {
  const { gateway, logFile } = await scene(t, {
    bans: { allow: [] },
    detection: { bruteForce: { response: ['log'] } },
  });
  await logIn(gateway, '127.0.0.2', {});
  await say(gateway, '127.0.0.3', Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  // A PUBLISH whose topic is no UTF-8, instead of a CONNECT.
  await say(gateway, '127.0.0.4', Buffer.from('100d00044d5154540402003c0001ff', 'hex'));
  assert.equal((await sallyport(['ban', 'add', 'client:lost', '--data', gateway.directory])).code, 0);
  await logIn(gateway, '127.0.0.5', { clientId: 'lost' });
  assert.equal((await sallyport(['ban', 'add', '127.0.0.6', '--data', gateway.directory])).code, 0);
  await logIn(gateway, '127.0.0.6', {});
  // Who knows the password, and then is refused a topic or breaks the protocol, is no stranger.
  const known = connect(4, { clientId: 'ann-1', username: 'ann', password: PASSWORD });
  await say(gateway, '127.0.0.7', Buffer.concat([encode(known, 4), Buffer.from('f000', 'hex')]));
  await untilLogged(logFile, '"address":"127.0.0.7"', 2);
  const found = await addressesIn(logFile);
  assert.deepEqual(
    [...new Set(found)].sort(),
    ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'],
    await readFile(logFile, 'utf8'),
  );
});

test('an address that a detector has recognised is found', { skip: withoutFail2ban }, async (t) => {
  const { gateway, logFile } = await scene(t, { detection: { bruteForce: { response: ['log'] } } });
  for (let i = 0; i < 12; i++) await logIn(gateway, '127.0.0.8', { clientId: `c${i}` });
  await untilLogged(logFile, '"subjectKind":"address","subject":"127.0.0.8"');
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.includes('"attack.detected"'));
  const only = path.join(path.dirname(logFile), 'attacks.log');
  await writeFile(only, lines.map((line) => `${line}\n`).join(''));
  assert.ok((await addressesIn(only)).includes('127.0.0.8'));
});

test('failed logins of operators are found, whatever name they come with', { skip: withoutFail2ban }, async (t) => {
  const directory = await temporaryDirectory('fail2ban');
  t.after(() => removeDirectory(directory));
  const destination = path.join(directory, 'operators.log');
  const log = await openLog({ level: 'info', destination }, systemClock);
  const { logins, events } = operatorLogins(directory);
  logins.fail('It is wrong.', undefined, 'password', { address: '127.0.0.9', agent: '' });
  logins.fail('It is wrong.', `x","address":"${INNOCENT}`, 'password', { address: '127.0.0.10', agent: '' });
  for (const event of events) log.emit(event);
  log.emit({
    name: 'operator.login.succeeded',
    address: INNOCENT,
    operator: 'ann',
    role: 'viewer',
    method: 'password',
  });
  await log.close();
  assert.deepEqual(await addressesIn(destination), ['127.0.0.9', '127.0.0.10'], await readFile(destination, 'utf8'));
});

test('no name forges the address of somebody else', { skip: withoutFail2ban }, async (t) => {
  const { gateway, logFile } = await scene(t, { detection: { bruteForce: { response: ['log'] } } });
  const line = `{"level":"warn","time":"2026-01-01T00:00:00.000Z","event":"authentication.failed","connectionId":"c1","listener":"tcp","address":"${INNOCENT}","port":1,"method":"x","reason":134,`;
  const names = [
    INNOCENT,
    line,
    `x","address":"${INNOCENT}","port":1,"method":"x","reason":134,`,
    `x\\","address":"${INNOCENT}","port":1,"by":"ban:`,
    `\\`,
    `host sallyport[1]: ${line}`,
    `\u2028${line}`,
    `2026-01-01T00:00:00.000Z from ${INNOCENT}`,
    `\u0085${line}`,
    `\n${line}`,
  ];
  for (const name of names) {
    await logIn(gateway, '127.0.0.9', { clientId: name, username: name });
    await logIn(gateway, '127.0.0.9', { clientId: name });
  }
  await untilLogged(logFile, '"address":"127.0.0.9"', names.length * 2);
  const found = await addressesIn(logFile);
  assert.deepEqual(new Set(found), new Set(['127.0.0.9']));
  assert.ok(found.length >= names.length, `${found.length} lines found`);
  // As a collector that trusts nobody's escapes would hand it on: behind the journal's own prefix.
  const asJournal = path.join(path.dirname(logFile), 'journal.log');
  const text = await readFile(logFile, 'utf8');
  await writeFile(asJournal, text.replaceAll(/^(?=.)/gm, 'gate1 sallyport[812]: '));
  assert.deepEqual(await addressesIn(asJournal), found);
});

/** Whether a connection to a listener in that network is made, from each of two addresses. */
const KNOCK = `
const net = require('node:net');
const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const from = (localAddress) => new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port, localAddress, timeout: 2000 });
    socket.once('connect', () => resolve('open')).once('error', () => resolve('closed')).once('timeout', () => resolve('closed'));
  });
  process.stdout.write(JSON.stringify([await from('127.0.0.10'), await from('127.0.0.11')]));
  process.exit();
});`;

test('the jail shuts out at the firewall who guesses passwords, and nobody else', {
  skip: withoutFail2ban || withoutNetworks,
}, async (t) => {
  const { gateway, logFile } = await scene(t);
  const directory = path.dirname(logFile);
  // The tests' addresses are those that a real jail leaves alone.
  const local = { backend: 'polling', logpath: logFile, ignoreip: '192.0.2.1', ignoreself: 'false' };
  const [command, args] = inOwnNetwork('fail2ban-server', ...fail2banIn(directory, local));
  const server = await Program.start(command, args, []);
  t.after(() => server.end());
  const pid = server.child.pid!;
  const ask = (...words: string[]) =>
    runToEnd('fail2ban-client', ['-s', path.join(directory, 'fail2ban.sock'), ...words]);
  await eventually('fail2ban watches the log', async () => (await ask('status', 'sallyport')).out.includes(logFile));
  const knock = async (): Promise<unknown> =>
    JSON.parse((await runToEnd(...inNetworkOf(pid, process.execPath, '-e', KNOCK))).out);
  assert.deepEqual(await knock(), ['open', 'open']);
  for (let i = 0; i < 30; i++) await logIn(gateway, '127.0.0.10', { clientId: `c${i}` });
  for (let i = 0; i < 3; i++) await logIn(gateway, '127.0.0.11', {});
  await eventually('it is banned', async () => (await ask('status', 'sallyport')).out.includes('127.0.0.10'));
  await eventually('nft has it', async () => {
    const { out } = await runToEnd(...inNetworkOf(pid, 'nft', 'list', 'ruleset'));
    return /elements = \{ 127\.0\.0\.10 \}/.test(out);
  });
  assert.deepEqual(await knock(), ['closed', 'open']);
});
