import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { type Echo, EchoListener, HELLO, Peer } from '../../test/kit/listener-echo.ts';
import type { ListenerType } from './listener-options.ts';

const FLOOD_BYTES = 16_000_000;
/** What was read in one go before the connection could say stop; over WebSocket a message and what came with it. */
const AHEAD_MAX_BYTES = { tcp: 16_384, tls: 16_384, ws: 262_144, wss: 262_144 };
const TURNS = 50;

const ca = await makeCa('Backpressure CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
const certificates = [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }];

/** A client that sends HELLO and all the rest at once; returns how it is ended. */
function flood(type: ListenerType, echo: EchoListener): () => void {
  const { port } = echo.listener;
  const rest = Buffer.alloc(FLOOD_BYTES, 0x61);
  if (type === 'tcp' || type === 'tls') {
    const { socket } = type === 'tcp' ? echo.dial() : echo.dialTls();
    socket.write(Buffer.concat([HELLO, rest]));
    return () => socket.destroy();
  }
  const url = `${type}://127.0.0.1:${port}/mqtt`;
  const client = new WebSocket(url, 'mqtt', { rejectUnauthorized: false });
  client.on('error', () => undefined);
  client.on('open', () => {
    client.send(HELLO);
    for (let at = 0; at < FLOOD_BYTES; at += 100_000) client.send(rest.subarray(at, at + 100_000));
  });
  return () => client.terminate();
}

/** As many round trips of others as a flood would need to be read. */
async function turns(type: ListenerType, first: Echo): Promise<void> {
  const calm = await new EchoListener({ type: 'tcp' }).open();
  const peer = new Peer(calm.dial().socket);
  for (let i = 1; i <= TURNS; i++) {
    peer.write(HELLO);
    await peer.read(i * HELLO.length);
  }
  peer.socket.destroy();
  await calm.listener.closeAll();
  assert.ok(first.bytes <= AHEAD_MAX_BYTES[type], `${first.bytes} bytes were read over ${type}`);
}

for (const type of ['tcp', 'tls', 'ws', 'wss'] as const) {
  test(`a connection over ${type} that stops at its first bytes is read no further until it goes on`, async (t) => {
    const secure = type === 'tls' || type === 'wss';
    const echo = await new EchoListener({ type, ...(secure && { tls: { certificates } }) }).open();
    echo.onAccept = (each) => {
      each.echoes = false;
      each.pausesAtOnce = true;
    };
    const end = flood(type, echo);
    t.after(async () => {
      end();
      await echo.listener.closeAll();
    });
    const first = await echo.echo();
    await echo.until(() => first.bytes > 0);
    await turns(type, first);
    first.downstream.established();
    first.downstream.resume();
    await echo.until(() => first.bytes >= FLOOD_BYTES);
  });
}
