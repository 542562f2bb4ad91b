/** Collectors and receivers that are broken or hostile: what the gateway says of them, and that it ends all the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { HOST } from '../kit/process.ts';

/** Without end, as fast as it is taken. */
function flood(socket: Socket, chunk: string | Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

/** A server that does with whoever connects as it is told; its port. */
async function oddServer(t: TestContext, behave: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    behave(socket);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const CHATTER = Buffer.alloc(16_384, 'x');
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n';

/** Ends the gateway as a supervisor does. */
async function stopped({ program }: RunningGateway): Promise<void> {
  program.child.kill('SIGTERM');
  if (!program.hasEnded) await once(program.child, 'close');
  assert.equal(program.child.exitCode, 0, program.output.slice(-2000));
  await untilEvent(program, 'gateway.stopped');
}

test('collectors that never read, answer or stay cost a stop its order not, and it says what they miss', async (t) => {
  const deaf = await oddServer(t, () => undefined);
  const gone = await oddServer(t, (socket) => void socket.end());
  const reset = await oddServer(t, (socket) => void socket.resetAndDestroy());
  const urls = {
    deaf: `tcp://${HOST}:${deaf}`,
    silent: `tls://${HOST}:${deaf}`,
    gone: `tcp://${HOST}:${gone}`,
    reset: `tcp://${HOST}:${reset}`,
  };
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    config: { syslog: Object.values(urls).map((url) => ({ url, level: 'info' })) },
  });
  t.after(() => gateway.stop());
  const { program } = gateway;
  for (const collector of [urls.gone, urls.reset]) await untilEvent(program, 'collector.failed', { collector });
  await stopped(gateway);
  // What was written to the deaf one the system has taken: nobody knows that it is not read.
  for (const collector of [urls.silent, urls.gone, urls.reset]) {
    const [told] = eventsLike(program, 'collector.abandoned', { collector });
    assert.ok(Number(told?.['lost']) > 0, collector);
  }
});

test('collectors and receivers that send without end are left, told of and no hindrance to a stop', async (t) => {
  const loud = await oddServer(t, (socket) => flood(socket, CHATTER));
  const http = await oddServer(t, (socket) => {
    socket.write(HEAD);
    flood(socket, CHATTER);
  });
  const mute = await oddServer(t, () => undefined);
  const hook = (name: string, port: number) => ({ name, type: 'webhook', url: `http://${HOST}:${port}` });
  const otlp = `http://${HOST}:${http}`;
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    config: {
      syslog: ['tcp', 'tls'].map((scheme) => ({ url: `${scheme}://${HOST}:${loud}` })),
      otlp: { url: otlp, level: 'info' },
      alerts: { receivers: [hook('loud', http), hook('mute', mute)] },
    },
  });
  t.after(() => gateway.stop());
  const { program } = gateway;
  const failed = (collector: string, says: RegExp) => untilEvent(program, 'collector.failed', { collector, says });
  await failed(`tcp://${HOST}:${loud}`, /it has sent more than 65536 bytes, where a collector sends nothing/);
  await failed(`tls://${HOST}:${loud}`, /./);
  await failed(otlp, /the answer is larger than 65536 bytes/);
  await untilEvent(program, 'alert.fired', { alert: 'SallyportEventSinkFailing' });
  await stopped(gateway);
  assert.ok(eventsLike(program, 'collector.abandoned', { collector: otlp }).length === 1);
  assert.ok(eventsLike(program, 'receiver.abandoned', { receiver: 'mute' }).length === 1);
});
