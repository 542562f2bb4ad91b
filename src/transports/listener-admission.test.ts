import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as dialTls } from 'node:tls';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO, Peer, TlsPeer } from '../../test/kit/listener-echo.ts';
import { ADMISSION_DEFAULTS, Admission, type AdmissionOptions } from './admission.ts';
import { HalfOpenPlace } from './half-open.ts';
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

function dialTlsFrom(echo: EchoListener, localAddress: string): TlsPeer {
  const socket = connect({ port: echo.listener.port, host: '127.0.0.1', localAddress });
  return new TlsPeer(dialTls({ socket, rejectUnauthorized: false }));
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

test('where all places are taken, the newest of the most crowded address goes', async (t) => {
  const { echo } = await open(t, { halfOpenMax: 3 });
  const crowd = ['127.0.0.2', '127.0.0.2', '127.0.0.3'].map((address) => dialFrom(echo, address));
  for (const [index, peer] of crowd.entries()) {
    peer.write(HELLO);
    await echo.echo(index);
  }
  const good = dialFrom(echo, '127.0.0.4');
  good.write(HELLO);
  await good.read(HELLO.length);
  await crowd[1]!.closed;
  const { by, address } = await echo.event('connection.rejected');
  assert.deepEqual([by, address], ['limit:halfOpenMax', '127.0.0.2']);
  assert.equal(crowd[0]!.socket.destroyed, false);
});

test('a crowd without CONNACK fills a listener, and keeps nobody out', async (t) => {
  const { echo } = await open(t, {}, { connectionsMax: 3 });
  const crowd: Peer[] = [];
  for (let i = 0; i < 3; i++) {
    crowd.push(dialFrom(echo, '127.0.0.2'));
    crowd[i]!.write(HELLO);
    await echo.echo(i);
  }
  const late = dialFrom(echo, '127.0.0.2');
  await late.closed;
  assert.equal((await echo.event('connection.rejected')).by, 'limit:connectionsMax');
  const good = dialFrom(echo, '127.0.0.4');
  good.write(HELLO);
  await good.read(HELLO.length);
  await crowd[2]!.closed;
  const { by, address } = await echo.event('connection.rejected', 1);
  assert.deepEqual([by, address], ['limit:halfOpenMax', '127.0.0.2']);
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
  const { echo, admission } = await open(t, { waitingMax: 1 });
  admission.room.doors = 'strangers';
  const stranger = dialFrom(echo, '127.0.0.2');
  const known = dialFrom(echo, '127.0.0.7');
  known.write(HELLO);
  await known.read(HELLO.length);
  await until(() => admission.room.size > 0);
  const another = dialFrom(echo, '127.0.0.2');
  await another.closed;
  assert.equal((await echo.event('connection.rejected')).by, 'limit:waitingMax');
  echo.clock.advance(29_999);
  assert.equal(admission.room.size, 1, 'it is not its own time that passes');
  echo.clock.advance(1);
  await stranger.closed;
  const { by, says } = await echo.event('connection.rejected', 1);
  assert.equal(by, 'limit:waitingMax', 'which no detector takes for its fault');
  assert.match(says, /the deadline passed before the gateway, which is overloaded, let it in/);
  assert.equal(admission.room.size, 0);
});

/** The one place of the budget is taken, so that whoever comes now waits. */
async function withStalledHandshake(t: { after(run: () => Promise<void>): void }, waitingMax = 100) {
  const made = await open(
    t,
    { tlsHandshakesMax: 1, tlsHandshakesWaitingMax: waitingMax },
    { type: 'tls', tls: { certificates } },
  );
  const stalled = dialFrom(made.echo, '127.0.0.2');
  // The header of a record, which promises a ClientHello that never comes.
  stalled.write(Buffer.from([0x16, 3, 1, 1, 0, 1]));
  await until(() => made.admission.handshakes.running > 0);
  return { ...made, stalled };
}

/** So many more that say nothing after their first bytes, in the line behind it. */
async function stallBehind({ echo, admission }: Awaited<ReturnType<typeof open>>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    dialFrom(echo, '127.0.0.2').write(Buffer.from([0x16, 3, 1, 1, 0, 1]));
    await until(() => admission.handshakes.waiting === i + 1);
  }
}

