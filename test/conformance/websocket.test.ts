/** MQTT over WebSocket [MQTT5 6, MQTT311 6]. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { PacketType } from '../../src/mqtt/wire.ts';
import { encode, PacketReader } from '../kit/codec.ts';
import { connect, publish, subscribe } from '../kit/packets.ts';
import { RawClient } from '../kit/raw-client.ts';
import { chapter, claim, type World } from './suite.ts';

async function openSocket(world: World, protocols: string[] = ['mqtt']): Promise<WebSocket> {
  const socket = new WebSocket(world.target.ws.url, protocols);
  await once(socket, 'open');
  return socket;
}

/** The types of the packets in one frame after another, until there are so many. */
async function packetTypes(world: World, socket: WebSocket, count: number): Promise<PacketType[]> {
  const reader = new PacketReader(world.version);
  const types: PacketType[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) reject(new Error('a text frame'));
      const fault = reader.push(data, (packet) => types.push(packet.type));
      if (fault !== undefined) reject(new Error(fault));
      if (types.length >= count) resolve();
    });
    socket.on('close', () => reject(new Error(`closed after ${types}`)));
  });
  return types;
}

const session = (world: World) => encode(connect(world.version, world.init()), world.version);

chapter('WebSocket', () => {
  claim(
    'the server chooses the subprotocol mqtt [MQTT-6.0.0-4] [MQTT-6.0.0-3] [MQTT311-6.0.0-4] [MQTT311-6.0.0-3]',
    async (world) => {
      for (const protocols of [['mqtt'], ['other', 'mqtt']]) {
        const socket = await openSocket(world, protocols);
        assert.equal(socket.protocol, 'mqtt');
        socket.terminate();
      }
    },
    { versions: [4, 5] },
  );

  claim(
    'a client works over WebSocket as over TCP, and the answers are binary frames [MQTT-6.0.0-1] [MQTT-4.2.0-1] [MQTT311-6.0.0-1]',
    async (world) => {
      const client = await RawClient.open(world.target.ws, world.version);
      await client.connect(world.init());
      await client.subscribe(world.topic(), 2);
      for (const qos of [0, 1, 2] as const) {
        await client.publish(world.topic(), `${qos}`, { qos });
        await client.receive(world.topic(), `${qos}`, { qos });
      }
      await client.disconnect();
    },
  );

  claim(
    'packets and frames need not begin together: one packet in many frames [MQTT-6.0.0-2] [MQTT311-6.0.0-2]',
    async (world) => {
      const socket = await openSocket(world);
      const types = packetTypes(world, socket, 2);
      const ping = encode({ type: PacketType.Pingreq }, world.version);
      for (const byte of Buffer.concat([session(world), ping])) socket.send(Uint8Array.of(byte));
      assert.deepEqual(await types, [PacketType.Connack, PacketType.Pingresp]);
      socket.terminate();
    },
  );

  claim(
    'packets and frames need not begin together: many packets in one frame, and a rest [MQTT-6.0.0-2] [MQTT311-6.0.0-2]',
    async (world) => {
      const socket = await openSocket(world);
      const types = packetTypes(world, socket, 4);
      const bytes = Buffer.concat([
        session(world),
        encode(subscribe(1, [{ filter: world.topic(), qos: 1 }]), world.version),
        encode(publish(world.topic(), 'x', { qos: 0 }), world.version),
        encode({ type: PacketType.Pingreq }, world.version),
      ]);
      socket.send(bytes.subarray(0, bytes.length - 3));
      socket.send(bytes.subarray(bytes.length - 3));
      const { Connack, Suback, Publish, Pingresp } = PacketType;
      assert.deepEqual((await types).sort(), [Connack, Suback, Publish, Pingresp].sort());
      socket.terminate();
    },
  );

  claim(
    'fragmented WebSocket messages and empty ones are one stream [MQTT-6.0.0-2] [MQTT311-6.0.0-2]',
    async (world) => {
      const socket = await openSocket(world);
      const types = packetTypes(world, socket, 1);
      const bytes = session(world);
      socket.send(Buffer.alloc(0));
      socket.send(bytes.subarray(0, 5), { fin: false });
      socket.send(bytes.subarray(5, 9), { fin: false });
      socket.send(bytes.subarray(9), { fin: true });
      assert.deepEqual(await types, [PacketType.Connack]);
      socket.terminate();
    },
  );

  claim('a text frame ends the connection [MQTT-6.0.0-1] [MQTT311-6.0.0-1]', async (world) => {
    const socket = await openSocket(world);
    socket.on('error', () => undefined);
    const types = packetTypes(world, socket, 1);
    socket.send(session(world));
    await types;
    const closed = once(socket, 'close');
    socket.send('text', { binary: false });
    await closed;
  });

  claim(
    'the Will of a client whose WebSocket breaks off is published [MQTT-3.1.2-8] [MQTT311-3.1.2-8]',
    async (world) => {
      const witness = await world.connect();
      await witness.subscribe(world.topic());
      const client = await RawClient.open(world.target.ws, world.version);
      await client.connect(world.init({ will: { topic: world.topic(), payload: 'x' } }));
      client.drop();
      await witness.receive(world.topic(), 'x');
    },
  );

  claim('a malformed packet over WebSocket ends the connection [MQTT-4.13.1-1] [MQTT311-4.8.0-1]', async (world) => {
    const client = await RawClient.open(world.target.ws, world.version);
    await client.connect(world.init());
    client.sendRaw('00 00');
    await client.expectGone();
  });

  claim(
    'messages go between WebSocket and TCP clients, large ones too [MQTT-6.0.0-1] [MQTT311-6.0.0-1]',
    async (world) => {
      const [tcp, ws] = [await world.connect(), await RawClient.open(world.target.ws, world.version)];
      await ws.connect(world.init());
      const payload = Buffer.alloc(200_000, 'abc');
      await ws.subscribe(world.topic(), 1);
      await tcp.publish(world.topic(), payload, { qos: 1 });
      await ws.receive(world.topic(), payload, { qos: 1 });
      await tcp.subscribe(world.topic('back'), 1);
      await ws.publish(world.topic('back'), payload, { qos: 1 });
      await tcp.receive(world.topic('back'), payload, { qos: 1 });
      await ws.disconnect();
    },
  );
});
