import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import WebSocket, { createWebSocketStream } from 'ws';
import { PacketType } from '../../src/mqtt/wire.ts';
import { encode } from '../kit/codec.ts';
import { untilEvent } from '../kit/event-log.ts';
import { connect, publish, subscribe } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

const TRANSPORTS = ['tcp', 'tls', 'ws', 'wss'] as const;
type Transport = (typeof TRANSPORTS)[number];
const LOGIN = { username: USERNAME, password: PASSWORD };
const TOPIC = `devices/${USERNAME}/slow`;

let secured: SecuredGateway;
before(async () => {
  secured = await startSecuredGateway({
    transports: TRANSPORTS,
    // The clients that do nothing wrong connect in that time too, all at once, on a busy machine.
    listener: { handshakeTimeout: '3s' },
    config: {
      limits: {
        connectTimeout: '3s',
        slowReaderTimeout: '3s',
        pingOnlyMax: '10s',
        // So far off that only the reader that stands still is noticed, not the one that has much to read.
        outputBufferMax: '64MiB',
      },
    },
  });
});
after(() => secured.stop());

/** A socket that the gateway takes for a client's, with nothing said yet; with it the one underneath. */
async function open(transport: Transport): Promise<{ stream: Duplex; raw: net.Socket }> {
  if (transport === 'ws' || transport === 'wss') {
    const { socket, raw } = await openWebSocket(transport);
    const framed = createWebSocketStream(socket);
    framed.on('error', () => undefined);
    return { stream: framed, raw };
  }
  return openSocket(transport);
}

async function openWebSocket(transport: 'ws' | 'wss'): Promise<{ socket: WebSocket; raw: net.Socket }> {
  const { stream, raw } = await openSocket(transport);
  const socket = new WebSocket(`ws://${HOST}/mqtt`, 'mqtt', { createConnection: () => stream as net.Socket });
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return { socket, raw };
}

async function openSocket(transport: Transport): Promise<{ stream: Duplex; raw: net.Socket }> {
  const port = secured.gateway.ports.get(transport)!;
  const raw = net.connect({ host: HOST, port, noDelay: true });
  raw.on('error', () => undefined);
  await once(raw, 'connect');
  const ca = secured.ca.certificatePem;
  let stream: Duplex = raw;
  if (transport === 'tls' || transport === 'wss') {
    stream = tls.connect({ socket: raw, host: HOST, ca });
    stream.on('error', () => undefined);
    await once(stream, 'secureConnect');
  }
  return { stream, raw };
}

/** Byte by byte, until the other side has had enough. */
async function drip(stream: Duplex, bytes: Uint8Array, pauseMs: number): Promise<void> {
  for (const byte of bytes) {
    if (stream.destroyed || !stream.writable) return;
    stream.write(Buffer.of(byte));
    await sleep(pauseMs);
  }
}

/** Starts the wait before the deed, since the socket may be gone before its last byte is written. */
async function closes(raw: net.Socket, deed: () => Promise<void>): Promise<void> {
  raw.resume();
  // A reset is an end like any other; `once` would take it for a failure.
  const closed = new Promise<void>((resolve) => raw.once('close', () => resolve()));
  await Promise.all([raw.closed ? undefined : closed, deed()]);
}

