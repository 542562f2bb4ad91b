import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
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

test('no more than eight questions are under way at once, and the others get their turn', async (t) => {
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
