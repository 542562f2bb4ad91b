import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { QUESTION } from '../../../test/kit/webhook-question.ts';
import { systemClock } from '../../base/clock.ts';
import type { GatewayEvent } from '../../base/events.ts';
import type { BackendAnswer } from '../../policy/identity/backend.ts';
import { BackendGuard } from './backend-guard.ts';
import { openLdap } from './ldap-directory.ts';
import { openPostgresql } from './postgresql-source.ts';
import { openRedis } from './redis-source.ts';
import { openWebhook } from './webhook-client.ts';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 250;
/** For what has to come to its own end, on machines that are busy. */
const PATIENCE_MS = 10_000;
const ANSWER_MAX_BYTES = 16_384;
const MEGABYTES = Buffer.alloc(4 * 1024 * 1024, 0x78);

const servers: Server[] = [];
const sockets = new Set<Socket>();
after(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** What each of the servers does with whoever connects. */
const LIES: Readonly<Record<string, (socket: Socket) => void>> = {
  'says nothing': () => undefined,
  'hangs up at once': (socket) => socket.destroy(),
  'hangs up when it is asked': (socket) => socket.on('data', () => socket.destroy()),
  'answers nonsense': (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nno such protocol\r\n')),
  'sends zeros': (socket) => socket.on('data', () => socket.write(Buffer.alloc(1000))),
  'sends megabytes': (socket) => socket.on('data', () => socket.write(MEGABYTES)),
  // Each in the words of its own protocol: a bulk string, a message and a search result that never end.
  'promises a Redis answer without end': (socket) =>
    socket.on('data', () => socket.write(Buffer.concat([Buffer.from('$2000000000\r\n'), MEGABYTES]))),
  'promises a PostgreSQL message without end': (socket) =>
    socket.on('data', () => socket.write(Buffer.concat([Buffer.from('527fffffff', 'hex'), MEGABYTES]))),
  'promises an LDAP message without end': (socket) =>
    socket.on('data', () => socket.write(Buffer.concat([Buffer.from('30847fffffff', 'hex'), MEGABYTES]))),
};

type Ask = () => Promise<BackendAnswer<unknown>>;

function guardOf(events: GatewayEvent[], timeoutMs = TIMEOUT_MS): BackendGuard {
  return new BackendGuard({
    backend: 'b',
    clock: systemClock,
    emit: (event) => void events.push(event),
    timeoutMs,
    concurrencyMax: 2,
    queueMax: 2,
    failuresMax: 100,
    pauseMs: 100,
  });
}

const CLIENTS: Readonly<Record<string, (port: number, guard: BackendGuard) => { ask: Ask; close: () => void }>> = {
  webhook: (port, guard) => {
    const { ask, close } = openWebhook({
      url: `http://${HOST}:${port}/`,
      tls: {},
      secret: undefined,
      answerSizeMaxBytes: ANSWER_MAX_BYTES,
      connectionsMax: 2,
      guard,
    });
    return { ask: () => ask(QUESTION), close };
  },
  LDAP: (port, guard) => ldapClient(port, guard, false),
  'LDAP with StartTLS': (port, guard) => ldapClient(port, guard, true),
  PostgreSQL: (port, guard) => {
    const { find, close } = openPostgresql({
      host: HOST,
      port,
      database: 'd',
      user: 'u',
      password: 'p',
      tls: undefined,
      query: 'SELECT password_hash FROM t WHERE username = $1',
      timeoutMs: PATIENCE_MS,
      connectionsMax: 2,
      answerSizeMaxBytes: ANSWER_MAX_BYTES,
      guard,
    });
    return { ask: () => find('u', 'c'), close };
  },
  Redis: (port, guard) => redisClient(port, guard, false),
  'Redis with TLS': (port, guard) => redisClient(port, guard, true),
};

function ldapClient(port: number, guard: BackendGuard, startTls: boolean) {
  const { inDirectory, close } = openLdap({
    url: `ldap://${HOST}:${port}`,
    tls: {},
    startTls,
    bindDn: 'cn=gateway',
    bindPassword: 'p',
    answerSizeMaxBytes: ANSWER_MAX_BYTES,
    guard,
  });
  return { ask: () => inDirectory((session) => session.bindService()), close };
}

function redisClient(port: number, guard: BackendGuard, isSecure: boolean) {
  const { find, close } = openRedis({
    host: HOST,
    port,
    database: 0,
    username: undefined,
    password: undefined,
    tls: isSecure ? {} : undefined,
    key: 'user:%u',
    timeoutMs: PATIENCE_MS,
    answerSizeMaxBytes: ANSWER_MAX_BYTES,
    guard,
  });
  return { ask: () => find('u', 'c'), close };
}

for (const [name, open] of Object.entries(CLIENTS)) {
  describe(`a ${name} server that`, () => {
    for (const [lie, behave] of Object.entries(LIES)) {
      it(`${lie} is a denial with an event, again and again`, async () => {
        const port = await listen(createServer(behave));
        const events: GatewayEvent[] = [];
        const { ask, close } = open(port, guardOf(events));
        const answers = await Promise.all([ask(), ask()]);
        assert.deepEqual(
          [...answers, await ask()],
          Array.from({ length: 3 }, () => ({ ok: false, trouble: 'unavailable' })),
        );
        assert.deepEqual(
          events.map((event) => event.name),
          ['backend.failed'],
        );
        close();
      });
    }

    it('is not there is a denial with an event', async () => {
      const server = createServer();
      const port = await listen(server);
      server.close();
      await once(server, 'close');
      const events: GatewayEvent[] = [];
      const { ask, close } = open(port, guardOf(events, PATIENCE_MS));
      assert.deepEqual(await ask(), { ok: false, trouble: 'unavailable' });
      assert.match(JSON.stringify(events), /backend.failed.*(ECONNREFUSED|refused|closed)/i);
      close();
    });
  });
}

describe('a web service', () => {
  const answers: Readonly<Record<string, [RequestListener, RegExp]>> = {
    'that redirects': [(_, response) => void response.writeHead(307, { location: '/other' }).end(), /status is 307/],
    'that fails': [(_, response) => void response.writeHead(500).end('{"result":"allow"}'), /status is 500/],
    'that says created': [(_, response) => void response.writeHead(201).end('{"result":"allow"}'), /status is 201/],
    'whose answer is no JSON': [(_, response) => void response.end('allow'), /no JSON/],
    'whose answer is no text': [(_, response) => void response.end(Uint8Array.of(0xff)), /no JSON/],
    'whose result is unknown': [
      (_, response) => void response.end('{"result":"maybe"}'),
      /none of allow, deny and ignore/,
    ],
    'whose answer is too large': [(_, response) => void response.end(MEGABYTES), /larger than 16384/],
    'that dies in the middle of an answer': [
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"result":');
        setTimeout(() => response.destroy(), 20);
      },
      /.+/,
    ],
    'that never ends its answer': [(_, response) => void response.write('{"result":'), /within 250 ms/],
    'whose headers are too large': [
      (_, response) => void response.writeHead(200, { 'x-a': 'x'.repeat(20_000) }).end('{"result":"allow"}'),
      /overflow/i,
    ],
  };
  for (const [what, [listener, says]] of Object.entries(answers)) {
    it(`${what} is a denial with an event`, async () => {
      const port = await listen(createHttpServer(listener));
      const events: GatewayEvent[] = [];
      const { ask, close } = CLIENTS['webhook']!(
        port,
        guardOf(events, what.includes('never ends') ? TIMEOUT_MS : PATIENCE_MS),
      );
      assert.deepEqual(await ask(), { ok: false, trouble: 'unavailable' });
      const [event] = events;
      assert.ok(event?.name === 'backend.failed');
      assert.match(event.says, says);
      close();
    });
  }

  it('is shown the secret, asked in JSON, and believed when it allows', async () => {
    const seen: unknown[] = [];
    const port = await listen(
      createHttpServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk));
        request.on('end', () => {
          seen.push([
            request.method,
            request.url,
            request.headers.authorization,
            request.headers['content-type'],
            JSON.parse(body),
          ]);
          response.end('{"result":"allow","roles":["reader"]}');
        });
      }),
    );
    const { ask, close } = openWebhook({
      url: `http://${HOST}:${port}/mqtt?x=1`,
      tls: {},
      secret: 'throwaway',
      answerSizeMaxBytes: ANSWER_MAX_BYTES,
      connectionsMax: 2,
      guard: guardOf([]),
    });
    const answer = await ask(QUESTION);
    assert.ok(answer.ok && answer.value.result === 'allow');
    assert.deepEqual(seen, [['POST', '/mqtt?x=1', 'Bearer throwaway', 'application/json', QUESTION]]);
    close();
  });
});
