import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../../test/kit/eventually.ts';
import { systemClock } from '../../base/clock.ts';
import { publishOnce } from './publish-once.ts';

const HOST = '127.0.0.1';
const CONNACK = Buffer.of(0x20, 2, 0, 0);
/** QoS 0, to nobody's wish. */
const PUBLISH = Buffer.from('300500016178ff', 'hex');

/** Hands a message to a broker that does as it is told; ends with what became of it. */
async function publishTo(t: TestContext, behave: (socket: Socket) => void): Promise<void> {
  let open = 0;
  const server = createServer((socket) => {
    open++;
    socket.on('error', () => undefined);
    socket.on('close', () => open--);
    behave(socket);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const target = { url: `mqtt://${HOST}:${port}`, scheme: 'mqtt', host: HOST, port, path: '', weight: 1 } as const;
  const account = { clientId: 'c', username: undefined, password: undefined, clock: systemClock };
  const message = { topic: 'a', payload: Buffer.from('x'), retain: false };
  try {
    // Nothing here ends because its time is over.
    await publishOnce({ target, ...account, ...message, timeoutMs: 3_600_000 });
  } finally {
    await eventually('the connection is over', () => open === 0);
  }
}

test('a message is handed over when the broker has acknowledged it', async (t) => {
  await publishTo(t, (socket) => {
    socket.once('data', () => {
      socket.write(CONNACK);
      socket.once('data', () => socket.write(Buffer.of(0x40, 2, 0, 1)));
    });
  });
});

test('a broker that sends messages without end and no acknowledgement is left', async (t) => {
  const chunk = Buffer.concat(Array.from({ length: 1000 }, () => PUBLISH));
  const flooded = publishTo(t, (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.once('data', () => {
      socket.write(CONNACK);
      socket.on('drain', more);
      more();
    });
  });
  await assert.rejects(flooded, /more than 65536 bytes and no acknowledgement/);
});
