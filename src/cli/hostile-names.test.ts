/** What peers chose, as a gateway tells it to the commands: nothing of it may reach a terminal that would act on it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sallyportInProcess } from '../../test/kit/in-process.ts';

/** Clears the screen, ends the line, sets the title by a C1 control, and turns the direction of the text. */
const EVIL = 'evil\u001b[2J\r\n\u009d0;x\u009c\u202etxt';
const ACTED_ON = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const TIME = '2026-07-06T08:00:00.000Z';
const BAN = { subject: `client:${EVIL}`, reason: EVIL, author: `detector:${EVIL}`, createdAt: TIME, expiresAt: null };
const REASONS = { subject: `client:${EVIL}`, isBanned: true, allowedBy: null, bans: [BAN] };
const EVENT = { time: TIME, level: 'warn', event: 'publish.refused', msg: EVIL, clientId: EVIL };
const ANSWERS: Readonly<Record<string, unknown>> = {
  'GET /v1/bans': { total: 1, bans: [BAN], next: null },
  'GET /v1/bans/why': REASONS,
  'POST /v1/bans': BAN,
  'DELETE /v1/bans': REASONS,
  'DELETE /v1/quarantine': {
    subject: EVIL,
    quarantined: [{ subject: EVIL, expiresInMs: 1000, expiresAt: '2026-07-06T08:00:00.000Z' }],
  },
  'GET /v1/upstreams': {
    targets: [{ upstream: 'site', target: 'mqtt://a', state: 'ejected', connections: 0, mqtt5: true, says: EVIL }],
  },
  'GET /v1/limits': {
    limits: [{ scope: 'client', key: EVIL, limit: 'publish.messagesPerSecond', value: '1', source: `role ${EVIL}` }],
  },
  'GET /v1/limits/overrides': {
    overrides: [{ target: `client:${EVIL}`, limit: 'publish.messagesPerSecond', value: '1', source: EVIL }],
  },
};

describe('names that peers chose', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'));
  let server: Server;
  before(async () => {
    writeFileSync(join(directory, 'sallyport.yaml'), 'listeners: [{ name: mqtt, type: tcp, port: 0 }]\n');
    server = createServer(({ method = '', url = '' }, response) => {
      const path = url.split('?')[0]!;
      if (path === '/v1/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(`id: 1\nevent: publish.refused\ndata: ${JSON.stringify(EVENT)}\n\n`);
        return;
      }
      const answer = ANSWERS[`${method} ${path}`];
      const problem = { type: 'urn:x', title: 'x', status: 422, detail: EVIL, instance: 'urn:y' };
      response.writeHead(answer === undefined ? 422 : 200, {
        'content-type': answer === undefined ? 'application/problem+json' : 'application/json',
      });
      response.end(JSON.stringify(answer ?? problem));
    });
    await new Promise<void>((resolve) => server.listen(join(directory, 'control.sock'), resolve));
  });
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  for (const line of [
    'ban list',
    'ban why client:x',
    'ban add client:x',
    'ban remove client:x',
    'quarantine release client:x',
    'upstream list',
    'limits show client:x',
    'limits list',
    'events',
    // Refused, in the words of the gateway.
    'clients show x',
    'sessions remove x',
    'disconnect x',
  ]) {
    for (const json of [[], ['--json']]) {
      it(`reach no terminal as they are by ${[line, ...json].join(' ')}`, async () => {
        const { out, err } = await sallyportInProcess(...line.split(' '), '--data', directory, ...json);
        assert.match(out + err, /evil/);
        assert.doesNotMatch(out + err, ACTED_ON);
      });
    }
  }
});
