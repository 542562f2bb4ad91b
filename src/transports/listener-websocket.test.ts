import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import type { ListenerOptions } from './listener-options.ts';

const ca = await makeCa('WebSocket CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });

const UPGRADE =
  'GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n';

async function open(t: { after(run: () => Promise<void>): void }, options: Partial<ListenerOptions> = {}) {
  const listener = await new EchoListener({ type: 'ws', ...options }).open();
  t.after(() => listener.listener.closeAll());
  return listener;
}

function url(listener: EchoListener, path = '/mqtt'): string {
  const { type, port } = listener.listener;
  return `${type}://127.0.0.1:${port}${path}`;
}

async function dial(listener: EchoListener, protocols = ['mqtt'], options: object = {}): Promise<WebSocket> {
  const socket = new WebSocket(url(listener), protocols, { ca: ca.certificatePem, ...options });
  await once(socket, 'open');
  return socket;
}

/** The HTTP status with which an upgrade is refused. */
async function refusal(listener: EchoListener, path: string, protocols: string[], headers: object): Promise<number> {
  const socket = new WebSocket(url(listener, path), protocols, { headers: headers as Record<string, string> });
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

/** What a raw HTTP client hears to `request`, to the end. */
async function answer(listener: EchoListener, request: string | Buffer): Promise<string> {
  const peer = listener.dial();
  peer.write(request);
  await peer.closed;
  return peer.received.toString();
}

async function messages(socket: WebSocket, size: number): Promise<Buffer> {
  let received = Buffer.alloc(0);
  while (received.length < size) {
    const [data, isBinary] = await once(socket, 'message');
    assert.equal(isBinary, true);
    received = Buffer.concat([received, data]);
  }
  return received;
}

test('bytes go both ways over ws and wss, and packets may span frames', async (t) => {
  const certificates = [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }];
  for (const type of ['ws', 'wss'] as const) {
    const listener = await open(t, { type, tls: { certificates } });
    const socket = await dial(listener);
    assert.equal(socket.protocol, 'mqtt');
    socket.send(HELLO.subarray(0, 1));
    socket.send(HELLO.subarray(1));
    assert.deepEqual(await messages(socket, 2), HELLO);
    const { facts } = (await listener.echo()).downstream;
    assert.equal(facts.secure, type === 'wss');
    assert.equal(facts.address, '127.0.0.1');
    socket.send(HELLO.subarray(0, 1), { fin: false });
    socket.send(HELLO.subarray(1), { fin: true });
    assert.deepEqual(await messages(socket, 2), HELLO);
    socket.close();
    await listener.until(() => listener.echoes[0]!.ends[0]);
    assert.deepEqual(listener.echoes[0]!.ends, [{ by: 'peer', says: '', bytesIn: 4, bytesOut: 4 }]);
  }
});

test('the name that MQTT 3.1 clients use for the subprotocol is known too', async (t) => {
  const listener = await open(t);
  assert.equal((await dial(listener, ['mqttv3.1'])).protocol, 'mqttv3.1');
  assert.equal((await dial(listener, ['other', 'mqttv3.1', 'mqtt'])).protocol, 'mqtt');
});

test('what is written within one turn goes out as one message', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  const echo = await listener.echo();
  for (let i = 0; i < 50; i++) echo.send(Buffer.from([i]));
  const [data] = await once(socket, 'message');
  assert.equal(data.length, 50);
});

test('an upgrade without the subprotocol, or on another path, is refused with its status', async (t) => {
  const listener = await open(t);
  const cases: [string, string[], number, RegExp][] = [
    ['/mqtt', ['other'], 400, /without the subprotocol mqtt/],
    ['/mqtt', [], 400, /without the subprotocol mqtt/],
    ['/', ['mqtt'], 404, /another path/],
    ['/mqtt/', ['mqtt'], 404, /another path/],
  ];
  for (const [index, [path, protocols, status, says]] of cases.entries()) {
    assert.equal(await refusal(listener, path, protocols, {}), status);
    const event = await listener.event('connection.rejected', index);
    assert.equal(event.by, 'websocket');
    assert.match(event.says, says);
    listener.clock.advance(1000);
  }
  assert.equal(listener.echoes.length, 0);
});

