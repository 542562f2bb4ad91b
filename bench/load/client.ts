/** An MQTT 3.1.1 client as plain as can be: a raw socket, packets encoded once, answers told apart by their bytes. */
import { Buffer } from 'node:buffer';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { PacketType, type QoS } from '../../src/mqtt/wire.ts';
import type { Target } from './plan.ts';

const NONE = {};
const VERSION = 4;
const KEEP_ALIVE_S = 3600;

function connectPacket(target: Target, clientId: string, cleanStart: boolean): Buffer {
  return encodePacket(
    {
      type: PacketType.Connect,
      protocolVersion: VERSION,
      bridge: false,
      cleanStart,
      keepAliveS: KEEP_ALIVE_S,
      clientId,
      ...(target.username === undefined
        ? {}
        : { username: target.username, password: Buffer.from(target.password ?? '') }),
      properties: NONE,
    },
    VERSION,
  );
}

function open(target: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, group } = target;
    const socket: Socket = target.tls
      ? connectTls({ host, port, rejectUnauthorized: false, ...(group === undefined ? {} : { ecdhCurve: group }) })
      : connectTcp({ host, port });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once(target.tls ? 'secureConnect' : 'connect', () => resolve(socket));
  });
}

/** Sends `bytes` and resolves with the first answer of at least `size` bytes. */
function ask(socket: Socket, bytes: Buffer, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const onClose = (): void => reject(new Error('the peer closed the connection during set-up'));
    const onData = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < size) return;
      socket.off('data', onData);
      socket.off('close', onClose);
      resolve(answer);
    };
    socket.on('data', onData);
    socket.once('close', onClose);
    socket.write(bytes);
  });
}

/** A client that has been accepted. */
export async function join(target: Target, clientId: string, cleanStart = true): Promise<Socket> {
  const socket = await open(target);
  const connack = await ask(socket, connectPacket(target, clientId, cleanStart), 4);
  if (connack[3] !== 0) throw new Error(`${clientId} was refused with code ${connack[3]}`);
  return socket;
}

export async function subscribe(socket: Socket, filter: string, qos: QoS): Promise<void> {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const packet = encodePacket(
    { type: PacketType.Subscribe, packetId: 1, subscriptions: [{ filter, ...options }], properties: NONE },
    VERSION,
  );
  const suback = await ask(socket, packet, 5);
  if (suback[4] === 0x80) throw new Error(`the subscription to ${filter} was refused`);
}

export function publishPacket(topic: string, qos: QoS, packetId: number, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 0x61);
  return encodePacket(
    { type: PacketType.Publish, dup: false, qos, retain: false, topic, packetId, payload, properties: NONE },
    VERSION,
  );
}

/** Topics of one length, so that packets are of one size. */
export function topicOf(root: string, index: number): string {
  return `${root}/${String(index).padStart(6, '0')}`;
}

/** As many at a time as a backlog of connections holds easily. */
export async function inBatches<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let at = 0; at < count; at += 50) {
    const size = Math.min(50, count - at);
    made.push(...(await Promise.all(Array.from({ length: size }, (_, i) => make(at + i)))));
  }
  return made;
}
