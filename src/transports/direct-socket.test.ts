import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { turnShare } from '../base/turn-share.ts';
import { DirectSocket } from './direct-socket.ts';
import { acceptEarly } from './early-accept.ts';

interface Pair {
  readonly server: Server;
  readonly client: Socket;
  readonly socket: DirectSocket;
}

async function pair(t: TestContext): Promise<Pair> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = new Promise<DirectSocket>((resolve) => {
    const isEarly = acceptEarly(server, (_address, _port, handle) => {
      resolve(new DirectSocket(handle));
      return 'taken';
    });
    assert.ok(isEarly, 'the runtime is as it was');
  });
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const socket = await accepted;
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { server, client, socket };
}

/** Whatever `readInto` hands over, copied. */
function gather(socket: DirectSocket): { text: () => string; until: (length: number) => Promise<void> } {
  let text = '';
  let wake: () => void = () => {};
  socket.readInto({
    take: (buffer, size) => {
      text += Buffer.from(buffer.subarray(0, size)).toString('latin1');
      wake();
    },
  });
  const until = async (length: number): Promise<void> => {
    while (text.length < length) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { text: () => text, until };
}

test('a socket is a stream until somebody reads from it directly', async (t) => {
  const { client, socket } = await pair(t);
  client.write('first');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  const gathered = gather(socket);
  client.write('second');
  await gathered.until(6);
  assert.equal(chunk.toString(), 'first');
  assert.equal(gathered.text(), 'second');
});

test('nothing is read of a socket before somebody listens, and nothing of it is lost', async (t) => {
  const { client, socket } = await pair(t);
  client.write('early');
  // It has arrived by the time that a second connection's bytes have.
  const other = await pair(t);
  other.client.write('x');
  await once(other.socket, 'data');
  assert.equal(socket.bytesRead, 0);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'early');
});

test('chunks that the stream keeps are not overwritten by later ones', async (t) => {
  const { client, socket } = await pair(t);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  client.write('one');
  await once(socket, 'data');
  client.write('two');
  await once(socket, 'data');
  assert.equal(Buffer.concat(chunks).toString(), 'onetwo');
});

test('a paused socket hands nothing to its reader, and all of it in order afterwards', async (t) => {
  const { client, socket } = await pair(t);
  socket.on('data', () => assert.fail('the stream is not used'));
  const gathered = gather(socket);
  client.write('a');
  await gathered.until(1);
  socket.pause();
  client.write('b'.repeat(200_000));
  client.write('c');
  // What the kernel had room for has arrived by the time that a second connection's bytes have.
  const other = await pair(t);
  other.socket.on('data', () => assert.fail('the stream is not used'));
  const otherGathered = gather(other.socket);
  other.client.write('x');
  await otherGathered.until(1);
  assert.equal(gathered.text(), 'a');
  socket.resume();
  await gathered.until(200_002);
  assert.equal(gathered.text(), `a${'b'.repeat(200_000)}c`);
});

test('bytes that wait in the stream are not overtaken', async (t) => {
  const { client, socket } = await pair(t);
  client.write('waits');
  await once(socket, 'readable');
  socket.readInto({ take: () => assert.fail('overtaken') });
  assert.equal(socket.read()?.toString(), 'waits');
});

test('the end of the peer is heard, and a server whose connections were taken closes', async (t) => {
  const { server, client, socket } = await pair(t);
  socket.on('data', () => {});
  gather(socket);
  client.end();
  await once(socket, 'end');
  socket.end();
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
});

/** What this turn of the event loop has for crowds is used up. */
function useUpTurn(): void {
  turnShare.run(() => {
    const beganMs = systemClock.nowMs();
    while (systemClock.nowMs() - beganMs < 5);
  });
}

test('a connection that its peer has reset is ended when it is its turn', async (t) => {
  const { client, socket } = await pair(t);
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const destroyed = new Promise<boolean>((resolve) => {
    const destroy = socket.destroy.bind(socket);
    socket.destroy = (error) => {
      useUpTurn();
      destroy(error);
      resolve(socket.destroyed);
      return socket;
    };
  });
  socket.resume();
  client.resetAndDestroy();
  assert.equal(await destroyed, false);
  assert.equal((await failed).code, 'ECONNRESET');
  await closed;
  assert.equal(socket.destroyed, true);
});

test('one that we end ourselves is ended at once', async (t) => {
  const { socket } = await pair(t);
  useUpTurn();
  socket.destroy();
  assert.equal(socket.destroyed, true);
});