test('an upgrade that is none is refused', async (t) => {
  const listener = await open(t);
  const upgrade = 'GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n';
  for (const [index, rest] of [
    'Upgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n',
    'Upgrade: h2c\r\n\r\n',
  ].entries()) {
    assert.match(await answer(listener, upgrade + rest), /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.equal((await listener.event('connection.rejected', index)).says, 'a malformed WebSocket upgrade');
    listener.clock.advance(1000);
  }
});

test('pages connect only from origins on the list; clients that are no browser need none', async (t) => {
  const listener = await open(t);
  const { options } = listener;
  const from = (origin: string): object => ({ origin });
  assert.equal(await refusal(listener, '/mqtt', ['mqtt'], from('https://a.example')), 403);
  assert.match((await listener.event('connection.rejected')).says, /origin that is not on the list/);
  await dial(listener);

  listener.listener.update({ ...options, webSocket: { origins: ['https://A.example', 'http://b.example:8080'] } });
  await dial(listener, ['mqtt'], { headers: from('https://a.example') });
  await dial(listener, ['mqtt'], { headers: from('http://b.example:8080') });
  for (const origin of ['https://a.example.evil', 'http://a.example', 'https://b.example', 'null', '']) {
    assert.equal(await refusal(listener, '/mqtt', ['mqtt'], from(origin)), 403, origin);
  }

  listener.listener.update({ ...options, webSocket: { origins: ['*'] } });
  await dial(listener, ['mqtt'], { headers: from('https://c.example') });
});

test('a plain HTTP request hears that WebSocket is wanted, or that there is nothing', async (t) => {
  const listener = await open(t);
  const there = await answer(listener, 'GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(there, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
  assert.match(there, /\r\nupgrade: websocket\r\n/i);
  assert.match(there, /MQTT over WebSocket is spoken here/);
  assert.match(await answer(listener, 'GET /secret HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 404 Not Found\r\n/);
  assert.match(
    await answer(listener, 'POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'),
    /^HTTP\/1\.1 426 /,
  );
  assert.match(await answer(listener, 'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 400 /);
  listener.clock.advance(1000);
  const events = listener.named('connection.rejected');
  assert.equal(events.length, 2);
  assert.equal(events[0]!.says, 'an HTTP request that asks for no WebSocket');
});

test('malformed and oversized requests are refused', async (t) => {
  const listener = await open(t);
  assert.match(await answer(listener, 'GET /mqtt HTTP/1.1\r\nHo st: x\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match((await listener.event('connection.rejected')).says, /malformed HTTP request/);
  listener.clock.advance(1000);
  const long = `GET /mqtt HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`;
  assert.match(await answer(listener, long), /^(HTTP\/1\.1 431 .*)?/s);
  assert.match((await listener.event('connection.rejected', 1)).says, /headers longer than 8192 bytes/);
});

test('other protocols on the WebSocket port are closed by name', async (t) => {
  const listener = await open(t);
  for (const [index, [start, says]] of [
    ['\x10\x0c\0\x04MQTT', 'an unencrypted MQTT CONNECT, where WebSocket is spoken'],
    ['\x16\x03\x01\0\x05', 'a TLS handshake, where WebSocket is spoken'],
  ].entries()) {
    await answer(listener, Buffer.from(start!, 'latin1'));
    assert.equal((await listener.event('connection.rejected', index)).says, says);
    listener.clock.advance(1000);
  }
});

test('a request that drips in is cut at the deadline', async (t) => {
  const listener = await open(t, { handshakeTimeoutMs: 4000 });
  const peer = listener.dial();
  for (const part of ['GET /mq', 'tt HTTP/1.1\r\n', 'Host: x\r\n']) {
    peer.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (listener.listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  listener.clock.advance(4000);
  await peer.closed;
  const event = await listener.event('connection.rejected');
  assert.equal(event.by, 'limit:handshakeTimeout');
  assert.equal(event.says, 'the deadline passed before the WebSocket upgrade was complete');
});

test('a text frame ends the connection [MQTT-6.0.0-1]', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  socket.send('hello');
  const [code] = await once(socket, 'close');
  assert.equal(code, 1003);
  const echo = await listener.echo();
  assert.deepEqual(
    echo.ends.map(({ by, says }) => ({ by, says })),
    [{ by: 'error', says: 'a text frame, where MQTT takes binary ones only' }],
  );
  assert.deepEqual(echo.chunks, []);
});

test('a message is heard as it comes, in however many frames, and needs no end', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  const echo = await listener.echo();
  for (let i = 1; i <= 2000; i++) socket.send(Buffer.from([i & 0xff]), { fin: false });
  await listener.until(() => echo.received.length === 2000);
  assert.deepEqual(echo.received, Buffer.from(Array.from({ length: 2000 }, (_, i) => (i + 1) & 0xff)));

  // Frames have no end either: the header of one of a tebibyte, and its first bytes.
  const peer = listener.dial();
  peer.write(UPGRADE);
  assert.match((await peer.read(12)).toString(), /^HTTP\/1\.1 101/);
  peer.write(Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]));
  const second = await listener.echo(1);
  await listener.until(() => second.received.length === 3);
  assert.deepEqual([...second.received], [1, 2, 3]);
});

test('a message that begins amid another ends the connection', async (t) => {
  const listener = await open(t);
  const peer = listener.dial();
  peer.write(UPGRADE);
  const frame = (first: number, byte: number): Buffer => Buffer.from([first, 0x81, 0, 0, 0, 0, byte]);
  peer.write(Buffer.concat([frame(0x02, 7), frame(0x82, 8)]));
  await peer.closed;
  const echo = await listener.echo();
  assert.deepEqual([...echo.received], [7]);
  assert.deepEqual(
    echo.ends.map(({ by, says }) => [by, says]),
    [['error', 'a message began before the last one had ended']],
  );
});

test('a frame that no rule allows ends the connection, with what came before it heard', async (t) => {
  const listener = await open(t);
  const good = Buffer.from([0x82, 0x81, 0, 0, 0, 0, 7]);
  for (const [index, [bytes, says]] of (
    [
      [[0x82, 0x01, 1], 'WS_ERR_EXPECTED_MASK'],
      [[0xc2, 0x81, 0, 0, 0, 0, 1], 'WS_ERR_UNEXPECTED_RSV_1'],
      [[0x83, 0x81, 0, 0, 0, 0, 1], 'WS_ERR_INVALID_OPCODE'],
      [[0x80, 0x81, 0, 0, 0, 0, 1], 'WS_ERR_INVALID_OPCODE'],
      [[0x89, 0xfe, 0, 200], 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
      [[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255], 'a frame longer than can be counted'],
    ] as const
  ).entries()) {
    const peer = listener.dial();
    peer.write(UPGRADE);
    peer.write(Buffer.concat([good, Buffer.from(bytes)]));
    await peer.closed;
    const echo = await listener.echo(index);
    assert.deepEqual([...echo.received], [7], says);
    assert.deepEqual(
      echo.ends.map((end) => [end.by, end.says]),
      [['error', says]],
    );
  }
});

test('a socket that breaks while its client has to wait is told of as what it is', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  const echo = await listener.echo();
  echo.pausesAtOnce = true;
  socket.send(Buffer.from([1]));
  await listener.until(() => echo.received.length === 1);
  for (let i = 0; i < 100; i++) socket.send(Buffer.from([i]), { fin: false });
  await new Promise((resolve) => setImmediate(resolve));
  socket.terminate();
  echo.downstream.destroy();
  await listener.until(() => echo.ends[0]);
  assert.deepEqual(
    echo.ends.map(({ by }) => by),
    ['us'],
  );
});

test('compression is declined', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener, ['mqtt'], { perMessageDeflate: true });
  assert.equal(socket.extensions, '');
});

test('pings are answered', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  socket.ping('x');
  const [data] = await once(socket, 'pong');
  assert.equal(data.toString(), 'x');
});

test('our end is a close frame; a client that ignores it is cut when the grace is over', async (t) => {
  const listener = await open(t, { closeGraceMs: 2000 });
  const polite = await dial(listener);
  const echo = await listener.echo(0);
  echo.send(Buffer.from('goodbye'));
  echo.downstream.end();
  const [[data], [code]] = await Promise.all([once(polite, 'message'), once(polite, 'close')]);
  assert.equal(data.toString(), 'goodbye');
  assert.equal(code, 1000);
  await listener.until(() => echo.ends[0]);
  assert.deepEqual(echo.ends, [{ by: 'us', says: '', bytesIn: 0, bytesOut: 7 }]);

  const rude = await dial(listener);
  rude.pause();
  const second = await listener.echo(1);
  second.downstream.end();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(second.ends.length, 0);
  listener.clock.advance(2000);
  await listener.until(() => second.ends[0]);
  assert.equal(second.ends.length, 1);
  rude.terminate();
});

test('a socket that breaks without a close frame is told of once', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  socket.terminate();
  const echo = await listener.echo();
  await listener.until(() => echo.ends[0]);
  assert.deepEqual(
    echo.ends.map(({ by, says }) => ({ by, says })),
    [{ by: 'peer', says: 'without a close frame' }],
  );
  echo.send(HELLO);
  echo.downstream.end();
  echo.downstream.destroy();
  echo.downstream.pause();
  echo.downstream.resume();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(echo.ends.length, 1);
});

test('a slow reader shows in the buffered bytes, and draining is told', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  const echo = await listener.echo();
  socket.pause();
  let sent = 0;
  while (echo.downstream.bufferedBytes() < 500_000) {
    echo.send(Buffer.alloc(60_000));
    sent += 60_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const drainsBefore = echo.drains;
  let received = 0;
  socket.on('message', (data: Buffer) => {
    received += data.length;
  });
  socket.resume();
  await listener.until(() => echo.drains > drainsBefore);
  assert.equal(echo.downstream.bufferedBytes(), 0);
  while (received < sent) await once(socket, 'message');
});

test('a paused connection makes its client wait', async (t) => {
  const listener = await open(t);
  const socket = await dial(listener);
  const echo = await listener.echo();
  echo.echoes = false;
  echo.downstream.pause();
  let sent = 0;
  while (socket.bufferedAmount < 8_000_000) {
    socket.send(Buffer.alloc(500_000));
    sent += 500_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(echo.received.length <= 1_000_000);
  echo.downstream.resume();
  await listener.until(() => echo.chunks.reduce((sum, chunk) => sum + chunk.length, 0) === sent);
});

test('a PROXY header may stand before the upgrade', async (t) => {
  const listener = await open(t, { proxyProtocol: { mode: 'v1', trusted: ['127.0.0.1'] } });
  const peer = listener.dial();
  peer.write(`PROXY TCP4 192.0.2.9 192.0.2.1 4242 80\r\n${UPGRADE}`);
  assert.equal((await listener.echo()).downstream.facts.address, '192.0.2.9');
  assert.match((await peer.read(12)).toString(), /^HTTP\/1\.1 101/);
});
