/** `node bench/limits.ts`: offers ten times what a limit allows, and counts for ten seconds what of it is delivered. */
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deframer, FrameStatus } from '../src/mqtt/deframer.ts';
import { encodePacket } from '../src/mqtt/encode.ts';
import { PacketType } from '../src/mqtt/wire.ts';
import { type RunningGateway, startGateway } from '../test/kit/gateway.ts';
import { connect, publish, subscribe } from '../test/kit/packets.ts';
import { HOST } from '../test/kit/process.ts';

const SECONDS = 10;
const OFFERED = 10;
const TOLERANCE = 0.02;
const PAYLOAD_BYTES = 64;
const TURN_MS = 10;
const MESSAGES_PER_WRITE = 10;

interface Row {
  readonly title: string;
  readonly limits: Readonly<Record<string, unknown>>;
  /** Messages a second. */
  readonly allowed: number;
  readonly clients: number;
}

const packet = (i: number): Buffer => encodePacket(publish(`flood/${i}`, Buffer.alloc(PAYLOAD_BYTES)), 4);
const bytes = packet(0).length;

const ROWS: readonly Row[] = [
  {
    title: 'one client, 1000 messages a second',
    limits: { client: { publish: { messagesPerSecond: '1000 burst 100' } } },
    allowed: 1000,
    clients: 1,
  },
  {
    title: `one client, ${100 * bytes} bytes a second`,
    limits: { client: { publish: { bytesPerSecond: `${100 * bytes}B burst ${20 * bytes}B` } } },
    allowed: 100,
    clients: 1,
  },
  {
    title: 'one user with 10 clients, 500 messages a second',
    limits: { user: { publish: { messagesPerSecond: '500 burst 50' } } },
    allowed: 500,
    clients: 10,
  },
  {
    title: 'everybody: 10 clients, two windows',
    limits: { global: { publish: { messagesPerSecond: ['2000 burst 200', '15000/10s burst 100'] } } },
    allowed: 1500,
    clients: 10,
  },
  {
    title: 'one client, with QoS 0 dropped',
    limits: { client: { publish: { messagesPerSecond: '500 burst 50', onExcess: 'drop' } } },
    allowed: 500,
    clients: 1,
  },
];

async function open(gateway: RunningGateway, clientId: string): Promise<Socket> {
  const socket = connectSocket({ host: HOST, port: gateway.ports.get('open')!, noDelay: true });
  socket.on('error', () => undefined);
  socket.write(encodePacket(connect(4, { clientId, username: 'bench', password: 'bench', keepAliveS: 600 }), 4));
  await once(socket, 'data');
  return socket;
}

function countingReader(socket: Socket): { count: number } {
  const deframer = new Deframer({ sender: 'server', version: 4 });
  const read = { count: 0 };
  socket.on('data', (chunk: Buffer) => {
    deframer.push(chunk);
    while (deframer.next() === FrameStatus.Frame) {
      if (deframer.bytes[deframer.start]! >> 4 === PacketType.Publish) read.count++;
    }
  });
  return read;
}

/** Messages a second that were delivered, and that were offered. */
async function measure({ limits, allowed, clients }: Row): Promise<{ delivered: number; offered: number }> {
  const gateway = await startGateway({
    listeners: [{ name: 'open', type: 'tcp' }],
    users: { bench: 'bench' },
    acl: ['pattern readwrite #'],
    config: { limits, log: { level: 'error' }, broker: { persistence: 'memory' } },
  });
  const sockets: Socket[] = [];
  try {
    const subscriber = await open(gateway, 'subscriber');
    sockets.push(subscriber);
    const read = countingReader(subscriber);
    subscriber.write(encodePacket(subscribe(1, [{ filter: 'flood/#' }]), 4));
    for (let i = 0; i < clients; i++) sockets.push(await open(gateway, `flooder${i}`));
    let offered = 0;
    let running = true;
    const flooders = sockets.slice(1);
    const chunks = flooders.map((_, i) => Buffer.concat(Array.from({ length: MESSAGES_PER_WRITE }, () => packet(i))));
    const flood = (async () => {
      const beganMs = performance.now();
      while (running) {
        // By the clock, so that a late turn makes up for itself.
        const due = (allowed * OFFERED * (performance.now() - beganMs)) / 1000;
        for (let i = 0; offered < due; i = (i + 1) % flooders.length) {
          offered += MESSAGES_PER_WRITE;
          // What is not taken is offered all the same; there is no sense in piling it up here.
          if (flooders[i]!.writableLength < 1_000_000) flooders[i]!.write(chunks[i]!);
        }
        await sleep(TURN_MS);
      }
    })();
    // The burst is used up before counting begins.
    await sleep(2000);
    const [countBefore, offeredBefore, startedMs] = [read.count, offered, performance.now()];
    await sleep(SECONDS * 1000);
    const tookS = (performance.now() - startedMs) / 1000;
    const delivered = (read.count - countBefore) / tookS;
    const offeredRate = (offered - offeredBefore) / tookS;
    running = false;
    await flood;
    return { delivered, offered: offeredRate };
  } finally {
    for (const socket of sockets) socket.destroy();
    await gateway.stop();
  }
}

let isWithin = true;
process.stdout.write(`messages a second, over ${SECONDS} s after the burst\n`);
for (const row of ROWS) {
  const { delivered, offered } = await measure(row);
  const deviation = delivered / row.allowed - 1;
  isWithin &&= Math.abs(deviation) <= TOLERANCE;
  process.stdout.write(
    `${row.title.padEnd(50)} allowed ${row.allowed}  offered ${offered.toFixed(0)}  delivered ${delivered.toFixed(1)}  ${(deviation * 100).toFixed(2)} %\n`,
  );
}
process.exitCode = isWithin ? 0 : 1;
