import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO, Peer } from '../../test/kit/listener-echo.ts';
import { systemChance } from '../base/chance.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { openListener } from './listener.ts';
import { ListenerError } from './listener-error.ts';
import type { ListenerOptions } from './listener-options.ts';

const noIpv6 =
  Object.values(networkInterfaces())
    .flat()
    .every((at) => at?.family !== 'IPv6') && 'this machine has no IPv6';

async function open(t: { after(run: () => Promise<void>): void }, options: Partial<ListenerOptions> = {}) {
  const echo = await new EchoListener(options).open();
  t.after(() => echo.listener.closeAll());
  return echo;
}

function refuses(options: Partial<ListenerOptions>): Promise<unknown> {
  const whole: ListenerOptions = { name: 'bad', type: 'tcp', host: '127.0.0.1', port: 0, ...options };
  return openListener(whole, () => assert.fail('accepted'), {
    clock: new ManualClock(),
    chance: systemChance,
    emit: () => {},
  });
}

test('bytes go both ways, and the facts name the client', async (t) => {
  const server = await open(t);
  const peer = server.dial();
  peer.write(HELLO);
  assert.deepEqual(await peer.read(2), HELLO);
  const { downstream } = await server.echo();
  const { connectionId, ...facts } = downstream.facts;
  assert.match(connectionId, /^c[1-9][0-9]*$/);
  assert.deepEqual(facts, {
    listener: 'test',
    address: '127.0.0.1',
    port: peer.socket.localPort,
    secure: false,
    localAddress: '127.0.0.1',
    localPort: server.listener.port,
  });
});

test('what is written within one turn goes out in one piece', async (t) => {
  const server = await open(t);
  server.onAccept = (echo) => {
    echo.echoes = false;
  };
  const peer = server.dial();
  const chunks: Buffer[] = [];
  peer.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  peer.write(HELLO);
  const echo = await server.echo();
  for (let i = 0; i < 100; i++) echo.send(Buffer.from([i]));
  assert.equal(echo.downstream.bufferedBytes(), 0);
  await peer.read(100);
  assert.deepEqual(chunks, [Buffer.from(Array.from({ length: 100 }, (_, i) => i))]);
});

test('the room of a written batch is used again only when the kernel has its bytes', async (t) => {
  const server = await open(t);
  const peer = server.dial();
  let sent = Buffer.alloc(0);
  for (let i = 0; i < 300; i++) {
    const part = Buffer.alloc(1 + ((i * 37) % 3000), i);
    if (i === 0) part[0] = 0x10;
    sent = Buffer.concat([sent, part]);
    peer.write(part);
    if (i % 7 === 0) await peer.read(sent.length);
  }
  assert.ok((await peer.read(sent.length)).equals(sent));
});

test('IPv4 clients of a dual-stack listener have IPv4 addresses', { skip: noIpv6 }, async (t) => {
  const server = await open(t, { host: '::' });
  const v4 = server.dial('127.0.0.1');
  v4.write(HELLO);
  assert.equal((await server.echo(0)).downstream.facts.address, '127.0.0.1');
  const v6 = server.dial('::1');
  v6.write(HELLO);
  assert.equal((await server.echo(1)).downstream.facts.address, '::1');
});

test('a host name is listened on', async (t) => {
  const server = await open(t, { host: 'localhost' });
  const peer = server.dial(server.listener.address);
  peer.write(HELLO);
  assert.deepEqual(await peer.read(2), HELLO);
});

test('the end of a connection is told once, with who ended it and how many bytes went', async (t) => {
  const server = await open(t);
  const byPeer = server.dial();
  byPeer.write(HELLO);
  await byPeer.read(2);
  byPeer.socket.end();
  await byPeer.closed;

  const reset = server.dial();
  reset.write(HELLO);
  await reset.read(2);
  reset.socket.resetAndDestroy();

  const ended = server.dial();
  ended.write(HELLO);
  await ended.read(2);
  (await server.echo(2)).downstream.end();
  await ended.closed;

  const destroyed = server.dial();
  destroyed.write(HELLO);
  await destroyed.read(2);
  (await server.echo(3)).downstream.destroy();
  await destroyed.closed;

  await server.until(() => server.listener.connections === 0 && server.echoes.every((echo) => echo.ends.length > 0));
  assert.deepEqual(
    server.echoes.map((echo) => echo.ends),
    [
      [{ by: 'peer', says: '', bytesIn: 2, bytesOut: 2 }],
      [{ by: 'error', says: 'ECONNRESET', bytesIn: 2, bytesOut: 2 }],
      [{ by: 'us', says: '', bytesIn: 2, bytesOut: 2 }],
      [{ by: 'us', says: '', bytesIn: 2, bytesOut: 2 }],
    ],
  );
});

