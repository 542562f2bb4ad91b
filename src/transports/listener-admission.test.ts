import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO, Peer, TlsPeer } from '../../test/kit/listener-echo.ts';
import { ADMISSION_DEFAULTS, Admission, type AdmissionOptions } from './admission.ts';
import type { ListenerOptions } from './listener-options.ts';

const ca = await makeCa('Admission CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
const certificates = [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }];

async function open(
  t: { after(run: () => Promise<void>): void },
  admission: Partial<AdmissionOptions>,
  options: Partial<ListenerOptions> = {},
) {
  const echo = new EchoListener(options);
  echo.admission = new Admission(
    { ...ADMISSION_DEFAULTS, ...admission },
    echo.clock,
    (address) => address === '127.0.0.7',
  );
  await echo.open();
  t.after(() => echo.listener.closeAll());
  return { echo, admission: echo.admission };
}

/** Nothing tells of it, so it is looked at. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function dialFrom(echo: EchoListener, localAddress: string): Peer {
  return new Peer(connect({ port: echo.listener.port, host: '127.0.0.1', localAddress }));
}

test('an address with too many half-open connections is closed at the door, and others come in', async (t) => {
  const { echo } = await open(t, { halfOpenPerAddressMax: 2 });
  const held = [dialFrom(echo, '127.0.0.2'), dialFrom(echo, '127.0.0.2')];
  for (const peer of held) peer.write(HELLO);
  await echo.echo(1);
  const third = dialFrom(echo, '127.0.0.2');
  await third.closed;
  assert.equal((await echo.event('connection.rejected')).by, 'limit:halfOpenPerAddressMax');
  const other = dialFrom(echo, '127.0.0.3');
  other.write(HELLO);
  await other.read(HELLO.length);
});

test('who has its CONNACK is half open no longer, and neither is who has gone', async (t) => {
  const { echo, admission } = await open(t, { halfOpenPerAddressMax: 1 });
  const one = dialFrom(echo, '127.0.0.2');
  one.write(HELLO);
  (await echo.echo(0)).downstream.established();
  const two = dialFrom(echo, '127.0.0.2');
  two.write(HELLO);
  await two.read(HELLO.length);
  two.socket.destroy();
  await until(() => admission.halfOpen.size === 0);
});

test('behind a trusted proxy it is the client that is counted', async (t) => {
  const proxyProtocol = { mode: 'v1', trusted: ['127.0.0.0/8'] } as const;
  const { echo } = await open(t, { halfOpenPerAddressMax: 1 }, { proxyProtocol });
  const header = (address: string) => `PROXY TCP4 ${address} 192.0.2.100 1000 1883\r\n`;
  for (const address of ['198.51.100.1', '198.51.100.2']) {
    const peer = echo.dial();
    peer.write(header(address));
    peer.write(HELLO);
    await peer.read(HELLO.length);
  }
  const again = echo.dial();
  again.write(header('198.51.100.1'));
  await again.closed;
  const { by, address } = await echo.event('connection.rejected');
  assert.deepEqual([by, address], ['limit:halfOpenPerAddressMax', '198.51.100.1']);
});

test('where all places are taken, the oldest of the most crowded address goes', async (t) => {
  const { echo } = await open(t, { halfOpenMax: 3 });
  const crowd = ['127.0.0.2', '127.0.0.2', '127.0.0.3'].map((address) => dialFrom(echo, address));
  for (const [index, peer] of crowd.entries()) {
    peer.write(HELLO);
    await echo.echo(index);
  }
  const good = dialFrom(echo, '127.0.0.4');
  good.write(HELLO);
  await good.read(HELLO.length);
  await crowd[0]!.closed;
  const { by, address } = await echo.event('connection.rejected');
  assert.deepEqual([by, address], ['limit:halfOpenMax', '127.0.0.2']);
  assert.equal(crowd[1]!.socket.destroyed, false);
});

for (const type of ['tcp', 'tls'] as const) {
  test(`while the doors are shut, ${type} connections wait unread, and nothing that they said is lost`, async (t) => {
    const { echo, admission } = await open(t, {}, { type, tls: { certificates } });
    admission.room.doors = 'shut';
    const peer = type === 'tcp' ? echo.dial() : echo.dialTls();
    peer.write(HELLO);
    await until(() => admission.room.size === 1);
    assert.equal(echo.echoes.length, 0);
    admission.room.doors = 'open';
    assert.deepEqual(await peer.read(HELLO.length), HELLO);
  });
}

test('who waits too long is let go, and an address that is known does not wait for strangers', async (t) => {
  const { echo, admission } = await open(t, { waitingMax: 4 });
  admission.room.doors = 'strangers';
  const stranger = dialFrom(echo, '127.0.0.2');
  const known = dialFrom(echo, '127.0.0.7');
  known.write(HELLO);
  await known.read(HELLO.length);
  await until(() => admission.room.size > 0);
  const another = dialFrom(echo, '127.0.0.2');
  await another.closed;
  assert.equal((await echo.event('connection.rejected')).by, 'limit:waitingMax');
  echo.clock.advance(10_000);
  await stranger.closed;
  assert.equal((await echo.event('connection.rejected', 1)).by, 'limit:handshakeTimeout');
  assert.equal(admission.room.size, 0);
});

test('TLS handshakes beyond the budget wait for their turn, and one that lies still gives it up', async (t) => {
  const { echo, admission } = await open(t, { tlsHandshakesMax: 1 }, { type: 'tls', tls: { certificates } });
  const stalled = dialFrom(echo, '127.0.0.2');
  // The header of a record, which promises a ClientHello that never comes.
  stalled.write(Buffer.from([0x16, 3, 1, 1, 0, 1]));
  await until(() => admission.handshakes.running > 0);
  const good = echo.dialTls();
  good.write(HELLO);
  await until(() => admission.handshakes.waiting > 0);
  assert.equal(echo.echoes.length, 0);
  echo.clock.advance(1000);
  assert.deepEqual(await good.read(HELLO.length), HELLO);
  assert.ok(good instanceof TlsPeer);
});
