import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { encode } from '../../../test/kit/codec.ts';
import { publish } from '../../../test/kit/packets.ts';
import { makeUpstream, target, UpstreamClient, until, upstreamOptions } from '../../../test/kit/upstream-client.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { PacketType } from '../../mqtt/wire.ts';

const CONNACK = encode(
  { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: NO_PROPERTIES },
  4,
);

/** A broker over WebSocket that answers the first message as told, and a client that is connected to it. */
async function connected(t: TestContext, answer: (socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.once('message', () => answer(socket));
  });
  const { port } = server.address() as { port: number };
  const url = `ws://127.0.0.1:${port}/mqtt`;
  const { upstream, events } = makeUpstream(
    upstreamOptions([target(port, { scheme: 'ws', url, path: '/mqtt' })], { packetSizeMaxBytes: 10_000 }),
  );
  const client = new UpstreamClient(upstream, 4);
  t.after(() => client.link.close(undefined));
  return { client: await client.connect(), events, server };
}

describe('a broker over WebSocket', () => {
  it('is heard while its message is still to be finished, wherever its frames end', async (t) => {
    const packets = Buffer.concat([encode(publish('a', 'one'), 4), encode(publish('b', 'two'), 4)]);
    let finish: (() => void) | undefined;
    const { client } = await connected(t, (socket) => {
      socket.send(CONNACK, { fin: false });
      socket.send(packets.subarray(0, 3), { fin: false });
      socket.ping();
      socket.send(packets.subarray(3, packets.length - 1), { fin: false });
      finish = () => socket.send(packets.subarray(packets.length - 1));
    });
    assert.equal(client.connackPacket?.reasonCode, 0);
    await until(() => client.deliveries.length === 1, 'the first delivery');
    assert.equal(client.deliveries[0]?.topic, 'a');
    finish?.();
    await until(() => client.deliveries.length === 2, 'the second delivery');
    assert.equal(Buffer.from(client.deliveries[1]!.payload).toString(), 'two');
  });

  it('may put more packets into one message than were ever allowed, and none larger than packetSizeMax', async (t) => {
    const one = encode(publish('a', Buffer.alloc(9000)), 4);
    const { client, events } = await connected(t, (socket) => {
      socket.send(Buffer.concat([CONNACK, ...Array.from({ length: 10 }, () => one)]), { fin: false });
      // Its header alone says that it is too large; what would follow is never sent.
      socket.send(encode(publish('a', Buffer.alloc(20_000)), 4).subarray(0, 10), { fin: false });
    });
    await until(() => client.deliveries.length === 10, 'ten deliveries');
    await until(() => client.closes.length === 1, 'the end of the link');
    const [event] = events.filter(({ name }) => name === 'packet.faulted');
    assert.ok(event?.name === 'packet.faulted' && event.fault === 'packet_too_large' && event.sender === 'server');
  });

  it('that sends text, or masks what it sends, loses the connection', async (t) => {
    const bads: ((socket: WebSocket) => void)[] = [
      (socket) => socket.send('text'),
      (socket) => socket.send(CONNACK, { mask: true }),
    ];
    for (const bad of bads) {
      const { client } = await connected(t, (socket) => {
        socket.send(CONNACK);
        bad(socket);
      });
      await until(() => client.closes.length === 1, 'the end of the link');
    }
  });

  it('that closes without a word ends the link', async (t) => {
    const { client, server } = await connected(t, (socket) => socket.send(CONNACK));
    for (const socket of server.clients) socket.close();
    await until(() => client.closes.length === 1, 'the end of the link');
  });
});
