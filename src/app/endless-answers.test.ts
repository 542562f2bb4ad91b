/** Servers that answer without end, before each client of HTTP that the gateway has: none of them waits for its deadline. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { QUESTION } from '../../test/kit/webhook-question.ts';
import { systemClock } from '../base/clock.ts';
import { HttpExchange } from './certificates/http-exchange.ts';
import { fetchText } from './fetch-text.ts';
import { BackendGuard } from './identity-backends/backend-guard.ts';
import { openWebhook } from './identity-backends/webhook-client.ts';
import { notificationOf } from './observability/alerts/notification.ts';
import { webhookReceiver } from './observability/alerts/receivers/webhook.ts';
import { openOtlpClient } from './observability/otlp/otlp-client.ts';
import { providerFetch } from './operators/provider-fetch.ts';

const HOST = '127.0.0.1';
const SIZE_MAX_BYTES = 64 * 1024;
/** Nothing here ends because its time is over. */
const TIMEOUT_MS = 3_600_000;
const OK = 'HTTP/1.1 200 OK\r\n';

const ca = await makeCa();
const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });

interface Endless {
  readonly begin: string;
  readonly more: string;
  readonly says: RegExp;
}

const ANSWERS: Readonly<Record<string, Endless>> = {
  'a body': { begin: `${OK}\r\n`, more: 'x'.repeat(16_384), says: /larger than \d+ bytes/ },
  'chunks of a body': {
    begin: `${OK}transfer-encoding: chunked\r\n\r\n`,
    more: `1000\r\n${'x'.repeat(0x1000)}\r\n`,
    says: /larger than \d+ bytes/,
  },
  'a header': { begin: `${OK}x: `, more: 'x'.repeat(16_384), says: /overflow|bytes of headers/i },
  'interim answers': {
    begin: '',
    more: 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(1000),
    says: /more than 16 interim answers/,
  },
  headers: { begin: OK, more: 'x: y\r\n'.repeat(2000), says: /overflow|bytes of headers/i },
};

interface Client {
  readonly isSecure: boolean;
  readonly ask: (port: number) => Promise<unknown>;
  /** Where a body that is too long is cut, and is none the worse. */
  readonly cutsBodies?: boolean;
}

const CLIENTS: Readonly<Record<string, Client>> = {
  'for alerts': {
    isSecure: false,
    cutsBodies: true,
    ask: (port) => {
      const receiver = { url: `http://${HOST}:${port}/`, tls: {}, token: undefined, key: undefined };
      const send = webhookReceiver(receiver, { clock: systemClock, version: '0.0.0', publish: () => undefined });
      return send(notificationOf('g', []), new AbortController().signal);
    },
  },
  'for logins': {
    isSecure: false,
    ask: async (port) => {
      const says: string[] = [];
      const guard = new BackendGuard({
        backend: 'webhook',
        clock: systemClock,
        emit: (event) => says.push(event.name === 'backend.failed' ? event.says : event.name),
        timeoutMs: TIMEOUT_MS,
        concurrencyMax: 1,
        queueMax: 1,
        failuresMax: 10,
        pauseMs: 1000,
      });
      const bounds = { answerSizeMaxBytes: SIZE_MAX_BYTES, connectionsMax: 1, guard };
      const { ask, close } = openWebhook({ url: `http://${HOST}:${port}/`, tls: {}, secret: undefined, ...bounds });
      const { ok } = await ask(QUESTION);
      close();
      assert.equal(ok, false);
      throw new Error(says.join());
    },
  },
  'for key sets': {
    isSecure: true,
    ask: (port) => {
      const bounds = { timeoutMs: TIMEOUT_MS, sizeMaxBytes: SIZE_MAX_BYTES, clock: systemClock };
      return fetchText({ url: `https://${HOST}:${port}/`, ca: ca.certificatePem, ...bounds });
    },
  },
  'for single sign-on': {
    isSecure: true,
    ask: (port) => providerFetch({ ca: ca.certificatePem, clock: systemClock })(`https://${HOST}:${port}/`, {}),
  },
  'for revocation lists': {
    isSecure: false,
    ask: (port) => askExchange((exchange, bounds) => exchange.get(`http://${HOST}:${port}/`, bounds)),
  },
  'for OCSP': {
    isSecure: false,
    ask: (port) =>
      askExchange((exchange, bounds) => exchange.postOcsp(`http://${HOST}:${port}/`, Uint8Array.of(1), bounds)),
  },
  'for OTLP': {
    isSecure: false,
    ask: async (port) => {
      const url = `http://${HOST}:${port}`;
      const options = { url, tls: {}, headers: {}, timeoutMs: TIMEOUT_MS, isCompressed: false, clock: systemClock };
      const client = openOtlpClient(options);
      const outcome = await client.send('/v1/logs', {});
      client.close();
      assert.equal(outcome.kind, 'again');
      throw new Error('says' in outcome ? outcome.says : '');
    },
  },
};

const HEADS = ['a header', 'headers', 'interim answers'];

/** Its answers are bytes, or a sentence that says why not. */
async function askExchange(
  ask: (exchange: HttpExchange, bounds: { sizeMaxBytes: number; timeoutMs: number }) => Promise<Uint8Array | string>,
): Promise<never> {
  const answer = await ask(new HttpExchange(systemClock), { sizeMaxBytes: SIZE_MAX_BYTES, timeoutMs: TIMEOUT_MS });
  throw new Error(typeof answer === 'string' ? answer : 'it was taken');
}

function answerWithoutEnd(socket: Socket, { begin, more }: Endless): void {
  socket.on('error', () => undefined);
  socket.once('data', () => {
    const write = (): void => {
      while (!socket.destroyed && socket.write(more));
    };
    socket.on('drain', write);
    socket.write(begin);
    write();
  });
}

for (const [client, { isSecure, ask, cutsBodies }] of Object.entries(CLIENTS)) {
  describe(`the client ${client}`, () => {
    const servers: Server[] = [];
    after(() => {
      for (const server of servers) server.close();
    });
    for (const [what, answer] of Object.entries(ANSWERS)) {
      if (cutsBodies === true && !HEADS.includes(what)) continue;
      it(`leaves a server that sends ${what} without end, and says why`, async () => {
        let open = 0;
        const take = (socket: Socket): void => {
          open++;
          socket.on('close', () => open--);
          answerWithoutEnd(socket, answer);
        };
        const server = isSecure ? createTlsServer({ cert, key }, take) : createServer(take);
        servers.push(server);
        server.listen(0, HOST);
        await once(server, 'listening');
        await assert.rejects(ask((server.address() as AddressInfo).port), answer.says);
        await eventually('the connection is over', () => open === 0);
      });
    }
  });
}