test('no call after the end throws or reaches anybody', async (t) => {
  const server = await open(t);
  const peer = server.dial();
  peer.write(HELLO);
  const echo = await server.echo();
  await peer.read(2);
  peer.socket.destroy();
  await server.until(() => echo.ends[0]);
  const { downstream } = echo;
  for (let round = 0; round < 2; round++) {
    echo.send(HELLO);
    downstream.pause();
    downstream.resume();
    downstream.end();
    downstream.destroy();
    assert.equal(typeof downstream.bufferedBytes(), 'number');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(echo.ends.length, 1);
  assert.equal(server.clock.pendingCount, 0);
});

test('last words written before end arrive, also with the client still sending', async (t) => {
  const server = await open(t);
  server.onAccept = (echo) => {
    echo.echoes = false;
  };
  const peer = server.dial();
  peer.write(HELLO);
  const echo = await server.echo();
  await server.until(() => echo.received.length === 2);
  peer.write(Buffer.alloc(100_000));
  echo.send(Buffer.from('goodbye'));
  echo.downstream.end();
  await peer.closed;
  assert.equal(peer.received.toString(), 'goodbye');
  assert.equal(peer.errorCode, '');
  await server.until(() => echo.ends[0]);
  assert.equal(echo.received.length, 2);
});

test('a client that keeps its side open after our end is cut when the grace is over', async (t) => {
  const server = await open(t, { closeGraceMs: 2000 });
  const peer = new Peer(connect({ port: server.listener.port, host: '127.0.0.1', allowHalfOpen: true }));
  peer.write(HELLO);
  const echo = await server.echo();
  await peer.read(2);
  echo.downstream.end();
  await new Promise((resolve) => peer.socket.once('end', resolve));
  server.clock.advance(1999);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.listener.connections, 1);
  server.clock.advance(1);
  await server.until(() => echo.ends[0]);
  assert.deepEqual(echo.ends, [{ by: 'us', says: '', bytesIn: 2, bytesOut: 2 }]);
});

test('a client that closes its side at once still hears the answer', async (t) => {
  const server = await open(t);
  const peer = server.dial();
  peer.socket.end(HELLO);
  await peer.closed;
  assert.deepEqual(peer.received, HELLO);
});

