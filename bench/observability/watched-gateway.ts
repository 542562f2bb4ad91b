/** The gateway with everything that watches it, or with nothing, and what it takes of the machine. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { encode } from '../../test/kit/codec.ts';
import { type RunningGateway, startGateway } from '../../test/kit/gateway.ts';
import { startOtlpReceiver } from '../../test/kit/otlp-receiver.ts';
import { publish } from '../../test/kit/packets.ts';
import { freePort, HOST, removeDirectory, temporaryDirectory } from '../../test/kit/process.ts';
import { RawClient } from '../../test/kit/raw-client.ts';

export interface WatchedGateway {
  readonly gateway: RunningGateway;
  readonly port: number;
  readonly metricsPort: number;
  stop(): Promise<void>;
}

/** A permitted one of 64 bytes. */
export const MESSAGE = encode(publish('site/a/temperature', 'x'.repeat(64)), 5);
/** One that no line grants. */
export const FORBIDDEN = encode(publish('forbidden/topic', 'x'), 5);

export async function connect(port: number, clientId: string): Promise<RawClient> {
  const client = await RawClient.open({ transport: 'tcp', host: HOST, port }, 5);
  await client.connect({ clientId });
  return client;
}

export async function connectMany(port: number, count: number, prefix: string): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const ids = Array.from(
      { length: Math.min(50, count - clients.length) },
      (_, i) => `${prefix}${clients.length + i}`,
    );
    clients.push(...(await Promise.all(ids.map((id) => connect(port, id)))));
  }
  return clients;
}

/** Takes what syslog sends, and forgets it. */
async function sink(): Promise<{ port: number; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  return { port, server, sockets };
}

/** With the log at `info` in a file, the journal, syslog, OTLP and a metrics port; or with errors on standard output alone. */
export async function start(hasSinks: boolean, log: object = {}): Promise<WatchedGateway> {
  const [syslog, otlp, metricsPort] = [await sink(), await startOtlpReceiver(), await freePort()];
  const directory = await temporaryDirectory('observability-bench');
  const all = {
    log: { level: 'info', destination: path.join(directory, 'events.log'), ...log },
    metrics: { port: metricsPort },
    syslog: [{ url: `tcp://${HOST}:${syslog.port}`, level: 'info' }],
    otlp: { url: otlp.url, level: 'info', metricsInterval: '5s' },
  };
  const none = { log: { level: 'error' }, journal: { enabled: false } };
  const gateway = await startGateway({
    // Nobody logs in: thousands of passwords would be hashed before anything is measured.
    listeners: [{ name: 'tcp', type: 'tcp', anonymous: true }],
    acl: ['topic readwrite site/#'],
    config: {
      authorization: { aclFile: 'acl' },
      // What follows from a storm is another bench's; here it goes on.
      detection: { enabled: false },
      overload: { enabled: false },
      broker: { persistence: 'memory' },
      ...(hasSinks ? all : none),
    },
  });
  return {
    gateway,
    port: gateway.ports.get('tcp')!,
    metricsPort,
    async stop() {
      await gateway.stop();
      for (const socket of syslog.sockets) socket.destroy();
      syslog.server.close();
      await otlp.close();
      await removeDirectory(directory);
    },
  };
}

/** Of all its threads, in milliseconds. */
export function processorMs({ program }: RunningGateway): number {
  const tasks = `/proc/${program.child.pid!}/task`;
  const nanoseconds = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}

export function residentMB({ program }: RunningGateway): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${program.child.pid!}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
