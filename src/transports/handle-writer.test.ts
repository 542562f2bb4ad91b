import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { ByteBatch } from '../base/byte-batch.ts';
import { HandleWriter } from './handle-writer.ts';

interface Pair {
  readonly near: Socket;
  /** Paused until somebody reads it. */
  readonly far: Socket;
}

async function tcpPair(t: TestContext): Promise<Pair> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [[far]] = await Promise.all([accepted, once(near, 'connect')]);
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

async function tlsPair(t: TestContext): Promise<Pair> {
  const { certificatePem: cert, keyPem: key } = await makeCertificate(await makeCa('Test CA'), {
    commonName: 'localhost',
    use: 'server',
  });
  const server = createTlsServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection') as Promise<[Socket]>;
  const far = connectTls({ port: (server.address() as { port: number }).port, rejectUnauthorized: false });
  const [near] = await accepted;
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

function writerOf(socket: Socket, onWritten: () => void = () => {}): HandleWriter {
  const writer = HandleWriter.of(socket, { onWritten });
  assert.ok(writer, 'the runtime is as it was');
  return writer;
}

function batchOf(text: string): ByteBatch {
  const batch = new ByteBatch();
  batch.append(Buffer.from(text), 0, text.length);
  return batch;
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** Many times what the kernel has room for, in pieces that can be told apart. */
const PIECES = Array.from({ length: 150 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(100_000));
const SMALL_PIECES = Array.from({ length: 400 }, (_, i) => `<${i}>`);

for (const [name, pairOf] of [
  ['TCP', tcpPair],
  ['TLS', tlsPair],
] as const) {
  test(`${name}: what is written and what is left at the end arrives, and then our end`, async (t) => {
    const { near, far } = await pairOf(t);
    const writer = writerOf(near);
    assert.equal(writer.write(batchOf('one ')), 4);
    assert.equal(writer.end(batchOf('two')), 3);
    assert.equal(writer.write(batchOf('too late')), 0);
    assert.equal(await textOf(far), 'one two');
  });

  test(`${name}: what the kernel has no room for is pending, goes in order, and is told when it has gone`, async (t) => {
    const { near, far } = await pairOf(t);
    let told = 0;
    const small = new ByteBatch();
    let bytes = 0;
    const writer = writerOf(near, () => {
      told++;
      if (small.length > 0) bytes += writer.write(small);
      if (writer.pendingBytes === 0) writer.end(small);
    });
    for (const piece of PIECES) bytes += writer.write(batchOf(piece));
    assert.ok(writer.pendingBytes > 1_000_000);
    for (const piece of SMALL_PIECES) small.append(Buffer.from(piece), 0, piece.length);
    assert.equal(writer.write(small), 0, 'too small to go ahead: it may still grow');
    const text = await textOf(far);
    assert.ok(text === PIECES.join('') + SMALL_PIECES.join(''), 'in order and whole');
    assert.equal(bytes, text.length);
    assert.equal(writer.pendingBytes, 0);
    assert.ok(told >= 1);
  });

  test(`${name}: an end behind pending bytes comes after them`, async (t) => {
    const { near, far } = await pairOf(t);
    const writer = writerOf(near, () => assert.fail('after an end there is nothing to tell'));
    for (const piece of PIECES) writer.write(batchOf(piece));
    assert.ok(writer.pendingBytes > 0);
    writer.end(batchOf('last words'));
    const text = await textOf(far);
    assert.ok(text === `${PIECES.join('')}last words`);
  });

  test(`${name}: a socket that is destroyed over pending bytes closes, and later writes are void`, async (t) => {
    const { near } = await pairOf(t);
    near.on('error', () => {});
    const writer = writerOf(near);
    for (const piece of PIECES) writer.write(batchOf(piece));
    near.destroy();
    await once(near, 'close');
    writer.write(batchOf('more'));
    writer.end(batchOf('and more'));
  });
}

test('a peer that has reset the connection is an error with its code', async (t) => {
  const { near, far } = await tcpPair(t);
  const writer = writerOf(near);
  near.pause();
  far.resetAndDestroy();
  await once(far, 'close');
  const failed = once(near, 'error') as Promise<[NodeJS.ErrnoException]>;
  writer.write(batchOf('a'));
  writer.write(batchOf('b'));
  const [error] = await failed;
  assert.ok(error.code === 'EPIPE' || error.code === 'ECONNRESET', `${error.code}`);
});

test('a stream that still has bytes of its own to write is not overtaken', async (t) => {
  const { near } = await tcpPair(t);
  for (const piece of PIECES) near.write(piece);
  assert.equal(HandleWriter.of(near, { onWritten: () => {} }), undefined);
});