test('a slow reader shows in the buffered bytes, and draining is told when they are gone', async (t) => {
  const server = await open(t);
  server.onAccept = (echo) => {
    echo.echoes = false;
  };
  const peer = server.dial();
  peer.write(HELLO);
  const echo = await server.echo();
  peer.socket.pause();
  const block = Buffer.alloc(65_536, 7);
  let sent = 0;
  while (echo.downstream.bufferedBytes() < 1_000_000) {
    echo.send(block);
    sent += block.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const drainsBefore = echo.drains;
  assert.ok(echo.downstream.bufferedBytes() <= 1_000_000 + block.length);
  peer.socket.resume();
  await server.until(() => echo.drains > drainsBefore);
  assert.equal(echo.downstream.bufferedBytes(), 0);
  await peer.read(sent);
  assert.ok(peer.received.every((byte) => byte === 7));
});

test('small writes to a slow reader arrive in order', async (t) => {
  const server = await open(t);
  server.onAccept = (echo) => {
    echo.echoes = false;
  };
  const peer = server.dial();
  peer.write(HELLO);
  const echo = await server.echo();
  peer.socket.pause();
  const parts: Buffer[] = [];
  const send = async (bytes: Buffer): Promise<void> => {
    parts.push(bytes);
    echo.send(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  };
  while (echo.downstream.bufferedBytes() === 0) await send(Buffer.alloc(500_000, 1));
  for (let i = 0; i < 200; i++) await send(Buffer.alloc(1 + (i % 30) * 40, i));
  peer.socket.resume();
  const sent = Buffer.concat(parts);
  assert.ok((await peer.read(sent.length)).equals(sent));
});

test('a paused connection makes its client wait', async (t) => {
  const server = await open(t);
  server.onAccept = (echo) => {
    echo.echoes = false;
    echo.downstream.pause();
  };
  const peer = server.dial();
  peer.write(HELLO);
  const echo = await server.echo();
  const block = Buffer.alloc(1_000_000);
  let sent = HELLO.length;
  while (peer.socket.writableLength < 8 * block.length) {
    peer.write(block);
    sent += block.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(echo.received.length, 0);
  echo.downstream.resume();
  await server.until(() => echo.chunks.reduce((sum, chunk) => sum + chunk.length, 0) === sent);
});

test('beyond its ceiling a listener closes at once, and says so without flooding', async (t) => {
  const server = await open(t, { connectionsMax: 2 });
  const first = server.dial();
  first.write(HELLO);
  await first.read(2);
  const second = server.dial();
  second.write(HELLO);
  await second.read(2);
  const refused = Array.from({ length: 20 }, () => server.dial());
  await Promise.all(refused.map((peer) => peer.closed));
  server.clock.advance(1000);
  assert.deepEqual(
    server.named('connection.rejected').map(({ by, says }) => ({ by, says })),
    [
      { by: 'limit:connectionsMax', says: 'the listener has its 2 connections' },
      { by: 'limit:connectionsMax', says: 'the listener has its 2 connections (the last of 19 within a second)' },
    ],
  );
  first.socket.destroy();
  await server.until(() => server.echoes[0]!.ends[0]);
  const third = server.dial();
  third.write(HELLO);
  assert.deepEqual(await third.read(2), HELLO);
});

test('a client that says nothing is cut at the deadline', async (t) => {
  const server = await open(t, { handshakeTimeoutMs: 5000 });
  const peer = server.dial();
  while (server.listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  server.clock.advance(5000);
  await peer.closed;
  const { by, says, address } = await server.event('connection.rejected');
  assert.deepEqual(
    { by, says, address },
    { by: 'limit:handshakeTimeout', says: 'the deadline passed before its first byte', address: '127.0.0.1' },
  );
  assert.equal(server.echoes.length, 0);
});

test('other protocols on the MQTT port are closed by name', async (t) => {
  const server = await open(t);
  const cases: [string, string][] = [
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'an HTTP request, where plain MQTT is spoken'],
    ['\x16\x03\x01\x00\xa5\x01', 'a TLS handshake, where plain MQTT is spoken'],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'an SSH greeting, where plain MQTT is spoken'],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n', 'a PROXY protocol header, where plain MQTT is spoken'],
  ];
  for (const [index, [start, says]] of cases.entries()) {
    const peer = server.dial();
    peer.write(Buffer.from(start, 'latin1'));
    await peer.closed;
    const event = await server.event('connection.rejected', index);
    assert.deepEqual([event.by, event.says], ['first-bytes', says]);
    server.clock.advance(1000);
  }
  assert.equal(server.echoes.length, 0);
});

test('a probe that connects and leaves is not worth an event', async (t) => {
  const server = await open(t);
  const peer = server.dial();
  peer.socket.end();
  await peer.closed;
  while (server.listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(server.named('connection.rejected'), []);
  assert.equal(server.clock.pendingCount, 0);
});

test('a thousand connections come and go, and nothing of them stays', async (t) => {
  const server = await open(t);
  for (let wave = 0; wave < 10; wave++) {
    const peers = Array.from({ length: 100 }, () => server.dial());
    await Promise.all(
      peers.map(async (peer, i) => {
        peer.write(HELLO);
        await peer.read(2);
        if (i % 2 === 0) peer.socket.end();
        else peer.socket.resetAndDestroy();
        await peer.closed;
      }),
    );
  }
  await server.until(() => server.echoes.length === 1000 && server.echoes.every((echo) => echo.ends.length > 0));
  while (server.listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(server.echoes.every((echo) => echo.ends.length === 1));
  assert.equal(server.clock.pendingCount, 0);
});

test('a listener that stopped takes nobody new and keeps those it has', async (t) => {
  const server = await open(t);
  const kept = server.dial();
  kept.write(HELLO);
  await kept.read(2);
  const silent = server.dial();
  while (server.listener.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  server.listener.stopAccepting();
  await silent.closed;
  const late = server.dial();
  await late.closed;
  assert.equal(late.errorCode, 'ECONNREFUSED');
  kept.write(HELLO);
  await kept.read(4);
  assert.equal(server.named('listener.closed').length, 1);
  await server.listener.closeAll();
  await kept.closed;
  assert.deepEqual(server.echoes[0]!.ends.length, 1);
  assert.equal(server.named('listener.closed').length, 1);
});

test('a listener that closes tells each connection that it was us', async (t) => {
  const ca = await makeCa();
  const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const tls = { certificates: [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }] };
  for (const type of ['tcp', 'tls', 'ws', 'wss'] as const) {
    const listener = await open(t, { type, tls });
    const { port } = listener.listener;
    if (type === 'tcp') listener.dial().write(HELLO);
    else if (type === 'tls') listener.dialTls().write(HELLO);
    else new WebSocket(`${type}://127.0.0.1:${port}/mqtt`, 'mqtt', { rejectUnauthorized: false }).on('error', () => {});
    const echo = await listener.echo();
    await listener.listener.closeAll();
    assert.deepEqual(
      echo.ends.map((end) => end.by),
      ['us'],
      type,
    );
    assert.equal(listener.listener.connections, 0);
    assert.equal(listener.clock.pendingCount, 0);
  }
});

test('new ceilings reach new connections and leave old ones alone', async (t) => {
  const server = await open(t);
  const { listener, options } = server;
  const old = server.dial();
  old.write(HELLO);
  await old.read(2);
  listener.update({ ...options, connectionsMax: 1 });
  await server.dial().closed;
  await server.event('connection.rejected');
  old.write(HELLO);
  await old.read(4);
});

test('an update that would move the listener is refused', async (t) => {
  const server = await open(t);
  for (const change of [{ port: 1 }, { host: '::1' }, { type: 'ws' as const }, { name: 'other' }]) {
    assert.throws(
      () => server.listener.update({ ...server.options, ...change }),
      (error) => error instanceof ListenerError && error.code === 'needs_reopening',
    );
  }
});

test('a port in use is refused with the cure', async (t) => {
  const server = await open(t);
  await assert.rejects(refuses({ port: server.listener.port }), (error) => {
    assert.ok(error instanceof ListenerError);
    assert.equal(error.code, 'address_in_use');
    assert.equal(
      error.message,
      `listener bad: 127.0.0.1:${server.listener.port} is in use by another program; stop that one (\`ss -ltnp 'sport = :${server.listener.port}'\` names it) or choose another port`,
    );
    return true;
  });
});

test('an address of another machine is refused with the cure', async () => {
  await assert.rejects(refuses({ host: '192.0.2.1' }), /listener bad: 192\.0\.2\.1 is no address of this machine/);
});

test('bad settings are refused in one sentence', async () => {
  const proxyProtocol = { mode: 'any' as const, trusted: ['10.0.0.0/40'] };
  await assert.rejects(
    refuses({ proxyProtocol }),
    /listener bad: in the trusted networks, '10\.0\.0\.0\/40' is neither/,
  );
  await assert.rejects(refuses({ proxyProtocol: { mode: 'v1', trusted: [] } }), /name the networks of the proxies/);
  await assert.rejects(refuses({ type: 'tls' }), /needs a certificate and a key/);
  await assert.rejects(refuses({ type: 'ws', webSocket: { path: 'mqtt' } }), /must start with '\/'/);
  await assert.rejects(
    refuses({ type: 'ws', webSocket: { origins: ['example.org'] } }),
    /must be scheme, host and port/,
  );
});
