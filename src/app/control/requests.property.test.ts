/** Whatever is sent: it is answered, by us, without an internal error, and the next request is served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { systemChance } from '../../base/chance.ts';
import { systemClock } from '../../base/clock.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import { BanDesk } from '../bans/ban-desk.ts';
import { Bans } from '../bans/bans.ts';
import { configFrom } from '../config/load.ts';
import { limitControl } from '../limit-control.ts';
import { Learner } from '../watching/learner.ts';
import { askGateway, type ControlRequest } from './client.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import type { AnyRoute } from './route.ts';
import { ROUTES } from './route-table.ts';
import type { ControlServices } from './services.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-requests-'));
const path = join(directory, 'control.sock');
const STATUS: ControlRequest = { method: 'GET', path: '/v1/status' };
/** With their real services behind them; those whose services are not here answer for themselves elsewhere. */
const TAGS = new Set([
  'status',
  'config',
  'upstreams',
  'limits',
  'bans',
  'learning',
  'users',
  'metrics',
  'audit',
  'journal',
]);
const SERVED = ROUTES.filter(({ tag, path: own }) => TAGS.has(tag) && own !== '/v1/top');

let server: ControlServer;
const failures: GatewayEvent[] = [];

before(async () => {
  const emit = (event: GatewayEvent): void => {
    if (event.name === 'control.failed') failures.push(event);
  };
  const text =
    'listeners:\n  - { name: plain, type: tcp, address: 127.0.0.1, port: 1883 }\njournal: { enabled: false }\n';
  const loaded = configFrom(join(directory, 'sallyport.yaml'), text);
  const { config } = loaded;
  const context = { clock: systemClock, chance: systemChance, emit };
  const bans = new Bans({ config, ...context });
  const watching = {
    shadow: () => ({ report: undefined, silent: [] }),
    setLearning: () => undefined,
    takeRecordings: () => ({ recordings: [], silent: [] }),
  };
  const services = {
    ...context,
    gateway: {
      listeners: [],
      upstreams: {
        status: () => ({ targets: [], silent: [] }),
        setService: () => ({ isKnown: false, silent: [] }),
      },
      limits: limitControl(new LimitsInForce(context), systemClock),
      replaceWorkers: async () => ({ ended: [] }),
      watching,
    },
    learner: await Learner.open({
      dataDirectory: directory,
      settings: config.authorization.learn,
      watching,
      ...context,
    }),
    banDesk: new BanDesk(bans, () => 0),
    inForce: () => loaded,
    reload: async () => ({ ok: true, generation: 1, changed: [], restartNeeded: [] }),
    onAction: () => undefined,
    metricsText: () => '',
    live: { status: { now: () => ({}) } },
  } as unknown as ControlServices;
  server = await openControlServer({ path, services, config: config.control });
});
after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const hostile = fc.constantFrom(
  '',
  ' ',
  '*',
  '192.0.2.7',
  '192.0.2.0/24',
  '::/0',
  'user:ann',
  'client:d42',
  'client:',
  'global',
  'topic:#',
  'local:*',
  '1h',
  '-1',
  '0',
  '1e9',
  '99999999999999999999',
  'true',
  'null',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%2e%2e%2f',
  "'; DROP TABLE user; --",
  '\u0000',
  '\u001b[31m',
  '\ud800',
  '\u202eabc',
  'x'.repeat(5000),
  '2026-07-06T08:00:00Z',
  '2026-99-99T99:99:99Z',
);
const text = fc.oneof(hostile, fc.string(), fc.string({ unit: 'binary' }));
const json = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue());

function keysOf(schema: z.ZodType | undefined): string[] {
  if (schema === undefined) return [];
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.keys(properties);
}

/** Mostly what the route knows, some of it a stranger, all of it with values that may be anything. */
function like(schema: z.ZodType | undefined, value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  const known = keysOf(schema).map((key) => [key, fc.option(value, { nil: undefined, freq: 6 })] as const);
  const strangers = fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', 'x', ''), value, {
    maxKeys: 1,
  });
  return fc
    .tuple(fc.record(Object.fromEntries(known)), fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, strangers))
    .map(([own, other]) => ({ ...own, ...other }));
}

function requestOf(route: AnyRoute): fc.Arbitrary<ControlRequest> {
  const parameter = text.map((each) => encodeURIComponent(each.toWellFormed()).slice(0, 2000));
  const query = like(route.query, fc.oneof(text, fc.array(text, { maxLength: 3 })));
  const body = fc.oneof({ weight: 5, arbitrary: like(route.body, json) }, json);
  return fc.record({ parameter, query, body }).map((given) => ({
    method: route.method,
    path: route.path.replaceAll(/\{\w+\}/g, given.parameter) as ControlRequest['path'],
    query: given.query as Record<string, string>,
    ...(route.body === undefined ? {} : { body: given.body }),
  }));
}

async function assertAnswered(request: ControlRequest): Promise<void> {
  failures.length = 0;
  const outcome = await askGateway(path, request, systemClock);
  const what = `${JSON.stringify(request).slice(0, 500)} → ${JSON.stringify(outcome).slice(0, 300)}`;
  if (outcome.kind === 'refused') assert.ok(outcome.status < 500, what);
  // Of the metrics there is only text, which a command does not take for an answer.
  else assert.ok(outcome.kind === 'answered' || request.path === '/v1/metrics', what);
  assert.deepEqual(failures, [], what);
}

describe('a request', () => {
  it('to any route, with anything in it, is answered without an internal error', async () => {
    const requests = fc.oneof(...SERVED.map(requestOf));
    await fc.assert(fc.asyncProperty(requests, assertAnswered), { numRuns: 600 });
    await assertAnswered(STATUS);
  });

  it('of any bytes is answered with a 4xx or by hanging up, and the next one is served', async () => {
    const part = fc.constantFrom(
      'GET ',
      'POST ',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '/v1/status',
      '/v1/bans',
      '/v1/users/%',
      '?a[b]=c&limit=1',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      'host: localhost\r\n',
      'connection: upgrade\r\nupgrade: websocket\r\n',
      'content-type: application/json\r\n',
      'content-length: 5\r\n',
      'content-length: -1\r\n',
      'transfer-encoding: chunked\r\n',
      'expect: 100-continue\r\n',
      '\r\n',
      '5\r\nhello\r\n',
      '0\r\n\r\n',
      '{"subject":1}',
      '\u0000',
    );
    const bytes = fc.array(fc.oneof({ weight: 6, arbitrary: part }, fc.string({ unit: 'binary' })), { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(bytes, async (parts) => {
        failures.length = 0;
        const socket = connect(path);
        socket.on('error', () => undefined);
        let heard = '';
        socket.on('data', (chunk) => {
          heard += chunk.toString('latin1');
        });
        // Half closed, the server sees the end of the request and ends what is left.
        socket.end(Buffer.from(parts.join('')));
        await once(socket, 'close');
        for (const [, status] of heard.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) assert.ok(Number(status) < 500, heard);
        assert.deepEqual(failures, []);
      }),
      { numRuns: 300 },
    );
    await assertAnswered(STATUS);
  });
});
