import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import { Reason } from '../mqtt/reason.ts';
import { type AcceptGate, acceptGates } from './accept-gate.ts';
import type { ListenerOptions } from './listener-options.ts';

/** Refuses what it is told to, and writes down what it was asked. */
class BookGate implements AcceptGate {
  readonly asked: string[] = [];
  readonly gone: string[] = [];
  readonly banned = new Set<string>();

  admit(listener: string, address: string) {
    this.asked.push(`${listener} ${address}`);
    if (!this.banned.has(address)) return undefined;
    return { by: `ban:${address}`, reason: Reason.Banned, says: 'the address is banned' } as const;
  }

  released(listener: string, address: string): void {
    this.gone.push(`${listener} ${address}`);
  }
}

async function open(
  t: { after(run: () => Promise<void>): void },
  gate: AcceptGate,
  options: Partial<ListenerOptions> = {},
) {
  const listener = await new EchoListener(options, gate).open();
  t.after(() => listener.listener.closeAll());
  return listener;
}

const PROXY = { proxyProtocol: { mode: 'any', trusted: ['127.0.0.1'] } } as const;
const FROM = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 198.51.100.2 40000 8883\r\n`);

test('a banned address is closed before it is greeted, and the event names the ban', async (t) => {
  const gate = new BookGate();
  gate.banned.add('127.0.0.1');
  const server = await open(t, gate);
  const peer = server.dial();
  await peer.closed;
  const { address, by, reason, says } = await server.event('connection.rejected');
  assert.deepEqual(
    { address, by, reason, says },
    { address: '127.0.0.1', by: 'ban:127.0.0.1', reason: 0x8a, says: 'the address is banned' },
  );
  assert.equal(server.listener.connections, 0);
  assert.equal(server.clock.pendingCount, 1, 'no deadline was set for it: what waits is the window of rejections');
  assert.deepEqual(gate.gone, []);
});

test('a banned address gets no TLS handshake', async (t) => {
  const gate = new BookGate();
  gate.banned.add('127.0.0.1');
  const { certificatePem, keyPem } = await makeCertificate(await makeCa(), { commonName: 'localhost', use: 'server' });
  const certificate = { certificatePem, keyPem, certificateFile: 'c', keyFile: 'k' };
  const server = await open(t, gate, { type: 'tls', tls: { certificates: [certificate] } });
  await assert.rejects(server.dialTls().secured, /closed before the handshake/);
  assert.equal((await server.event('connection.rejected')).by, 'ban:127.0.0.1');
});

test('behind a trusted proxy the client is judged, and the proxy never', async (t) => {
  const gate = new BookGate();
  gate.banned.add('127.0.0.1').add('192.0.2.1');
  const server = await open(t, gate, PROXY);
  const banned = server.dial();
  banned.write(Buffer.concat([FROM('192.0.2.1'), HELLO]));
  await banned.closed;
  assert.equal((await server.event('connection.rejected')).address, '192.0.2.1');
  assert.equal(server.echoes.length, 0);
  const other = server.dial();
  other.write(Buffer.concat([FROM('192.0.2.2'), HELLO]));
  assert.deepEqual(await other.read(2), HELLO);
  assert.deepEqual(gate.asked, ['test 192.0.2.1', 'test 192.0.2.2']);
});

test('an address that comes mapped into IPv6 is judged as what it is', async (t) => {
  const gate = new BookGate();
  gate.banned.add('192.0.2.1');
  const server = await open(t, gate, PROXY);
  const peer = server.dial();
  peer.write(Buffer.concat([Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 ::1 40000 8883\r\n'), HELLO]));
  await peer.closed;
  assert.equal((await server.event('connection.rejected')).by, 'ban:192.0.2.1');
});

test('a peer that is no trusted proxy is judged by its own address', async (t) => {
  const gate = new BookGate();
  gate.banned.add('127.0.0.1');
  const server = await open(t, gate, { proxyProtocol: { mode: 'any', trusted: ['10.0.0.0/8'] } });
  await server.dial().closed;
  assert.equal((await server.event('connection.rejected')).by, 'ban:127.0.0.1');
});

test('of each connection that was let in, the end is told once', async (t) => {
  const gate = new BookGate();
  const server = await open(t, gate, PROXY);
  const silent = server.dial();
  await once(silent.socket, 'connect');
  silent.socket.resetAndDestroy();
  const peer = server.dial();
  peer.write(Buffer.concat([FROM('192.0.2.7'), HELLO]));
  await peer.read(2);
  assert.deepEqual(gate.gone, []);
  peer.socket.destroy();
  await server.until(() => server.echoes[0]?.ends.length);
  while (gate.gone.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(gate.gone, ['test 192.0.2.7']);
});

test('several gates are asked in order until one says no, and those before it hear of the end', () => {
  const [first, second, third] = [new BookGate(), new BookGate(), new BookGate()];
  second.banned.add('192.0.2.1');
  const gate = acceptGates([first, second, third]);
  assert.equal(gate.admit('l', '192.0.2.1')?.by, 'ban:192.0.2.1');
  assert.deepEqual([first.gone, second.gone, third.asked], [['l 192.0.2.1'], [], []]);
  assert.equal(gate.admit('l', '192.0.2.2'), undefined);
  gate.released?.('l', '192.0.2.2');
  assert.deepEqual(
    [first, second, third].map(({ gone }) => gone.at(-1)),
    ['l 192.0.2.2', 'l 192.0.2.2', 'l 192.0.2.2'],
  );
});

test('gates that keep no count leave nothing behind on a connection', () => {
  const none: AcceptGate = { admit: () => undefined };
  assert.equal(acceptGates([none, none]).released, undefined);
  assert.equal(acceptGates([]).admit('l', '192.0.2.1'), undefined);
});