/** Every second one that lies still gives up its place. */
async function pass(echo: EchoListener, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    echo.clock.advance(1000);
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the deadline of a client does not run while it waits for the turn of its TLS handshake', async (t) => {
  const made = await withStalledHandshake(t);
  await stallBehind(made, 14);
  const { echo, admission } = made;
  const good = dialTlsFrom(echo, '127.0.0.2');
  good.write(HELLO);
  await until(() => admission.handshakes.waiting === 15);
  await pass(echo, 15);
  assert.deepEqual(await good.read(HELLO.length), HELLO);
});

test('nobody waits for ever, and it is no fault of his', async (t) => {
  const made = await withStalledHandshake(t);
  await stallBehind(made, 40);
  const { echo } = made;
  await pass(echo, 30);
  const { says } = await echo.until(() =>
    echo.named('connection.rejected').find((event) => event.by === 'limit:tlsHandshakesWaitingMax'),
  );
  assert.equal(says, 'the deadline passed before the TLS handshake had its turn');
});

test('a client that gives up while it waits is not waited for, and no detector takes it for a flood', async (t) => {
  const { echo, admission } = await withStalledHandshake(t);
  const good = echo.dialTls();
  await until(() => admission.handshakes.waiting > 0);
  good.socket.destroy();
  await until(() => admission.handshakes.waiting === 0);
  const { by, says } = await echo.event('connection.rejected');
  assert.equal(by, 'limit:tlsHandshakesWaitingMax');
  assert.equal(says, 'the client closed before the TLS handshake had its turn');
});

test('who waits for a TLS handshake is heard no further than a ClientHello goes', async (t) => {
  const { echo, admission } = await withStalledHandshake(t);
  const greedy = dialFrom(echo, '127.0.0.3');
  greedy.write(Buffer.from([0x16, 3, 1, 1, 0, 1]));
  await until(() => admission.handshakes.waiting > 0);
  greedy.write(Buffer.alloc(20_000));
  await greedy.closed;
  const { by, says } = await echo.event('connection.rejected');
  assert.equal(by, 'first-bytes');
  assert.match(says, /more than a ClientHello/);
  assert.equal(admission.handshakes.waiting, 0);
});

test('a stranger that fills the room for TLS handshakes keeps nobody out, and is told', async (t) => {
  const { echo, admission } = await withStalledHandshake(t, 4);
  const crowd: Peer[] = [];
  for (let i = 0; i < 4; i++) {
    crowd.push(dialFrom(echo, '127.0.0.2'));
    crowd[i]!.write(Buffer.from([0x16, 3, 1, 1, 0, 1]));
    await until(() => admission.handshakes.waiting === i + 1);
  }
  const others = [echo.dialTls(), dialTlsFrom(echo, '127.0.0.7')];
  for (const other of others) other.write(HELLO);
  for (const late of [crowd[3]!, crowd[2]!]) await late.closed;
  const { by, address, says } = await echo.event('connection.rejected');
  assert.deepEqual(
    [by, address, says],
    ['limit:tlsHandshakesWaitingMax', '127.0.0.2', 'too many TLS handshakes wait for their turn'],
  );
  for (let seconds = 0; seconds < 4; seconds++) echo.clock.advance(1000);
  for (const other of others) assert.deepEqual(await other.read(HELLO.length), HELLO);
});

test('TLS handshakes beyond the budget wait for their turn, and one that lies still gives it up', async (t) => {
  const { echo, admission } = await withStalledHandshake(t);
  const good = echo.dialTls();
  good.write(HELLO);
  await until(() => admission.handshakes.waiting > 0);
  assert.equal(echo.echoes.length, 0);
  echo.clock.advance(1000);
  assert.deepEqual(await good.read(HELLO.length), HELLO);
});

test('a stranger of whom too much is kept, when much is kept of others, is closed and told of', async (t) => {
  const { echo, admission } = await open(t, {});
  const full = admission.halfOpen.enter({ address: '192.0.2.1', door: {}, drop: () => assert.fail('dropped') });
  assert.ok(full instanceof HalfOpenPlace);
  full.keeps(64 * 1024 * 1024);
  const greedy = dialFrom(echo, '127.0.0.2');
  greedy.write(HELLO);
  const { downstream } = await echo.echo();
  downstream.keeps?.(5000);
  await greedy.closed;
  const { by, address } = await echo.event('connection.rejected');
  assert.deepEqual([by, address], ['limit:halfOpenMax', '127.0.0.2']);
});