describe('slow attacks', { concurrency: true }, () => {
  for (const transport of TRANSPORTS) {
    it(`a CONNECT that drips in over ${transport} has one deadline for all its bytes`, async () => {
      const { stream, raw } = await open(transport);
      const client = { port: raw.localPort };
      await closes(raw, () => drip(stream, encode(connect(5, { clientId: 'x'.repeat(100), ...LOGIN }), 5), 100));
      await untilEvent(secured.gateway.program, 'connect.refused', { ...client, by: 'limit:connectTimeout' });
    });
  }

  it('a TLS handshake or a WebSocket upgrade that drips in has one, too', async () => {
    for (const [transport, bytes] of [
      // The header of a handshake record of 512 bytes, and of a ClientHello in it.
      ['tls', Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(502)])],
      ['ws', Buffer.from('GET /mqtt HTTP/1.1\r\nHost: localhost\r\nX-Filler: none at all\r\n')],
    ] as const) {
      const raw = net.connect({ host: HOST, port: secured.gateway.ports.get(transport)!, noDelay: true });
      raw.on('error', () => undefined);
      await once(raw, 'connect');
      const port = raw.localPort;
      await closes(raw, () => drip(raw, bytes, 100));
      await untilEvent(secured.gateway.program, 'connection.rejected', { port, by: 'limit:handshakeTimeout' });
    }
  });

  for (const transport of TRANSPORTS) {
    it(`a reader over ${transport} that reads nothing is cut off, though no buffer of ours is full`, async () => {
      const { stream, raw } = await open(transport);
      const topic = `${TOPIC}/${transport}`;
      stream.write(encode(connect(5, { clientId: `frozen-${transport}`, ...LOGIN }), 5));
      await once(stream, 'data');
      stream.write(encode(subscribe(1, [{ filter: topic }]), 5));
      await once(stream, 'data');
      const port = raw.localPort;
      stream.pause();
      raw.pause();
      const publisher = await RawClient.open(
        { transport: 'tcp', host: HOST, port: secured.gateway.ports.get('tcp')! },
        5,
      );
      await publisher.connect({ clientId: `feeder-${transport}`, ...LOGIN });
      // More than both kernels' buffers hold, and less than the gateway's own ceiling.
      for (let i = 0; i < 100; i++) {
        publisher.send(publish(topic, Buffer.alloc(200_000)));
        await publisher.settled();
      }
      await untilEvent(secured.gateway.program, 'connection.closed', { port, by: 'limit:slowReaderTimeout' });
      raw.destroy();
      publisher.drop();
    });
  }

  it('a PUBLISH that drips in ends its connection, with the reason', async () => {
    const { stream, raw } = await open('tls');
    const port = raw.localPort;
    stream.write(encode(connect(5, { clientId: 'dripping', ...LOGIN }), 5));
    await once(stream, 'data');
    stream.write(encode(publish(TOPIC, 'a whole one'), 5));
    await closes(raw, () => drip(stream, encode(publish(TOPIC, Buffer.alloc(1000)), 5), 50));
    await untilEvent(secured.gateway.program, 'connection.closed', { port, by: 'limit:receiveRateMin' });
  });

  for (const transport of ['tcp', 'tls'] as const) {
    it(`a CONNECT over ${transport} that is larger than strangers may send is refused at its header`, async () => {
      const { stream, raw } = await open(transport);
      const client = { port: raw.localPort };
      const answered = once(stream, 'data');
      // A megabyte behind it, of which nothing is kept.
      const connectPacket = encode(connect(5, { clientId: 'large', ...LOGIN, password: 'x'.repeat(65_535) }), 5);
      stream.write(connectPacket);
      for (let i = 0; i < 16; i++) stream.write(Buffer.alloc(65_536));
      const [connack] = (await answered) as [Buffer];
      assert.deepEqual([connack[0], connack[3]], [0x20, 0x95]);
      assert.match(connack.toString('latin1'), /limits\.connectSizeMax/);
      const { program } = secured.gateway;
      await untilEvent(program, 'packet.faulted', {
        ...client,
        fault: 'packet_too_large',
        says: /limits\.connectSizeMax/,
      });
      const { bytesIn } = await untilEvent(program, 'connection.closed', client);
      assert.ok(Number(bytesIn) <= 16_384, `${bytesIn} bytes were looked at`);
      raw.destroy();
    });
  }

  for (const transport of ['ws', 'wss'] as const) {
    for (const [shape, send] of [
      ['one message', (socket: WebSocket, bytes: Buffer) => socket.send(bytes)],
      [
        'a message that never ends',
        (socket: WebSocket, bytes: Buffer) => {
          // Each shows which version is spoken, so that an answer is due to the first.
          for (let at = 0; at < bytes.length; at += 20) socket.send(bytes.subarray(at, at + 20), { fin: false });
        },
      ],
    ] as const) {
      it(`a CONNECT over ${transport} that is larger than strangers may send is refused at its header in ${shape}`, async () => {
        const { socket, raw } = await openWebSocket(transport);
        const client = { port: raw.localPort };
        const answered = once(socket, 'message');
        const packet = encode(connect(5, { clientId: 'large', ...LOGIN, password: 'x'.repeat(65_535) }), 5);
        // The beginning is enough to be refused; of the rest, where it comes, nothing is kept.
        send(socket, Buffer.concat([packet, Buffer.alloc(shape === 'one message' ? 500_000 : 0)]));
        const [connack] = (await answered) as [Buffer];
        assert.deepEqual([connack[0], connack[3]], [0x20, 0x95]);
        assert.match(connack.toString('latin1'), /limits\.connectSizeMax/);
        const { bytesIn } = await untilEvent(secured.gateway.program, 'connection.closed', client);
        assert.ok(Number(bytesIn) <= 65_536, `${bytesIn} bytes were looked at`);
        raw.destroy();
      });
    }
  }

  it('many small packets come in one message, and one that never ends is taken as it comes', async () => {
    const { socket, raw } = await openWebSocket('ws');
    const opened = once(socket, 'message');
    socket.send(encode(connect(5, { clientId: 'many', ...LOGIN }), 5));
    await opened;
    const all = Buffer.concat(Array.from({ length: 3000 }, () => encode(publish(TOPIC, Buffer.alloc(1000)), 5)));
    const answered = once(socket, 'message');
    socket.send(all, { fin: false });
    socket.send(encode({ type: PacketType.Pingreq }, 5), { fin: false });
    const [pingresp] = (await answered) as [Buffer];
    assert.deepEqual([...pingresp], [0xd0, 0]);
    raw.destroy();
  });

  it('a client that only pings is closed, and one that listens stays', async () => {
    const endpoint = { transport: 'tcp', host: HOST, port: secured.gateway.ports.get('tcp')! } as const;
    const pinging = await RawClient.open(endpoint, 5);
    await pinging.connect({ clientId: 'pinging', ...LOGIN });
    const listening = await RawClient.open(endpoint, 5);
    await listening.connect({ clientId: 'listening', ...LOGIN });
    await listening.subscribe(TOPIC);
    const pings = setInterval(() => {
      pinging.send({ type: PacketType.Pingreq });
      listening.send({ type: PacketType.Pingreq });
    }, 2000);
    const event = await untilEvent(secured.gateway.program, 'connection.closed', { by: 'limit:pingOnlyMax' });
    clearInterval(pings);
    assert.equal(event['clientId'], 'pinging');
    await listening.settled();
    listening.drop();
  });
});
