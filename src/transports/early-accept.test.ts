import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { acceptEarly } from './early-accept.ts';

async function listening(t: { after(run: () => void): void }): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

test('who is turned away is reset and never becomes a socket; the others do, within the call', async (t) => {
  const { server, port } = await listening(t);
  const seen: string[] = [];
  server.on('connection', (socket) => {
    seen.push(`socket ${socket.remoteAddress}`);
    socket.end('hello');
  });
  const works = acceptEarly(server, (address, peerPort) => {
    seen.push(`asked ${address} ${typeof peerPort}`);
    return address === '127.0.0.3' ? 'in' : 'away';
  });
  assert.equal(works, true, 'this runtime is as it was');
  const bad = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  // Where the reset comes before the connect, that is an error too.
  bad.on('error', () => undefined);
  await new Promise((resolve) => bad.once('close', resolve));
  const good = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.3' });
  const [chunk] = await once(good, 'data');
  assert.equal(String(chunk), 'hello');
  good.destroy();
  assert.deepEqual(seen, ['asked 127.0.0.2 number', 'asked 127.0.0.3 number', 'socket 127.0.0.3']);
});

test('a server whose inside is another is left as it is', () => {
  const other = { _handle: {} } as unknown as Server;
  assert.equal(
    acceptEarly(other, () => 'away'),
    false,
  );
  assert.equal(
    acceptEarly(createServer(), () => 'away'),
    false,
  );
});
