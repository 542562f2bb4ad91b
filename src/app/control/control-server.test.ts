import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { systemClock } from '../../base/clock.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import type { OperatorAction } from '../observability/operator-action.ts';
import type { ReplacedWorkers } from '../reload-outcome.ts';
import { askGateway, type ControlRequest } from './client.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import { BODY_MAX_BYTES } from './http-app.ts';
import { HEADERS_MAX_BYTES } from './http-listener.ts';
import { problemSchema } from './problem-details.ts';
import type { ControlServices } from './services.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-control-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'control.sock');
const NO_HTTPS = { port: undefined } as unknown as Config['control'];
const RELOAD: ControlRequest = { method: 'POST', path: '/v1/reload' };

/** Sends bytes as they are and gathers the answer, until the other side hangs up. */
async function converse(...pieces: (string | Uint8Array)[]): Promise<string> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return heard;
}

function get(target: string, more = ''): string {
  return `GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${more}\r\n`;
}

function post(target: string, body: string | Uint8Array, headers = 'content-type: application/json\r\n'): string {
  const length = Buffer.byteLength(body);
  return `POST ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${headers}content-length: ${length}\r\n\r\n`;
}

describe('the control socket', () => {
  let server: ControlServer;
  let clock: ManualClock;
  let asked: string[];
  let actions: OperatorAction[];
  let events: GatewayEvent[];

  const services = (): ControlServices =>
    ({
      clock,
      chance: systemChance,
      emit: (event: GatewayEvent) => events.push(event),
      live: {
        get status() {
          throw new Error('a secret of the inside');
        },
      },
      gateway: {
        replaceWorkers: async () => {
          throw new OperatorError('There are no workers.');
        },
      },
      banDesk: {
        add: (words: string[], who: string) => {
          asked.push(`ban ${words.join(' ')} by ${who}`);
          return { subject: words[0], reason: '', author: who, createdAt: '', expiresAt: null };
        },
      },
      reload: async () => {
        asked.push('reload');
        return { ok: true, generation: 2, changed: [], restartNeeded: [] };
      },
      onAction: (action: OperatorAction) => actions.push(action),
    }) as unknown as ControlServices;

  beforeEach(async () => {
    [asked, actions, events] = [[], [], []];
    clock = new ManualClock();
    server = await openControlServer({ path, services: services(), config: NO_HTTPS });
  });
  afterEach(() => server.close());

  it('answers a request, and is for its owner alone', async () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const result = { ok: true, generation: 2, changed: [], restartNeeded: [], silentWorkers: [] };
    assert.deepEqual(await askGateway(path, RELOAD, systemClock), { kind: 'answered', result });
    assert.deepEqual(
      actions.map(({ name, by, from, outcome }) => [name, by?.replace(/:.+/, ':…'), from, outcome]),
      [['reload', 'local:…', 'control socket', 'done']],
    );
  });

  it('answers what cannot be done with its sentence, and keeps record of the attempt', async () => {
    const outcome = await askGateway(path, { method: 'POST', path: '/v1/restart' }, systemClock);
    assert.deepEqual(outcome, { kind: 'refused', status: 422, says: 'There are no workers.' });
    assert.equal(actions[0]?.outcome, 'refused');
    assert.equal(actions[0]?.says, 'There are no workers.');
  });

  it('tells the log of its own failures, and the asking side nothing', async () => {
    const outcome = await askGateway(path, { method: 'GET', path: '/v1/status' }, systemClock);
    assert.ok(outcome.kind === 'refused' && outcome.status === 500);
    assert.doesNotMatch(outcome.says, /secret/);
    const [event] = events;
    assert.ok(event?.name === 'control.failed' && event.says === 'a secret of the inside');
  });

  it('answers garbage with what is wrong, and does nothing', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const large = JSON.stringify({ subject: 'x'.repeat(BODY_MAX_BYTES) });
    const cases: [sent: (string | Uint8Array)[], status: number, says: RegExp][] = [
      [['\n\n{"v":1,"do":"reload"}\n'], 400, /no HTTP/],
      [[new Uint8Array([0x16, 0x03, 0x01, 0xff, 0x00])], 400, /no HTTP/],
      [['GET /v1/status HTTP/9.9\r\n\r\n'], 400, /no HTTP/],
      [[get('/v1/status', `x: ${'x'.repeat(HEADERS_MAX_BYTES)}\r\n`)], 431, /larger than 16384 bytes/],
      [[get('/v1/nothing')], 404, /nothing at \/v1\/nothing/],
      [[get('/v1/../v1/status')], 404, /nothing/],
      [[get('/v1/./status')], 404, /nothing/],
      [[get('//v1/status')], 404, /nothing/],
      [[get('/v1/status/')], 404, /nothing/],
      [[get('/V1/status')], 404, /nothing/],
      [[get('/v1%2fstatus')], 404, /nothing/],
      [[get('/v1/status;x')], 404, /nothing/],
      [[get('/v1/%zz')], 400, /not well-formed/],
      [[get('/v1/users/%ff/password')], 400, /not well-formed/],
      [[get('http://localhost/v1/status')], 400, /no proxy/],
      [[get('*')], 400, /no proxy/],
      [[get('/v1/status?x=1')], 400, /x in the query: is unknown/],
      [[get('/v1/bans?limit=0')], 400, /limit in the query: give a whole number from 1 to 1000/],
      [[get('/v1/clients?verdict=bad')], 400, /verdict in the query: give one of clear, suspect, quarantined\./],
      [
        [get('/v1/bans?limit=1&limit=2')],
        400,
        /limit in the query: is given more than once: give a whole number from 1/,
      ],
      [[get('/v1/bans?cursor=a&cursor=b')], 400, /cursor in the query: is given more than once: give the `next` of/],
      [[get('/v1/clients?address=a&address=b')], 400, /address in the query: is given more than once: give /],
      [[get('/v1/bans?limits=1')], 400, /did you mean `limit`/],
      [[get('/v1/bans?__proto__=1')], 400, /__proto__.* is unknown/],
      [['DELETE /v1/status HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'], 405, /DELETE is not done here; GET is/],
      [['OPTIONS /v1/bans HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'], 405, /GET, POST, DELETE are/],
      [['CONNECT example.org:443 HTTP/1.1\r\nhost: a\r\n\r\n'], 405, /CONNECT/],
      [[post('/v1/bans', ''), ''], 400, /is empty|JSON/],
      [[post('/v1/bans', '{"subject":'), '{"subject":'], 400, /no JSON/],
      [[post('/v1/bans', new Uint8Array([0xff, 0xfe])), new Uint8Array([0xff, 0xfe])], 400, /not UTF-8/],
      [[post('/v1/bans', '[]'), '[]'], 400, /body: is a list: give a map of keys/],
      [[post('/v1/bans', 'null'), 'null'], 400, /body: has no value/],
      [[post('/v1/bans', '{}'), '{}'], 400, /subject in the body: is missing: give an address/],
      [[post('/v1/bans', '{"subject":1}'), '{"subject":1}'], 400, /1 is not allowed/],
      [[post('/v1/bans', '{"subject":"a","fro":"1h"}'), '{"subject":"a","fro":"1h"}'], 400, /did you mean `for`/],
      [[post('/v1/bans', '{"__proto__":{}}'), '{"__proto__":{}}'], 400, /in the body/],
      [[post('/v1/bans', deep), deep], 400, /body/],
      [[post('/v1/bans', large)], 413, /larger/],
      [[post('/v1/bans', '{}', 'content-type: text/plain\r\n'), '{}'], 415, /as JSON/],
      [[post('/v1/bans', '{}', ''), '{}'], 415, /as JSON/],
      [[post('/v1/reload', '{}'), '{}'], 400, /takes no body/],
      [[get('/v1/status', 'expect: magic\r\n')], 400, /Expect/],
    ];
    for (const [sent, status, says] of cases) {
      const heard = await converse(...sent);
      const what = `${sent.join('').slice(0, 60)} → ${heard.slice(0, 400)}`;
      const [head = '', body = ''] = heard.split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), what);
      assert.match(head, /content-type: application\/problem\+json/i, what);
      const problem = problemSchema.parse(JSON.parse(body));
      assert.equal(problem.status, status, what);
      assert.match(problem.detail, says, what);
    }
    assert.deepEqual(asked, []);
    assert.deepEqual(actions, []);
  });

  it('takes a request however it is cut', async () => {
    const body = '{"subject":"192.0.2.7"}';
    const whole = Buffer.from(
      post('/v1/bans', body, 'content-type: application/json\r\nsallyport-user: ann\r\n') + body,
    );
    for (const at of [1, 20, 60, whole.length - 3]) {
      assert.match(await converse(whole.subarray(0, at), whole.subarray(at)), /^HTTP\/1.1 201 /);
    }
    assert.deepEqual(new Set(asked), new Set(['ban 192.0.2.7   by ann']));
  });

  it('takes no name for the record that could be more than one', async () => {
    const body = '{"subject":"a"}';
    for (const name of ['ann:x', 'a b', 'ä', 'x'.repeat(65), '']) {
      const headers = `content-type: application/json\r\nsallyport-user: ${name}\r\n`;
      await converse(post('/v1/bans', body, headers), body);
    }
    assert.deepEqual(new Set(asked), new Set(['ban a   by unknown']));
  });

  it('ends a connection that asks nothing in time, or does not come to an end', async () => {
    for (const sent of ['', 'GET /v1/status HTTP/1.1\r\n', post('/v1/bans', '{}')]) {
      const socket = connect(path);
      socket.on('error', () => undefined);
      socket.write(sent);
      // The deadline stands once the server has seen the connection; asking on another one proves that it has.
      await askGateway(path, RELOAD, systemClock);
      clock.advance(5000);
      await once(socket.resume(), 'close');
    }
    assert.equal(clock.pendingCount, 0);
  });

  it('gives the work that a whole request asks for all the time it takes', async () => {
    const { promise, resolve } = Promise.withResolvers<ReplacedWorkers>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await server.close();
    const slow = {
      ...services(),
      gateway: {
        replaceWorkers: () => {
          begin();
          return promise;
        },
      },
    } as unknown as ControlServices;
    server = await openControlServer({ path, services: slow, config: NO_HTTPS });
    const answer = askGateway(path, { method: 'POST', path: '/v1/restart' }, systemClock);
    await begun;
    clock.advance(50_000);
    resolve({ ended: [] });
    assert.deepEqual(await answer, { kind: 'answered', result: { ended: [] } });
  });

  it('drops connections beyond its ceiling, says so, and serves the next when they are gone', async () => {
    const sockets: Socket[] = Array.from({ length: 64 }, () => connect(path));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    assert.equal((await askGateway(path, RELOAD, systemClock)).kind, 'failed');
    assert.ok(events.some((event) => event.name === 'ceiling.reached' && event.ceiling === 'control socket'));
    for (const socket of sockets) socket.destroy();
    for (;;) if ((await askGateway(path, RELOAD, systemClock)).kind === 'answered') break;
  });

  it("takes the place of a dead gateway's socket, and is gone after its own end", async () => {
    await server.close();
    assert.ok(!existsSync(path));
    writeFileSync(path, '');
    server = await openControlServer({ path, services: services(), config: NO_HTTPS });
    assert.equal((await askGateway(path, RELOAD, systemClock)).kind, 'answered');
  });

  it('says so where its path is longer than the system takes', async () => {
    const long = join(directory, 'x'.repeat(120));
    await assert.rejects(
      openControlServer({ path: long, services: services(), config: NO_HTTPS }),
      (error: Error) => error instanceof OperatorError && /choose a shorter dataDirectory/.test(error.message),
    );
  });
});
