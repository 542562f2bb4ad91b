import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { makeCa, makeCertificate } from '../../../../test/kit/certificates.ts';
import { eventually } from '../../../../test/kit/eventually.ts';
import { systemChance } from '../../../base/chance.ts';
import { systemClock } from '../../../base/clock.ts';
import { syslogMessage } from './message.ts';
import { openSender, type SyslogSender } from './sender.ts';

interface Collector {
  readonly port: number;
  readonly sockets: Socket[];
  heard: string;
  hear(chunk: Buffer): void;
  close(): Promise<void>;
}

async function collector(
  t: TestContext,
  port = 0,
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<Collector> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
    if (!socket.isPaused()) socket.on('data', (chunk: Buffer) => made.hear(chunk));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const made: Collector = {
    port: (server.address() as AddressInfo).port,
    sockets,
    heard: '',
    hear: (chunk) => {
      made.heard += chunk;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
  t.after(() => made.close());
  return made;
}

function sender(t: TestContext, port: number, queueMax = 1000): { sender: SyslogSender; told: string[] } {
  const told: string[] = [];
  const made = openSender({
    target: { scheme: 'tcp', host: '127.0.0.1', port, tls: {} },
    clock: systemClock,
    chance: systemChance,
    queueMax,
    onDown: (says) => told.push(`down: ${says}`),
    onUp: (lost) => told.push(`up: ${lost}`),
  });
  t.after(async () => void (await made.close()));
  return { sender: made, told };
}

test('messages go out with their length in octets before them, in order', async (t) => {
  const to = await collector(t);
  const { sender: from } = sender(t, to.port);
  from.send('one');
  from.send('größer');
  await eventually('both', () => to.heard === '3 one8 größer');
});

test('what waits while the collector is away is sent when it is back, the oldest having made room', async (t) => {
  const first = await collector(t);
  const { sender: from, told } = sender(t, first.port, 5);
  from.send('a');
  await eventually('the first', () => first.heard === '1 a');
  await first.close();
  await eventually('the loss is noticed', () => told.length > 0);
  for (const letter of 'bcdefgh') from.send(letter);
  const second = await collector(t, first.port);
  await eventually('the rest', () => second.heard === '1 d1 e1 f1 g1 h');
  await eventually('the new connection is one', () => told.at(-1)?.startsWith('up') === true);
  assert.equal(told.filter((line) => line.startsWith('down')).length, 1);
  assert.equal(told.at(-1), 'up: 2');
  assert.equal(from.lostCount, 2);
});

test('something that takes every connection and ends it is away, and what it took is lost', async (t) => {
  const refusing = await collector(t, 0, (socket) => {
    socket.resume();
    socket.end();
  });
  const { sender: from, told } = sender(t, refusing.port);
  await eventually('some attempts', () => {
    from.send('a');
    return refusing.sockets.length >= 3;
  });
  assert.deepEqual(told, ['down: it closed the connection']);
  assert.equal(from.isDown, true);
  assert.ok(from.lostCount > 0);
});

test('a collector that takes nothing holds up nobody, and what waits is bounded', async (t) => {
  const stuck = await collector(t, 0, (socket) => void socket.pause());
  const { sender: from } = sender(t, stuck.port, 100);
  await eventually('it is there', () => stuck.sockets.length === 1);
  const message = 'x'.repeat(8000);
  for (let i = 0; i < 20_000; i++) from.send(message);
  assert.ok(from.lostCount > 10_000);
});

test('a collector that sends without end is left, which is told once, and tried again', async (t) => {
  const loud = await collector(t, 0, (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(16_384)));
    };
    socket.on('drain', more);
    more();
  });
  const { sender: from, told } = sender(t, loud.port);
  await eventually('it is tried again', () => loud.sockets.length >= 3);
  assert.deepEqual(told, ['down: it has sent more than 65536 bytes, where a collector sends nothing']);
  assert.equal(from.isDown, true);
});

test('so is one that does it inside TLS', async (t) => {
  const ca = await makeCa();
  const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const server = createTlsServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined);
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(16_384)));
    };
    socket.on('drain', more);
    more();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const tls = { ca: ca.certificatePem, servername: 'localhost' };
  const from = openSender({
    target: { scheme: 'tls', host: '127.0.0.1', port, tls },
    clock: systemClock,
    chance: systemChance,
    queueMax: 10,
    onDown: (says) => told.push(says),
    onUp: () => undefined,
  });
  t.after(async () => void (await from.close()));
  await eventually('it is left', () => told.length > 0);
  assert.match(told[0]!, /more than 65536 bytes/);
});

test('what a collector has not taken when the end comes is lost, and how much that is comes out', async (t) => {
  const stuck = await collector(t, 0, (socket) => void socket.pause());
  const { sender: from } = sender(t, stuck.port, 100_000);
  await eventually('it is there', () => stuck.sockets.length === 1);
  const message = 'x'.repeat(8000);
  // More than the buffers of two systems hold.
  for (let i = 0; i < 10_000; i++) from.send(message);
  const waiting = from.queuedCount;
  assert.ok(waiting > 0);
  const lost = await from.close();
  // What was on its way counts, too.
  assert.ok(lost > waiting && lost < 10_000, `${lost} of ${waiting} waiting`);
  assert.equal(from.lostCount, lost);
});

test('a collector that never answers the TLS handshake holds up the end for a moment, and all is lost', async (t) => {
  const mute = await collector(t, 0, (socket) => void socket.pause());
  const target = { scheme: 'tls', host: '127.0.0.1', port: mute.port, tls: {} } as const;
  const services = { clock: systemClock, chance: systemChance, onDown: () => undefined, onUp: () => undefined };
  const from = openSender({ target, queueMax: 10, ...services });
  await eventually('it is there', () => mute.sockets.length === 1);
  from.send('a');
  from.send('b');
  assert.equal(await from.close(), 2);
});

test('a message has priority, time, host, process and name, and nothing that breaks its header', () => {
  const header = { facility: 'auth', level: 'warn', atMs: 0, host: 'gate way', pid: 7, id: 'publish.refused' } as const;
  assert.equal(syslogMessage(header, '{}'), '<36>1 1970-01-01T00:00:00.000Z gate_way sallyport 7 publish.refused - {}');
  assert.match(syslogMessage({ ...header, host: '', id: 'x'.repeat(50) }, ''), / - sallyport 7 x{32} - $/);
});
