import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { HOST } from '../../../test/kit/process.ts';
import { RevocationServer } from '../../../test/kit/revocation-server.ts';
import { systemClock } from '../../base/clock.ts';
import { HttpExchange } from './http-exchange.ts';

const BOUNDS = { sizeMaxBytes: 1000, timeoutMs: 20_000 };

async function open(t: TestContext): Promise<{ server: RevocationServer; exchange: HttpExchange }> {
  const server = await new RevocationServer().open();
  const exchange = new HttpExchange(systemClock);
  t.after(() => {
    exchange.close();
    server.close();
  });
  return { server, exchange };
}

test('what was asked for comes back as it is', async (t) => {
  const { server, exchange } = await open(t);
  server.give('echo', (body) => body);
  assert.deepEqual(await exchange.postOcsp(server.url('echo'), Buffer.from('ping'), BOUNDS), Buffer.from('ping'));
  server.give('list', Buffer.alloc(1000, 1));
  assert.deepEqual(await exchange.get(server.url('list'), BOUNDS), Buffer.alloc(1000, 1));
});

test('what goes wrong is a sentence: status, size, address, connection', async (t) => {
  const { server, exchange } = await open(t);
  server.give('large', Buffer.alloc(1001));
  for (const [url, says] of [
    [server.url('absent'), /status 404/],
    [server.url('large'), /larger than 1000 bytes/],
    ['http://[', /address cannot be used/],
    ['https://127.0.0.1/', /address cannot be used/],
    ['http://127.0.0.1:1/', /no connection \(ECONNREFUSED\)/],
  ] as const) {
    assert.match(String(await exchange.get(url, BOUNDS)), says, url);
  }
});

test('a server that hangs costs the timeout, and nothing after the end of the program', async (t) => {
  const { server, exchange } = await open(t);
  server.give('hang', () => undefined);
  assert.match(String(await exchange.get(server.url('hang'), { ...BOUNDS, timeoutMs: 50 })), /within 50 ms/);
  const pending = exchange.get(server.url('hang'), BOUNDS);
  exchange.close();
  assert.match(String(await pending), /the gateway is ending/);
});

test('no more than eight questions are under way to one server at once, and the others get their turn', async (t) => {
  const { server, exchange } = await open(t);
  let [now, most] = [0, 0];
  server.give('count', () => {
    most = Math.max(most, ++now);
    setImmediate(() => now--);
    return Buffer.of(1);
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange.get(server.url('count'), BOUNDS)));
  assert.ok(answers.every((answer) => typeof answer !== 'string'));
  assert.ok(most <= 8, `${most} at once`);
});

test('a server that hangs holds up nobody who asks another', async (t) => {
  const { server, exchange } = await open(t);
  const { server: other } = await open(t);
  server.give('hang', () => undefined);
  const pending = Array.from({ length: 20 }, () => exchange.get(server.url('hang'), BOUNDS));
  other.give('list', Buffer.of(1));
  assert.deepEqual(await exchange.get(other.url('list'), BOUNDS), Buffer.of(1));
  exchange.close();
  for (const answer of await Promise.all(pending)) assert.equal(answer, 'the gateway is ending');
  assert.ok((server.asked.get('/hang') ?? 0) <= 8);
});

test('a server that sends its askers elsewhere is not followed, and that is said', async (t) => {
  const exchange = new HttpExchange(systemClock);
  t.after(() => exchange.close());
  const server = createServer((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end());
  await once(server.listen(0, HOST), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.match(
    String(await exchange.get(`http://${HOST}:${port}/`, BOUNDS)),
    /status 302, and no redirect is followed/,
  );
});
