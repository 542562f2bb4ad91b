import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { makeCa, makeCertificate } from '../../../../test/kit/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { systemClock } from '../../../base/clock.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { metricsSchema } from '../../config/metrics-schema.ts';
import { type MetricsEndpoint, type MetricsEndpointOptions, openMetricsEndpoint } from './metrics-endpoint.ts';

const TOKEN = 'a token of the tests';

interface Scene {
  readonly endpoint: MetricsEndpoint;
  readonly events: GatewayEvent[];
  readonly directory: string;
}

async function scene(
  t: TestContext,
  config: object = {},
  more: Partial<MetricsEndpointOptions> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const directory = await temporaryDirectory('metrics');
  t.after(() => removeDirectory(directory));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const events: GatewayEvent[] = [];
  const endpoint = await openMetricsEndpoint({
    config: metricsSchema(directory).parse({ port: 0, ...config }),
    text: async (format) => `${format}\n`,
    clock: systemClock,
    emit: (event) => events.push(event),
    ...more,
  });
  assert.ok(endpoint !== undefined);
  t.after(() => endpoint.close());
  return { endpoint, events, directory };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function ask({ port }: MetricsEndpoint, options: object = {}, tls: object | undefined = undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const make = tls === undefined ? request : requestTls;
    const asked = make({ host: '127.0.0.1', port, path: '/metrics', agent: false, ...tls, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('there is none where no port is named', async () => {
  const config = metricsSchema('/').parse({});
  const text = async (): Promise<string> => '';
  assert.equal(await openMetricsEndpoint({ config, text, clock: systemClock, emit: () => undefined }), undefined);
});

test('a scraper is given the format that it asks for, compressed where it takes that', async (t) => {
  const { endpoint, events } = await scene(t);
  assert.deepEqual(events, [
    { name: 'listener.opened', listener: 'metrics', address: '127.0.0.1', port: endpoint.port, type: 'http' },
  ]);
  const plain = await ask(endpoint);
  assert.equal(plain.status, 200);
  assert.equal(plain.body.toString(), 'prometheus\n');
  assert.match(String(plain.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const open = await ask(endpoint, { headers: { accept, 'accept-encoding': 'gzip' } });
  assert.match(String(open.headers['content-type']), /^application\/openmetrics-text; version=1\.0\.0/);
  assert.equal(gunzipSync(open.body).toString(), 'openmetrics\n');
  const refusing = await ask(endpoint, { headers: { 'accept-encoding': 'br, gzip;q=0' } });
  assert.equal(refusing.body.toString(), 'prometheus\n');
});

test('there is one path, one method, and no other name of this machine', async (t) => {
  const { endpoint } = await scene(t);
  const statusOf = async (options: object) => (await ask(endpoint, options)).status;
  assert.equal(await statusOf({ path: '/' }), 404);
  assert.equal(await statusOf({ path: '/metrics/../metrics' }), 404);
  assert.equal(await statusOf({ path: '/metrics?name[]=x' }), 200);
  assert.equal(await statusOf({ method: 'POST' }), 405);
  assert.equal(await statusOf({ headers: { host: 'rebound.example.org' } }), 421);
  assert.equal(await statusOf({ headers: { host: 'localhost:9464' } }), 200);
});

test('without the token nobody is told anything', async (t) => {
  const { endpoint, directory } = await scene(t, { token: { file: 'token' } }, {}, { token: `${TOKEN}\n` });
  const statusOf = async (authorization?: string) =>
    (await ask(endpoint, { headers: authorization === undefined ? {} : { authorization } })).status;
  assert.equal(await statusOf(), 401);
  assert.equal(await statusOf('Bearer'), 401);
  assert.equal(await statusOf(`Bearer ${TOKEN.replaceAll(' ', '-')}`), 401);
  assert.equal(await statusOf(`Basic ${TOKEN}`), 401);
  // A token has no spaces in a header; the one of the tests is replaced by one that can be sent, as a reload does.
  await writeFile(join(directory, 'token'), 'another-token-of-the-tests\n');
  assert.deepEqual(await endpoint.apply(metricsSchema(directory).parse({ port: 0, token: { file: 'token' } })), []);
  assert.equal(await statusOf('Bearer another-token-of-the-tests'), 200);
  assert.equal(await statusOf('Bearer another-token-of-the-test'), 401);
  const needed = async (section: object): Promise<string[]> => endpoint.apply(metricsSchema(directory).parse(section));
  assert.deepEqual(await needed({ port: 1, connectionsMax: 3 }), ['metrics.port', 'metrics.connectionsMax']);
  assert.equal(await statusOf(), 200, 'the token is gone all the same');
  assert.deepEqual(await needed({}), ['metrics.port']);
  const tls = { certificate: 'crt.pem', key: 'key.pem' };
  assert.deepEqual(await needed({ port: 0, address: '127.0.0.2', tls }), ['metrics.address', 'metrics.tls']);
});

test('a token that could be guessed is refused with the cure', async (t) => {
  await assert.rejects(scene(t, { token: { file: 'token' } }, {}, { token: 'short\n' }), /openssl rand -hex 32/);
});

test('an address that is not named is not answered at all', async (t) => {
  const { endpoint } = await scene(t, { allowFrom: ['192.0.2.0/24'] });
  await assert.rejects(ask(endpoint), /ECONNRESET|socket hang up/);
});

test('with a client CA, only certificates of it are answered', async (t) => {
  const authority = await makeCa('scrapers');
  const stranger = await makeCa('strangers');
  const server = await makeCertificate(authority, { commonName: 'gateway', use: 'server', hosts: ['localhost'] });
  const scraper = await makeCertificate(authority, { commonName: 'prometheus', use: 'client' });
  const other = await makeCertificate(stranger, { commonName: 'prometheus', use: 'client' });
  const files = { 'ca.pem': authority.certificatePem, 'crt.pem': server.certificatePem, 'key.pem': server.keyPem };
  const tls = { certificate: 'crt.pem', key: 'key.pem', clientCa: 'ca.pem' };
  const { endpoint, directory } = await scene(t, { tls }, {}, files);
  const trust = { ca: authority.certificatePem, servername: 'localhost' };
  const known = await ask(endpoint, {}, { ...trust, cert: scraper.certificatePem, key: scraper.keyPem });
  assert.equal(known.body.toString(), 'prometheus\n');
  await assert.rejects(ask(endpoint, {}, trust));
  await assert.rejects(ask(endpoint, {}, { ...trust, cert: other.certificatePem, key: other.keyPem }));
  const without = metricsSchema(directory).parse({ port: 0, tls: { certificate: 'crt.pem', key: 'key.pem' } });
  assert.deepEqual(await endpoint.apply(without), ['metrics.tls.clientCa']);
  await assert.rejects(ask(endpoint, {}, trust), 'until a restart');
  const again = await ask(endpoint, {}, { ...trust, cert: scraper.certificatePem, key: scraper.keyPem });
  assert.equal(again.status, 200);
});

test('a connection ends with the reload that names its address no more, or another client CA', async (t) => {
  const open = (endpoint: MetricsEndpoint) => {
    const socket = connect(endpoint.port, '127.0.0.1').on('error', () => undefined);
    t.after(() => socket.destroy());
    return socket;
  };
  const plain = await scene(t, { allowFrom: ['127.0.0.0/8'] });
  const scraping = open(plain.endpoint);
  scraping.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(scraping, 'data');
  const closed = once(scraping, 'close');
  await plain.endpoint.apply(metricsSchema(plain.directory).parse({ port: 0, allowFrom: ['192.0.2.0/24'] }));
  await closed;

  const authority = await makeCa('scrapers');
  const server = await makeCertificate(authority, { commonName: 'gateway', use: 'server', hosts: ['localhost'] });
  const scraper = await makeCertificate(authority, { commonName: 'prometheus', use: 'client' });
  const files = {
    ...{ 'ca.pem': authority.certificatePem, 'other.pem': (await makeCa('others')).certificatePem },
    ...{ 'crt.pem': server.certificatePem, 'key.pem': server.keyPem },
  };
  const tls = { certificate: 'crt.pem', key: 'key.pem', clientCa: 'ca.pem' };
  const { endpoint, directory } = await scene(t, { tls }, {}, files);
  const secured = connectTls({
    ...{ socket: open(endpoint), ca: authority.certificatePem, servername: 'localhost' },
    ...{ cert: scraper.certificatePem, key: scraper.keyPem },
  }).on('error', () => undefined);
  secured.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(secured, 'data');
  const over = once(secured, 'close');
  await endpoint.apply(metricsSchema(directory).parse({ port: 0, tls: { ...tls, clientCa: 'other.pem' } }));
  await over;
});

test('connections are bounded, and the ceiling is told once in a while', async (t) => {
  const { endpoint, events } = await scene(t, { connectionsMax: 2 });
  const idle = [connect(endpoint.port, '127.0.0.1'), connect(endpoint.port, '127.0.0.1')];
  t.after(() => {
    for (const socket of idle) socket.destroy();
  });
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  for (let i = 0; i < 3; i++) await assert.rejects(ask(endpoint));
  const full = events.filter(({ name }) => name === 'ceiling.reached');
  assert.equal(full.length, 1);
});

test('a scraper that does not read is left after its time', async (t) => {
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const text = async (): Promise<string> => {
    asked.resolve();
    // More than the buffers of two sockets.
    return 'x'.repeat(32 * 1024 * 1024);
  };
  const { endpoint } = await scene(t, {}, { clock, text });
  const socket = connect(endpoint.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect');
  socket.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await asked.promise;
  // What fits into the buffers has come; the rest waits for a reader.
  await once(socket, 'readable');
  clock.advance(10_000);
  let readBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    readBytes += chunk.length;
  });
  socket.resume();
  await once(socket, 'close');
  assert.ok(readBytes < 32 * 1024 * 1024, `${readBytes} bytes came`);
});

test('numbers that cannot be had end the connection, and the next request is answered', async (t) => {
  let failures = 1;
  const text = async (): Promise<string> => {
    if (failures-- > 0) throw new Error('no numbers');
    return 'ok\n';
  };
  const { endpoint } = await scene(t, {}, { text });
  await assert.rejects(ask(endpoint));
  assert.equal((await ask(endpoint)).body.toString(), 'ok\n');
});

test('a port that is taken is said with the setting to change', async (t) => {
  const { endpoint } = await scene(t);
  const config = metricsSchema('/').parse({ port: endpoint.port });
  const text = async (): Promise<string> => '';
  await assert.rejects(
    openMetricsEndpoint({ config, text, clock: systemClock, emit: () => undefined }),
    /EADDRINUSE.*metrics\.port/,
  );
});
