import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import type { ByteStreamOwner } from './byte-stream.ts';
import { flushQueue } from './flush-queue.ts';
import { intoHearer, setHearer } from './heard-socket.ts';
import { readBuffer } from './read-buffer.ts';
import { DirectSocketStream, UpstreamSocketStream } from './upstream/upstream-stream.ts';

const deps = { clock: systemClock, queue: flushQueue, closeGraceMs: 1000 };

interface Pair {
  readonly near: Socket;
  /** Paused until somebody reads it. */
  readonly far: Socket;
}

async function pair(t: TestContext, onread?: object): Promise<Pair> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as { port: number };
  const near = connect({ port, host: '127.0.0.1', ...(onread === undefined ? {} : { onread }) } as { port: number });
  const [[far]] = await Promise.all([accepted, once(near, 'connect')]);
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

test('a stream that is resumed and paused again in one turn reads nothing', async (t) => {
  const { near, far } = await pair(t, { buffer: readBuffer, callback: intoHearer });
  const stream = new DirectSocketStream(near, deps);
  setHearer(near, stream);
  let text = '';
  let wake = (): void => {};
  const owner: ByteStreamOwner = {
    onBytes: (buffer, size) => {
      text += Buffer.from(buffer.subarray(0, size)).toString('latin1');
      wake();
    },
    onDrain: () => {},
    onClosed: () => {},
  };
  stream.start(owner);
  const until = async (length: number): Promise<void> => {
    while (text.length < length) await new Promise<void>((resolve) => (wake = resolve));
  };
  far.write('a');
  await until(1);
  stream.pause();
  stream.resume();
  stream.pause();
  far.write('b');
  // What goes over a second connection afterwards has arrived: by then this one would have been read as well.
  const other = await pair(t);
  other.far.write('x');
  await once(other.near, 'data');
  await new Promise(setImmediate);
  assert.equal(text, 'a');
  stream.resume();
  await until(2);
  assert.equal(text, 'ab');
});

test('a write that blocks right behind a large one that went at once is told as blocked', async (t) => {
  const { near, far } = await pair(t);
  const stream = new UpstreamSocketStream(near, deps);
  const told: string[] = [];
  const drained = Promise.withResolvers<void>();
  stream.start({
    onBytes: () => {},
    onBlocked: () => told.push('blocked'),
    onDrain: () => {
      told.push('drained');
      if (told.includes('blocked')) drained.resolve();
    },
    onClosed: () => {},
  });
  const piece = Buffer.alloc(70_000, 'a');
  const writePiece = (): void => {
    stream.batch.append(piece, 0, piece.length);
    stream.touch();
  };
  writePiece();
  assert.equal(stream.bufferedBytes(), 0, 'the first went at once');
  for (let i = 0; i < 1000 && stream.bufferedBytes() === 0; i++) writePiece();
  assert.ok(stream.bufferedBytes() > 0, 'the kernel takes no more');
  assert.deepEqual(told, ['blocked']);
  writePiece();
  far.resume();
  await drained.promise;
  assert.deepEqual(told, ['blocked', 'drained'], 'each once');
});
